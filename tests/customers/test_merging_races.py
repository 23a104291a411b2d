"""Merges that meet other writers: one of them goes first, the other sees what it did (C49, C10)."""

from contextlib import suppress
from typing import Any

import pytest
from django.db import connections

from cim.access import audit
from customers import integrity, merging, profiles
from customers.importing import applying, running
from customers.merging import AlreadyUndone
from customers.models import Customer, Merge, Phone
from customers.profiles import NumberTaken
from customers.schema import Schema
from tests.customers.importing.files import check_balance, csv_file, upload
from tests.customers.test_profiles import in_threads

ACTOR = audit.system_actor("api")

pytestmark = pytest.mark.django_db(transaction=True)


def make(number: int) -> Customer:
    schema = Schema.current()
    given = schema.read_json({"first_name": f"Person {number}", "phones": [f"+493010000{number}"]})
    return profiles.create(given, ACTOR, schema=schema).customer


@pytest.fixture(autouse=True)
def _nothing_contradicts_itself() -> Any:
    yield
    assert list(integrity.problems()) == []
    connections.close_all()


def test_two_opposite_merges_at_once_leave_one_survivor() -> None:
    schema = Schema.current()
    for turn in range(6):
        one, two = make(2 * turn % 8 + 1), make((2 * turn + 1) % 8 + 1)
        ends = [(one.id, two.id), (two.id, one.id)]

        results = in_threads(
            2, lambda index, ends=ends: merging.merge(ends[index][0], [ends[index][1]], ACTOR, schema=schema)
        )

        assert sorted(type(item).__name__ for item in results) == ["DoesNotExist", "Merged"], results
        live = Customer.objects.live().filter(id__in=[one.id, two.id])
        assert live.count() == 1
        profiles.delete(live.get().id, ACTOR)


def test_merging_in_a_ring_at_once_ends_in_one() -> None:
    schema = Schema.current()
    people = [make(number) for number in range(1, 6)]

    def work(index: int) -> None:
        with suppress(Customer.DoesNotExist):
            merging.merge(people[index].id, [people[(index + 1) % 5].id], ACTOR, schema=schema)

    results = in_threads(5, work)

    assert results == [None] * 5
    live = list(Customer.objects.live())
    owners = set(Phone.objects.current().values_list("customer_id", flat=True))
    assert owners == {row.id for row in live}
    assert Phone.objects.current().count() == 5
    assert all(
        number in live_numbers(live) for number in Phone.objects.current().values_list("number", flat=True)
    )


def live_numbers(live: list[Customer]) -> set[str]:
    return {number for row in live for number in row.phones}


def test_a_merge_while_others_overwrite_edit_and_take_numbers() -> None:
    schema = Schema.current()
    people = [make(number) for number in range(1, 5)]

    def work(index: int) -> int:
        done = 0
        for turn in range(8):
            one, other = people[(index + turn) % 4], people[(index + turn + 1) % 4]
            with suppress(NumberTaken, Customer.DoesNotExist, merging.NotMergeable):
                if index % 3 == 0:
                    made = merging.merge(one.id, [other.id], ACTOR, schema=schema).merge
                    merging.undo(made.id, ACTOR, schema=schema)
                elif index % 3 == 1:
                    number = f"+493010000{turn % 4 + 1}"
                    given = schema.read_json({"first_name": f"{index}.{turn}", "phones": [number]})
                    profiles.create(given, ACTOR, schema=schema)
                else:
                    given = schema.read_json({"phones": [f"+49301000{index}{turn}"]})
                    profiles.edit(one.id, given, ACTOR, schema=schema)
                done += 1
        return done

    results = in_threads(6, work)

    assert all(isinstance(item, int) for item in results), results
    assert not Customer.objects.exclude(merged_into=None).exists()
    assert not Merge.objects.standing().exists()


def test_undoing_twice_at_once_undoes_once() -> None:
    schema = Schema.current()
    made = merging.merge(make(1).id, [make(2).id], ACTOR, schema=schema).merge

    results = in_threads(2, lambda _index: merging.undo(made.id, ACTOR, schema=schema))

    assert sorted(type(item).__name__ for item in results) == ["AlreadyUndone", "Unmerged"], results
    assert isinstance(next(item for item in results if isinstance(item, Exception)), AlreadyUndone)


def test_a_merge_during_an_import_that_overwrites_one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second sees what the first did: each number keeps one owner, each row has its fate (C10, C64)."""
    monkeypatch.setattr(applying, "CHUNK", 1)
    schema = Schema.current()
    for turn in range(2):
        one, two = make(2 * turn + 1), make(2 * turn + 2)
        (number,), (other,) = one.phones, two.phones
        rows = [
            [f"Imported {turn}", number],
            [f"Other {turn}", f"+49302000{turn}"],
            [f"Again {turn}", number],
        ]
        run = upload(csv_file(["first_name", "phone"], rows), f"{turn}.csv", on_conflict="overwrite")

        def work(index: int, one: Customer = one, two: Customer = two) -> object:
            if index == 0:
                return running.work()
            ends = [one.id, two.id] if index == 1 else [two.id, one.id]
            return merging.merge(ends[0], [ends[1]], ACTOR, schema=schema).merge

        results = in_threads(3, work)

        run.refresh_from_db()
        assert run.state == "completed", (run.state, run.error)
        assert run.counts["read"] == 3
        check_balance(run)
        (merge,) = [item for item in results if isinstance(item, Merge)]
        assert {type(item).__name__ for item in results} == {"int", "Merge", "DoesNotExist"}, results
        survivor = Customer.objects.live().get(id__in=[one.id, two.id])
        assert Phone.objects.current().get(number=number).customer_id == survivor.id
        assert survivor.first_name == f"Again {turn}"
        assert list(integrity.problems()) == []

        # The import is an edit like any other: taking the merge back keeps it.
        unmerged = merging.undo(merge.id, ACTOR, schema=schema)
        assert {row.id for row in (unmerged.survivor, *unmerged.separated)} == {one.id, two.id}
        owners = set(
            Phone.objects.current().filter(number__in=[number, other]).values_list("customer_id", flat=True)
        )
        assert owners <= {one.id, two.id}
