"""Everything that changes who is who, interactions and imports with it, beside the plain model of identity.

After every step: no number with two owners, no interaction without its customer, no fact lost; merges undone in any
order give back what was before (C10, C42, C48, C49, C64, C68). ``CIM_IDENTITY_EXAMPLES`` says how many random lives
are lived.
"""

import os
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers import erasing
from customers.importing import running
from customers.importing.running import NotPossible
from customers.models import ImportRow, ImportRun
from customers.schema import Schema
from interactions import linking
from interactions.families import survivors
from interactions.models import Interaction
from interactions.recording import record
from tests.customers.importing.files import csv_file, run_import
from tests.customers.test_merging_model import ACTOR, MERGE, NUMBERS, PROFILE, STEP, WHO, Beside, mobile
from tests.factories import make_user
from tests.interactions.calls import now_event

__all__ = ["mobile"]

EXAMPLES = int(os.environ.get("CIM_IDENTITY_EXAMPLES", "25"))
LIVES = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Making a failing life shorter takes minutes: only where CIM_IDENTITY_SHRINK is set.
    phases=[phase for phase in Phase if phase is not Phase.shrink or "CIM_IDENTITY_SHRINK" in os.environ],
)

CALL = st.integers(1, 6)
ROW = st.tuples(
    st.sampled_from(["Ada", "Grace", "Edith"]), st.sampled_from(["", "Here"]), st.sampled_from(NUMBERS)
)
EVENT = st.tuples(st.just("event"), CALL, st.sampled_from(NUMBERS))
UNMERGE = st.tuples(st.just("unmerge"), st.integers(0, 3))
LIFE = st.one_of(
    STEP,
    EVENT,
    EVENT,
    MERGE,
    UNMERGE,
    st.tuples(st.just("link"), CALL, st.none() | WHO),
    st.tuples(
        st.just("import_rows"),
        st.lists(ROW, min_size=1, max_size=3),
        st.sampled_from(["overwrite", "update"]),
    ),
    st.tuples(st.just("undo_import")),
    st.tuples(st.just("erase"), WHO),
)


class Life(Beside):
    """The whole of the real thing: customers as before, with interactions, imports and erasures."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.user: User = make_user("Supervisor")
        self.runs: list[tuple[int, ImportRun]] = []

    def event(self, call: int, number: str) -> None:
        if call in self.model.interactions:
            return
        self.model.event(call, number)
        record([now_event("queued", call=str(call), channel="voice", address=number)], timezone.now())

    def link(self, call: int, who: int | None) -> None:
        if call not in self.model.interactions:
            return
        row = Interaction.objects.get(external_id=str(call))
        if who is None:
            self.model.link(call, None)
            linking.unlink(row.id, self.user, ACTOR, timezone.now())
        elif who in self.ids and self.model.customers[who].is_live:
            self.model.link(call, who)
            linking.link(row.id, self.ids[who], self.user, ACTOR, timezone.now())

    def import_rows(self, rows: list[tuple[str, str, str]], on_conflict: str) -> None:
        # Who was erased is not brought back by a file; that has tests of its own.
        if any(known.erased for known in self.model.customers.values()):
            return
        number = len(self.runs) + 1
        given = [{"first_name": name, "address": address, "phones": [phone]} for name, address, phone in rows]
        if on_conflict == "update":
            given = [{key: value for key, value in row.items() if value} for row in given]
        known = set(self.model.customers)
        self.model.import_rows(given, on_conflict, number)
        file = csv_file(["first_name", "address", "phone"], rows)
        run = run_import(file, f"{number}.csv", on_conflict=on_conflict)
        assert run.state == "completed"
        self.runs.append((number, run))
        met = ImportRow.objects.filter(run=run).order_by("line").values_list("customer", flat=True)
        made = [key for key in dict.fromkeys(met) if key and key not in self.ids.values()]
        self.ids |= dict(zip(sorted(set(self.model.customers) - known), made, strict=True))

    def undo_import(self) -> None:
        if not self.runs:
            return
        number, run = self.runs.pop()
        try:
            running.request_undo(run.id, ACTOR)
        except NotPossible:
            # An erasure has taken the file and what was kept of it.
            assert any(known.erased for known in self.model.customers.values())
            return
        running.work()
        run.refresh_from_db()
        left = self.model.undo_import(number)
        assert {UUID(item["customer"]) for item in run.not_undone if item["why"] == "changed"} == {
            self.ids[who] for who in left
        }

    def erase(self, who: int) -> None:
        if who in self.ids and not self.model.customers[who].erased:
            self.model.erase(who)
            erasing.erase(self.ids[who], ACTOR, schema=self.schema, now=timezone.now())

    def merge(self, into: int, parts: list[int], picks: dict[str, int], phones: list[str] | None) -> None:
        people = [who for who in (into, *parts) if who in self.model.customers]
        before = sum((self.facts(who) for who in people), Counter[tuple[str, str]]())
        made = len(self.merges)
        super().merge(into, parts, picks, phones)
        if len(self.merges) > made and phones is None:
            assert set(self.facts(into)) == set(before), "a merge loses and invents nothing"

    def facts(self, who: int) -> Counter[tuple[str, str]]:
        """What is known of somebody and must not be lost: numbers, addresses, labels."""
        profile = self.model.customers[who].profile
        found = Counter(("number", number) for number in self.model.numbers(profile))
        for key in ("emails", "@labels"):
            found.update((key, item) for item in profile.get(key, ()))
        return found

    def check(self) -> None:
        super().check()
        rows = {int(row.external_id): row for row in Interaction.objects.all()}
        assert rows.keys() == self.model.interactions.keys(), "no interaction is lost"
        live = survivors({row.customer_id for row in rows.values() if row.customer_id})
        for call, row in rows.items():
            whose = self.model.whose(call)
            expected = None if whose is None or not self.model.customers[whose].is_live else self.ids[whose]
            found = live.get(row.customer_id) if row.customer_id else None
            assert found == expected, f"interaction {call}"


@LIVES
@given(
    people=st.lists(PROFILE, min_size=2, max_size=4),
    steps=st.lists(LIFE, max_size=15),
    order=st.randoms(use_true_random=False),
)
def test_any_life_goes_as_the_model_says(
    mobile: Schema, people: list[Any], steps: list[tuple[Any, ...]], order: Any
) -> None:
    with transaction.atomic():
        life = Life(mobile)
        for profile in people:
            life.create(profile, "overwrite")
        for step in steps:
            life.run(step)
        for _merge in range(len(life.merges)):
            life.run(("unmerge", order.randrange(4)))
        stands = [known for known in life.model.customers.values() if not known.erased]
        assert all(known.merged_into is None for known in stands)
        transaction.set_rollback(True)


@LIVES
@given(
    steps=st.lists(st.one_of(MERGE, MERGE, EVENT), min_size=3, max_size=10),
    order=st.randoms(use_true_random=False),
)
def test_interactions_among_merges_end_with_whose_number_they_came_from(
    mobile: Schema, steps: list[tuple[Any, ...]], order: Any
) -> None:
    with transaction.atomic():
        life = Life(mobile)
        for place, name in enumerate(["Ada", "Grace", "Edith", "Mary"]):
            life.create({"first_name": name, "phones": [NUMBERS[place]]}, "reject")
        for step in steps:
            with suppress(IndexError):
                life.run((*step[:4], None) if step[0] == "merge" else step)
        for _merge in range(len(life.merges)):
            life.run(("unmerge", order.randrange(4)))
        for row in Interaction.objects.all():
            assert row.customer_id == life.ids[NUMBERS.index(row.address) + 1]
        transaction.set_rollback(True)


def test_what_came_before_the_survivor_was_merged_on_goes_back_to_its_number(mobile: Schema) -> None:
    life = Life(mobile)
    for place, name in enumerate(["Ada", "Grace", "Edith"]):
        life.create({"first_name": name, "phones": [NUMBERS[place]]}, "reject")
    picks = dict.fromkeys(("first_name", "address", "mobile"), 0)

    for step in (
        ("merge", 2, [1], picks, None),
        ("event", 1, NUMBERS[0]),
        ("merge", 3, [2], picks, None),
        ("event", 2, NUMBERS[0]),
        ("unmerge", 0),
    ):
        life.run(step)

    assert set(Interaction.objects.values_list("customer_id", flat=True)) == {life.ids[1]}
