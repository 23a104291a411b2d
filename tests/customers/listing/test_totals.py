"""The list knows how many customers there are without counting them (C25)."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http.request import QueryDict

from customers import filters, integrity, listing
from customers.models import Customer, Stage, Tally
from customers.policy import Sight
from customers.schema import Schema

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def customers(count: int, **more: Any) -> list[Customer]:
    return Customer.objects.bulk_create(
        [
            Customer(id=uuid.uuid4(), first_name="Clara", created_at=NOON, updated_at=NOON, **more)
            for _ in range(count)
        ]
    )


def total(address: str = "") -> int:
    query = filters.parse(
        QueryDict(address), Schema.current(), Sight(frozenset(), frozenset(), may_reveal=True)
    )
    counted = listing.count(query)
    assert listing.page(query, Sight(frozenset(), frozenset(), may_reveal=True)).count == counted
    return counted


def test_total_follows_every_kind_of_write() -> None:
    clara, second, third, *_others = customers(5)
    customers(2, stage=Stage.IDENTIFIED)
    assert (total(), total("stage=identified"), total("stage=all")) == (5, 2, 7)

    Customer.objects.filter(id=clara.id).update(deleted_at=NOON)
    Customer.objects.filter(id=second.id).update(merged_into=third.id)
    Customer.objects.filter(stage=Stage.IDENTIFIED).update(stage=Stage.CURATED)
    assert (total(), total("stage=identified")) == (5, 0)

    Customer.objects.filter(id__in=[clara.id, second.id]).update(deleted_at=None, merged_into=None)
    third.delete()
    assert total() == 6


def test_an_update_that_moves_nobody_adds_no_row() -> None:
    customers(3)
    before = Tally.objects.count()

    Customer.objects.update(first_name="Hendrik")

    assert Tally.objects.count() == before


def test_summing_up_keeps_the_total_and_one_row_of_each_stage() -> None:
    for _ in range(3):
        customers(2)
    customers(1, stage=Stage.EPHEMERAL)

    assert listing.sum_up_tallies() == 4
    assert (total(), Tally.objects.count()) == (6, 2)
    assert listing.sum_up_tallies() == 2
    assert total() == 6


def test_a_total_that_went_wrong_is_found() -> None:
    customers(2)
    assert list(integrity.problems()) == []

    Tally.objects.create(stage=Stage.CURATED, delta=3)

    assert [problem for problem in integrity.problems() if "5 customers are curated" in problem]
