"""The crowd in the database, once for all tests of the list, taken back afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from cim.access.audit import system_actor
from customers import indexes
from customers import schema as schemas
from customers.models import Attribute, Customer, CustomerLabel, Label, Phone
from customers.policy import Sight
from customers.schema import Definition, Schema
from tests.conftest import as_owner
from tests.customers.listing.oracle import crowd as made
from tests.customers.listing.oracle.crowd import NOON, Person

ALL = Sight(frozenset(), frozenset(), may_reveal=True)


@dataclass
class Crowd:
    """The people who are in the database, and the schema they have."""

    schema: Schema
    people: list[Person]
    sight: Sight = ALL
    _orders: dict[tuple[str, bool], list[Person]] = field(default_factory=dict)

    @property
    def listed(self) -> list[Person]:
        return [person for person in self.people if person.is_live and person.stage == "curated"]

    def in_order(self, key: str, *, descending: bool) -> list[Person]:
        """All the live, in order; sorted once."""
        if (key, descending) not in self._orders:
            live = [person for person in self.people if person.is_live]
            self._orders[key, descending] = made.in_order(live, key, descending=descending)
        return self._orders[key, descending]


@pytest.fixture(scope="package")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Crowd]:
    """Yield the crowd; each test runs in a savepoint of its transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield _insert(made.people())
        transaction.set_rollback(True)


def _insert(people: list[Person]) -> Crowd:
    actor = system_actor("api")
    for key, kind in made.KINDS.items():
        given = {
            "label": key,
            "type": kind,
            "fast": key in {"note", "score", "active", "seen", "site", "tier"},
        }
        if kind == "choice":
            given["options"] = made.OPTIONS
        schemas.add(Definition(**given, given=frozenset(given)), actor)
    _build_fast_indexes()
    schema = Schema.current()
    labels = {name: Label.objects.create(name=name) for name in made.LABELS}
    _copy(people, schema)
    survivor = next(person for person in people if person.is_live)
    gone = [person.id for person in people if not person.is_live]
    Customer.objects.filter(id__in=gone[::2]).update(deleted_at=NOON)
    Customer.objects.filter(id__in=gone[1::2]).update(merged_into=survivor.id)
    CustomerLabel.objects.bulk_create(
        CustomerLabel(customer_id=person.id, label=labels[name])
        for person in people
        for name in person.labels
    )
    Phone.objects.bulk_create(
        Phone(number=number, customer_id=person.id, typed=number, used_in=["phones"], valid_from=NOON)
        for person in people
        if person.is_live
        for number in dict.fromkeys([*person.values["phones"], *filter(None, [person.values["mobile"]])])
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer")
    return Crowd(schema, people)


def _build_fast_indexes() -> None:
    """Build what ``indexes.settle`` would, but inside the transaction."""
    with connection.cursor() as cursor:
        for attribute in Attribute.objects.filter(fast=True):
            for index in indexes.indexes_of(attribute):
                with as_owner():
                    cursor.execute(f"CREATE INDEX {index.name} ON customers_customer {index.definition}")
    Attribute.objects.filter(fast=True).update(index_state=Attribute.IndexState.READY)


def _copy(people: list[Person], schema: Schema) -> None:
    columns = ", ".join(attribute.column for attribute in schema.attributes)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY customers_customer (id, stage, version, {columns}) FROM STDIN") as copy,
    ):
        for person in people:
            values = [_stored(person.values[attribute.key]) for attribute in schema.attributes]
            copy.write_row((person.id, person.stage, 1, *values))


def _stored(value: Any) -> Any:
    return Decimal(value) if isinstance(value, bool) else value
