"""What a mapping may say, checked when it is saved (M10–M12, M20), not when a call ends. No database.

Every message quotes what was given and says what would be right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from cim.access.strictness import quoted
from crm_mappings.adapters import Adapter, Field
from crm_mappings.adapters import Kind as Holds
from crm_mappings.datafields import CATALOGUE, Form, Kind

LONGEST_NAME: Final = 200
MOST_ROWS: Final = 200

Errors = dict[str, Any]


@dataclass
class Checked:
    """A document as it is stored, what is wrong with it by place, and what is only worth knowing."""

    document: list[dict[str, Any]]
    errors: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, place: str, message: str) -> None:
        self.errors.setdefault(place, []).append(message)


def check_entities(entities: Sequence[Mapping[str, Any]], adapter: type[Adapter]) -> Checked:
    """Check the entities of a memorialisation mapping, `[{entity_type, rows: [{crm_field, channel, data_field}]}]`.

    A script variable is lower-cased; it is a matter of calls, so an entity with one has no digital row (M11).
    """
    checked = Checked([])
    if not entities:
        checked.refuse("entities", _("A mapping has at least one entity with one row."))
    seen: set[str] = set()
    for place, given in enumerate(entities):
        where = f"entities.{place}"
        record_type = adapter.record_type(given["entity_type"])
        if record_type is None:
            known = ", ".join(known.name for known in adapter.record_types)
            checked.refuse(
                f"{where}.entity_type",
                _(
                    "%(value)s is not a record type of %(crm)s; these are: %(known)s,"
                    " or the name of a custom object in lower case."
                )
                % {"value": quoted(given["entity_type"]), "crm": adapter.label, "known": known},
            )
            continue
        if record_type.name in seen:
            checked.refuse(
                f"{where}.entity_type",
                _("%(value)s is there twice; put its rows into one entity.")
                % {"value": quoted(record_type.name)},
            )
        seen.add(record_type.name)
        rows = _check_rows(given["rows"], where, record_type.name, adapter, checked)
        checked.document.append({"entity_type": record_type.name, "rows": rows})
    return checked


def _check_rows(
    given: Sequence[Mapping[str, Any]], where: str, record_type: str, adapter: type[Adapter], checked: Checked
) -> list[dict[str, str]]:
    if not given:
        checked.refuse(f"{where}.rows", _("An entity has at least one row."))
    if len(given) > MOST_ROWS:
        checked.refuse(
            f"{where}.rows",
            _("An entity has at most %(limit)d rows; these are %(count)d.")
            % {"limit": MOST_ROWS, "count": len(given)},
        )
    is_digital = any(row["channel"] == Kind.DIGITAL for row in given)
    rows: list[dict[str, str]] = []
    written: dict[tuple[str, bool], int] = {}
    for place, row in enumerate(given):
        at = f"{where}.rows.{place}"
        kind = Kind(row["channel"])
        name = row["crm_field"].strip()
        source = row["data_field"].strip()
        if kind is Kind.SCRIPT:
            source = source.lower()
        _check_source(source, kind, is_digital, at, checked)
        target = adapter.field(record_type, name)
        _check_target(target, source, kind, at, adapter, checked)
        # A script variable is written for calls, so it competes with the rows for calls.
        slot = (name, kind is Kind.DIGITAL)
        if slot in written:
            checked.refuse(
                f"{at}.crm_field",
                _("%(field)s is written by row %(row)d already; one contact cannot write both.")
                % {"field": quoted(name), "row": written[slot] + 1},
            )
        written.setdefault(slot, place)
        rows.append({"crm_field": name, "channel": kind.value, "data_field": source})
    return rows


def _check_source(source: str, kind: Kind, is_digital: bool, at: str, checked: Checked) -> None:
    if kind is Kind.SCRIPT:
        if is_digital:
            checked.refuse(
                f"{at}.channel",
                _(
                    "The script variable %(value)s cannot stand beside rows for digital contacts: only calls run a"
                    " script. Make one mapping for calls and another one for digital contacts."
                )
                % {"value": quoted(source)},
            )
        if not source or len(source) > LONGEST_NAME or any(char.isspace() for char in source):
            checked.refuse(
                f"{at}.data_field",
                _("%(value)s is not the name of a script variable: 1 to %(limit)d characters without spaces.")
                % {"value": quoted(source), "limit": LONGEST_NAME},
            )
    elif source not in CATALOGUE[kind]:
        other = Kind.VOICE if kind is Kind.DIGITAL else Kind.DIGITAL
        known = ", ".join(CATALOGUE[kind])
        hint = (
            _("%(value)s is a data field of “%(other)s” only; those of “%(kind)s” are: %(known)s.")
            if source in CATALOGUE[other]
            else _("%(value)s is not a data field of “%(kind)s”; these are: %(known)s.")
        )
        checked.refuse(
            f"{at}.data_field",
            hint % {"value": quoted(source), "kind": kind.value, "other": other.value, "known": known},
        )


_FITTING: Final = {
    Holds.DATETIME: {Form.MOMENT},
    Holds.BOOLEAN: {Form.TRUTH},
    Holds.NUMBER: frozenset[Form](),
}


def _check_target(
    target: Field, source: str, kind: Kind, at: str, adapter: type[Adapter], checked: Checked
) -> None:
    """Only text is mapped: other fields are refused, but for moments and truths, whose text is exact (M12)."""
    if not target.name or len(target.name) > LONGEST_NAME:
        checked.refuse(
            f"{at}.crm_field",
            _("%(value)s is not the name of a field: 1 to %(limit)d characters.")
            % {"value": quoted(target.name), "limit": LONGEST_NAME},
        )
        return
    if not target.known:
        checked.warnings.append(
            _("%(field)s is in no list of %(crm)s; it is written, and %(crm)s may refuse it.")
            % {"field": quoted(target.name), "crm": adapter.label}
        )
    known = CATALOGUE[kind].get(source) if kind is not Kind.SCRIPT else None
    form = known.form if known else Form.TEXT
    if target.kind in _FITTING and form not in _FITTING[target.kind]:
        checked.refuse(
            f"{at}.crm_field",
            _("%(field)s holds a %(kind)s, and only text is mapped. Choose a field for text.")
            % {"field": quoted(target.name), "kind": target.kind.value},
        )
    elif form is Form.LONG and target.limit is not None and target.limit < settings.CIM_CRM_TEXT_LIMIT:
        checked.warnings.append(
            _(
                "%(field)s holds %(limit)d characters. A longer %(source)s is cut there, with a mark and a link to"
                " the whole."
            )
            % {"field": quoted(target.name), "limit": target.limit, "source": quoted(source)}
        )


def has_script_rows(entities: Sequence[Mapping[str, Any]]) -> bool:
    return any(row["channel"] == Kind.SCRIPT for entity in entities for row in entity["rows"])


def check_record_types(given: Sequence[Mapping[str, Any]], adapter: type[Adapter]) -> Checked:
    """Check the record types of a dynamic data mapping: at most five strings and three others each (M20)."""
    checked = Checked([])
    if not given:
        checked.refuse("record_types", _("A mapping has at least one record type with one field."))
    seen: set[str] = set()
    for place, item in enumerate(given):
        where = f"record_types.{place}"
        record_type = adapter.record_type(item["record_type"])
        if record_type is None:
            known = ", ".join(known.name for known in adapter.record_types)
            checked.refuse(
                f"{where}.record_type",
                _("%(value)s is not a record type of %(crm)s; these are: %(known)s.")
                % {"value": quoted(item["record_type"]), "crm": adapter.label, "known": known},
            )
            continue
        if record_type.name in seen:
            checked.refuse(
                f"{where}.record_type",
                _("%(value)s is there twice; put its fields together.") % {"value": quoted(record_type.name)},
            )
        seen.add(record_type.name)
        checked.document.append(
            {
                "record_type": record_type.name,
                "fields": _check_fields(item["fields"], where, record_type.name, adapter, checked),
            }
        )
    return checked


def _check_fields(
    given: Sequence[Mapping[str, Any]], where: str, record_type: str, adapter: type[Adapter], checked: Checked
) -> list[dict[str, str]]:
    fields: list[dict[str, str]] = []
    if not given:
        checked.refuse(f"{where}.fields", _("A record type has at least one field."))
    for place, item in enumerate(given):
        at = f"{where}.fields.{place}"
        name, kind = item["crm_field"].strip(), Holds(item["data_type"])
        target = adapter.field(record_type, name)
        if any(known["crm_field"] == name for known in fields):
            checked.refuse(f"{at}.crm_field", _("%(field)s is there twice.") % {"field": quoted(name)})
        if target.known and target.kind is not kind:
            checked.refuse(
                f"{at}.data_type",
                _("%(field)s holds a %(holds)s, not a %(kind)s.")
                % {"field": quoted(name), "holds": target.kind.value, "kind": kind.value},
            )
        fields.append({"crm_field": name, "data_type": kind.value})
    strings = sum(item["data_type"] == Holds.TEXT for item in fields)
    others = len(fields) - strings
    for count, limit, message in (
        (
            strings,
            settings.CIM_CRM_DYNAMIC_STRINGS,
            _(
                "%(type)s has %(count)d string fields; at most %(limit)d string fields are shown per record type."
            ),
        ),
        (
            others,
            settings.CIM_CRM_DYNAMIC_OTHERS,
            _(
                "%(type)s has %(count)d fields of other types than string;"
                " at most %(limit)d of them are shown per record type."
            ),
        ),
    ):
        if count > limit:
            checked.refuse(
                f"{where}.fields", message % {"type": quoted(record_type), "count": count, "limit": limit}
            )
    return fields
