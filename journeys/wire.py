"""What a Context Store client sends, read the way such clients write it (J2). No database.

Unknown members and parameters are left alone: the clients are other makers' and were here first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from cim.access.strictness import quoted

LONGEST_ID: Final = 255
MOST_ALIASES: Final = 3
DEFAULT_LEASE: Final = 7200
LONG_LEASE: Final = 14_400
LONGEST_LEASE: Final = 2_147_483_647
UNDEFINED: Final = "undefined"
"""The touchpoint of a call that names none."""


class Malformed(Exception):
    """A request that no context can come of; the message quotes the value and says what would be right."""


@dataclass(frozen=True)
class Call:
    """The query of a request: who touches the context, in which routing domain, for how long it shall live."""

    rid: str = "0"
    touchpoint: str = UNDEFINED
    lease: int | None = None
    short_id: bool = False


@dataclass(frozen=True)
class Body:
    """The body of a request; None marks what was not sent."""

    context_id: str | None = None
    group_id: str | None = None
    alias_ids: list[str] | None = None
    tenant_id: str | None = None
    topic: str | None = None
    data: dict[str, Any] | None = None
    schema: dict[str, Any] | None = None
    permanent: bool | None = None
    rid: str | None = None


def read_call(query: Mapping[str, str]) -> Call:
    """Read the query parameters. Raises Malformed."""
    rid = query.get("rid", "0")
    if not rid.strip():
        raise Malformed(_("rid is blank; leave it out, or give the routing id, such as 0."))
    touchpoint = query.get("touchpoint", "").strip() or UNDEFINED
    for name, value in (("rid", rid), ("touchpoint", touchpoint)):
        if len(value) > LONGEST_ID:
            raise Malformed(_too_long(name, value))
    return Call(
        rid.strip(), touchpoint, _lease(query.get("lease")), query.get("shortid", "").casefold() == "true"
    )


def read_body(raw: object) -> Body:
    """Read a body; values that a client cannot mean are refused. Raises Malformed."""
    if not isinstance(raw, Mapping):
        raise Malformed(_("%(value)s is no JSON object; a context is one.") % {"value": quoted(raw)})
    rid = _text(raw, "routingId")
    if rid is not None and not rid.strip():
        raise Malformed(_("routingId is blank; leave it out, or give the routing id, such as 0."))
    return Body(
        context_id=(_text(raw, "contextId") or "").strip() or None,
        group_id=_text(raw, "groupId"),
        alias_ids=_aliases(raw.get("aliasIds")),
        tenant_id=_text(raw, "tenantId"),
        topic=_text(raw, "topic"),
        data=_object(raw, "data"),
        schema=_object(raw, "schema"),
        permanent=_truth(raw.get("persistToEDM")),
        rid=rid.strip() if rid else None,
    )


def plain_json(value: Any) -> Any:
    """Write the exact numbers of the parser as JSON numbers; one that a double cannot hold becomes a text."""
    match value:
        case Decimal():
            number = float(value)
            return number if abs(number) != float("inf") else str(value)
        case Mapping():
            return {str(key): plain_json(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_json(item) for item in value]
    return value


def _lease(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    lease = int(text) if text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 10 else 0
    if not 1 <= lease <= LONGEST_LEASE:
        raise Malformed(
            _("lease: %(value)s is no lease; it is a number of seconds from 1 to %(most)d.")
            % {"value": quoted(text), "most": LONGEST_LEASE}
        )
    return lease


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed(_("%(name)s: %(value)s is no text.") % {"name": name, "value": quoted(value)})
    text = str(value)
    if len(text) > LONGEST_ID:
        raise Malformed(_too_long(name, text))
    return text


def _too_long(name: str, value: str) -> str:
    return _("%(name)s: %(value)s has %(length)d characters; %(most)d are the most.") % {
        "name": name,
        "value": quoted(value),
        "length": len(value),
        "most": LONGEST_ID,
    }


def _aliases(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Malformed(_("aliasIds: %(value)s is no list.") % {"value": quoted(value)})
    if len(value) > MOST_ALIASES:
        raise Malformed(
            _("aliasIds: %(count)d were sent; %(most)d are the most.")
            % {"count": len(value), "most": MOST_ALIASES}
        )
    aliases = [_text({"aliasIds": item}, "aliasIds") for item in value]
    if any(not (alias or "").strip() for alias in aliases):
        raise Malformed(_("aliasIds: %(value)s holds a blank one.") % {"value": quoted(value)})
    return list(dict.fromkeys(alias for alias in aliases if alias))


def _object(raw: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Malformed(_("%(name)s: %(value)s is no JSON object.") % {"name": name, "value": quoted(value)})
    return dict(plain_json(value))


def _truth(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    # Clients send it as a text too.
    if isinstance(value, str) and value.strip().casefold() in {"true", "false"}:
        return value.strip().casefold() == "true"
    raise Malformed(_("persistToEDM: %(value)s is neither true nor false.") % {"value": quoted(value)})
