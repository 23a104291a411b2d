"""Likely duplicates: found with evidence, never merged by themselves (C50)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from cim.access import audit
from customers import duplicates, labelling, merging, profiles
from customers.models import Customer, Duplicate, Stage
from customers.schema import Schema

ACTOR = audit.system_actor("api")

pytestmark = pytest.mark.django_db


def make(**raw: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json(raw), ACTOR, schema=schema).customer


def find(*, afresh: bool = False) -> dict[tuple[str, str], Any]:
    duplicates.find(timezone.now(), afresh=afresh)
    return {
        (pair.customer.first_name, pair.other.first_name): [item["kind"] for item in pair.evidence]
        for pair in Duplicate.objects.order_by("-score")
    }


@pytest.fixture(autouse=True)
def _nobody_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "SETTLED", dt.timedelta(0))


BOTH = pytest.mark.parametrize("afresh", [True, False], ids=["all with all", "what changed with all"])


@BOTH
def test_each_kind_of_evidence_is_found(afresh: bool) -> None:
    if not afresh:
        find()
    make(first_name="Ada", emails=["Ada@Example.org"])
    make(first_name="Augusta", emails=["other@example.org", "ada@example.org"])
    make(first_name="Jürgen", last_name="Weiß", postal_code="10 115")
    make(first_name="JURGEN", last_name="WEISS", postal_code="10 115")
    make(first_name="Linnea", phones=["+46701740612"])
    make(first_name="Linea", phones=["+46701740912"])
    make(first_name="Nobody", emails=["nobody@example.org"], postal_code="10 115", phones=["+46701749999"])

    found = find(afresh=afresh)

    assert found == {
        ("Jürgen", "JURGEN"): ["name"],
        ("Ada", "Augusta"): ["email"],
        ("Linnea", "Linea"): ["phone"],
    }


@BOTH
def test_what_many_share_is_no_evidence(afresh: bool) -> None:
    if not afresh:
        find()
    for number in range(duplicates.MOST_ALIKE + 1):
        make(first_name=f"Clerk {number}", emails=["info@example.org"])
    for number in range(5):
        make(first_name=f"Desk {number}", phones=[f"+4930123450{number}"])

    assert find(afresh=afresh) == {}


def test_more_evidence_ranks_higher_and_says_what_it_is() -> None:
    for first_name, phone in [("Ada", "+4930100001"), ("Ada", "+4930100007")]:
        make(
            first_name=first_name,
            last_name="Byron",
            phones=[phone],
            emails=["ada@example.org"],
            postal_code="1",
        )
    make(first_name="Grace", emails=["grace@example.org"])
    make(first_name="Gracie", emails=["grace@example.org"])

    find()

    best, other = Duplicate.objects.order_by("-score")
    assert (best.score, other.score) == (100, 60)
    assert best.evidence == [
        {"kind": "email", "values": ["ada@example.org"]},
        {"kind": "name", "values": ["Ada Byron", "1"]},
        {"kind": "phone", "values": ["+4930100001", "+4930100007"]},
    ]


@BOTH
def test_those_said_to_be_different_people_are_not_listed(afresh: bool) -> None:
    ada, augusta = (make(first_name=name, emails=["ada@example.org"]) for name in ("Ada", "Augusta"))
    find()
    duplicates.dismiss(Duplicate.objects.get(), ACTOR, timezone.now())
    assert duplicates.page(1, 25).pairs == []
    grace = make(first_name="Grace")
    schema = Schema.current()
    merging.merge(grace.id, [augusta.id], ACTOR, schema=schema)
    profiles.edit(ada.id, schema.read_json({"address": "Somewhere"}), ACTOR, schema=schema)

    assert find(afresh=afresh) == {}
    assert labelling.perhaps_the_same(ada, grace.id, ACTOR)
    assert not labelling.perhaps_the_same(ada, augusta.id, ACTOR)
    profiles.edit(ada.id, schema.read_json({"address": "Elsewhere"}), ACTOR, schema=schema)
    assert find(afresh=afresh) == {("Ada", "Grace"): ["email"]}


def test_a_pair_goes_when_its_evidence_goes() -> None:
    ada, augusta = (make(first_name=name, emails=["ada@example.org"]) for name in ("Ada", "Augusta"))
    assert len(find()) == 1
    profiles.edit(
        ada.id, Schema.current().read_json({"emails": ["ada@example.com"]}), ACTOR, schema=Schema.current()
    )

    assert find() == {}
    profiles.edit(
        ada.id, Schema.current().read_json({"emails": ["ada@example.org"]}), ACTOR, schema=Schema.current()
    )
    assert len(find()) == 1
    profiles.delete(augusta.id, ACTOR)
    assert duplicates.page(1, 25).count == 0
    assert find() == {}


def test_web_visitors_are_not_compared() -> None:
    for name in ("Ada", "Augusta"):
        make(first_name=name, emails=["ada@example.org"])
    Customer.objects.filter(first_name="Ada").update(stage=Stage.EPHEMERAL)

    assert find() == {}


def test_searching_again_finds_the_same() -> None:
    for name in ("Ada", "Augusta"):
        make(first_name=name, emails=["ada@example.org"], phones=[f"+493010000{len(name)}"])
    first = find()

    assert find() == first
    assert find(afresh=True) == first
