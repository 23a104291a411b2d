"""The audit trail answers who saw, changed, exported, imported, merged, revealed what, and when (Q4)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from cim.access.models import AuditEntry, TeamMembership
from customers.importing import running
from customers.models import Customer
from tests.customers.importing import files
from tests.factories import api_for, client_for, make_user
from tests.privacy.world import make_person, mask_attributes

pytestmark = pytest.mark.django_db

PHONE = "+4930998877"
URL = "/api/v1/customers/"


def person(**values: Any) -> Customer:
    return make_person(**{"first_name": "Zoe", "last_name": "Quorxley", "phones": [PHONE], **values})


def imported(api: Any, zoe: Customer) -> None:
    run = files.run_import(files.csv_file(["first_name"], [["Nina"]]))
    running.request_undo(run.pk, running.audit.actor_for(make_user("Importer"), "api"))


def signed_in(api: Any, zoe: Customer) -> None:
    user = make_user("Agent")
    user.set_password("a long password for one test")
    user.save()
    client = client_for(None)
    client.post("/login/", {"username": user.username, "password": "a long password for one test"})
    client.post("/logout/")


def merged(api: Any, zoe: Customer) -> None:
    other = person(phones=["+4930998800"])
    merge = api.post(f"{URL}merge/", {"into": str(zoe.pk), "from": [str(other.pk)]}).json()["merge"]
    api.post(f"/api/v1/merges/{merge}/undo/")


def new_user(api: Any, zoe: Customer) -> None:
    page = client_for("Admin")
    role = Group.objects.get(name="Agent").pk
    body = {"first_name": "New", "last_name": "One", "username": "new", "role": role, "is_active": "on"}
    page.post("/users/new/", {**body, "new_password": "another long password"})
    user = make_user(None, username="new")
    supervisor = Group.objects.get(name="Supervisor").pk
    page.post(f"/users/{user.pk}/", {**body, "role": supervisor, "new_password": ""})


def schema_changed(api: Any, zoe: Customer) -> None:
    api.post("/api/v1/attributes/", {"label": "Badge", "type": "text"})
    api.patch("/api/v1/attributes/badge/", {"pii": True})
    api.delete("/api/v1/attributes/badge/")
    api.post("/api/v1/attributes/badge/restore/")


def exported(api: Any, zoe: Customer) -> None:
    api.get(api.post("/api/v1/exports/", {"format": "csv", "query": {}}).json()["file"])
    api.get(f"{URL}{zoe.pk}/export/")


DEEDS: list[tuple[Callable[[Any, Customer], Any], list[str]]] = [
    (lambda api, zoe: api.get(f"{URL}{zoe.pk}/"), ["customer.view"]),
    (lambda api, zoe: api.get(f"{URL}?last_name=Quorxley"), ["customer.search"]),
    (lambda api, zoe: api.get(f"{URL}?q=zoe"), ["customer.search"]),
    (lambda api, zoe: api.get(f"{URL}lookup/?phone=%2B4930998877"), ["customer.resolve"]),
    (lambda api, zoe: api.post(f"{URL}{zoe.pk}/reveal/", {"attribute": "last_name"}), ["customer.reveal"]),
    (exported, ["bulk.export", "export.fetch", "customer.export"]),
    (
        lambda api, zoe: api.post("/api/v1/dial/", {"customer": str(zoe.pk), "phone": PHONE}),
        ["interaction.dial"],
    ),
    (imported, ["import.upload", "import.run", "import.completed", "import.undo"]),
    (merged, ["customer.merge", "customer.merged_into", "customer.unmerge", "customer.separated"]),
    (schema_changed, ["attribute.create", "attribute.change", "attribute.archive", "attribute.restore"]),
    (new_user, ["user.create", "user.change"]),
    (signed_in, ["session.sign_in", "session.sign_out"]),
    (lambda api, zoe: api.post(f"{URL}{zoe.pk}/labels/", {"add": []}), []),
    (lambda api, zoe: api.patch(f"{URL}{zoe.pk}/", {"address": "Here"}), ["customer.edit"]),
    (lambda api, zoe: api.delete(f"{URL}{zoe.pk}/"), ["customer.delete"]),
    (lambda api, zoe: api.post(f"{URL}{zoe.pk}/erase/"), ["customer.erase"]),
]


@pytest.mark.parametrize(
    ("deed", "actions"), DEEDS, ids=[" ".join(actions) or "nothing" for _d, actions in DEEDS]
)
def test_deed_is_recorded(deed: Callable[[Any, Customer], Any], actions: list[str]) -> None:
    zoe = person()
    api = api_for("Admin")
    known = set(AuditEntry.objects.values_list("pk", flat=True))

    deed(api, zoe)

    entries = AuditEntry.objects.exclude(pk__in=known)
    assert set(actions) <= set(entries.values_list("action", flat=True))
    about = str(list(entries.values_list("object_id", "data")))
    assert "Quorxley" not in about
    assert "998877" not in about


def test_who_looked_is_told_by_person_and_time() -> None:
    mask_attributes()
    zoe = person()
    api_for("Agent").get(f"{URL}{zoe.pk}/")
    api_for("Supervisor").post(f"{URL}{zoe.pk}/reveal/", {"attribute": "last_name"})

    looks = api_for("Admin").get(f"{URL}{zoe.pk}/looks/").json()

    assert [(look["by"], look["action"], look["attribute"]) for look in looks[:2]] == [
        ("Sunniva Strand", "customer.reveal", "last_name"),
        ("Aylin Aksoy", "customer.view", None),
    ]
    assert [look["done"] for look in looks[:2]] == ["Revealed a value", "Opened"]


def test_supervisor_reads_what_the_own_team_did_only() -> None:
    zoe = person()
    for role, team in (("Agent", "Billing"), ("Supervisor", "billing"), ("Importer", "Back office")):
        TeamMembership.objects.create(user=make_user(role), team=team)
    for role in ("Agent", "Importer", "Admin"):
        api_for(role).get(f"{URL}{zoe.pk}/")

    looks = api_for("Supervisor").get(f"{URL}{zoe.pk}/looks/").json()
    page = client_for("Supervisor").get("/audit/?action=customer.view").content.decode()

    assert {look["by"] for look in looks} == {"Aylin Aksoy"}
    assert "Aylin Aksoy" in page
    assert "Imre" not in page
    assert "Ada Amani" not in page


def test_supervisor_without_a_team_reads_the_own_deeds() -> None:
    zoe = person()
    for role in ("Agent", "Supervisor"):
        api_for(role).get(f"{URL}{zoe.pk}/")

    looks = api_for("Supervisor").get(f"{URL}{zoe.pk}/looks/").json()

    assert {look["by"] for look in looks} == {"Sunniva Strand"}


def test_team_is_a_field_of_the_user() -> None:
    aylin, page = make_user("Agent"), client_for("Admin")
    body = {
        "first_name": "Aylin",
        "last_name": "Aksoy",
        "username": "aylin",
        "role": Group.objects.get(name="Agent").pk,
        "is_active": "on",
    }

    page.post(f"/users/{aylin.pk}/", {**body, "team": " Billing "})
    assert TeamMembership.objects.get(user=aylin).team == "Billing"
    page.post(f"/users/{aylin.pk}/", {**body, "team": ""})
    assert not TeamMembership.objects.exists()


@pytest.mark.parametrize(("role", "shown"), [("Admin", True), ("Supervisor", True), ("Agent", False)])
def test_audit_is_in_the_navigation_of_who_may_read_it(role: str, shown: bool) -> None:
    assert ('href="/audit/"' in client_for(role).get("/customers/").content.decode()) is shown
