"""How customers, their versions and the attributes look outside: the contract's JSON (6.1), masked by the policy."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from customers.history import Change
from customers.models import Attribute, Customer, CustomerLabel, Identifier
from customers.policy import MASK, Sight
from customers.schema import Schema, dialplan
from customers.values import Reading, Value, from_text, to_json

__all__ = ["MASK", "attribute_json", "customer_json", "version_json"]


def customer_json(customers: Sequence[Customer], schema: Schema, sight: Sight) -> list[dict[str, Any]]:
    """Return the contract's object for each customer, in order. Two queries, however many there are.

    A value that ``sight`` masks is ``MASK``, and its attribute's key stands in ``masked``; an empty one stays null.
    """
    ids = [customer.id for customer in customers]
    labels = _labels(ids)
    identifiers = _identifiers(ids)
    return [
        _customer(customer, labels.get(customer.id, []), identifiers.get(customer.id, []), schema, sight)
        for customer in customers
    ]


def _customer(
    customer: Customer,
    labels: list[str],
    identifiers: list[dict[str, str]],
    schema: Schema,
    sight: Sight,
) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": str(customer.id), "version": customer.version, "stage": customer.stage}
    attributes: dict[str, Any] = {}
    for attribute in schema.attributes:
        value = shown_value(customer.value_of(attribute), attribute, sight)
        (attributes if attribute.is_custom else shown)[attribute.key] = value
    shown["labels"] = labels
    shown["identifiers"] = identifiers
    shown["attributes"] = attributes
    if sight.masked:
        shown["masked"] = sorted(sight.masked)
        if "emails" in sight.masked or "phones" in sight.masked:
            shown["identifiers"] = [{**item, "value": MASK} for item in identifiers]
    return shown


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
    rows = CustomerLabel.objects.filter(customer_id__in=ids).order_by("label__name")
    for customer, name in rows.values_list("customer_id", "label__name"):
        found.setdefault(customer, []).append(name)
    return found


def _identifiers(ids: Sequence[UUID]) -> dict[UUID, list[dict[str, str]]]:
    """Return what channels know the customers by; a web id is stored and never shown (C41)."""
    found: dict[UUID, list[dict[str, str]]] = {}
    rows = Identifier.objects.filter(customer_id__in=ids).exclude(type=Identifier.Type.WEB).order_by("id")
    for customer, kind, value in rows.values_list("customer_id", "type", "value"):
        found.setdefault(customer, []).append({"type": kind, "value": value})
    return found


def version_json(change: Change, schema: Schema, sight: Sight) -> dict[str, Any]:
    """Return how a version came to be, and the whole profile it had (C16)."""
    entry = change.entry
    return {
        "version": change.version,
        "at": _moment(change.at),
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
        "label": attribute.label,
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
    }


def _default(attribute: Attribute, text: str) -> Any:
    return to_json(from_text(text, attribute.rules, Reading(dialplan())), attribute.kind)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
