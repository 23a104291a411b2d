"""API keys on the pages of an administrator: seen, made, shown once, revoked."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cim.access.models import ApiKey, AuditEntry, UserPreference
from cim.access.permissions import AREAS, PERMISSIONS
from tests.factories import client_for, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def pbx() -> User:
    return make_user("Integration")


def fields(pbx: User, /, **changes: object) -> dict[str, object]:
    return {"name": "PBX in Leipzig", "user": pbx.pk, "may": "all", "expires_at": "", **changes}


def status_of(secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().get("/api/v1/customers/lookup/?phone=%2B4930998877", headers=headers).status_code


def test_key_is_shown_once_and_works(pbx: User) -> None:
    admin = client_for("Admin")

    made = admin.post("/users/keys/new/", fields(pbx))

    secret = made.context["secret"]
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    assert made.content.decode().count(secret) == 1
    assert status_of(secret) == 200
    key = ApiKey.objects.get()
    assert (key.user, key.name, key.scopes, key.expires_at) == (pbx, "PBX in Leipzig", None, None)
    assert AuditEntry.objects.get(action="apikey.create").actor_name == "Ada Amani"
    assert secret not in str(AuditEntry.objects.values_list("data", flat=True))
    assert secret not in str(dict(admin.session))
    listed = admin.get("/users/keys/").content.decode()
    assert str(key) in listed
    assert secret not in listed


def test_key_is_limited_to_what_was_chosen(pbx: User) -> None:
    client_for("Admin").post("/users/keys/new/", fields(pbx, may="chosen", scopes=["lookup", "send_events"]))

    assert set(ApiKey.objects.get().scopes) == {"lookup", "send_events"}


def test_key_for_all_ignores_what_was_ticked_before(pbx: User) -> None:
    client_for("Admin").post("/users/keys/new/", fields(pbx, may="all", scopes=["erase"]))

    assert ApiKey.objects.get().scopes is None


def test_key_lives_until_the_end_of_its_day_where_the_administrator_is(pbx: User) -> None:
    UserPreference.objects.create(user=make_user("Admin"), time_zone="Asia/Tokyo")
    day = timezone.now().date() + dt.timedelta(days=30)

    client_for("Admin").post("/users/keys/new/", fields(pbx, expires_at=day.isoformat()))

    end = dt.datetime.combine(day, dt.time(14, 59, 59), tzinfo=dt.UTC)
    assert dt.timedelta() <= ApiKey.objects.get().expires_at - end < dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": " "}, "name", "required"),
        ({"name": "PBX\0"}, "name", "ull characters"),
        ({"user": "2147483647"}, "user", "valid choice"),
        ({"user": "9" * 30}, "user", "valid choice"),
        ({"may": ""}, "may", "required"),
        ({"may": "chosen"}, "scopes", "at least one"),
        ({"may": "chosen", "scopes": ["fly"]}, "scopes", "fly"),
        ({"may": "chosen", "scopes": ["lookup", "erase"]}, "scopes", "PBX bridge may not: erase persons."),
        ({"expires_at": "2020-01-01"}, "expires_at", "must lie ahead"),
        ({"expires_at": "0001-01-01"}, "expires_at", "must lie ahead"),
        ({"expires_at": "9999-12-31"}, "expires_at", "within 100 years"),
        ({"expires_at": "soon"}, "expires_at", "valid date"),
    ],
)
def test_key_that_cannot_be_is_refused_beside_its_field(
    pbx: User, changes: dict[str, object], field: str, message: str
) -> None:
    page = client_for("Admin").post("/users/keys/new/", fields(pbx, **changes))

    assert page.status_code == 400
    assert list(page.context["form"].errors) == [field]
    assert message in page.context["form"].errors[field][0]
    assert page.content.decode().count('class="error"') == 1
    assert ApiKey.objects.count() == 0


def test_users_who_may_sign_in_are_offered_programs_first(pbx: User) -> None:
    make_user("Supervisor", is_active=False)
    make_user(None)

    offered = client_for("Admin").get("/users/keys/new/").context["form"].fields["user"].choices

    assert [(str(role), [str(name) for _pk, name in people]) for role, people in list(offered)[1:]] == [
        ("Integration", ["PBX bridge (pbx)"]),
        ("Administrator", ["Ada Amani (ada)"]),
        ("No role", ["Noor Nobody (noor)"]),
    ]


def test_every_permission_can_be_chosen_once() -> None:
    assert sorted(codename for _area, codenames in AREAS for codename in codenames) == sorted(PERMISSIONS)


def test_revoked_key_is_refused_and_stays_in_the_list(pbx: User) -> None:
    admin = client_for("Admin")
    key, secret = ApiKey.objects.issue(pbx, name="PBX")
    assert status_of(secret) == 200

    answers = [admin.post(f"/users/keys/{key.pk}/revoke/")["Location"] for _time in range(2)]

    assert answers == ["/users/keys/", "/users/keys/"]
    assert status_of(secret) == 401
    entry = AuditEntry.objects.get(action="apikey.revoke")
    assert (entry.actor_name, entry.via, entry.object_id) == ("Ada Amani", "page", str(key.pk))
    page = admin.get("/users/keys/").content.decode()
    assert "Revoked" in page
    assert f"/users/keys/{key.pk}/revoke/" not in page


def test_key_of_nobody_is_not_revoked() -> None:
    assert client_for("Admin").post("/users/keys/2147483647/revoke/").status_code == 404


def test_list_says_of_each_key_what_it_may_and_how_it_stands(pbx: User) -> None:
    now = timezone.now()
    locked = make_user("Agent", is_active=False)
    ApiKey.objects.issue(pbx, name="Old", expires_at=now)
    ApiKey.objects.issue(locked, name="Leaver", scopes=["lookup"])
    ApiKey.objects.issue(pbx, name="PBX", scopes=["send_events", "lookup", "use_contexts", "dial"])

    page = client_for("Admin").get("/users/keys/")

    assert [(key.name, state) for key, state in page.context["rows"]] == [
        ("PBX", "valid"),
        ("Leaver", "locked"),
        ("Old", "expired"),
    ]
    text = page.content.decode()
    assert "send interaction events, look customers up" in text
    assert "2 more" in text
    assert "All that the user may" in text
    assert f'href="/users/{pbx.pk}/"' in text
    assert text.count("/revoke/") == 2


@pytest.mark.parametrize("number", [1, 3])
def test_list_asks_as_much_of_many_keys_as_of_one(
    number: int, pbx: User, django_assert_num_queries: object
) -> None:
    for _key in range(number):
        ApiKey.objects.issue(pbx)
    admin = client_for("Admin")

    with django_assert_num_queries(6):
        admin.get("/users/keys/")


def test_first_key_is_asked_for_where_there_is_none() -> None:
    page = client_for("Admin").get("/users/keys/").content.decode()

    assert "No key yet" in page
    assert page.count('href="/users/keys/new/"') == 1


@pytest.mark.parametrize("role", ["Supervisor", "Agent", "Importer", "Integration"])
def test_nobody_else_manages_keys(role: str, pbx: User) -> None:
    key, _secret = ApiKey.objects.issue(pbx)
    client = client_for(role)

    assert client.get("/users/keys/").status_code == 403
    assert client.post("/users/keys/new/", fields(pbx)).status_code == 403
    assert client.post(f"/users/keys/{key.pk}/revoke/").status_code == 403
    assert ApiKey.objects.get().state(timezone.now()) == ApiKey.State.VALID


def test_users_page_leads_to_the_keys() -> None:
    assert 'href="/users/keys/"' in client_for("Admin").get("/users/").content.decode()
