"""What happens to a customer's values and numbers: create or overwrite, edit, delete, restore (C10b, C12–C16, C37).

Every function is one transaction under one audit entry, and ends in the state that ``tests/identity_model.py`` defines.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers import history, numbers
from customers.models import Customer, Erasure, Identifier, Phone, Stage
from customers.models.customer import time_ordered_id
from customers.schema import Given, InvalidProfile, Schema
from customers.values import Value

Result = TypeVar("Result")


class OnConflict(StrEnum):
    """What creating does where one existing customer holds a number of the new profile (C12)."""

    OVERWRITE = "overwrite"
    UPDATE = "update"
    REJECT = "reject"


class NumberTaken(Exception):
    """A number belongs to another customer; ``customers`` names the owners (C14, and C12 with *reject*)."""

    def __init__(self, owners: Mapping[str, UUID]) -> None:
        self.owners = dict(owners)
        self.customers = sorted(set(owners.values()), key=str)
        super().__init__(self.customers)

    def __str__(self) -> str:
        return _("%(numbers)s already belongs to customer %(customers)s.") % {
            "numbers": ", ".join(sorted(self.owners)),
            "customers": ", ".join(str(customer) for customer in self.customers),
        }


class SeveralOwners(NumberTaken):
    """The numbers of a new profile belong to two or more customers; nothing was written (C13)."""

    def __str__(self) -> str:
        return _("The numbers %(numbers)s belong to several customers: %(customers)s. Merge them first.") % {
            "numbers": ", ".join(sorted(self.owners)),
            "customers": ", ".join(str(customer) for customer in self.customers),
        }


class StaleVersion(Exception):
    """Somebody else has saved the customer in between (C37); ``customer`` is the row as it is now."""

    def __init__(self, customer: Customer, expected: int) -> None:
        super().__init__(customer.id)
        self.customer = customer
        self.expected = expected

    def __str__(self) -> str:
        return _("Version %(expected)d was given, but the customer is at version %(current)d by now.") % {
            "expected": self.expected,
            "current": self.customer.version,
        }


class Moved(Exception):
    """A row changed between reading and locking it: what was planned from it is out of date."""


@dataclass(frozen=True)
class Outcome:
    """What creating did: ``kind`` is created, overwritten, updated; ``changed`` says whether anything was written."""

    kind: str
    customer: Customer
    changed: bool = True


@dataclass(frozen=True)
class Restored:
    """A restored customer, and the numbers that another one has taken since (C10b)."""

    customer: Customer
    not_returned: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def create(
    given: Given,
    actor: audit.Actor,
    *,
    schema: Schema,
    on_conflict: str = OnConflict.OVERWRITE,
    identifiers: Collection[tuple[str, str]] = (),
    keep: Collection[str] = (),
    now: datetime | None = None,
) -> Outcome:
    """Create a customer, or overwrite or update the one that holds a number of it (C12, C13).

    ``keep`` names attributes that overwriting must leave alone, because the actor may not write them. Raises
    InvalidProfile, NumberTaken (*reject*), SeveralOwners; nothing is written then.
    """
    now = now or timezone.now()
    profile = {**schema.defaults, **_filled(given.values)}
    if not (_names_somebody(given.values, schema) or identifiers):
        raise InvalidProfile(
            {
                "non_field_errors": [
                    _("Give at least one of first name, last name, phone, email or identifier.")
                ]
            }
        )
    uses = schema.uses_of(given.values, given.typed)
    newcomer = time_ordered_id()
    with transaction.atomic():
        held = numbers.hold(uses, newcomer, now=now)
        if len(set(held.owners.values())) > 1:
            raise SeveralOwners(held.owners)
        if not held.owners:
            schema.check_required(profile)
            outcome = Outcome("created", _insert(newcomer, profile, actor, schema, now))
        elif on_conflict == OnConflict.REJECT:
            raise NumberTaken(held.owners)
        else:
            (customer,) = (held.customers[owner] for owner in set(held.owners.values()))
            if on_conflict == OnConflict.UPDATE:
                schema.check_required({**profile_of(customer, schema), **given.values}, among=given.values)
                outcome = _replace(customer, given.values, "customer.update", "updated", actor, schema, now)
            else:
                whole: dict[str, Value] = {
                    attribute.key: profile.get(attribute.key)
                    for attribute in schema.writable
                    if attribute.key not in keep
                }
                schema.check_required({**profile_of(customer, schema), **whole})
                outcome = _replace(customer, whole, "customer.overwrite", "overwritten", actor, schema, now)
            after = profile_of(outcome.customer, schema)
            numbers.settle(
                customer.id, schema.uses_of(after, _typed(customer, given)), newcomer=newcomer, now=now
            )
        _add_identifiers(outcome.customer, identifiers, now)
    return outcome


def edit(
    customer_id: UUID,
    given: Given,
    actor: audit.Actor,
    *,
    schema: Schema,
    expected: int | None = None,
    replace: bool = False,
    keep: Collection[str] = (),
    now: datetime | None = None,
) -> Customer:
    """Change the given values of a live customer; with ``replace`` clear the others, but for ``keep``.

    Never an overwrite: a number of another customer raises NumberTaken (C14). Raises Customer.DoesNotExist,
    InvalidProfile, and StaleVersion where ``expected`` is not the current version (C37).
    """
    now = now or timezone.now()
    changes: dict[str, Value] = dict(given.values)
    if replace:
        changes = {
            attribute.key: given.values.get(attribute.key)
            for attribute in schema.writable
            if attribute.key not in keep
        }

    def attempt() -> Customer:
        seen = Customer.objects.live().get(id=customer_id)
        after = {**profile_of(seen, schema), **changes}
        uses = schema.uses_of(after, _typed(seen, given))
        held = numbers.hold(uses, customer_id, [customer_id], now=now)
        customer = _locked(held, seen)
        if expected is not None and customer.version != expected:
            raise StaleVersion(customer, expected)
        if held.owners:
            raise NumberTaken(held.owners)
        if not (_names_somebody(after, schema) or customer.identifiers.exists()):
            raise InvalidProfile(
                {
                    "non_field_errors": [
                        _("At least one of first name, last name, phone, email or identifier must stay.")
                    ]
                }
            )
        schema.check_required(after, among=changes)
        _replace(customer, changes, "customer.edit", "edited", actor, schema, now)
        numbers.settle(customer_id, uses, now=now)
        return customer

    return until_unmoved(attempt)


def delete(
    customer_id: UUID, actor: audit.Actor, *, expected: int | None = None, now: datetime | None = None
) -> Customer:
    """Delete a live customer softly: its values stay, its numbers are free for others (C10b, C17)."""
    now = now or timezone.now()
    with transaction.atomic():
        customer = Customer.objects.live().locked().get(id=customer_id)
        if expected is not None and customer.version != expected:
            raise StaleVersion(customer, expected)
        with audit.recorded(actor, "customer.delete", object_type="customer", object_id=customer_id):
            customer.deleted_at = now
            save_version(customer, ["deleted_at"], now)
            numbers.settle(customer_id, {}, now=now)
    return customer


def undelete(
    customer_id: UUID, actor: audit.Actor, *, schema: Schema, now: datetime | None = None
) -> Restored:
    """Bring a deleted customer back, with those numbers that are still free (C10b).

    Raises Customer.DoesNotExist where there is no deleted customer of that id, or it was erased (C17).
    """
    now = now or timezone.now()
    if Erasure.objects.of([customer_id]).exists():
        raise Customer.DoesNotExist(customer_id)

    def attempt() -> Restored:
        seen = Customer.objects.exclude(deleted_at=None).get(id=customer_id)
        return _bring_back(seen, profile_of(seen, schema), "customer.undelete", actor, schema, now)

    return until_unmoved(attempt)


def restore(
    customer_id: UUID, version: int, actor: audit.Actor, *, schema: Schema, now: datetime | None = None
) -> Restored:
    """Make the profile of an earlier version the current one, with those numbers that are still free (C10b, C16).

    Raises Customer.DoesNotExist, history.NoSuchVersion.
    """
    now = now or timezone.now()

    def attempt() -> Restored:
        seen = Customer.objects.live().get(id=customer_id)
        profile = history.profile_at(seen, version, schema)
        return _bring_back(seen, profile, "customer.restore", actor, schema, now, restored_version=version)

    return until_unmoved(attempt)


def profile_of(customer: Customer, schema: Schema) -> dict[str, Value]:
    """Return every writable value of ``customer``, empty ones as None."""
    return {attribute.key: customer.value_of(attribute) for attribute in schema.writable}


def _bring_back(
    seen: Customer,
    profile: Mapping[str, Value],
    action: str,
    actor: audit.Actor,
    schema: Schema,
    now: datetime,
    **data: Any,
) -> Restored:
    typed = dict(Phone.objects.filter(customer=seen).order_by("id").values_list("number", "typed"))
    held = numbers.hold(schema.uses_of(profile, typed), seen.id, [seen.id], now=now)
    customer = _locked(held, seen)
    kept = {key: _without(value, held.owners) for key, value in profile.items()}
    with audit.recorded(actor, action, object_type="customer", object_id=seen.id, **data):
        columns = _put(customer, kept, schema)
        schema.hold(columns)
        if customer.deleted_at is not None:
            customer.deleted_at = None
            columns.append("deleted_at")
        if columns:
            save_version(customer, columns, now)
        numbers.settle(customer.id, schema.uses_of(kept, typed), now=now)
    not_returned = [{"number": number, "owner": str(owner)} for number, owner in sorted(held.owners.items())]
    return Restored(customer, not_returned)


def _insert(
    newcomer: UUID, profile: Mapping[str, Value], actor: audit.Actor, schema: Schema, now: datetime
) -> Customer:
    customer = Customer(id=newcomer, created_at=now, updated_at=now)
    schema.hold(_put(customer, profile, schema))
    with audit.recorded(actor, "customer.create", object_type="customer", object_id=newcomer) as entry:
        customer.created_entry = entry
        customer.save(force_insert=True)
    return customer


def _replace(
    customer: Customer,
    changes: Mapping[str, Value],
    action: str,
    kind: str,
    actor: audit.Actor,
    schema: Schema,
    now: datetime,
) -> Outcome:
    """Write ``changes`` on a locked customer; equal to what is stored, nothing is written, and no version."""
    columns = _put(customer, changes, schema)
    if customer.stage != Stage.CURATED:
        # Saved by a person or a program that knows the customer: that is the promotion (C12, C41).
        customer.stage = Stage.CURATED
        columns.append("stage")
        kind = "created" if kind == "overwritten" else kind
    if columns:
        schema.hold(columns)
        with audit.recorded(actor, action, object_type="customer", object_id=customer.id):
            save_version(customer, columns, now)
    return Outcome(kind, customer, bool(columns))


def _put(customer: Customer, values: Mapping[str, Value], schema: Schema) -> list[str]:
    """Set the columns whose value differs from ``values`` and return their names."""
    changed: list[str] = []
    for key, value in values.items():
        attribute = schema.by_key[key]
        if customer.value_of(attribute) != value:
            changed += schema.put(customer, attribute, value)
    return changed


def save_version(customer: Customer, columns: list[str], now: datetime) -> None:
    """Save the columns of a locked customer as its next version; the database keeps what they held before."""
    customer.version += 1
    customer.updated_at = now
    customer.save(update_fields=[*columns, "version", "updated_at"])


def _locked(held: numbers.Held, seen: Customer) -> Customer:
    customer = held.customers.get(seen.id)
    if customer is None or customer.version != seen.version:
        raise Moved
    return customer


def until_unmoved(attempt: Callable[[], Result]) -> Result:
    """Run ``attempt`` in a transaction of its own until nobody has changed the row under it."""
    while True:
        try:
            with transaction.atomic():
                return attempt()
        except Moved:
            continue


def _typed(customer: Customer, given: Given) -> dict[str, str]:
    known = Phone.objects.current().filter(customer=customer).values_list("number", "typed")
    return {**dict(known), **given.typed}


def _filled(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in values.items() if value is not None}


def _names_somebody(values: Mapping[str, Value], schema: Schema) -> bool:
    """Tell whether the values make a customer (C12b)."""
    return any(values.get(key) for key in ("first_name", "last_name", "emails", *schema.phone_keys))


def _without(value: Value, taken: Mapping[str, UUID]) -> Value:
    if isinstance(value, list):
        return [item for item in value if item not in taken] or None
    return None if isinstance(value, str) and value in taken else value


def _add_identifiers(customer: Customer, identifiers: Collection[tuple[str, str]], now: datetime) -> None:
    Identifier.objects.bulk_create(
        [
            Identifier(customer=customer, type=kind, value=value, created_at=now)
            for kind, value in identifiers
        ],
        ignore_conflicts=True,
    )
