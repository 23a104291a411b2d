"""What interactions do when customers are erased or come apart again, and when the clock closes calls."""

import datetime as dt
import random

import pytest
from django.utils import timezone

from customers import signals
from customers.models import Customer
from interactions.closing import settle
from interactions.events import read
from interactions.models import Event, Interaction
from interactions.recording import record
from interactions.signals import interaction_changed
from interactions.simulating import script
from tests.interactions.calls import ANI, NOON, event, voice
from tests.interactions.people import make_customer

pytestmark = pytest.mark.django_db


def test_erasure_takes_what_was_said_and_leaves_what_happened():
    clara = make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))
    said = voice(customer_name="Clara", data={"iban": "DE1"}, notes="Moves to Pankow")
    record([event("queued", 0, queue="Billing", **said), event("answered", 9, agent="ann")], NOON)

    signals.customer_erased.send(Customer, customers=[clara.id], entry=None, now=NOON)

    kept = Interaction.objects.values().get()
    told = list(Event.objects.values_list("said", flat=True))
    for secret in (ANI, "Clara", "DE1", "Pankow"):
        assert secret not in str(kept) + str(told)
    assert (kept["queue"], [leg["kind"] for leg in kept["activities"]]) == ("Billing", ["queue", "agent"])


def test_interactions_since_an_undone_merge_go_to_the_side_whose_number_was_used():
    survivor = make_customer(phones=["+4930777"], valid_from=NOON - dt.timedelta(days=1))
    part = make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))
    record([event("queued", 60, call="hers", **voice()), event("queued", 60, call="other")], NOON)
    Interaction.objects.update(customer=survivor, linked_how="automatic")

    signals.customers_unmerged.send(
        Customer,
        merge=None,
        survivor=survivor.id,
        path=[survivor.id],
        separated=[part.id],
        since=NOON,
        now=timezone.now(),
    )

    assert dict(Interaction.objects.values_list("external_id", "customer_id")) == {
        "hers": part.id,
        "other": survivor.id,
    }


def test_contact_of_late_keeps_a_contact():
    clara, other = make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1)), make_customer()
    record([event("queued", **voice())], NOON)

    answers = signals.contacts_expiring.send(
        Customer, customers=[clara.id, other.id], since=NOON - dt.timedelta(days=60)
    )

    assert [ids for receiver, ids in answers if receiver.__module__ == "interactions.receivers"] == [
        [clara.id]
    ]


def test_closed_interactions_are_announced_once():
    heard = []

    def listen(sender, changes, **_):
        heard.extend(change.interaction.external_id for change in changes if change.settled)

    record([event("queued"), event("ended", 5), event("queued", call="runs")], NOON)
    interaction_changed.connect(listen)
    try:
        settled = [settle(NOON + dt.timedelta(minutes=minutes)) for minutes in (5, 11, 12)]
    finally:
        interaction_changed.disconnect(listen)

    assert (settled, heard) == ([0, 1, 0], ["c-1"])


def test_simulated_calls_are_what_an_adapter_may_send():
    agents = [{"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}]
    for seed in range(60):
        played = script(ANI, agents, random.Random(seed))
        for number, step in enumerate(played.steps):
            read(played.event(number, (NOON + dt.timedelta(seconds=step.seconds)).isoformat()), NOON)
