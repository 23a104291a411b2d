"""Users and keys in the Django admin: by the permissions of the table, and in the audit trail."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from cim.access import audit
from cim.access.models import ApiKey, AuditEntry, IdempotencyRecord
from cim.access.tasks import forget_expired
from tests.factories import api_for, client_for, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["auth/user", "auth/group", "access/apikey", "access/auditentry"])
def test_admin_may_use_the_django_admin(model):
    audit.note(audit.system_actor("system"), "customer.view")
    api_for("Admin")

    assert client_for("Admin").get(f"/admin/{model}/").status_code == 200


def test_new_role_of_a_user_is_recorded():
    client, aylin = client_for("Admin"), make_user("Agent")
    supervisor = Group.objects.get(name="Supervisor")
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"}

    response = client.post(
        f"/admin/auth/user/{aylin.pk}/change/",
        {"username": "aylin", "is_active": "on", "groups": [supervisor.pk], "password": "", **joined},
    )

    assert response.status_code == 302
    assert User.objects.get(pk=aylin.pk).has_perm("access.merge")
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.action, entry.object_id) == ("Ada Amani", "user.change", str(aylin.pk))
    assert "Groups" in str(entry.data["changes"])


def test_key_made_in_the_admin_works_and_is_shown_once():
    client, pbx = client_for("Admin"), make_user("Integration")

    page = client.post(
        "/admin/access/apikey/add/", {"user": pbx.pk, "name": "PBX", "scopes": ""}, follow=True
    )

    (message,) = [str(message) for message in page.context["messages"] if "shown this once" in str(message)]
    secret = message.rsplit(" ", 1)[1]
    assert Client().get("/api/v1/schema/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    key = ApiKey.objects.get()
    assert (key.user, key.scopes) == (pbx, None)
    assert secret not in client.get(f"/admin/access/apikey/{key.pk}/change/").content.decode()
    assert AuditEntry.objects.get().action == "apikey.create"


@pytest.mark.parametrize(
    ("scopes", "message"),
    [("fly", "“fly” is not a permission"), ("lookup, erase", "PBX bridge may not: erase persons.")],
)
def test_key_takes_permissions_of_its_user_only(scopes, message):
    client, pbx = client_for("Admin"), make_user("Integration")

    page = client.post("/admin/access/apikey/add/", {"user": pbx.pk, "name": "PBX", "scopes": scopes})

    assert message in str(page.context["errors"])
    assert ApiKey.objects.count() == 0


def test_key_of_somebody_who_was_locked_can_be_changed():
    api_for("Agent", scopes=["merge"], name="CTI")
    key = ApiKey.objects.get()
    User.objects.filter(username="aylin").update(is_active=False)

    answer = client_for("Admin").post(
        f"/admin/access/apikey/{key.pk}/change/",
        {"name": "Old CTI", "scopes": "merge", "expires_at_0": "2026-01-01", "expires_at_1": "12:00"},
    )

    assert answer.status_code == 302
    key.refresh_from_db()
    assert key.name == "Old CTI"


def test_revoked_key_is_refused_and_recorded():
    api = api_for("Agent")
    key = ApiKey.objects.get()

    client_for("Admin").post("/admin/access/apikey/", {"action": "revoke", "_selected_action": [key.pk]})

    assert api.get("/api/v1/schema/").status_code == 401
    assert AuditEntry.objects.get().action == "apikey.revoke"


def test_audit_trail_cannot_be_changed_in_the_admin():
    entry = audit.note(audit.system_actor("system"), "customer.view")
    client = client_for("Admin")

    assert client.get(f"/admin/access/auditentry/{entry.pk}/change/").status_code == 200
    for address in ("add", f"{entry.pk}/delete"):
        assert client.post(f"/admin/access/auditentry/{address}/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/access/auditentry/{entry.pk}/change/", {"action": "x"}).status_code == 403


def test_old_answers_are_forgotten():
    now, user = timezone.now(), make_user("Agent")
    for key, age in (("old", 73), ("young", 71)):
        IdempotencyRecord.objects.create(
            user=user, key=key, request_hash="", status=201, body="", created_at=now - dt.timedelta(hours=age)
        )

    for _time in range(2):
        forget_expired()

        assert [record.key for record in IdempotencyRecord.objects.all()] == ["young"]
