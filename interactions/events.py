"""What an event of an adapter must look like (contract 6.3): its members, their types, what each type needs.

Written by hand rather than as a serializer, because thousands a second pass here. No database.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from cim.access.strictness import quoted
from interactions.folding import OF_THE_DESK, TYPES, Happening

CHANNELS: Final = ("voice", "video", "email", "sms", "chat", "social", "messaging", "web")
DIRECTIONS: Final = ("inbound", "outbound", "internal")
ENDERS: Final = ("customer", "agent", "system")
IDENTIFIER_TYPES: Final = (
    *("phone", "email", "web", "whatsapp", "facebook", "instagram", "x", "line"),
    *("external", "crm", "account"),
)
SENT_TYPES: Final = frozenset(TYPES - OF_THE_DESK)

FURTHEST_AHEAD: Final = dt.timedelta(days=1)
"""A clock may be off by hours; an event of the year 9999 is a mistake."""

_NEEDS_AGENT: Final = frozenset(
    {
        "offered",
        "answered",
        "transferred",
        "conference_joined",
        "consult_started",
        "barged_in",
        "monitor_started",
    }
)
_LONGEST_DATA: Final = 100_000
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)


class Refused(Exception):
    """An event that is not stored; the message names the member, quotes the value and says what would be right."""


@dataclass(frozen=True)
class Sent:
    """An event as an adapter sent it, checked."""

    source: str
    interaction: str
    happening: Happening

    @property
    def call(self) -> tuple[str, str]:
        return self.source, self.interaction


def read(raw: object, now: dt.datetime) -> Sent:
    """Check one event and return it without its null members. Raises Refused."""
    if not isinstance(raw, Mapping):
        raise Refused(_("%(value)s is no object; an event is one.") % {"value": quoted(raw)})
    given = {name: value for name, value in raw.items() if value is not None}
    for name in given:
        if name not in _MEMBERS and name not in _EVERY:
            known = ", ".join([*_EVERY, *_MEMBERS])
            raise Refused(
                _("%(name)s is not a member of an event; it knows: %(known)s.")
                % {"name": quoted(name), "known": known}
            )
    for name, longest in _EVERY.items():
        _text(name, given.get(name, ""), longest)
        if not given.get(name, "").strip():
            raise Refused(_("%(name)s is missing; every event has one.") % {"name": name})
    kind = given["type"]
    if kind not in SENT_TYPES:
        raise Refused(
            _("type: %(value)s is not a type of event; these are: %(known)s.")
            % {"value": quoted(kind), "known": ", ".join(sorted(SENT_TYPES))}
        )
    at = _instant(given["occurred_at"], now)
    said = {name: check(name, given[name]) for name, check in _MEMBERS.items() if name in given}
    if kind in _NEEDS_AGENT and "agent" not in said:
        raise Refused(_("agent is missing; “%(type)s” names one, with its id.") % {"type": kind})
    if kind == "wrapped_up" and not said.get("code"):
        raise Refused(_("code is missing; “wrapped_up” applies one."))
    return Sent(given["source"], given["interaction_id"], Happening(given["event_id"], kind, at, said))


def fingerprint(happening: Happening) -> str:
    """Return a mark that two events share only if they say the same."""
    whole = [happening.type, happening.occurred_at.isoformat(), happening.said]
    text = json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _instant(text: str, now: dt.datetime) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(text) if len(text) > 10 else None
    except ValueError:
        try:
            at = parse_datetime(text)
        except ValueError:
            at = None
    if at is None:
        raise Refused(
            _("occurred_at: %(value)s is no instant; write it like 2026-11-19T08:30:00Z.")
            % {"value": quoted(text)}
        )
    try:
        at = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except OverflowError:
        at = dt.datetime.max.replace(tzinfo=dt.UTC)
    if not dt.datetime(1970, 1, 1, tzinfo=dt.UTC) <= at <= now + FURTHEST_AHEAD:
        raise Refused(
            _(
                "occurred_at: %(value)s is before 1970 or more than a day ahead; check the clock of the adapter."
            )
            % {"value": quoted(text)}
        )
    return at


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise Refused(_("%(name)s: %(value)s is no text.") % {"name": name, "value": quoted(value)})
    if len(value) > longest:
        raise Refused(
            _("%(name)s: %(value)s has %(length)d characters; %(longest)d are the most.")
            % {"name": name, "value": quoted(value), "length": len(value), "longest": longest}
        )
    return value


def _texts(longest: int) -> Callable[[str, Any], str]:
    return lambda name, value: _text(name, value, longest)


def _one_of(known: tuple[str, ...]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in known:
            raise Refused(
                _("%(name)s: %(value)s is none of %(known)s.")
                % {"name": name, "value": quoted(value), "known": ", ".join(known)}
            )
        return str(value)

    return check


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused(
            _("%(name)s: %(value)s is neither true nor false.") % {"name": name, "value": quoted(value)}
        )
    return value


def _address_of_web(name: str, value: Any) -> str:
    text = _text(name, value, 2000)
    # Shown as a link: another scheme could run a script in the page.
    if not _WEB.fullmatch(text):
        raise Refused(
            _("%(name)s: %(value)s is no http or https address.") % {"name": name, "value": quoted(value)}
        )
    return text


def _object(
    name: str, value: Any, members: Mapping[str, Callable[[str, Any], Any]], needs: tuple[str, ...]
) -> Any:
    if not isinstance(value, Mapping):
        raise Refused(_("%(name)s: %(value)s is no object.") % {"name": name, "value": quoted(value)})
    for key in value:
        if key not in members:
            raise Refused(
                _("%(name)s: %(key)s is unknown; it knows: %(known)s.")
                % {"name": name, "key": quoted(key), "known": ", ".join(members)}
            )
    read = {key: members[key](f"{name}.{key}", item) for key, item in value.items() if item is not None}
    for key in needs:
        if not read.get(key):
            raise Refused(_("%(name)s.%(key)s is missing.") % {"name": name, "key": key})
    return read


def _agent(name: str, value: Any) -> Any:
    return _object(name, value, {"id": _texts(150), "name": _texts(200), "team": _texts(200)}, ("id",))


def _skill(name: str, value: Any) -> Any:
    return _object(name, value, {"id": _texts(150), "name": _texts(200), "screen_pop": _truth}, ())


def _identifiers(name: str, value: Any) -> list[dict[str, str]]:
    members = {"type": _one_of(IDENTIFIER_TYPES), "value": _texts(500)}
    return [
        _object(f"{name}.{place}", item, members, ("type", "value"))
        for place, item in enumerate(_list(name, value, 20))
    ]


def _tags(name: str, value: Any) -> list[str]:
    return [_text(f"{name}.{place}", item, 100) for place, item in enumerate(_list(name, value, 50))]


def _list(name: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(_("%(name)s: %(value)s is no list.") % {"name": name, "value": quoted(value)})
    if len(value) > most:
        raise Refused(
            _("%(name)s has %(count)d items; %(most)d are the most.")
            % {"name": name, "count": len(value), "most": most}
        )
    return value


def _data(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused(_("%(name)s: %(value)s is no object.") % {"name": name, "value": quoted(value)})
    plain = _plain(value)
    if (length := len(json.dumps(plain))) > _LONGEST_DATA:
        raise Refused(
            _("%(name)s has %(length)d characters; %(longest)d are the most.")
            % {"name": name, "length": length, "longest": _LONGEST_DATA}
        )
    return dict(plain)


def _plain(value: Any) -> Any:
    """Write the exact numbers of the parser as JSON numbers; one that a double cannot hold as text."""
    match value:
        case Decimal():
            number = float(value)
            return number if abs(number) != float("inf") else str(value)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


_EVERY: Final[Mapping[str, int]] = {
    "event_id": 200,
    "source": 100,
    "interaction_id": 255,
    "type": 40,
    "occurred_at": 60,
}

_MEMBERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "channel": _one_of(CHANNELS),
    "direction": _one_of(DIRECTIONS),
    "address": _texts(500),
    "dialled": _texts(500),
    "identifiers": _identifiers,
    "customer_name": _texts(300),
    "agent": _agent,
    "queue": _texts(200),
    "skill": _skill,
    "topic": _texts(255),
    "account": _texts(255),
    "work_request_id": _texts(255),
    "campaign": _texts(200),
    "manual": _truth,
    "status": _texts(100),
    "notes": _texts(20_000),
    "tags": _tags,
    "code": _texts(200),
    "reason": _texts(500),
    "ended_by": _one_of(ENDERS),
    "master_id": _texts(255),
    "recording_url": _address_of_web,
    "transcript_url": _address_of_web,
    "data": _data,
}
