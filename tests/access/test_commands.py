"""The commands of an operator: keys and demo users."""

import datetime as dt
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cim.access.models import ApiKey, AuditEntry
from cim.access.permissions import ROLES
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def output_of(*command: object) -> list[str]:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue().splitlines()


def test_key_is_printed_alone_on_the_last_line():
    make_user("Integration", username="pbx")

    secret = output_of("create_api_key", "pbx")[-1]

    response = Client().get("/api/v1/schema/", headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == 200
    assert AuditEntry.objects.get().action == "apikey.create"


def test_key_takes_scopes_and_an_end():
    make_user("Agent")

    output_of(
        "create_api_key", "aylin", "--scope", "lookup", "--scope", "dial", "--days", "30", "--name", "CTI"
    )

    key = ApiKey.objects.get()
    assert (key.name, key.scopes) == ("CTI", ["lookup", "dial"])
    assert dt.timedelta(days=29) < key.expires_at - timezone.now() < dt.timedelta(days=31)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nobody"],
        ["aylin", "--days", "0"],
        ["aylin", "--scope", "everything"],
        ["aylin", "--scope", "erase"],
    ],
)
def test_impossible_key_is_refused(arguments):
    make_user("Agent")

    with pytest.raises(CommandError):
        call_command("create_api_key", *arguments)

    assert ApiKey.objects.count() == 0


def test_demo_users_are_one_per_role_and_told_once(settings):
    settings.DEMO_PASSWORD = ""

    first, second = output_of("create_demo_users"), output_of("create_demo_users")

    assert [line.split()[0] for line in first] == ["admin", "supervisor", "agent", "importer", "integration"]
    assert second == []
    assert User.objects.get(username="agent").check_password(first[2].split()[1])
    assert {user.username: user.groups.get().name for user in User.objects.all()} == {
        role.lower(): role for role in ROLES
    }
    assert [user.username for user in User.objects.filter(is_staff=True)] == ["admin"]


def test_demo_password_overrides(settings):
    settings.DEMO_PASSWORD = ""
    output_of("create_demo_users")
    settings.DEMO_PASSWORD = "chosen by the operator"

    lines = output_of("create_demo_users")

    assert {line.split(maxsplit=1)[1] for line in lines} == {"chosen by the operator"}
    assert all(user.check_password("chosen by the operator") for user in User.objects.all())


def test_demo_users_leave_those_of_the_operator_alone(settings):
    settings.DEMO_PASSWORD = ""
    theirs = User.objects.create_user("agent", password="theirs", first_name="Agathe")

    output_of("create_demo_users")

    theirs.refresh_from_db()
    assert theirs.check_password("theirs")
    assert theirs.first_name == "Agathe"
