"""An import is its rows created one by one, in file order, with the same option (C64); it counts every row once."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access.audit import system_actor
from customers import profiles
from customers.importing import applying
from customers.models import Customer, ImportRow, Version
from customers.profiles import NumberTaken
from customers.schema import InvalidProfile, Schema
from tests.customers.importing.files import (
    check_numbers,
    csv_file,
    fates,
    in_order,
    reasons,
    run_import,
    state,
)
from tests.customers.test_profiles import add_attribute
from tests.identity_model import Identity, Refused

ACTOR = system_actor("api")
NUMBERS = [f"+493010000{digit}" for digit in range(6)]
HEADERS = ["first_name", "last_name", "phone", "Phone 2", "Work phone", "Tier"]

pytestmark = pytest.mark.django_db


def test_rows_create_overwrite_and_leave_unchanged() -> None:
    schema = Schema.current()
    for name, number in (("Ada", NUMBERS[0]), ("Grace", NUMBERS[1])):
        profiles.create(schema.read_json({"first_name": name, "phones": [number]}), ACTOR, schema=schema)
    content = csv_file(
        ["First name", "Phone"],
        [["Ada", NUMBERS[0]], ["Hopper", NUMBERS[1]], ["Karen", NUMBERS[2]], ["Mary", ""]],
    )

    run = run_import(content)

    assert (run.state, run.error) == ("completed", "")
    assert run.counts == {"read": 4, "errors": 0, "unchanged": 1, "overwritten": 1, "created": 2}
    assert fates(run) == {2: "unchanged", 3: "overwritten", 4: "created", 5: "created"}
    assert [item["first_name"] for item in state(schema)] == ["Ada", "Hopper", "Karen", "Mary"]
    assert Version.objects.count() == 1
    assert Version.objects.get().entry_id == run.entry_id
    check_numbers(schema)


def test_bad_rows_name_column_value_and_reason_and_do_not_stop_the_others() -> None:
    add_attribute("Born", "date")
    content = csv_file(
        ["first_name", "phone", "Born", "emails"],
        [
            ["Ada", "12", "", ""],
            ["Grace", NUMBERS[0], "31.02.1990", "grace@example"],
            ["", "", "2000-01-01", ""],
            ["Karen", "4.41E+11", "", ""],
            ["Mary", NUMBERS[1], "1990-01-02", "mary@example.org"],
        ],
    )

    run = run_import(content)

    assert run.counts["errors"] == 4
    assert run.counts["created"] == 1
    told = reasons(run)
    assert told[2][:2] == ("phone", "12")
    assert "“12” is not a phone number" in told[2][2]
    assert told[3][:2] == ("Born; emails", "31.02.1990; grace@example")
    assert "no day of the calendar" in told[3][2]
    assert "is not an email address" in told[3][2]
    assert told[4][2].startswith("Give at least one of")
    assert "digits are lost" in told[5][2]


def test_row_whose_numbers_belong_to_two_customers_names_them() -> None:
    schema = Schema.current()
    ids = [
        profiles.create(schema.read_json({"phones": [number]}), ACTOR, schema=schema).customer.pk
        for number in NUMBERS[:2]
    ]

    run = run_import(csv_file(["phone", "phone_2"], [[NUMBERS[0], "+49 30 100001"]]))

    ((column, value, reason),) = reasons(run).values()
    assert (column, value) == ("phone; phone_2", f"{NUMBERS[0]}; +49 30 100001")
    assert all(str(pk) in reason for pk in ids)
    assert run.counts == {"read": 1, "errors": 1}


def test_later_row_supersedes_and_takes_over_the_kind_whatever_the_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = Schema.current()
    profiles.create(schema.read_json({"first_name": "Old", "phones": NUMBERS[5:]}), ACTOR, schema=schema)
    rows = [
        ["A", NUMBERS[0]], ["B", NUMBERS[0]], ["Old", NUMBERS[5]],
        ["C", NUMBERS[0]], ["Old", NUMBERS[5]], ["New", NUMBERS[5]],
    ]  # fmt: skip
    expected = {
        2: "superseded",
        3: "superseded",
        4: "superseded",
        5: "created",
        6: "superseded",
        7: "overwritten",
    }

    for size in (1000, 2, 1):
        monkeypatch.setattr(applying, "CHUNK", size)
        with transaction.atomic():
            run = run_import(csv_file(["first_name", "phone"], rows))
            assert fates(run) == expected
            assert [item["first_name"] for item in state(schema)] == ["C", "New"]
            check_numbers(schema)
            assert ImportRow.objects.get(run=run, line=2).other_line == 3
            transaction.set_rollback(True)


def test_reject_names_the_earlier_line() -> None:
    run = run_import(
        csv_file(["first_name", "phone"], [["A", NUMBERS[0]], ["B", NUMBERS[0]]]), on_conflict="reject"
    )

    ((_column, _value, reason),) = reasons(run).values()
    assert "line 2 of this file" in reason
    assert fates(run) == {2: "created", 3: "errors"}


def test_update_leaves_what_the_row_does_not_give_and_may_clear_it() -> None:
    schema = Schema.current()
    given = {"first_name": "Ada", "last_name": "Lovelace", "address": "Old street", "phones": NUMBERS[:2]}
    profiles.create(schema.read_json(given), ACTOR, schema=schema)
    content = csv_file(["first_name", "address", "phone"], [["Augusta", "", NUMBERS[0]]])

    with transaction.atomic():
        run = run_import(content, on_conflict="update")
        assert fates(run) == {2: "updated"}
        assert state(schema) == [{**given, "first_name": "Augusta", "phones": NUMBERS[:1]}]
        transaction.set_rollback(True)
    run_import(content, on_conflict="update", empty_cells_clear=True)

    assert state(schema) == [{"first_name": "Augusta", "last_name": "Lovelace", "phones": NUMBERS[:1]}]
    check_numbers(schema)


def test_required_attribute_is_wanted_of_new_customers() -> None:
    add_attribute("Tariff", "text", required=True)
    schema = Schema.current()
    content = csv_file(
        ["first_name", "phone", "Tariff"], [["Ada", NUMBERS[0], ""], ["Grace", NUMBERS[1], "Green"]]
    )

    run = run_import(content)

    assert reasons(run) == {2: ("Tariff", "", "Tariff is required.")}
    assert [item["first_name"] for item in state(schema)] == ["Grace"]


def test_overwriting_a_contact_nobody_had_saved_is_its_promotion() -> None:
    schema = Schema.current()
    profiles.create(schema.read_json({"phones": NUMBERS[:1]}), ACTOR, schema=schema)
    Customer.objects.update(stage="identified")

    run = run_import(csv_file(["first_name", "phone"], [["Ada", NUMBERS[0]]]))

    assert fates(run) == {2: "created"}
    assert Customer.objects.get().stage == "curated"


# C64 as a property: any file, any option, any chunk size, against one-by-one creation and against the plain model.

some_numbers = st.lists(st.sampled_from(NUMBERS), max_size=2, unique=True)
rows_of_files = st.lists(  # a file of empty rows alone is refused
    st.tuples(
        st.sampled_from(["", "Ada", "Grace"]),
        st.sampled_from(["", "Smith"]),
        st.sampled_from(["", *NUMBERS]),
        st.sampled_from(["", "", *NUMBERS]),
        st.sampled_from(["", "", *NUMBERS]),
        st.sampled_from(["", "gold", "silver"]),
    ),
    min_size=1,
    max_size=14,
).filter(lambda rows: any(map(any, rows)))
initial_customers = st.lists(
    st.fixed_dictionaries(
        {"first_name": st.sampled_from(["Ida", "Ada"])},
        optional={"phones": some_numbers, "work_phone": st.sampled_from(NUMBERS), "tier": st.just("gold")},
    ),
    max_size=4,
)


def raw_profile(row: Sequence[str]) -> dict[str, Any]:
    first, last, one, two, work, tier = row
    phones = list(dict.fromkeys(number for number in (one, two) if number))
    raw = {"first_name": first, "last_name": last, "phones": phones, "work_phone": work, "tier": tier}
    return {key: value for key, value in raw.items() if value}


def one_by_one(schema: Schema, rows: Sequence[Sequence[str]], on_conflict: str) -> list[str]:
    kinds = []
    for row in rows:
        try:
            outcome = profiles.create(
                schema.read_json(raw_profile(row)), ACTOR, schema=schema, on_conflict=on_conflict
            )
            kinds.append(outcome.kind if outcome.changed else "unchanged")
        except (NumberTaken, InvalidProfile):
            kinds.append("errors")
    return kinds


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=initial_customers,
    rows=rows_of_files,
    on_conflict=st.sampled_from(["overwrite", "update", "reject"]),
    size=st.sampled_from([1, 2, 3, 5, 1000]),
    default=st.booleans(),
)
def test_import_is_its_rows_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
    before: list[dict[str, Any]],
    rows: list[tuple[str, ...]],
    on_conflict: str,
    size: int,
    default: bool,
) -> None:
    monkeypatch.setattr(applying, "CHUNK", size)
    with transaction.atomic():
        add_attribute("Work phone", "phone")
        add_attribute(
            "Tier", "choice", options=["gold", "silver"], **({"default": "silver"} if default else {})
        )
        schema = Schema.current()
        model = Identity(phone_keys=["work_phone"], defaults={"tier": "silver"} if default else {})
        for profile in before:
            try:
                profiles.create(schema.read_json(profile), ACTOR, schema=schema)
                model.create(profile)
            except (NumberTaken, InvalidProfile, Refused):
                continue
        with transaction.atomic():
            kinds = one_by_one(schema, rows, on_conflict)
            expected = state(schema)
            transaction.set_rollback(True)
        model.import_rows([raw_profile(row) for row in rows], on_conflict)

        with transaction.atomic():
            dry = run_import(csv_file(HEADERS, rows), on_conflict=on_conflict, dry_run=True)
            predicted = (dry.counts, fates(dry))
            transaction.set_rollback(True)
        run = run_import(csv_file(HEADERS, rows), on_conflict=on_conflict)

        assert run.state == "completed"
        assert state(schema) == expected
        assert state(schema) == in_order(profile for _deleted, profile in model.state())
        check_numbers(schema)
        assert (dry.state, *predicted) == ("ready", run.counts, fates(run))
        found = list(fates(run).values())
        blank = [not any(row) for row in rows]
        assert len(found) == blank.count(False)
        if on_conflict == "update" and not any(blank):
            assert found == kinds
        transaction.set_rollback(True)
