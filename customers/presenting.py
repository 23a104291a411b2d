"""How customers, their versions and the attributes look outside: the contract's JSON (6.1), masked by the policy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from customers.history import Change
from customers.models import Attribute, Customer, Identifier
from customers.models.customer import from_column
from customers.policy import MASK, Sight
from customers.schema import Schema, dialplan
from customers.values import TEXT_LIKE, Kind, Reading, Value, from_text, to_json

__all__ = [
    "MASK",
    "attribute_json",
    "columns_of",
    "customer_json",
    "hides_kind",
    "hides_numbers",
    "moment",
    "name_json",
    "rows_json",
    "rows_of",
    "version_json",
]


Row = tuple[Any, ...]
"""A customer as a row of the columns that ``columns_of`` names: a list of them needs no model instances."""


def columns_of(schema: Schema) -> list[str]:
    """Return the columns that showing a customer takes."""
    return ["id", "version", "stage", *(attribute.column for attribute in schema.attributes)]


def rows_of(ids: Sequence[UUID], schema: Schema) -> list[Row]:
    """Return the rows of the customers in the order of ``ids``; one that is gone is left out. One query."""
    columns = ", ".join(map(connection.ops.quote_name, columns_of(schema)))
    rows = _rows(f"SELECT {columns} FROM customers_customer WHERE id = ANY(%s)", ids)  # noqa: S608 - declared columns
    by_id = {row[0]: row for row in rows}
    return [by_id[key] for key in ids if key in by_id]


def customer_json(customers: Sequence[Customer], schema: Schema, sight: Sight) -> list[dict[str, Any]]:
    """Return the contract's object for each customer, in order. Two queries, however many there are.

    A value that ``sight`` masks is ``MASK``, and its attribute's key stands in ``masked``; an empty one stays null.
    """
    columns = columns_of(schema)
    return rows_json([tuple(getattr(item, name) for name in columns) for item in customers], schema, sight)


def rows_json(rows: Sequence[Row], schema: Schema, sight: Sight) -> list[dict[str, Any]]:
    """Do as ``customer_json`` for rows of ``columns_of(schema)``."""
    ids = [row[0] for row in rows]
    labels, identifiers = _labels(ids), _identifiers(ids)
    predefined, custom = _readers(schema, sight)
    masked = sorted(sight.masked)
    hides_identifiers = hides_kind(schema, sight, Kind.EMAILS, Kind.EMAIL, Kind.PHONES, Kind.PHONE)
    found = []
    for row in rows:
        shown: dict[str, Any] = {"id": str(row[0]), "version": row[1], "stage": row[2]}
        for key, place, show in predefined:
            shown[key] = None if row[place] is None else show(row[place])
        shown["labels"] = labels.get(row[0], [])
        shown["identifiers"] = known = identifiers.get(row[0], [])
        shown["attributes"] = {
            key: None if row[place] is None else show(row[place]) for key, place, show in custom
        }
        shown["masked"] = masked
        if hides_identifiers:
            shown["identifiers"] = [{**item, "value": MASK} for item in known]
        found.append(shown)
    return found


def name_json(customer: Customer, sight: Sight) -> str:
    """Return the name of a customer as ``sight`` may see it."""
    names = [(key, getattr(customer, key)) for key in ("first_name", "last_name")]
    shown = [MASK if key in sight.masked else name for key, name in names if name]
    return " ".join(shown) or customer.display_name


_Reader = tuple[str, int, Callable[[Any], Any]]


def _readers(schema: Schema, sight: Sight) -> tuple[list[_Reader], list[_Reader]]:
    """Return how each predefined and each custom attribute is shown: its key, its place in the row, what shows it."""
    readers: tuple[list[_Reader], list[_Reader]] = ([], [])
    for place, attribute in enumerate(schema.attributes, len(columns_of(schema)) - len(schema.attributes)):
        readers[attribute.is_custom].append((attribute.key, place, _shower(attribute, sight)))
    return readers


def _shower(attribute: Attribute, sight: Sight) -> Callable[[Any], Any]:
    """Return what makes the JSON of a stored value that is not null: ``shown_value``, decided once for a whole page."""
    kind = attribute.kind
    if attribute.key in sight.masked:
        return (lambda stored: [MASK] * len(stored)) if attribute.is_list else (lambda stored: MASK)
    if kind in TEXT_LIKE or attribute.is_list:
        return lambda stored: stored
    return lambda stored: to_json(from_column(stored, kind), kind)


def hides_kind(schema: Schema, sight: Sight, *kinds: Kind) -> bool:
    """Say whether any attribute of these kinds is masked: a number may be shown elsewhere than where it is kept."""
    return any(schema.by_key[key].kind in kinds for key in sight.masked if key in schema.by_key)


def hides_numbers(schema: Schema, sight: Sight) -> bool:
    """Say whether any attribute that holds numbers is masked."""
    return hides_kind(schema, sight, Kind.PHONES, Kind.PHONE)


def shown_value(value: Value, attribute: Attribute, sight: Sight) -> Any:
    """Return the JSON of ``value``, masked where ``sight`` says so; a list keeps its length."""
    if attribute.is_list:
        items = value if isinstance(value, list) else []
        return [MASK] * len(items) if attribute.key in sight.masked else items
    if value is None:
        return None
    return MASK if attribute.key in sight.masked else to_json(value, attribute.kind)


def _labels(ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    statement = (
        "SELECT c.customer_id, l.name FROM customers_customerlabel c JOIN customers_label l ON l.id = c.label_id"
        " WHERE c.customer_id = ANY(%s) ORDER BY l.name"
    )
    for customer, name in _rows(statement, ids):
        found.setdefault(customer, []).append(name)
    return found


def _identifiers(ids: Sequence[UUID]) -> dict[UUID, list[dict[str, str]]]:
    """Return what channels know the customers by; a web id is stored and never shown (C41)."""
    found: dict[UUID, list[dict[str, str]]] = {}
    statement = (
        "SELECT customer_id, type, value FROM customers_identifier WHERE customer_id = ANY(%s) ORDER BY id"
    )
    for customer, kind, value in _rows(statement, ids):
        if kind != Identifier.Type.WEB:
            found.setdefault(customer, []).append({"type": kind, "value": value})
    return found


def _rows(statement: str, ids: Sequence[UUID]) -> list[Row]:
    """Run a statement for each page of a list: putting it together by models would take longer than its answer."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return cursor.fetchall()


def version_json(change: Change, schema: Schema, sight: Sight) -> dict[str, Any]:
    """Return how a version came to be, and the whole profile it had (C16)."""
    entry = change.entry
    return {
        "version": change.version,
        "at": moment(change.at),
        "actor": entry.actor_name if entry else "",
        "via": entry.via if entry else "system",
        "action": entry.action if entry else "",
        "object": {"type": entry.object_type, "id": entry.object_id} if entry else None,
        "changes": {
            key: {
                "before": shown_value(before, schema.by_key[key], sight),
                "after": shown_value(after, schema.by_key[key], sight),
            }
            for key, (before, after) in change.changes.items()
        },
        "profile": {
            key: shown_value(value, schema.by_key[key], sight) for key, value in _filled(change.profile)
        },
    }


def _filled(profile: Mapping[str, Value]) -> Iterable[tuple[str, Value]]:
    return ((key, value) for key, value in profile.items() if value is not None)


def attribute_json(attribute: Attribute) -> dict[str, Any]:
    """Return the definition of an attribute as the contract has it."""
    default = attribute.default
    return {
        "key": attribute.key,
        "label": attribute.title,
        "type": attribute.type,
        "description": attribute.description,
        "required": attribute.required,
        "default": None if default is None else _default(attribute, default),
        "custom": attribute.is_custom,
        "pii": attribute.pii,
        "read_only_for_agents": attribute.read_only_for_agents,
        "fast": attribute.fast,
        "options": attribute.options,
        "max_length": attribute.max_length,
        "position": attribute.position,
        "archived": attribute.archived_at is not None,
        "index_state": attribute.index_state,
        "state": "archived" if attribute.archived_at else "converting" if attribute.converting else "active",
    }


def _default(attribute: Attribute, text: str) -> Any:
    return to_json(from_text(text, attribute.rules, Reading(dialplan())), attribute.kind)


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
