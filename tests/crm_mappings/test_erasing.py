"""A person who is erased is gone here too, and the rules between contacts and deliveries hold."""

import datetime as dt

import pytest
from django.db import transaction

from crm_mappings import delivering, fetching, integrity
from crm_mappings.models import CrmAnswer, Delivery
from customers.models import Customer
from customers.signals import customer_erased
from interactions.models import Event, Interaction
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import (
    Call,
    ended,
    make_configuration,
    make_customer,
    make_dynamic,
    make_mapping,
    now,
)

pytestmark = pytest.mark.django_db


def test_erased_person_leaves_no_text_behind(kustomer: Kustomer) -> None:
    configuration = make_configuration()
    make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    make_dynamic(configuration, customer=[("name", "string")])
    customer, other = make_customer(), make_customer(first_name="Olga", phones=["+4930555111"])
    for phone in (customer.phones[0], other.phones[0]):
        Call(address=phone).tell("offered", "answered", ended(), "acw_ended")
    delivering.send_due(configuration.pk)
    Call(address=customer.phones[0]).tell("offered", "answered", ended(), "acw_ended")
    fetching.ask_about(configuration, now(), customer=customer)

    with transaction.atomic():
        customer_erased.send(Customer, customers=[customer.pk], entry=None, now=now())

    gone = Delivery.objects.filter(customer=customer).order_by("created_at")
    assert [(row.state, row.fields, row.record_url) for row in gone] == [
        ("delivered", {}, ""),
        ("skipped", {}, ""),
    ]
    assert Delivery.objects.get(customer=other).fields == {"body": "+4930555111"}
    assert not CrmAnswer.objects.filter(customer=customer).exists()
    assert delivering.send_due(configuration.pk) == 0


def test_what_is_told_of_unknown_callers_goes_and_what_is_told_of_others_stays(kustomer: Kustomer) -> None:
    configuration = make_configuration()
    make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    person, other = make_customer(), make_customer(first_name="Olga", phones=["+4930555111"])
    number = person.phones[0]
    for phone in ("+4930777888", other.phones[0]):
        Call(address=phone).tell("offered", "answered", ended(), "acw_ended")
    Delivery.objects.update(fields={"body": f"asked for {number}"})
    caller = Interaction.objects.get(customer=None)
    for about in ({"interaction": caller}, {"customer": other}):
        CrmAnswer.objects.create(configuration=configuration, records=[{"values": {"p": number}}], **about)

    with transaction.atomic():
        customer_erased.send(
            Customer, customers=[person.pk], only_theirs=[number], companions=[], entry=None, now=now()
        )

    assert Delivery.objects.get(customer=None).fields == {}
    assert Delivery.objects.get(customer=other).fields == {"body": f"asked for {number}"}
    assert [answer.customer for answer in CrmAnswer.objects.all()] == [other]


def test_contradictions_are_found(kustomer: Kustomer) -> None:
    configuration = make_configuration()
    make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    make_customer()
    Call().tell("offered", "answered", ended(), "acw_ended")
    assert list(integrity.problems()) == []

    Delivery.objects.update(state="sending", leased_until=now() - dt.timedelta(hours=2))
    claimed = list(integrity.problems())
    Delivery.objects.update(state="delivered", leased_until=None, delivered_at=now() - dt.timedelta(days=1))
    early = list(integrity.problems())

    assert len(claimed) == 1
    assert "claimed" in claimed[0]
    assert "before it was made" in early[0]
    assert Event.objects.exists()
