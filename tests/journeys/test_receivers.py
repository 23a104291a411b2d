"""What journeys do at a merge that is undone, at an erasure, and when contacts expire; what integrity finds."""

import datetime as dt
import json

import pytest

from customers.models import Customer
from customers.signals import contacts_expiring, customer_erased, customers_unmerged
from journeys import integrity
from journeys.models import Context, ContextVersion, Element
from tests.conftest import as_owner
from tests.journeys.making import NOON, a_call, make_context, make_customer

pytestmark = pytest.mark.django_db


def test_erasure_empties_what_channels_told():
    clara, other = make_customer(), make_customer("Somebody Else")
    secret = {"attemptAddress": "+4915112345678", "note": "Clara"}
    make_context(clara, data=secret, alias_ids=["clara"])
    kept = make_context(other, data={"note": "kept"})

    customer_erased.send(Customer, customers=[clara.id], entry=None, now=NOON)

    left = [*Context.objects.exclude(pk=kept.pk).values("data", "alias_ids", "group_id", "schema")]
    left += [*ContextVersion.objects.exclude(context=kept).values("state")]
    assert "Clara" not in json.dumps(left)
    assert "+4915112345678" not in json.dumps(left)
    assert Element.objects.filter(customer=clara).count() == 1
    assert Context.objects.get(pk=kept.pk).data == {"note": "kept"}


def test_unmerged_customers_get_their_points_back():
    clara, other = make_customer(phones=["+493023125077"]), make_customer("C. O.")
    a_call("hers", clara)
    element = Element.objects.get()
    # The merge gave the interaction to the survivor; its undoing gave it back.
    Element.objects.filter(pk=element.pk).update(customer=other)
    context = make_context(clara, NOON + dt.timedelta(hours=1))
    Element.objects.filter(context=context).update(customer=other)

    customers_unmerged.send(
        Customer, merge=None, survivor=other.id, path=[other.id], separated=[clara.id], since=NOON, now=NOON
    )

    assert set(Element.objects.values_list("customer", flat=True)) == {clara.id}


def test_contacts_with_a_recent_point_do_not_expire():
    recent, old = make_customer("Recent One"), make_customer("Old One")
    make_context(recent, NOON)
    make_context(old, NOON - dt.timedelta(days=90))

    answers = contacts_expiring.send(
        Customer, customers=[recent.id, old.id], since=NOON - dt.timedelta(days=60)
    )

    assert recent.id in {key for _receiver, kept in answers for key in kept or ()}
    assert old.id not in {key for _receiver, kept in answers for key in kept or ()}


def test_integrity_finds_nothing_when_all_is_well_and_each_contradiction():
    clara = make_customer()
    a_call("call", clara)
    context = make_context(clara)
    assert list(integrity.problems()) == []

    with as_owner():
        ContextVersion.objects.filter(context=context).delete()
    Element.objects.filter(context=context).delete()
    Element.objects.update(customer=None)

    assert len(list(integrity.problems())) == 3
