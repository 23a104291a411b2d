"""Marking an attribute fast builds its indexes in the background, taking the mark off drops them (C2, C6)."""

from collections.abc import Iterator

import pytest
from django.db import connection

from cim.access.audit import system_actor
from customers import indexes, schema
from customers.models import Attribute
from customers.schema import Definition
from tests.conftest import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = system_actor("api")


@pytest.fixture(autouse=True)
def _no_indexes_left() -> Iterator[None]:
    yield
    Attribute.objects.filter(fast=True).update(fast=False)
    indexes.settle()


def add(label: str, kind: str, **more: object) -> Attribute:
    given = {"label": label, "type": kind, "fast": True, **more}
    return schema.add(Definition(**given, given=frozenset(given)), ACTOR)


def change(attribute: Attribute, **given: object) -> None:
    schema.change(attribute, Definition(**given, given=frozenset(given)), ACTOR)


def existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'fast%'")
        return {row[0] for row in cursor.fetchall()}


def state(attribute: Attribute) -> str:
    attribute.refresh_from_db()
    return attribute.index_state


def test_indexes_come_and_go_with_the_mark() -> None:
    tariff = add("Tariff", "text")
    assert indexes.settle()
    assert existing() == {f"fast_sort_text_{tariff.slot}_folded", f"fast_search_text_{tariff.slot}_folded"}
    assert state(tariff) == "ready"
    assert indexes.has_sort_index(tariff)

    change(tariff, fast=False)
    assert indexes.settle()
    assert existing() == set()
    assert state(tariff) == "none"


def counted() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT stxname FROM pg_statistic_ext WHERE stxname LIKE 'fast%'")
        return {row[0] for row in cursor.fetchall()}


def test_the_planner_learns_what_fast_texts_hold() -> None:
    tariff, grade = add("Tariff", "text"), add("Grade", "choice", options=["Gold"])
    site = add("Site", "url")
    assert indexes.settle()
    assert counted() == {f"fast_texts_text_{tariff.slot}", f"fast_keys_text_{grade.slot}"}

    change(tariff, fast=False)
    assert indexes.settle()
    assert counted() == {f"fast_keys_text_{grade.slot}"}
    assert state(site) == "ready"


def test_attributes_that_were_fast_before_are_counted_while_their_indexes_serve() -> None:
    tariff = add("Tariff", "text")
    indexes.settle()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP STATISTICS fast_texts_text_{tariff.slot}")
    before = existing()

    assert indexes.settle()
    assert counted() == {f"fast_texts_text_{tariff.slot}"}
    assert (existing(), state(tariff)) == (before, "ready")


@pytest.mark.parametrize(
    "kind", ["text", "number", "boolean", "date", "datetime", "phone", "email", "url", "choice"]
)
def test_every_type_can_be_fast(kind: str) -> None:
    attribute = add("Tariff", kind, **({"options": ["Gold"]} if kind == "choice" else {}))

    assert indexes.settle()

    assert state(attribute) == "ready"
    assert len(existing()) == (2 if kind in {"text", "phone", "email", "url"} else 1)


def test_running_again_changes_nothing() -> None:
    tariff = add("Tariff", "number")
    indexes.settle()
    before = existing()

    assert indexes.settle()
    assert (existing(), state(tariff)) == (before, "ready")


def test_archiving_drops_the_indexes_even_when_the_slot_is_gone() -> None:
    tariff = add("Tariff", "number")
    indexes.settle()
    schema.archive(tariff, ACTOR)
    Attribute.objects.filter(pk=tariff.pk).update(slot=None)

    assert indexes.settle()
    assert existing() == set()


def test_an_index_left_half_built_is_built_anew() -> None:
    tariff = add("Tariff", "number")
    indexes.settle()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
            [f"fast_sort_number_{tariff.slot}"],
        )

    assert indexes.settle()
    with connection.cursor() as cursor:
        cursor.execute("SELECT bool_and(indisvalid) FROM pg_index")
        assert cursor.fetchone() == (True,)
    assert state(tariff) == "ready"


def test_a_build_that_fails_says_so() -> None:
    tariff = add("Tariff", "text")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE fast_sort_text_{tariff.slot}_folded (id int)")
    try:
        assert indexes.settle()
        assert state(tariff) == "failed"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE fast_sort_text_{tariff.slot}_folded")


def test_who_comes_second_lets_the_first_finish() -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [indexes._LOCK])
            assert not indexes.settle()
            # Closing lets go of it too, but only once the server has noticed.
            cursor.execute("SELECT pg_advisory_unlock(%s)", [indexes._LOCK])
    finally:
        other.close()
    assert indexes.settle()
