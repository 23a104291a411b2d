"""Web visitors become contacts, and contacts that nobody saved are forgotten (C41)."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from cim.access import audit
from customers import labelling, merging, retention
from customers.meeting import meet_visitor
from customers.models import Customer, Identifier, Stage
from customers.resolving import resolve
from customers.schema import Schema
from customers.signals import contacts_expiring
from tests.customers.test_profiles import in_threads
from tests.factories import api_for

ACTOR = audit.system_actor("api")
LATER = dt.timedelta(days=61)

pytestmark = pytest.mark.django_db


def meet(web_id: str = "visitor-1") -> Customer:
    return Customer.objects.get(id=meet_visitor(web_id, timezone.now()))


def test_a_visitor_is_met_once_and_the_web_id_is_never_shown() -> None:
    visitor = meet()

    assert (meet().id, visitor.stage, str(visitor)) == (visitor.id, Stage.EPHEMERAL, "No Name")
    assert resolve([("web", "visitor-1")]).match == visitor.id
    client = api_for("Agent")
    assert client.get("/api/v1/customers/").json()["count"] == 0
    assert "visitor-1" not in client.get(f"/api/v1/customers/{visitor.id}/").content.decode()
    assert "visitor-1" not in client.get(f"/api/v1/customers/{visitor.id}/identity/").content.decode()


def test_a_visitor_who_says_more_is_identified() -> None:
    visitor = meet()

    labelling.identify(visitor, Identifier.Type.LINE, "ada", ACTOR, timezone.now())

    assert Customer.objects.get(id=visitor.id).stage == Stage.IDENTIFIED
    assert visitor.version == 2


def test_a_visitor_who_is_saved_or_merged_becomes_curated() -> None:
    first, second = meet(), meet("visitor-2")
    client = api_for("Supervisor")

    client.patch(f"/api/v1/customers/{first.id}/", {"first_name": "Ada", "last_name": "Byron"})
    client.post("/api/v1/customers/merge/", {"into": str(first.id), "from": [str(second.id)]})

    assert client.get(f"/api/v1/customers/{second.id}/").json()["stage"] == "curated"
    assert resolve([("web", "visitor-2")]).match == first.id


@pytest.mark.django_db(transaction=True)
def test_one_visitor_met_by_many_at_once_is_one_contact() -> None:
    met = in_threads(8, lambda _index: meet_visitor("visitor-1", timezone.now()))

    assert isinstance(met[0], UUID)
    assert set(met) == {met[0]}
    assert Customer.objects.count() == 1


def test_contacts_that_nobody_saved_are_forgotten_after_the_retention_period() -> None:
    gone, busy, merged, saved = (meet(f"visitor-{number}") for number in range(4))
    labelling.identify(gone, Identifier.Type.LINE, "ada", ACTOR, timezone.now())
    Customer.objects.filter(id=saved.id).update(stage=Stage.CURATED)
    merging.merge(saved.id, [merged.id], ACTOR, schema=Schema.current())
    asked: list[Any] = []

    def keep_the_busy(sender: Any, customers: Any, since: Any, **_more: Any) -> list[UUID]:
        asked.extend(customers)
        return [busy.id]

    contacts_expiring.connect(keep_the_busy)
    try:
        early = retention.expire_contacts(timezone.now() + LATER - dt.timedelta(days=3))
        late = retention.expire_contacts(timezone.now() + LATER)
        again = retention.expire_contacts(timezone.now() + LATER)
    finally:
        contacts_expiring.disconnect(keep_the_busy)

    assert (early, late, again) == (0, 1, 0)
    assert set(asked) == {gone.id, busy.id}
    assert set(Customer.objects.values_list("id", flat=True)) == {busy.id, merged.id, saved.id}
