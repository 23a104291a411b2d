"""Create, overwrite, edit, delete and restore, beside the plain model of identity (C10–C16)."""

import threading
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access.audit import system_actor
from customers import profiles
from customers import schema as schemas
from customers.history import versions_of
from customers.models import Customer, Phone
from customers.profiles import NumberTaken, SeveralOwners
from customers.schema import Definition, InvalidProfile, Schema
from tests.identity_model import Identity, Refused, without_empty

ACTOR = system_actor("api")
NUMBERS = ["+4930100001", "+4930100002", "+4930100003", "+4930100004"]

pytestmark = pytest.mark.django_db


def add_attribute(label: str, kind: str, **more: Any) -> str:
    fields = {"label": label, "type": kind, **more}
    return schemas.add(Definition(**fields, given=frozenset(fields)), ACTOR).key


def create(schema: Schema, on_conflict: str = "overwrite", **raw: Any) -> profiles.Outcome:
    return profiles.create(schema.read_json(raw), ACTOR, schema=schema, on_conflict=on_conflict)


def shown(customer: Customer, schema: Schema) -> dict[str, Any]:
    return without_empty(profiles.profile_of(Customer.objects.get(pk=customer.pk), schema))


def test_create_overwrites_the_profile_that_holds_the_number() -> None:
    schema = Schema.current()
    before = create(
        schema, first_name="Ada", address="Old street", phones=["030 100001", "+49 30 100002"]
    ).customer

    outcome = create(schema, last_name="Lovelace", phones=["+49 30 100001"])

    assert (outcome.kind, outcome.customer.pk) == ("overwritten", before.pk)
    assert shown(before, schema) == {"last_name": "Lovelace", "phones": ["+4930100001"]}
    assert Phone.objects.current().get().number == "+4930100001"
    assert Phone.objects.get(number="+4930100002").valid_to is not None


def test_overwritten_profile_is_kept_and_comes_back_in_one_action() -> None:
    schema = Schema.current()
    customer = create(schema, first_name="Ada", address="Old street", phones=NUMBERS[:2]).customer
    create(schema, last_name="Lovelace", phones=NUMBERS[:1])

    restored = profiles.restore(customer.pk, 1, ACTOR, schema=schema)

    assert restored.not_returned == []
    assert shown(customer, schema) == {"first_name": "Ada", "address": "Old street", "phones": NUMBERS[:2]}
    assert set(Phone.objects.current().values_list("number", flat=True)) == set(NUMBERS[:2])
    assert [change.version for change in versions_of(restored.customer, schema)] == [3, 2, 1]


def test_a_number_taken_since_is_answered_and_stays_with_its_new_owner() -> None:
    schema = Schema.current()
    ada = create(schema, first_name="Ada", phones=NUMBERS[:2]).customer
    profiles.delete(ada.pk, ACTOR)
    grace = create(schema, first_name="Grace", phones=NUMBERS[1:2]).customer

    restored = profiles.undelete(ada.pk, ACTOR, schema=schema)

    assert restored.not_returned == [{"number": NUMBERS[1], "owner": str(grace.pk)}]
    assert shown(ada, schema) == {"first_name": "Ada", "phones": NUMBERS[:1]}


def test_numbers_of_two_customers_write_nothing() -> None:
    schema = Schema.current()
    ada = create(schema, first_name="Ada", phones=NUMBERS[:1]).customer
    grace = create(schema, first_name="Grace", phones=NUMBERS[1:2]).customer

    with pytest.raises(SeveralOwners) as refusal:
        create(schema, first_name="Both", phones=NUMBERS[:3])

    assert refusal.value.customers == sorted([ada.pk, grace.pk], key=str)
    assert not Phone.objects.filter(number=NUMBERS[2]).exists()


def test_editing_never_takes_another_customers_number() -> None:
    schema = Schema.current()
    ada = create(schema, first_name="Ada", phones=NUMBERS[:1]).customer
    grace = create(schema, first_name="Grace").customer

    with pytest.raises(NumberTaken) as refusal:
        profiles.edit(grace.pk, schema.read_json({"phones": NUMBERS[:1]}), ACTOR, schema=schema)

    assert refusal.value.customers == [ada.pk]
    assert shown(grace, schema) == {"first_name": "Grace"}


def test_stop_list_number_identifies_nobody(settings: Any) -> None:
    settings.CIM_STOP_NUMBERS = frozenset(NUMBERS[:1])
    schema = Schema.current()

    outcomes = [create(schema, first_name=name, phones=NUMBERS[:1]).kind for name in ("Ada", "Grace")]

    assert outcomes == ["created", "created"]
    assert not Phone.objects.exists()


def test_a_profile_that_names_nobody_is_refused() -> None:
    schema = Schema.current()

    with pytest.raises(InvalidProfile, match="at least one of"):
        create(schema, address="Somewhere 1")

    assert create(schema, first_name="Ada").kind == "created"


def test_a_new_version_is_written_only_where_something_changed() -> None:
    schema = Schema.current()
    customer = create(schema, first_name="Ada", phones=NUMBERS[:1]).customer

    outcome = create(schema, first_name="Ada", phones=NUMBERS[:1])

    assert (outcome.kind, outcome.changed, outcome.customer.version) == (
        "overwritten",
        False,
        customer.version,
    )


VALUE = st.sampled_from(["Ada", "Grace", "Ünal", "0"])
PROFILE = st.fixed_dictionaries(
    {},
    optional={
        "first_name": VALUE,
        "address": VALUE,
        "phones": st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3),
        "mobile": st.sampled_from(NUMBERS),
    },
)
STEP = st.one_of(
    st.tuples(st.just("create"), PROFILE, st.sampled_from(["overwrite", "update", "reject"])),
    st.tuples(st.just("edit"), PROFILE, st.integers(0, 5)),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("undelete"), st.integers(0, 5)),
    st.tuples(st.just("restore"), st.integers(0, 5), st.integers(0, 3)),
)


@pytest.fixture
def mobile() -> Schema:
    add_attribute("Mobile", "phone")
    add_attribute("Tariff", "text", default="basic")
    return Schema.current()


class Beside:
    """The real thing and the model, each step done to both."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.model = Identity(phone_keys=["mobile"], defaults={"tariff": "basic"})
        self.ids: dict[int, Any] = {}

    def run(self, step: tuple[Any, ...]) -> None:
        name, *arguments = step
        if name != "create":
            wanted = arguments[0] if name != "edit" else arguments[1]
            if wanted + 1 not in self.ids:
                return
        getattr(self, name)(*arguments)
        self.check()

    def create(self, profile: dict[str, Any], on_conflict: str) -> None:
        try:
            kind, number = self.model.create(profile, on_conflict)
        except Refused:
            with pytest.raises((NumberTaken, InvalidProfile)):
                create(self.schema, on_conflict, **profile)
        else:
            outcome = create(self.schema, on_conflict, **profile)
            assert outcome.kind == kind
            assert self.ids.setdefault(number, outcome.customer.pk) == outcome.customer.pk

    def edit(self, profile: dict[str, Any], index: int) -> None:
        known = self.model.customers[index + 1]
        after = {**known.profile, **profile}
        if not known.deleted and not (
            self.model.numbers(after) or any(after.get(key) for key in ("first_name", "last_name", "emails"))
        ):
            return
        given = self.schema.read_json(profile)
        try:
            self.model.edit(index + 1, profile)
        except Refused:
            with pytest.raises((NumberTaken, Customer.DoesNotExist)):
                profiles.edit(self.ids[index + 1], given, ACTOR, schema=self.schema)
        else:
            profiles.edit(self.ids[index + 1], given, ACTOR, schema=self.schema)

    def delete(self, index: int) -> None:
        try:
            self.model.delete(index + 1)
        except Refused:
            with pytest.raises(Customer.DoesNotExist):
                profiles.delete(self.ids[index + 1], ACTOR)
        else:
            profiles.delete(self.ids[index + 1], ACTOR)

    def undelete(self, index: int) -> None:
        if self.model.customers[index + 1].deleted:
            taken = self.model.undelete(index + 1)
            restored = profiles.undelete(self.ids[index + 1], ACTOR, schema=self.schema)
            assert {item["number"] for item in restored.not_returned} == set(taken)

    def restore(self, index: int, version: int) -> None:
        known = self.model.customers[index + 1]
        if known.deleted or version >= len(known.versions):
            return
        profile = known.versions[version]
        number = self._version_with(index, profile)
        taken = self.model.restore(index + 1, version)
        restored = profiles.restore(self.ids[index + 1], number, ACTOR, schema=self.schema)
        assert {item["number"] for item in restored.not_returned} == set(taken)

    def _version_with(self, index: int, profile: dict[str, Any]) -> int:
        customer = Customer.objects.get(pk=self.ids[index + 1])
        found = [
            item.version
            for item in versions_of(customer, self.schema)
            if without_empty(item.profile) == profile
        ]
        assert found, "C16: every earlier profile is kept"
        return found[0]

    def check(self) -> None:
        for number, pk in self.ids.items():
            customer = Customer.objects.get(pk=pk)
            assert (
                without_empty(profiles.profile_of(customer, self.schema))
                == self.model.customers[number].profile
            )
            assert (customer.deleted_at is not None) == self.model.customers[number].deleted
        owners = dict(Phone.objects.current().values_list("number", "customer_id"))
        assert owners == {number: self.ids[owner] for number, owner in self.model.owner.items()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=12))
def test_any_sequence_of_operations_ends_as_the_model_says(
    mobile: Schema, steps: list[tuple[Any, ...]]
) -> None:
    Phone.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_forget_versions(array_agg(id)) FROM customers_customer")
    Customer.objects.all().delete()
    beside = Beside(mobile)

    for step in steps:
        beside.run(step)


def in_threads(count: int, work: Any) -> list[Any]:
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        try:
            barrier.wait()
            results[index] = work(index)
        except Exception as refusal:
            results[index] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_creates_of_one_number_leave_one_owner() -> None:
    schema = Schema.current()

    results = in_threads(
        50, lambda index: create(schema, "reject", first_name=f"Writer {index}", phones=NUMBERS[:1]).kind
    )

    assert [item for item in results if item == "created"] == ["created"]
    assert sum(isinstance(item, NumberTaken) for item in results) == 49
    assert Phone.objects.current().count() == 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_writers_of_overlapping_numbers_never_deadlock_nor_break_ownership() -> None:
    schema = Schema.current()

    def work(index: int) -> int:
        done = 0
        for turn in range(15):
            wanted = [NUMBERS[(index + turn * 3) % 4], NUMBERS[(index * 3 + turn) % 4]]
            with suppress(NumberTaken):
                made = create(
                    schema, ["overwrite", "update"][turn % 2], first_name=f"{index}.{turn}", phones=wanted
                )
                done += 1
                with suppress(NumberTaken, Customer.DoesNotExist, InvalidProfile):
                    profiles.edit(
                        made.customer.pk,
                        schema.read_json({"phones": [NUMBERS[turn % 4]]}),
                        ACTOR,
                        schema=schema,
                    )
                if turn % 5 == 4:
                    with suppress(Customer.DoesNotExist):
                        profiles.delete(made.customer.pk, ACTOR)
        return done

    results = in_threads(6, work)

    assert all(isinstance(item, int) for item in results), results
    shown_numbers = {
        (number, customer.pk) for customer in Customer.objects.live() for number in customer.phones
    }
    assert shown_numbers == set(Phone.objects.current().values_list("number", "customer_id"))
    assert connection.vendor == "postgresql"
