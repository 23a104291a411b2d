"""Who owns which number, and how it changes hands without two owners and without a deadlock (C10).

The protocol that every writer keeps, forms and imports alike: first claim the wanted numbers in sorted order (an
insert that waits for whoever is inserting the same one), then lock the customers concerned in the order of their ids,
then look again. Whoever finds that the owners have changed in between lets go of everything and starts anew. The rows
of a customer's current numbers are only ever changed under the lock of that customer.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from customers.models import Customer, Phone

_ATTEMPTS = 100


class Contended(Exception):
    """The owners of the numbers kept changing; trying again may help."""


@dataclass(frozen=True)
class Use:
    """How a customer shows a number: as it was typed, and in which attributes."""

    typed: str
    used_in: tuple[str, ...]


Uses = Mapping[str, Use]


@dataclass(frozen=True)
class Held:
    """The wanted numbers that somebody else owns, and every customer concerned, locked."""

    owners: Mapping[str, UUID]
    customers: Mapping[UUID, Customer]


def identifying(numbers: Iterable[str]) -> set[str]:
    """Leave out the withheld and switchboard numbers, which never identify anybody (C11)."""
    return set(numbers) - set(settings.CIM_STOP_NUMBERS)


def owners_of(numbers: Collection[str]) -> dict[str, UUID]:
    """Return the current owner of each number that has one. One indexed query."""
    return dict(
        Phone.objects.current().filter(number__in=identifying(numbers)).values_list("number", "customer_id")
    )


def hold(uses: Uses, newcomer: UUID, also: Collection[UUID] = (), *, now: datetime) -> Held:
    """Claim the free ones of ``uses`` for ``newcomer`` and lock the owners of the others, and ``also``.

    Must run in a transaction. Raises Contended.
    """
    for _attempt in range(_ATTEMPTS):
        savepoint = transaction.savepoint()
        _claim(uses, newcomer, now)
        owners = owners_of(uses)
        others = set(owners.values()) - {newcomer} | set(also)
        customers = (
            {customer.id: customer for customer in Customer.objects.filter(id__in=others).locked()}
            if others
            else {}
        )
        if owners_of(uses) == owners and all(number in owners for number in uses):
            transaction.savepoint_commit(savepoint)
            return Held({number: owner for number, owner in owners.items() if owner != newcomer}, customers)
        transaction.savepoint_rollback(savepoint)
    raise Contended(sorted(uses))


def _claim(uses: Uses, newcomer: UUID, now: datetime) -> None:
    if not uses:
        return
    numbers = sorted(uses)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_phone (number, customer_id, typed, used_in, valid_from)"
            " SELECT number, %s, typed, string_to_array(used_in, ','), %s"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted(number, typed, used_in) ORDER BY number"
            ' COLLATE "C"'
            " ON CONFLICT (number) WHERE valid_to IS NULL DO NOTHING",
            [
                newcomer,
                now,
                numbers,
                [uses[number].typed for number in numbers],
                [",".join(uses[number].used_in) for number in numbers],
            ],
        )


def settle(customer: UUID, uses: Uses, *, newcomer: UUID | None = None, now: datetime) -> None:
    """Make the current numbers of ``customer`` exactly ``uses``: claims of ``newcomer`` move over, others are closed.

    The customer must be locked, and every number of ``uses`` its own or claimed through ``hold``.
    """
    if newcomer is not None and newcomer != customer:
        Phone.objects.current().filter(customer_id=newcomer).update(customer_id=customer)
    for phone in Phone.objects.current().filter(customer_id=customer):
        use = uses.get(phone.number)
        if use is None:
            phone.valid_to = now
            phone.save(update_fields=["valid_to"])
        elif (phone.typed, tuple(phone.used_in)) != (use.typed, use.used_in):
            phone.typed, phone.used_in = use.typed, list(use.used_in)
            phone.save(update_fields=["typed", "used_in"])
