"""The attributes that a customer has: which there are, who changes them, and what they make of what was given (1.1)."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers import values
from customers.dialects import list_meant
from customers.folding import fold
from customers.models import (
    SEATS,
    SLOTS,
    ArchivedValue,
    Attribute,
    Customer,
    ImportMapping,
    SavedView,
    SlotLease,
)
from customers.numbers import Use, identifying
from customers.phones import Dialplan, InvalidPhone, normalize
from customers.values import BadValue, Kind, Reading, Rules, Value

MOST_FAST = 12
"""How many custom attributes may be marked *fast*: each index costs every write (C2)."""

MOST_OPTIONS = 50

PARAMETER_NAMES = frozenset(
    "page page_size ordering q match label stage format on_conflict cursor id version labels identifiers attributes"  # noqa: SIM905 - shorter to read
    " outcome masked customer customers line column value reason phone email type from to view topic account"
    " channel direction agent state permanently confirm".split()
)
"""Names that the API's contract uses itself; no attribute may be called so (C2)."""


PREDEFINED = [
    ("first_name", "First name", "text"),
    ("last_name", "Last name", "text"),
    ("phones", "Phones", "phones"),
    ("emails", "Emails", "emails"),
    ("address", "Address", "text"),
    ("postal_code", "Postal code", "text"),
    ("crm_id", "CRM id", "text"),
    ("account_id", "Account id", "text"),
    ("language", "Language", "text"),
    ("created_at", "Created", "datetime"),
    ("updated_at", "Updated", "datetime"),
]
"""The attributes that every installation has: key, label, type (C1)."""


class InvalidProfile(ValueError):
    """What was given breaks the schema; ``errors`` maps each attribute key to its messages."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{key}: {' '.join(messages)}" for key, messages in errors.items()))
        self.errors = dict(errors)


class InvalidAttribute(InvalidProfile):
    """A definition that no attribute can have; ``errors`` maps each of its fields to messages."""


class SchemaFull(Exception):
    """All fifty seats are taken (C4)."""

    def __str__(self) -> str:
        return _(
            "There are %(limit)d active custom attributes, and %(limit)d is the limit. Archive one first."
        ) % {"limit": SEATS}


class InUse(Exception):
    """Deleting for good was not confirmed with the right number of customers that hold a value (C7)."""

    def __init__(self, holders: int) -> None:
        super().__init__(holders)
        self.holders = holders

    def __str__(self) -> str:
        return _(
            "%(count)d customers hold a value. Confirm with confirm=%(count)d to delete those values for good."
        ) % {"count": self.holders}


class SchemaMoved(Exception):
    """Attributes that a write concerns have changed since the schema was read; nothing was written."""

    def __str__(self) -> str:
        return _("An administrator has changed the attributes at this moment. Nothing was saved; save again.")


class Converting(Exception):
    """The attribute is being converted to another type, and what was asked for has to wait (C7)."""

    def __init__(self, attribute: Attribute) -> None:
        super().__init__(attribute.key)
        self.attribute = attribute

    def __str__(self) -> str:
        return _("%(label)s is being converted to another type. Wait until that is done, or cancel it.") % {
            "label": self.attribute.label
        }


def dialplan(region: str | None = None) -> Dialplan:
    """Return how the installation reads numbers without a country code, or does so for ``region``."""
    shortest, longest = settings.CIM_EXTENSION_DIGITS
    return Dialplan(region or settings.CIM_DEFAULT_REGION, shortest, longest)


@dataclass(frozen=True)
class Given:
    """Values that somebody gave, by attribute key, read and checked; ``typed`` keeps each number as it was typed."""

    values: Mapping[str, Value]
    typed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """The active attributes at one moment, in order. Reading values through it needs no query."""

    attributes: tuple[Attribute, ...]

    @classmethod
    def current(cls) -> "Schema":
        return cls(tuple(Attribute.objects.active().in_order()))

    @cached_property
    def by_key(self) -> dict[str, Attribute]:
        return {attribute.key: attribute for attribute in self.attributes}

    @cached_property
    def writable(self) -> tuple[Attribute, ...]:
        return tuple(attribute for attribute in self.attributes if attribute.is_writable)

    @cached_property
    def custom(self) -> tuple[Attribute, ...]:
        return tuple(attribute for attribute in self.attributes if attribute.is_custom)

    @cached_property
    def phone_keys(self) -> tuple[str, ...]:
        """The attributes whose values are numbers that have an owner (C10)."""
        return tuple(
            attribute.key for attribute in self.writable if attribute.kind in (Kind.PHONES, Kind.PHONE)
        )

    @cached_property
    def becoming_phones(self) -> tuple[Attribute, ...]:
        """The attributes that are being converted to phones: their numbers have owners before it is done (C10)."""
        return tuple(item for item in self.custom if item.future and item.future.kind is Kind.PHONE)

    @cached_property
    def defaults(self) -> dict[str, Value]:
        reading = Reading(dialplan())
        return {
            attribute.key: values.from_text(attribute.default, attribute.rules, reading)
            for attribute in self.writable
            if attribute.default
        }

    def hold(self, columns: Iterable[str]) -> None:
        """See to it, for the rest of the transaction, that the custom ones of ``columns`` stay where and what they are.

        Raises SchemaMoved where they are not any more. No query where no custom column is concerned.
        """
        wanted = set(columns)
        concerned = {item.pk: item for item in self.custom if wanted.intersection(item.columns)}
        if not concerned:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, type, slot, converting::text FROM customers_attribute WHERE id = ANY(%s)"
                " ORDER BY id FOR KEY SHARE",
                [list(concerned)],
            )
            found = {
                key: (kind, slot, json.loads(converting) if converting else None)
                for key, kind, slot, converting in cursor.fetchall()
            }
        for key, item in concerned.items():
            if found.get(key) != (item.type, item.slot, item.converting):
                raise SchemaMoved

    def put(self, customer: Customer, attribute: Attribute, value: Value) -> tuple[str, ...]:
        """Set the value on ``customer``, nothing is saved; return the columns that it took.

        While the attribute is being converted, the value is kept in both types. Raises InvalidProfile where the new
        type does not take it (C7).
        """
        customer.put(attribute, value)
        if future := attribute.future:
            try:
                customer.put(future, values.converted(value, future.rules, Reading(dialplan())))
            except BadValue as refusal:
                raise InvalidProfile({attribute.key: [str(refusal)]}) from None
        return attribute.columns

    def read_json(self, raw: Mapping[str, Any], reading: Reading | None = None) -> Given:
        """Read parsed JSON by attribute key. Raises InvalidProfile with every bad value quoted."""
        return self._read(raw, values.from_json, reading)

    def read_text(self, raw: Mapping[str, str], reading: Reading | None = None) -> Given:
        """Read texts by attribute key, as a file or a form holds them. Raises InvalidProfile."""
        return self._read(raw, values.from_text, reading)

    def _read(self, raw: Mapping[str, Any], read: Any, reading: Reading | None) -> Given:
        reading = reading or Reading(dialplan())
        found: dict[str, Value] = {}
        typed: dict[str, str] = {}
        errors: dict[str, list[str]] = {}
        for key, item in raw.items():
            attribute = self.by_key.get(key)
            if attribute is None or not attribute.is_writable:
                errors[key] = [self.unknown(key)]
                continue
            try:
                found[key] = read(item, attribute.rules, reading)
            except BadValue as refusal:
                errors[key] = [str(refusal)]
                continue
            if attribute.kind in (Kind.PHONES, Kind.PHONE):
                typed |= typed_numbers(item, reading.plan)
        if errors:
            raise InvalidProfile(errors)
        return Given(found, typed)

    def unknown(self, key: str) -> str:
        known = ", ".join(attribute.key for attribute in self.writable)
        return _("%(key)s is not an attribute that can be given; there are: %(known)s.") % {
            "key": values.quoted(key),
            "known": known,
        }

    def check_required(self, profile: Mapping[str, Value], among: Iterable[str] | None = None) -> None:
        """Refuse a profile that leaves a required attribute empty; ``among`` limits the question to those keys (C2)."""
        keys = None if among is None else set(among)
        errors = {
            attribute.key: [_("%(label)s is required.") % {"label": attribute.title}]
            for attribute in self.writable
            if attribute.required
            and profile.get(attribute.key) is None
            and (keys is None or attribute.key in keys)
        }
        if errors:
            raise InvalidProfile(errors)

    def uses_of(self, profile: Mapping[str, Value], typed: Mapping[str, str]) -> dict[str, Use]:
        """Return the numbers that ``profile`` shows and that identify somebody, with where it shows them."""
        found: dict[str, list[str]] = {}
        shown: list[tuple[str, Value]] = [(key, profile.get(key)) for key in self.phone_keys]
        for attribute in self.becoming_phones:
            with suppress(BadValue):
                shown.append(
                    (
                        attribute.key,
                        values.converted(profile.get(attribute.key), Rules(Kind.PHONE), Reading(dialplan())),
                    )
                )
        for key, value in shown:
            for number in value if isinstance(value, list) else [value]:
                if isinstance(number, str):
                    found.setdefault(number, []).append(key)
        wanted = identifying(found)
        return {
            number: Use(typed.get(number, number), tuple(keys))
            for number, keys in found.items()
            if number in wanted
        }


def typed_numbers(raw: Any, plan: Dialplan) -> dict[str, str]:
    """Return the number as typed for each normal form that good input ``raw`` (text or list of texts) holds."""
    found: dict[str, str] = {}
    for item in raw if isinstance(raw, list) else str(raw or "").split(";"):
        text = str(item).strip()
        try:
            found.setdefault(normalize(text, plan), text)
        except InvalidPhone:
            continue
    return found


@dataclass(frozen=True)
class Definition:
    """What an admin says about an attribute; None where nothing was said."""

    label: str | None = None
    type: str | None = None
    description: str | None = None
    required: bool | None = None
    default: Any = None
    pii: bool | None = None
    read_only_for_agents: bool | None = None
    options: list[str] | None = None
    max_length: int | None = None
    fast: bool | None = None
    given: frozenset[str] = frozenset()


_FOR_PREDEFINED = frozenset({"label", "description", "pii", "read_only_for_agents", "required"})
_PLAIN = ("description", "required", "pii", "read_only_for_agents")


def add(definition: Definition, actor: audit.Actor, *, now: datetime | None = None) -> Attribute:
    """Create a custom attribute on a free seat and slot (C1–C4).

    Raises InvalidAttribute, or SchemaFull when fifty are active; two admins who race for the last seat get one each of
    success and SchemaFull, by the database's own constraint.
    """
    now = now or timezone.now()
    for _attempt in range(SEATS):
        attribute = Attribute(type=definition.type or "", label=(definition.label or "").strip())
        _check(attribute, definition)
        attribute.position = (Attribute.objects.aggregate(last=Max("position"))["last"] or 0) + 1
        attribute.key = _new_key(attribute.label)
        attribute.seat, attribute.slot = _free("seat", SEATS), _free("slot", SLOTS)
        try:
            with audit.recorded(
                actor,
                "attribute.create",
                object_type="attribute",
                object_id=attribute.key,
                after=describe(attribute),
            ):
                attribute.save(force_insert=True)
                SlotLease.objects.create(
                    attribute=attribute, slot=attribute.slot, type=attribute.type, since=now
                )
        except IntegrityError:
            continue
        return attribute
    raise SchemaFull


def change(attribute: Attribute, definition: Definition, actor: audit.Actor) -> Attribute:
    """Apply what ``definition`` says. Raises InvalidAttribute; a type is never changed here (C1, C2)."""
    with transaction.atomic():
        attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)
        before = describe(attribute)
        if not attribute.is_custom and (odd := definition.given - _FOR_PREDEFINED):
            raise InvalidAttribute(
                {
                    key: [_("%(label)s is predefined: this cannot be changed.") % {"label": attribute.title}]
                    for key in odd
                }
            )
        if attribute.converting and definition.given & {"options", "max_length", "default"}:
            raise Converting(attribute)
        if definition.type is not None and definition.type != attribute.type:
            raise InvalidAttribute(
                {
                    "type": [
                        _("%(new)s: the type of %(label)s is %(old)s; a conversion changes it.")
                        % {
                            "new": values.quoted(definition.type),
                            "label": attribute.label,
                            "old": attribute.type,
                        }
                    ]
                }
            )
        _check(attribute, definition)
        after = describe(attribute)
        if after != before:
            with audit.recorded(
                actor,
                "attribute.change",
                object_type="attribute",
                object_id=attribute.key,
                before=before,
                after=after,
            ):
                attribute.save()
    return attribute


def archive(attribute: Attribute, actor: audit.Actor, *, now: datetime | None = None) -> Attribute:
    """Hide a custom attribute and give up its seat; its values are kept (C7). Raises InvalidAttribute."""
    with transaction.atomic():
        attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)
        if not attribute.is_custom:
            raise InvalidAttribute(
                {
                    "key": [
                        _("%(key)s is predefined and cannot be archived.")
                        % {"key": values.quoted(attribute.key)}
                    ]
                }
            )
        if attribute.converting:
            raise Converting(attribute)
        if attribute.archived_at is None:
            with audit.recorded(actor, "attribute.archive", object_type="attribute", object_id=attribute.key):
                attribute.archived_at, attribute.seat, attribute.fast = now or timezone.now(), None, False
                attribute.save(update_fields=["archived_at", "seat", "fast"])
    return attribute


def restore(attribute: Attribute, actor: audit.Actor, *, now: datetime | None = None) -> Attribute:
    """Make an archived attribute active again, on a free seat (C6). Raises SchemaFull."""
    now = now or timezone.now()
    for _attempt in range(SEATS):
        try:
            with transaction.atomic():
                attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)
                if attribute.archived_at is None:
                    return attribute
                with audit.recorded(
                    actor, "attribute.restore", object_type="attribute", object_id=attribute.key
                ):
                    attribute.archived_at, attribute.seat = None, _free("seat", SEATS)
                    if attribute.slot is None:
                        attribute.slot = _free("slot", SLOTS)
                        SlotLease.objects.create(
                            attribute=attribute, slot=attribute.slot, type=attribute.type, since=now
                        )
                    attribute.save(update_fields=["archived_at", "seat", "slot"])
        except IntegrityError:
            continue
        return attribute
    raise SchemaFull


def reorder(keys: list[str], actor: audit.Actor) -> None:
    """Put the named attributes first, in this order; the others follow as they were. Raises InvalidAttribute."""
    with transaction.atomic():
        attributes = list(Attribute.objects.in_order().select_for_update())
        by_key = {attribute.key: attribute for attribute in attributes}
        if unknown := [key for key in keys if key not in by_key]:
            raise InvalidAttribute(
                {"keys": [_("%(key)s is not an attribute.") % {"key": values.quoted(key)} for key in unknown]}
            )
        if len(set(keys)) != len(keys):
            raise InvalidAttribute({"keys": [_("Each attribute may be named only once.")]})
        order = [by_key[key] for key in keys] + [
            attribute for attribute in attributes if attribute.key not in keys
        ]
        before = [attribute.key for attribute in attributes]
        after = [attribute.key for attribute in order]
        if before == after and all(attribute.position == place for place, attribute in enumerate(order, 1)):
            return
        with audit.recorded(actor, "attribute.reorder", object_type="attribute", before=before, after=after):
            for place, attribute in enumerate(order, 1):
                attribute.position = place
            Attribute.objects.bulk_update(order, ["position"])


def holders_of(attribute: Attribute) -> int:
    """Count the customers that hold a value of ``attribute``, in its slot or put away."""
    archived = ArchivedValue.objects.filter(attribute=attribute).count()
    if attribute.is_custom and attribute.slot is None:
        return archived
    return (
        archived + Customer.objects.exclude(**{attribute.column: [] if attribute.is_list else None}).count()
    )


@dataclass(frozen=True)
class Usage:
    """Where an attribute is used: how many customers on the list have a value, saved views, remembered imports."""

    filled: int
    views: int
    imports: int


def usage() -> dict[str, Usage]:
    """Say of each active attribute where it is used: what a change of it costs. Three queries."""
    attributes = list(Attribute.objects.active())
    columns = ", ".join(
        f"count(*) FILTER (WHERE {connection.ops.quote_name(item.column)} "
        + ("<> '{}')" if item.is_list else "IS NOT NULL)")
        for item in attributes
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM customers_customer"  # noqa: S608 - declared columns
            " WHERE stage = 'curated' AND deleted_at IS NULL AND merged_into_id IS NULL"
        )
        filled = cursor.fetchone()
    views = [
        {name.partition("__")[0].lstrip("-") for name in [*view.query, *view.query.get("ordering", [])]}
        | {column if isinstance(column, str) else column.get("key", "") for column in view.columns}
        for view in SavedView.objects.only("query", "columns")
    ]
    imports = [
        set(map(str, mapping.values())) for mapping in ImportMapping.objects.values_list("mapping", flat=True)
    ]
    return {
        item.key: Usage(
            number, sum(item.key in named for named in views), sum(item.key in named for named in imports)
        )
        for item, number in zip(attributes, filled, strict=True)
    }


def delete_for_good(
    attribute: Attribute, confirm: int | None, actor: audit.Actor, *, now: datetime | None = None
) -> None:
    """Delete a custom attribute with all its values; ``confirm`` must be the number of customers that hold one (C7).

    Raises InUse with the right number otherwise, InvalidAttribute for a predefined attribute.
    """
    now = now or timezone.now()
    archive(attribute, actor, now=now)
    with transaction.atomic():
        attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)
        holders = holders_of(attribute)
        if confirm != holders:
            transaction.set_rollback(True)
        else:
            with audit.recorded(
                actor, "attribute.delete", object_type="attribute", object_id=attribute.key, holders=holders
            ):
                _let_go_of_numbers(attribute, now)
                if attribute.slot:
                    column = connection.ops.quote_name(attribute.column)
                    with connection.cursor() as cursor:
                        cursor.execute(
                            f"UPDATE customers_customer SET {column} = NULL WHERE {column} IS NOT NULL"  # noqa: S608
                        )
                SlotLease.objects.filter(attribute=attribute, until=None).update(until=now)
                attribute.delete()
    if confirm != holders:
        raise InUse(holders)


def describe(attribute: Attribute) -> dict[str, Any]:
    """Return the definition of ``attribute`` as the audit trail keeps it (C8)."""
    return {
        name: getattr(attribute, name)
        for name in (
            "key", "label", "type", "description", "required", "default", "pii", "read_only_for_agents", "options",
            "max_length", "fast", "position",
        )
    }  # fmt: skip


def _let_go_of_numbers(attribute: Attribute, now: datetime) -> None:
    """Close the ownerships that only this attribute showed; take it off the others."""
    if attribute.kind is not Kind.PHONE:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_phone SET used_in = array_remove(used_in, %s),"
            " valid_to = CASE WHEN used_in <@ ARRAY[%s] THEN %s END"
            " WHERE valid_to IS NULL AND %s = ANY(used_in)",
            [attribute.key, attribute.key, now, attribute.key],
        )


def free_slot() -> int:
    """Return a slot that no attribute has, and that is empty. Raises SchemaFull."""
    return _free("slot", SLOTS)


def check_rules(attribute: Attribute, definition: Definition) -> None:
    """Put type, options and length on ``attribute``, unsaved. Raises InvalidAttribute (C2, C3)."""
    errors: dict[str, list[str]] = {}
    _check_type(attribute, errors)
    if not errors:
        _check_options(attribute, definition, errors)
        _check_max_length(attribute, definition, errors)
    if errors:
        raise InvalidAttribute(errors)


def _free(what: str, most: int) -> int:
    taken = set(Attribute.objects.exclude(**{what: None}).values_list(what, flat=True))
    if what == "slot":
        taken |= set(SlotLease.objects.filter(until=None).values_list("slot", flat=True))
    free = [number for number in range(1, most + 1) if number not in taken]
    if not free:
        raise SchemaFull
    return free[0]


def _new_key(label: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", fold(label)).strip("_")
    if not stem:
        stem = f"attribute_{(Attribute.objects.aggregate(last=Max('id'))['last'] or 0) + 1}"
    elif not stem[0].isalpha():
        stem = f"attribute_{stem}"
    if list_meant(stem):
        # As a key it would take the column away from the list.
        stem = f"attribute_{stem}"
    stem = stem[:40].strip("_")
    taken = PARAMETER_NAMES | set(Attribute.objects.values_list("key", flat=True))
    key, number = stem, 1
    while key in taken:
        number += 1
        key = f"{stem[: 39 - len(str(number))].strip('_')}_{number}"
    return key


def _check(attribute: Attribute, definition: Definition) -> None:
    """Put ``definition`` on ``attribute``, unsaved, or raise InvalidAttribute with a message for every bad field."""
    errors: dict[str, list[str]] = {}
    _check_label(attribute, definition, errors)
    _check_type(attribute, errors)
    if "type" in errors:
        raise InvalidAttribute(errors)
    for name in _PLAIN:
        if (value := getattr(definition, name)) is not None:
            setattr(attribute, name, value)
    if len(attribute.description) > 500:
        errors["description"] = [_("At most 500 characters.")]
    _check_options(attribute, definition, errors)
    _check_max_length(attribute, definition, errors)
    _check_fast(attribute, definition, errors)
    if not errors:
        _check_default(attribute, definition, errors)
    if errors:
        raise InvalidAttribute(errors)


def _check_type(attribute: Attribute, errors: dict[str, list[str]]) -> None:
    if attribute.type not in Attribute.Type.values or (attribute.is_custom and attribute.is_list):
        kinds = ", ".join(kind for kind in Attribute.Type.values if kind not in values.LISTS)
        errors["type"] = [
            _("%(type)s is not a type; give one of %(kinds)s.")
            % {"type": values.quoted(attribute.type), "kinds": kinds}
        ]


def _check_label(attribute: Attribute, definition: Definition, errors: dict[str, list[str]]) -> None:
    if definition.label is None and attribute.label:
        return
    label = (definition.label or "").strip()
    if not attribute.is_custom and label == attribute.title:
        # A form sends back the label that it showed; what is stored stays that of every language.
        return
    if not label:
        errors["label"] = [_("Give a label.")]
    elif len(label) > 100:
        errors["label"] = [
            _("%(label)s has %(length)d characters; at most 100 are allowed.")
            % {"label": values.quoted(label), "length": len(label)}
        ]
    elif (
        Attribute.objects.exclude(pk=attribute.pk)
        .annotate(low=Lower("label"))
        .filter(low=label.lower())
        .exists()
    ):
        errors["label"] = [_("There is already an attribute %(label)s.") % {"label": values.quoted(label)}]
    attribute.label = label


def _check_options(attribute: Attribute, definition: Definition, errors: dict[str, list[str]]) -> None:
    if definition.options is not None:
        attribute.options = [option.strip() for option in definition.options]
    options = attribute.options
    if attribute.kind is not Kind.CHOICE:
        if options:
            errors["options"] = [_("Only a choice has options.")]
        return
    problems = []
    if not options:
        problems.append(_("A choice needs at least one option."))
    if len(options) > MOST_OPTIONS:
        problems.append(
            _("%(count)d options; at most %(most)d are allowed.")
            % {"count": len(options), "most": MOST_OPTIONS}
        )
    for option in options:
        if not option or len(option) > 100 or "," in option:
            problems.append(
                _("%(option)s: an option has 1 to 100 characters and no comma.")
                % {"option": values.quoted(option)}
            )
    if len({option.casefold() for option in options}) < len(options):
        problems.append(_("Each option may be given only once."))
    if not problems and attribute.pk and definition.options is not None:
        problems += [
            _("%(option)s is used by customers and cannot be taken away.") % {"option": values.quoted(value)}
            for value in _used_options(attribute)
            if value not in options
        ]
    if problems:
        errors["options"] = problems


def _used_options(attribute: Attribute) -> list[str]:
    column = connection.ops.quote_name(attribute.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {column} FROM customers_customer WHERE {column} IS NOT NULL"  # noqa: S608 - a declared column
        )
        return [row[0] for row in cursor.fetchall()]


def _check_max_length(attribute: Attribute, definition: Definition, errors: dict[str, list[str]]) -> None:
    if "max_length" in definition.given:
        attribute.max_length = definition.max_length
    if attribute.max_length is None:
        return
    if attribute.kind is not Kind.TEXT:
        errors["max_length"] = [_("Only a text has a greatest length.")]
    elif not 1 <= attribute.max_length <= values.LONGEST_TEXT:
        errors["max_length"] = [
            _("%(length)s is out of bounds; give 1 to %(longest)d.")
            % {"length": values.quoted(attribute.max_length), "longest": values.LONGEST_TEXT}
        ]


def _check_fast(attribute: Attribute, definition: Definition, errors: dict[str, list[str]]) -> None:
    if definition.fast is None:
        return
    others = Attribute.objects.active().custom().filter(fast=True).exclude(pk=attribute.pk).count()
    if definition.fast and others >= MOST_FAST:
        errors["fast"] = [
            _("%(most)d attributes are fast already, and %(most)d is the limit.") % {"most": MOST_FAST}
        ]
    attribute.fast = definition.fast


def _check_default(attribute: Attribute, definition: Definition, errors: dict[str, list[str]]) -> None:
    if "default" not in definition.given and attribute.default is None:
        return
    reading = Reading(dialplan())
    try:
        if "default" in definition.given:
            attribute.default = (
                values.to_text(values.from_json(definition.default, attribute.rules, reading)) or None
            )
        elif attribute.default:
            values.from_text(attribute.default, attribute.rules, reading)
    except BadValue as refusal:
        errors["default"] = [str(refusal)]
    if attribute.default and attribute.kind is Kind.PHONE:
        errors["default"] = [_("A phone belongs to one customer, so it cannot be a default.")]
