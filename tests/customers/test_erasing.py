"""Who is erased is gone for good, and does not come back by itself (C17)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from cim.access import audit
from cim.access.models import AuditEntry
from customers import erasing, history, merging, profiles, returning
from customers.importing import running
from customers.integrity import problems
from customers.models import Customer, Erasure, ImportPiece, ImportRow, ImportRun, Phone, Version
from customers.schema import Schema
from tests.customers.importing import files
from tests.factories import api_for

pytestmark = pytest.mark.django_db

ACTOR = audit.system_actor("command")
ZOE = {
    "first_name": "Zoë",
    "last_name": "Quill",
    "phones": ["+4930990011"],
    "emails": ["zoe@quill.example"],
    "address": "Mill Lane 4",
}


def make(**changes: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json({**ZOE, **changes}), ACTOR, schema=schema).customer


def erase(customer: Customer) -> Erasure:
    return erasing.erase(customer.pk, ACTOR, schema=Schema.current(), now=timezone.now())


def run_import(*rows: str, **options: Any) -> ImportRun:
    text = "".join(f"{row}\n" for row in ("first_name,last_name,phone,email", *rows))
    return files.run_import(text.encode(), **options)


def test_erasure_leaves_an_empty_record_and_a_tombstone():
    zoe = make()
    profiles.edit(
        zoe.pk, Schema.current().read_json({"address": "Hill Road 9"}), ACTOR, schema=Schema.current()
    )

    erasure = erase(zoe)

    kept = Customer.objects.values().get(pk=zoe.pk)
    values = {value for name, value in kept.items() if name not in ("id", "stage") and isinstance(value, str)}
    assert (values, kept["phones"], kept["emails"]) == (set(), [], [])
    assert kept["deleted_at"] is not None
    assert not Version.objects.filter(customer=zoe).exists()
    assert not Phone.objects.filter(customer=zoe).exists()
    assert erasure.counts == {"profiles": 1, "numbers": 1, "emails": 1, "versions": 1}
    entry = AuditEntry.objects.get(action="customer.erase")
    assert (entry.object_id, entry.pk) == (str(zoe.pk), erasure.entry_id)


def test_erasure_takes_all_that_were_merged_in():
    zoe, other = make(), make(first_name="Z.", phones=["+4930990012"])
    merged = merging.merge(zoe.pk, [other.pk], ACTOR, schema=Schema.current())

    erasure = erase(other)

    assert set(erasure.customers) == {zoe.pk, other.pk}
    assert list(Customer.objects.exclude(first_name=None)) == []
    answer = api_for("Admin").post(f"/api/v1/merges/{merged.merge.pk}/undo/")
    assert answer.status_code == 404


def test_whoever_was_merged_with_the_erased_keeps_their_own_history():
    schema = Schema.current()
    ada = make(first_name="Ada", phones=["+4930990012"], emails=["ada@able.example"], address="Old Street 1")
    zoe = make()
    merged = merging.merge(ada.pk, [zoe.pk], ACTOR, schema=schema)
    for values in (
        {"address": "Hill Road 9"},
        {"emails": ["ada@able.example", "zoe@quill.example", "a@x.example"]},
    ):
        profiles.edit(ada.pk, schema.read_json(values), ACTOR, schema=schema)
    merging.undo(merged.merge.pk, ACTOR, schema=schema)
    profiles.edit(ada.pk, schema.read_json({"address": "New Street 2"}), ACTOR, schema=schema)

    erase(zoe)

    ada.refresh_from_db()
    versions = history.versions_of(ada, schema)
    assert "Zoë" not in str(versions)
    assert not any(text in str(versions) for text in (*ZOE["phones"], *ZOE["emails"]))
    # Zoë's street stood there from the merge to the edit.
    assert [change.profile["address"] for change in versions] == [
        "New Street 2",
        *["Hill Road 9"] * 4,
        "Old Street 1",
    ]
    assert {change.profile["last_name"] for change in versions} == {"Quill"}
    assert ["a@x.example" in (change.profile["emails"] or []) for change in versions] == [True] * 3 + [
        False
    ] * 3
    assert list(problems()) == []


def test_erased_customer_cannot_be_brought_back():
    zoe = make()
    erase(zoe)
    api = api_for("Admin")

    answers = [
        api.post(f"/api/v1/customers/{zoe.pk}/restore/").status_code,
        api.post(f"/api/v1/customers/{zoe.pk}/versions/1/restore/").status_code,
        api.post(f"/api/v1/customers/{zoe.pk}/erase/").status_code,
        api.get(f"/api/v1/customers/{zoe.pk}/").status_code,
    ]

    assert answers == [404] * 4


def test_import_that_brings_the_person_back_skips_and_says_so():
    erase(make())

    run = run_import(
        "zoe,QUILL,+4930990011,",
        "Zed,Other,030 990011,zoe@quill.example",
        "Nina,New,+4930990013,nina@new.example",
    )

    assert (run.counts["skipped"], run.counts["created"]) == (2, 1)
    assert sum(run.counts[name] for name in ("skipped", "created")) == run.counts["read"]
    assert "erased" in ImportRow.objects.get(run=run, line=2).reason
    assert list(Customer.objects.live().values_list("first_name", flat=True)) == ["Nina"]


def test_number_alone_is_somebody_else():
    erase(make())

    run = run_import("Nina,New,+4930990011,nina@new.example")

    assert run.counts["created"] == 1


def test_checked_file_skips_after_its_start_too():
    erase(make())
    run = run_import("Zoë,Quill,+4930990011,", "Nina,New,+4930990013,", dry_run=True)
    assert (run.state, run.counts["skipped"]) == ("ready", 1)

    running.start(run.pk, ACTOR, now=timezone.now())
    running.work()

    run.refresh_from_db()
    assert (run.state, run.counts["skipped"], run.counts["created"]) == ("completed", 1, 1)


def test_creating_with_such_a_number_warns():
    erase(make())
    body = {"first_name": "Nina", "phones": ["+4930990011"]}

    answer = api_for("Agent").post("/api/v1/customers/", body)

    assert answer.status_code == 201
    assert "+4930990011" in answer.json()["warnings"][0]


def test_whoever_wants_to_be_asked_first_is_asked():
    erase(make())
    api = api_for("Agent")
    body = {"first_name": "Nina", "phones": ["+4930990011"]}

    asked = api.post("/api/v1/customers/?on_erased=reject", body)
    other = api.post("/api/v1/customers/?on_erased=reject", {"first_name": "Nina", "phones": ["+4930990013"]})
    edited = api.patch(f"/api/v1/customers/{other.json()['id']}/?on_erased=reject", body)
    confirmed = api.patch(f"/api/v1/customers/{other.json()['id']}/", body)

    assert (asked.status_code, edited.status_code, other.status_code) == (409, 409, 201)
    assert "+4930990011" in asked.json()["warnings"][0]
    assert asked.json()["warnings"] == edited.json()["warnings"] == confirmed.json()["warnings"]
    assert "warnings" not in other.json()


def test_number_that_was_confirmed_warns_no_more():
    erase(make())
    api = api_for("Agent")
    nina = api.post("/api/v1/customers/", {"first_name": "Nina", "phones": ["+4930990011"]}).json()

    again = api.patch(f"/api/v1/customers/{nina['id']}/?on_erased=reject", {"phones": ["+4930990011"]})

    assert (again.status_code, again.json().get("warnings")) == (200, None)


def test_preview_of_a_file_names_rows_with_a_number_of_an_erased_person():
    erase(make())
    erase(make(first_name="Yves", phones=["+4930990021", "+4930990022"], emails=["y@quill.example"]))
    make(first_name="Holder", phones=["+4930990022"], emails=[])
    run = run_import(
        "Nina,New,+4930990013,",
        "Niels,New,030 990011,niels@new.example",
        "Zoë,Quill,+4930990011,",
        "Holder,Quill,+4930990022,",
        "Nora,New,+4930990021,",
        dry_run=True,
    )

    preview = api_for("Importer").get(f"/api/v1/imports/{run.pk}/preview/").json()

    assert preview["of_erased"] == {"count": 2, "lines": [3, 6]}
    assert preview["skipped"]["count"] == 1


def test_files_that_name_the_person_are_dropped_whole():
    run = run_import("Zoë,Quill,+4930990011,zoe@quill.example", "Bad,Row,+49,zoe@quill.example")
    other = run_import("Nina,New,+4930990013,nina@new.example")

    erase(Customer.objects.get(first_name="Zoë"))

    assert set(ImportPiece.objects.values_list("run_id", flat=True)) == {other.pk}
    assert set(ImportRow.objects.filter(run=run).values_list("value", "reason")) == {("", "")}


def test_erasure_waits_for_an_import_that_names_the_person():
    zoe = make()
    run_import("Zoë,Quill,+4930990011,", dry_run=True)

    answer = api_for("Admin").post(f"/api/v1/customers/{zoe.pk}/erase/")

    assert answer.status_code == 409
    assert "people.csv" in answer.json()["detail"]
    assert Customer.objects.get(pk=zoe.pk).first_name == "Zoë"


def test_undo_of_an_import_leaves_the_erased_alone():
    zoe = make()
    run = run_import("Zoë,Overwritten,+4930990011,", "Nina,New,+4930990013,")
    erase(zoe)

    running.request_undo(run.pk, ACTOR)
    running.work()

    run.refresh_from_db()
    assert run.state == "undone"
    assert list(Customer.objects.exclude(first_name=None).filter(deleted_at=None)) == []


def test_certificate_says_what_and_by_whom_but_not_of_whom():
    zoe = make()
    api = api_for("Admin")

    answer = api.post(f"/api/v1/customers/{zoe.pk}/erase/")
    certificate = api.get(answer["Location"])

    assert (answer.status_code, certificate.status_code) == (204, 200)
    text = certificate.content.decode()
    assert "attachment" in certificate["Content-Disposition"]
    assert "Ada Amani" in text
    assert str(zoe.pk) in text
    for secret in ("Zoë", "Quill", "990011", "zoe@", "Mill"):
        assert secret not in text
    listed = api.get("/api/v1/erasures/").json()
    assert [item["erased"]["profiles"] for item in listed] == [1]


def test_marks_expire_and_deleted_customers_are_purged(settings: Any) -> None:
    erase(make())
    olga = make(first_name="Olga", last_name="Old", phones=["+4930990020"], emails=[])
    lately = make(first_name="Lea", last_name="Late", phones=["+4930990021"], emails=[])
    now = timezone.now()
    for customer, days in ((olga, settings.CIM_DELETED_DAYS + 1), (lately, 1)):
        profiles.delete(customer.pk, ACTOR, now=now - dt.timedelta(days=days))

    assert erasing.purge_deleted(now + dt.timedelta(hours=1)) == 1
    assert erasing.purge_deleted(now + dt.timedelta(hours=1)) == 0

    assert Customer.objects.get(pk=olga.pk).first_name is None
    assert Customer.objects.get(pk=lately.pk).first_name == "Lea"
    assert returning.Watch.now(now)
    erasing.purge_deleted(now + dt.timedelta(days=settings.CIM_ERASED_DAYS + 1))
    assert not returning.Watch.now(now)
    assert list(Erasure.objects.exclude(numbers=[])) == []


def test_person_can_be_exported_as_data_and_as_a_page():
    zoe = make()
    api = api_for("Admin")

    data = api.get(f"/api/v1/customers/{zoe.pk}/export/").json()
    page = api.get(f"/api/v1/customers/{zoe.pk}/export/?form=html").content.decode()

    assert data["sections"]["Profile"]["First name"] == "Zoë"
    assert [item["Number"] for item in data["sections"]["Numbers"]] == ["+4930990011"]
    for text in ("Zoë", "+4930990011", "Mill Lane 4"):
        assert text in page
    assert AuditEntry.objects.filter(action="customer.export", object_id=str(zoe.pk)).count() == 2
