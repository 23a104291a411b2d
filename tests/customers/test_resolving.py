"""From identifiers to the customer they mean, or to ranked candidates, each with its reason (C40, C42, C47, C50)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from cim.access import audit
from customers import labelling, merging, profiles
from customers.models import Customer, Identifier, Phone
from customers.resolving import resolve
from customers.schema import Schema

ACTOR = audit.system_actor("api")
PHONE = "+4930100001"

pytestmark = pytest.mark.django_db


def make(**raw: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json(raw), ACTOR, schema=schema).customer


def identify(customer: Customer, kind: str, value: str) -> None:
    labelling.identify(customer, kind, value, ACTOR, timezone.now())


@pytest.mark.parametrize("kind", [kind for kind in Identifier.Type.values if kind != "phone"])
def test_an_identifier_of_each_type_means_its_customer(kind: str) -> None:
    ada = make(first_name="Ada")
    identify(ada, kind, "+493012345")

    assert resolve([(kind, "+49 30 12345" if kind == "whatsapp" else "+493012345")]).match == ada.id


def test_a_match_says_why_and_since_when() -> None:
    ada = make(first_name="Ada", phones=[PHONE])
    Phone.objects.update(valid_from=dt.datetime(2026, 11, 12, 9, tzinfo=dt.UTC))

    found = resolve([("phone", "030 100001")])

    assert (found.match, found.reason) == (ada.id, f"same phone {PHONE}, known since 12 Nov 2026")


def test_several_are_ranked_by_what_is_the_same_then_by_recency() -> None:
    by_mail, by_mail_and_line, latest = (make(first_name=name, emails=["a@example.org"]) for name in "xyz")
    identify(by_mail_and_line, "line", "ada")

    found = resolve([("email", "A@example.org"), ("line", "ada")])

    assert found.match is None
    assert [item.customer for item in found.candidates] == [by_mail_and_line.id, latest.id, by_mail.id]
    assert [item.weight for item in found.candidates] == [120, 70, 70]


def test_a_whatsapp_number_is_tried_as_a_phone_below_everything_else() -> None:
    ada = make(first_name="Ada", phones=[PHONE])
    only_phone = resolve([("whatsapp", PHONE)])
    assert (only_phone.match, [item.customer for item in only_phone.candidates]) == (None, [ada.id])

    grace = make(first_name="Grace")
    identify(grace, "whatsapp", PHONE)

    assert resolve([("whatsapp", PHONE)]).match == grace.id


def test_a_stop_list_number_means_nobody(settings: Any) -> None:
    make(first_name="Ada", phones=[PHONE])
    settings.CIM_STOP_NUMBERS = frozenset([PHONE])

    found = resolve([("phone", PHONE), ("whatsapp", PHONE)])

    assert (found.match, list(found.candidates)) == (None, [])


def test_whoever_was_said_never_to_be_this_person_is_not_suggested_for_it() -> None:
    ada, grace, edith = (
        make(first_name=name, emails=["a@example.org"]) for name in ("Ada", "Grace", "Edith")
    )
    labelling.never_the_same(ada, grace.id, ACTOR, timezone.now())

    assert resolve([("email", "a@example.org")], other_than=ada.id).match == edith.id
    merging.merge(edith.id, [grace.id], ACTOR, schema=Schema.current())
    found = resolve([("email", "a@example.org")], other_than=ada.id)
    assert (found.match, list(found.candidates)) == (None, [])


def test_the_crm_id_of_a_merged_customer_means_its_survivor() -> None:
    ada, grace = make(first_name="Ada", crm_id="K-1"), make(first_name="Grace", crm_id="K-2")
    merging.merge(
        ada.id, [grace.id], ACTOR, schema=Schema.current(), picked=merging.Picked(choices={"crm_id": ada.id})
    )

    assert resolve([("crm", "K-2")]).match == ada.id
    profiles.delete(ada.id, ACTOR)
    assert resolve([("crm", "K-2")]).match is None


def test_rubbish_means_nobody() -> None:
    make(first_name="Ada", phones=[PHONE])

    assert resolve([("phone", "anonymous"), ("phone", ""), ("email", ""), ("line", "")]).match is None
    assert resolve([]).match is None
