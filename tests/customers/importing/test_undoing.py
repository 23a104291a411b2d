"""Undo and cancel: what an import wrote goes, what people changed since stays and is listed (C66, C68)."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access.audit import system_actor
from customers import profiles
from customers.importing import applying, running
from customers.models import Customer, ImportRun
from customers.profiles import NumberTaken
from customers.schema import InvalidProfile, Schema
from tests.customers.importing.files import check_balance, check_numbers, csv_file, run_import, state, upload
from tests.customers.importing.test_applying import HEADERS, NUMBERS, initial_customers, rows_of_files
from tests.customers.test_profiles import add_attribute

ACTOR = system_actor("api")

pytestmark = pytest.mark.django_db


def create(schema: Schema, **raw: Any) -> Customer:
    return profiles.create(schema.read_json(raw), ACTOR, schema=schema).customer


def undo(run: ImportRun) -> ImportRun:
    running.request_undo(run.id, ACTOR)
    running.work()
    run.refresh_from_db()
    assert run.state == "undone"
    return run


def test_created_customers_go_and_overwritten_profiles_come_back() -> None:
    schema = Schema.current()
    create(schema, first_name="Ada", address="Old street", phones=NUMBERS[:2])
    before = state(schema)
    run = run_import(csv_file(["first_name", "phone"], [["Augusta", NUMBERS[0]], ["Grace", NUMBERS[1]]]))
    assert [item["first_name"] for item in state(schema)] == ["Augusta", "Grace"]

    undo(run)

    assert state(schema) == before
    check_numbers(schema)
    assert run.not_undone == []


def test_what_somebody_has_changed_since_stays_and_is_listed() -> None:
    schema = Schema.current()
    ada = create(schema, first_name="Ada", phones=NUMBERS[:1])
    run = run_import(csv_file(["first_name", "phone"], [["Augusta", NUMBERS[0]], ["Grace", NUMBERS[1]]]))
    profiles.edit(ada.pk, schema.read_json({"address": "New street"}), ACTOR, schema=schema)

    undo(run)

    assert state(schema) == [{"first_name": "Augusta", "address": "New street", "phones": NUMBERS[:1]}]
    assert run.not_undone == [{"line": 2, "customer": str(ada.pk), "why": "changed"}]
    check_numbers(schema)


def test_number_taken_since_stays_with_its_new_owner_and_is_listed() -> None:
    schema = Schema.current()
    ada = create(schema, first_name="Ada", phones=NUMBERS[:2])
    run = run_import(csv_file(["first_name", "phone"], [["Augusta", NUMBERS[0]]]))
    create(schema, first_name="Karen", phones=NUMBERS[1:2])

    undo(run)

    assert state(schema) == [
        {"first_name": "Ada", "phones": NUMBERS[:1]},
        {"first_name": "Karen", "phones": NUMBERS[1:2]},
    ]
    assert run.not_undone == [{"line": 2, "customer": str(ada.pk), "why": "numbers", "numbers": NUMBERS[1:2]}]
    check_numbers(schema)


@pytest.mark.parametrize("keep", [True, False])
def test_cancelling_keeps_the_first_rows_or_takes_them_back(
    monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    schema = Schema.current()
    monkeypatch.setattr(applying, "CHUNK", 2)
    create(schema, first_name="Old", phones=NUMBERS[:1])
    run = upload(
        csv_file(["first_name", "phone"], [[f"Name {n}", number] for n, number in enumerate(NUMBERS)])
    )
    apply_next = applying.Application.apply_next

    def cancel_after_the_first(application: applying.Application) -> tuple[str, int]:
        answer = apply_next(application)
        if answer == ("running", 2):
            running.cancel(application.run.id, ACTOR, keep=keep)
        return answer

    monkeypatch.setattr(applying.Application, "apply_next", cancel_after_the_first)
    running.work()

    run.refresh_from_db()
    check_balance(run)
    check_numbers(schema)
    assert run.state == "cancelled"
    if keep:
        assert run.counts == {"read": 6, "overwritten": 1, "created": 1, "skipped": 4}
        assert [item["first_name"] for item in state(schema)] == ["Name 0", "Name 1"]
    else:
        assert run.counts == {"read": 6, "skipped": 6}
        assert [item["first_name"] for item in state(schema)] == ["Old"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=initial_customers,
    rows=rows_of_files,
    on_conflict=st.sampled_from(["overwrite", "update", "reject"]),
    size=st.sampled_from([1, 2, 3, 1000]),
)
def test_undo_brings_back_exactly_what_was(
    monkeypatch: pytest.MonkeyPatch,
    before: list[dict[str, Any]],
    rows: list[tuple[str, ...]],
    on_conflict: str,
    size: int,
) -> None:
    monkeypatch.setattr(applying, "CHUNK", size)
    with transaction.atomic():
        add_attribute("Work phone", "phone")
        add_attribute("Tier", "choice", options=["gold", "silver"], default="silver")
        schema = Schema.current()
        for profile in before:
            try:
                create(schema, **profile)
            except (NumberTaken, InvalidProfile):
                continue
        was = state(schema)
        run = run_import(csv_file(HEADERS, rows), on_conflict=on_conflict)

        undo(run)

        assert state(schema) == was
        assert run.not_undone == []
        check_numbers(schema)
        transaction.set_rollback(True)
