"""Keys are issued and revoked in one place, whoever asks: a page, the Django admin, a command."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from cim.access import audit
from cim.access.issuing import issue, revoke
from cim.access.models import ApiKey, AuditEntry
from tests.factories import make_user

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 19, 12, tzinfo=dt.UTC)
ACTOR = audit.system_actor("command")
DAY = dt.timedelta(days=1)


def test_key_is_issued_and_recorded_without_its_secret() -> None:
    pbx = make_user("Integration")

    key, secret = issue(ApiKey(user=pbx, name="PBX", scopes=["lookup"]), ACTOR, NOON)

    assert ApiKey.objects.matching(secret, NOON) == key
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_type, entry.object_id) == ("apikey.create", "apikey", str(key.pk))
    assert entry.data == {
        "name": str(key),
        "purpose": "PBX",
        "user": "pbx",
        "scopes": ["lookup"],
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"scopes": ["lookup", "erase", "merge"]}, "scopes", "may not: erase persons, merge and unmerge"),
        ({"expires_at": NOON}, "expires_at", "must lie ahead"),
        ({"expires_at": NOON + 36_501 * DAY}, "expires_at", "within 100 years"),
    ],
)
def test_key_that_cannot_be_is_refused(changes: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        issue(ApiKey(user=make_user("Integration"), **changes), ACTOR, NOON)

    assert message in refused.value.message_dict[field][0]
    assert (ApiKey.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_nobody_acts_as_a_user_who_may_not_sign_in() -> None:
    with pytest.raises(ValidationError, match="PBX bridge may not sign in"):
        issue(ApiKey(user=make_user("Integration", is_active=False)), ACTOR, NOON)


def test_key_is_revoked_and_recorded_once() -> None:
    key, secret = ApiKey.objects.issue(make_user("Integration"))

    assert [revoke(key, ACTOR, NOON), revoke(key, ACTOR, NOON + DAY)] == [True, False]

    assert ApiKey.objects.matching(secret, NOON) is None
    key.refresh_from_db()
    assert key.revoked_at == NOON
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id) == ("apikey.revoke", str(key.pk))
    assert entry.data == {"name": str(key), "purpose": "", "user": "pbx"}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "valid"),
        ({"expires_at": NOON + DAY}, "valid"),
        ({"expires_at": NOON}, "expired"),
        ({"expires_at": NOON, "revoked_at": NOON}, "revoked"),
        ({"user": "locked"}, "locked"),
        ({"user": "locked", "expires_at": NOON}, "expired"),
    ],
)
def test_state_of_a_key(changes: dict[str, object], state: str) -> None:
    user = make_user("Integration", is_active=changes.pop("user", "") != "locked")

    assert ApiKey(user=user, **changes).state(NOON) == state


def test_keys_that_have_ended_come_last() -> None:
    pbx = make_user("Integration")
    expired, first, revoked, second = (
        ApiKey.objects.issue(pbx, name=name, expires_at=end)[0]
        for name, end in (("expired", NOON), ("first", None), ("revoked", None), ("second", NOON + DAY))
    )
    revoke(revoked, ACTOR, NOON)

    assert list(ApiKey.objects.ended_last(NOON)) == [second, first, revoked, expired]
