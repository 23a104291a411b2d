"""Random sequences of everything that changes who is who, beside the plain model of identity (C49, C10b)."""

import itertools
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access import audit
from customers import integrity, merging, profiles
from customers import schema as schemas
from customers.combining import LABELS
from customers.history import versions_of
from customers.merging import Picked
from customers.models import Customer, CustomerLabel, Label, Phone
from customers.profiles import NumberTaken
from customers.schema import Definition, InvalidProfile, Schema
from tests.identity_model import Identity, Refused, beside, profile_only, without_empty

ACTOR = audit.system_actor("api")
NUMBERS = ["+4930100001", "+4930100002", "+4930100003", "+4930100004"]

PROFILE = st.fixed_dictionaries(
    {"first_name": st.sampled_from(["Ada", "Grace", "Edith"])},
    optional={
        "address": st.sampled_from(["Here", "There"]),
        "phones": st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3),
        "mobile": st.sampled_from(NUMBERS),
        "emails": st.lists(st.sampled_from(["a@example.org", "b@example.org"]), unique=True, max_size=2),
    },
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.sampled_from(["Ada", "Grace", "Edith"]),
        "address": st.sampled_from(["Here", "There", None]),
        "phones": st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3),
        "mobile": st.sampled_from([*NUMBERS, None]),
    },
)
WHO = st.integers(1, 5)
MERGE = st.tuples(
    st.just("merge"),
    WHO,
    st.lists(WHO, min_size=1, max_size=2, unique=True),
    st.fixed_dictionaries({name: st.integers(0, 2) for name in ("first_name", "address", "mobile")}),
    st.none() | st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3),
)
STEP = st.one_of(
    st.tuples(st.just("create"), PROFILE, st.sampled_from(["overwrite", "update"])),
    st.tuples(st.just("edit"), WHO, CHANGES),
    st.tuples(st.just("delete"), WHO),
    st.tuples(st.just("undelete"), WHO),
    st.tuples(st.just("restore"), WHO, st.integers(0, 3)),
    st.tuples(st.just("carry"), WHO, st.lists(st.sampled_from("ab"), unique=True)),
    MERGE,
    MERGE,
    st.tuples(st.just("unmerge"), st.integers(0, 3)),
    st.tuples(st.just("unmerge"), st.integers(0, 3)),
)


@pytest.fixture
def mobile(db: None) -> Schema:
    with transaction.atomic():
        fields = {"label": "Mobile", "type": "phone"}
        schemas.add(Definition(**fields, given=frozenset(fields)), ACTOR)
        # What is written in a transaction counts as written when it began.
        schemas.SlotLease.objects.update(since="2020-01-01T00:00Z")
    for name in "ab":
        Label.objects.create(name=name)
    return Schema.current()


class Beside:
    """The real thing and the model, each step done to both."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.model = Identity(phone_keys=["mobile"])
        self.ids: dict[int, UUID] = {}
        self.merges: dict[int, UUID] = {}
        self.labels = dict(Label.objects.values_list("name", "id"))

    def run(self, step: tuple[Any, ...]) -> None:
        name, *arguments = step
        getattr(self, name)(*arguments)
        self.check()

    def create(self, profile: dict[str, Any], on_conflict: str) -> None:
        given = self.schema.read_json(profile)
        try:
            kind, number = self.model.create(profile, on_conflict)
        except Refused:
            with pytest.raises(NumberTaken):
                profiles.create(given, ACTOR, schema=self.schema, on_conflict=on_conflict)
            return
        outcome = profiles.create(given, ACTOR, schema=self.schema, on_conflict=on_conflict)
        assert outcome.kind == kind
        assert self.ids.setdefault(number, outcome.customer.id) == outcome.customer.id

    def edit(self, who: int, changes: dict[str, Any]) -> None:
        if who not in self.ids:
            return
        given = self.schema.read_json(changes)
        try:
            self.model.edit(who, changes)
        except Refused:
            with pytest.raises((NumberTaken, Customer.DoesNotExist)):
                profiles.edit(self.ids[who], given, ACTOR, schema=self.schema)
        else:
            profiles.edit(self.ids[who], given, ACTOR, schema=self.schema)

    def delete(self, who: int) -> None:
        if who not in self.ids:
            return
        try:
            self.model.delete(who)
        except Refused:
            with pytest.raises(Customer.DoesNotExist):
                profiles.delete(self.ids[who], ACTOR)
        else:
            profiles.delete(self.ids[who], ACTOR)

    def undelete(self, who: int) -> None:
        if who not in self.ids or not self.model.customers[who].deleted:
            return
        try:
            taken = self.model.undelete(who)
        except Refused:
            with pytest.raises(Customer.DoesNotExist):
                profiles.undelete(self.ids[who], ACTOR, schema=self.schema)
        else:
            restored = profiles.undelete(self.ids[who], ACTOR, schema=self.schema)
            assert {item["number"] for item in restored.not_returned} == set(taken)

    def restore(self, who: int, version: int) -> None:
        known = self.model.customers.get(who)
        if known is None or not known.is_live or version >= len(known.versions):
            return
        customer = Customer.objects.get(id=self.ids[who])
        wanted = known.versions[version]
        found = [
            item.version
            for item in versions_of(customer, self.schema)
            if without_empty(dict(item.profile)) == wanted
        ]
        assert found, "C16: every earlier profile is kept"
        taken = self.model.restore(who, version)
        restored = profiles.restore(self.ids[who], found[0], ACTOR, schema=self.schema)
        assert {item["number"] for item in restored.not_returned} == set(taken)

    def carry(self, who: int, names: list[str]) -> None:
        with suppress(Refused, KeyError):
            self.model.carry(who, LABELS, [str(self.labels[name]) for name in names])
            CustomerLabel.objects.filter(customer_id=self.ids[who]).delete()
            for name in names:
                CustomerLabel.objects.create(customer_id=self.ids[who], label_id=self.labels[name])

    def merge(self, into: int, parts: list[int], picks: dict[str, int], phones: list[str] | None) -> None:
        people = [into, *parts]
        if not all(who in self.ids for who in people):
            return
        chosen = {name: people[place % len(people)] for name, place in picks.items()}
        lists = {} if phones is None else {"phones": phones}
        picked = Picked(
            given=self.schema.read_json(lists), choices={name: self.ids[who] for name, who in chosen.items()}
        )
        arguments = (self.ids[into], [self.ids[part] for part in parts], ACTOR)
        try:
            number = self.model.merge(into, parts, chosen, lists)
        except Refused:
            with pytest.raises((NumberTaken, Customer.DoesNotExist, merging.NotMergeable)):
                merging.merge(*arguments, schema=self.schema, picked=picked)
        else:
            self.merges[number] = merging.merge(*arguments, schema=self.schema, picked=picked).merge.id

    def unmerge(self, place: int) -> None:
        standing = [number for number, line in self.model.merges.items() if not line.undone]
        if not standing:
            return
        number = standing[place % len(standing)]
        taken = self.model.unmerge(number)
        unmerged = merging.undo(self.merges[number], ACTOR, schema=self.schema)
        assert {item["number"]: UUID(item["owner"]) for item in unmerged.not_returned} == {
            number: self.ids[owner] for number, owner in taken.items()
        }

    def check(self) -> None:
        self.model.check()
        rows = Customer.objects.in_bulk(list(self.ids.values()))
        for number, key in self.ids.items():
            known = self.model.customers[number]
            found = without_empty(profiles.profile_of(rows[key], self.schema))
            assert in_order(found) == in_order(profile_only(known.profile))
            assert (rows[key].deleted_at is not None) == known.deleted
            into = known.merged_into
            assert rows[key].merged_into_id == (None if into is None else self.ids[into])
            carried = CustomerLabel.objects.filter(customer=key).values_list("label_id", flat=True)
            assert sorted(map(str, carried)) == sorted(beside(known.profile).get(LABELS, []))
        owners = dict(Phone.objects.current().values_list("number", "customer_id"))
        assert owners == {number: self.ids[owner] for number, owner in self.model.owner.items()}
        assert list(integrity.problems()) == []


def in_order(profile: dict[str, Any]) -> dict[str, Any]:
    return {key: sorted(value) if isinstance(value, list) else value for key, value in profile.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(PROFILE, min_size=2, max_size=4),
    steps=st.lists(STEP, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_any_sequence_ends_as_the_model_says_and_every_merge_can_be_undone(
    mobile: Schema, people: list[Any], steps: list[tuple[Any, ...]], order: Any
) -> None:
    with transaction.atomic():
        both = Beside(mobile)
        for profile in people:
            both.create(profile, "overwrite")
        for step in steps:
            both.run(step)
        # No fact is lost: whatever happened, all merges can be taken back, in any order.
        for _merge in range(len(both.merges)):
            both.run(("unmerge", order.randrange(4)))
        assert all(known.merged_into is None for known in both.model.customers.values())
        transaction.set_rollback(True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    merges=st.lists(MERGE, min_size=2, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_merges_alone_undone_in_any_order_leave_no_trace(
    mobile: Schema, merges: list[Any], order: Any
) -> None:
    with transaction.atomic():
        both = Beside(mobile)
        for place, name in zip(range(4), itertools.cycle(["Ada", "Grace", "Edith"]), strict=False):
            with suppress(InvalidProfile):
                both.create(
                    {"first_name": name, "address": f"Street {place}", "phones": [NUMBERS[place]]}, "reject"
                )
        before = (
            state_of(both),
            list(Phone.objects.order_by("id").values()),
        )
        for step in merges:
            step = (*step[:4], None)
            both.run(step)
        for _merge in range(len(both.merges)):
            both.run(("unmerge", order.randrange(4)))
        assert (state_of(both), list(Phone.objects.order_by("id").values())) == before
        transaction.set_rollback(True)


def state_of(both: Beside) -> dict[UUID, Any]:
    rows = Customer.objects.in_bulk(list(both.ids.values()))
    return {key: profiles.profile_of(row, both.schema) for key, row in rows.items()}
