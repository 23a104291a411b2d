"""The list learns from its own slow answers which attributes are worth making fast (C2)."""

from datetime import date, timedelta

import pytest

from cim.access.audit import system_actor
from customers import listing, schema
from customers.listing import demand
from customers.listing.query import Condition, Operator, Query
from customers.models import Attribute
from customers.schema import Definition, Schema
from tests.factories import api_for

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 1)


def add(label: str, *, fast: bool = False) -> Attribute:
    given = {"label": label, "type": "text", "fast": fast}
    return schema.add(Definition(**given, given=frozenset(given)), system_actor("api"))


def query(order: Attribute, searched: Attribute) -> Query:
    condition = Condition(searched, Operator.CONTAINS, ("x",))
    return Query(Schema.current(), conditions=[(condition,)], order_by=order)


def test_who_waits_is_counted_and_the_attribute_suggested() -> None:
    sorted_by, searched = add("Tariff"), add("Note")
    for days in range(25):
        demand.note(query(sorted_by, searched), 1.5, TODAY - timedelta(days=days))
        demand.note(query(searched, searched), 1.5, TODAY - timedelta(days=days))

    found = demand.of_attributes(Schema.current().attributes, TODAY)

    assert found[sorted_by.pk] == demand.Demand(25, 37.5)
    assert not found[sorted_by.pk].is_worth_an_index
    assert found[searched.pk] == demand.Demand(50, 75.0)
    assert found[searched.pk].is_worth_an_index


def test_only_what_an_index_would_help_is_counted() -> None:
    fast, slow = add("Tariff", fast=True), add("Note")
    created_at = Schema.current().by_key["created_at"]

    demand.note(query(fast, fast), 2.0, TODAY)
    demand.note(query(created_at, created_at), 2.0, TODAY)
    demand.note(query(slow, slow), 0.1, TODAY)

    assert demand.of_attributes(Schema.current().attributes, TODAY) == {}


def test_old_waits_count_no_more_and_go() -> None:
    slow = add("Note")
    demand.note(query(slow, slow), 2.0, TODAY)

    later = TODAY + timedelta(days=demand.DAYS)

    assert demand.of_attributes([slow], later) == {}
    assert demand.forget(later) == 1


def test_the_list_notes_its_slow_answers_and_the_editor_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    add("Note")
    monkeypatch.setattr(listing, "SMALL", -1)
    monkeypatch.setattr(demand, "NOTICEABLE", 0)
    monkeypatch.setattr(demand, "SUGGESTED_AFTER", 0)
    client = api_for("Admin")

    assert client.get("/api/v1/customers/?ordering=-note").status_code == 200

    found = {item["key"]: item["demand"] for item in client.get("/api/v1/attributes/").data}
    assert found["note"]["times"] == 1
    assert found["note"]["suggested"]
    assert found["first_name"] is None
