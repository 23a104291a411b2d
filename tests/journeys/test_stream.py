"""The line of an open journey tells of changes on it, and of no others (J15)."""

import urllib.error
import urllib.request
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cim.access.models import ApiKey
from tests.factories import make_user
from tests.interactions.listening import Listener
from tests.journeys.making import a_call, make_context, make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def key_of(user: User) -> str:
    return ApiKey.objects.issue(user)[1]


def path(customer: object) -> str:
    return f"/journey/stream/?customer={customer}"


def test_what_happens_on_the_journey_is_told(web_address: str) -> None:
    clara, zoe = make_customer(phones=["+493023125077"]), make_customer(phones=["+493023125078"])
    key = key_of(make_user("Agent"))

    with (
        Listener(web_address, key, path=path(clara.id)) as hers,
        Listener(web_address, key, path=path(zoe.id)) as other,
    ):
        assert hers.next(20).event == other.next(20).event == "hello"
        make_context(clara, timezone.now(), topic="German Billing")
        assert hers.next(20).event == "moved"
        a_call("call-1", zoe, timezone.now())
        assert other.next(20).event == "moved"

        assert hers.messages.empty()


@pytest.mark.parametrize(
    ("role", "customer", "status"),
    [(None, uuid4(), 401), ("Integration", uuid4(), 403), ("Agent", uuid4(), 404), ("Agent", "clara", 400)],
)
def test_who_may_not_see_hears_nothing(
    web_address: str, role: str | None, customer: object, status: int
) -> None:
    headers = {"Authorization": f"Bearer {key_of(make_user(role))}"} if role else {}

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{web_address}{path(customer)}", headers=headers))

    refused.value.close()
    assert refused.value.code == status
