"""Users and their roles, as the admin manages them."""

import pytest
from django.contrib.auth.models import Group, User

from cim.access.models import AuditEntry
from tests.factories import client_for, make_user

pytestmark = pytest.mark.django_db


def fields(**changes: object) -> dict[str, object]:
    agent = Group.objects.get(name="Agent").pk
    given = {
        "username": "tomas",
        "first_name": "Tomás",
        "last_name": "Herrera",
        "role": agent,
        "is_active": "on",
    }
    return {**given, "new_password": "correct horse battery", **changes}


def test_new_user_gets_a_role_and_a_password() -> None:
    answer = client_for("Admin").post("/users/new/", fields())

    assert answer.status_code == 302
    tomas = User.objects.get(username="tomas")
    assert tomas.check_password("correct horse battery")
    assert tomas.has_perm("access.edit_customers")
    assert not tomas.is_staff
    assert AuditEntry.objects.get(action="user.create").data["name"] == "tomas"


@pytest.mark.parametrize(
    ("changes", "field"), [({"new_password": "123"}, "new_password"), ({"username": "ada"}, "username")]
)
def test_user_that_cannot_be_is_refused(changes: dict[str, object], field: str) -> None:
    answer = client_for("Admin").post("/users/new/", fields(**changes))

    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    assert not User.objects.filter(username="tomas").exists()


def test_role_is_changed_and_the_password_stays() -> None:
    aylin = make_user("Agent")
    aylin.set_password("correct horse battery")
    aylin.save()
    supervisor = Group.objects.get(name="Supervisor").pk

    client_for("Admin").post(
        f"/users/{aylin.pk}/", fields(username="aylin", role=supervisor, new_password="")
    )

    aylin = User.objects.get(pk=aylin.pk)
    assert aylin.has_perm("access.merge")
    assert aylin.check_password("correct horse battery")


def test_admin_does_not_lock_themselves_out() -> None:
    ada = make_user("Admin")

    answer = client_for("Admin").post(
        f"/users/{ada.pk}/", fields(username="ada", new_password="", is_active="")
    )

    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"is_active", "role"}
    ada.refresh_from_db()
    assert ada.is_active


@pytest.mark.parametrize("role", ["Supervisor", "Agent", "Importer", "Integration"])
def test_nobody_else_manages_users(role: str) -> None:
    client = client_for(role)

    assert client.get("/users/").status_code == 403
    assert client.post("/users/new/", fields()).status_code == 403
