"""What a customer looked like before: versions are read back from what each change took away (C16)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from cim.access.models import AuditEntry
from customers import values
from customers.models import Attribute, Customer, SlotLease
from customers.models.attribute import storage_of
from customers.models.customer import from_column
from customers.schema import Schema, dialplan
from customers.values import BadValue, Kind, Reading, Value


class NoSuchVersion(LookupError):
    """The customer never had a version of that number."""

    def __init__(self, version: int, latest: int) -> None:
        super().__init__(version)
        self.version = version
        self.latest = latest

    def __str__(self) -> str:
        return _("There is no version %(version)d; there are versions 1 to %(latest)d.") % {
            "version": self.version,
            "latest": self.latest,
        }


@dataclass(frozen=True)
class Change:
    """How a version came to be: by whom, when, through what, and each changed value before and after, by key."""

    version: int
    at: datetime
    entry: AuditEntry | None
    changes: Mapping[str, tuple[Value, Value]]
    profile: Mapping[str, Value]


@dataclass(frozen=True)
class _Step:
    """One row of the history: the version that it ended, and the columns' values before."""

    version: int
    at: datetime
    entry_id: int | None
    before: Mapping[str, str | None]
    lists: Mapping[str, list[str] | None]


def versions_of(customer: Customer, schema: Schema) -> list[Change]:
    """Return all versions of ``customer``, newest first, as attributes of today's ``schema``. Four queries."""
    steps = _steps(customer.id)
    entries = AuditEntry.objects.in_bulk(
        [step.entry_id for step in steps if step.entry_id] + [customer.created_entry_id or 0]
    )
    tenants = _Tenants(schema)
    after: dict[str, Value] = {attribute.key: customer.value_of(attribute) for attribute in schema.writable}
    found = []
    for step in steps:
        before = {**after, **tenants.read(step)}
        changes = {key: (before[key], after[key]) for key in after if before[key] != after[key]}
        found.append(Change(step.version + 1, step.at, entries.get(step.entry_id or 0), changes, after))
        after = before
    created = entries.get(customer.created_entry_id or 0)
    given: dict[str, tuple[Value, Value]] = {
        key: (None, value) for key, value in after.items() if value is not None
    }
    found.append(Change(1, customer.created_at, created, given, after))
    return found


def profile_at(customer: Customer, version: int, schema: Schema) -> dict[str, Value]:
    """Return the profile that ``customer`` had at ``version``. Raises NoSuchVersion."""
    if not 1 <= version <= customer.version:
        raise NoSuchVersion(version, customer.version)
    tenants = _Tenants(schema)
    profile: dict[str, Value] = {attribute.key: customer.value_of(attribute) for attribute in schema.writable}
    for step in _steps(customer.id, down_to=version):
        profile |= tenants.read(step)
    return profile


def _steps(customer_id: UUID, down_to: int = 1) -> list[_Step]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version, at, entry_id, hstore_to_json(before - ARRAY['phones', 'emails'])::text,"
            " before ? 'phones', (before -> 'phones')::text[], before ? 'emails', (before -> 'emails')::text[]"
            " FROM customers_version WHERE customer_id = %s AND version >= %s ORDER BY version DESC",
            [customer_id, down_to],
        )
        rows = cursor.fetchall()
    return [_step(row) for row in rows]


def _step(row: tuple[Any, ...]) -> _Step:
    version, at, entry_id, before, has_phones, phones, has_emails, emails = row
    lists = {}
    if has_phones:
        lists["phones"] = phones or None
    if has_emails:
        lists["emails"] = emails or None
    return _Step(version, at, entry_id, json.loads(before), lists)


class _Tenants:
    """Which attribute a column belonged to at a moment, and what its old text means in today's type."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.reading = Reading(dialplan())
        self.leases: dict[int, list[SlotLease]] = {}
        for lease in SlotLease.objects.exclude(attribute=None):
            self.leases.setdefault(lease.slot, []).append(lease)

    def read(self, step: _Step) -> dict[str, Value]:
        found: dict[str, Value] = dict(step.lists)
        for column, text in step.before.items():
            attribute, kind = self._tenant(column, step.at)
            if attribute is not None:
                found[attribute.key] = self._value(text, attribute, kind)
        return found

    def _tenant(self, column: str, at: datetime) -> tuple[Attribute | None, Kind]:
        storage, _underscore, slot = column.partition("_")
        if storage not in {"text", "number", "time"} or not slot.isdecimal():
            attribute = self.schema.by_key.get(column)
            known = attribute if attribute is not None and attribute.is_writable else None
            return known, known.kind if known else Kind.TEXT
        for lease in self.leases.get(int(slot), ()):
            kind = Kind(lease.type)
            if (
                lease.since <= at
                and (lease.until is None or at <= lease.until)
                and storage == storage_of(kind)
            ):
                by_id = {attribute.id: attribute for attribute in self.schema.custom}
                return by_id.get(lease.attribute_id or 0), kind
        return None, Kind.TEXT

    def _value(self, text: str | None, attribute: Attribute, kind: Kind) -> Value:
        value = from_stored(text, kind)
        if value is None or kind == attribute.kind:
            return value
        try:
            return values.from_text(values.to_text(value), attribute.rules, self.reading)
        except BadValue:
            return None


def from_stored(text: str | None, kind: Kind) -> Value:
    """Read what PostgreSQL wrote for a column of ``kind`` into the history, or for an archived value."""
    if text is None:
        return None
    match storage_of(kind):
        case "number":
            return from_column(Decimal(text), kind)
        case "time":
            return from_column(datetime.fromisoformat(text), kind)
    return text
