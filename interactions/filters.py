"""From the query of an address to a search of interactions; anything that cannot be read is named and quoted."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions

from cim.access.strictness import quoted
from interactions.events import CHANNELS, DIRECTIONS
from interactions.folding import State
from interactions.presenting import Eye
from interactions.timeline import BadCursor, Cursor, Search

CONDITIONS = ("customer", "channel", "direction", "agent", "topic", "state", "from", "to", "q")
PARAMETERS = [
    *(OpenApiParameter(name, str) for name in ("customer", "agent", "topic", "q", "cursor")),
    OpenApiParameter("channel", str, enum=CHANNELS),
    OpenApiParameter("direction", str, enum=DIRECTIONS),
    OpenApiParameter("state", str, enum=[state.value for state in State]),
    *(OpenApiParameter(name, str, description="a date or an instant") for name in ("from", "to")),
    OpenApiParameter("page_size", int),
]
KNOWN = {*CONDITIONS, "cursor", "page_size"}
_MOST = 200


def search_of(query: Mapping[str, str], *, eye: Eye) -> Search:
    """Read the conditions; text is not looked for in what `eye` hides (C36).

    Raises ValidationError that names every parameter that cannot be read.
    """
    errors: dict[str, list[str]] = {}
    for name, known in (("channel", CHANNELS), ("direction", DIRECTIONS), ("state", tuple(State))):
        value = query.get(name, "")
        if value and value not in known:
            errors[name] = [
                _("%(value)s is none of %(known)s.") % {"value": quoted(value), "known": ", ".join(known)}
            ]
    customer = None
    if text := query.get("customer", ""):
        try:
            customer = UUID(text)
        except ValueError:
            errors["customer"] = [_("%(value)s is no id of a customer.") % {"value": quoted(text)}]
    since, until = (_instant(query.get(name, ""), name, errors) for name in ("from", "to"))
    if errors:
        raise exceptions.ValidationError(errors)
    return Search(
        customer=customer,
        channel=query.get("channel", ""),
        direction=query.get("direction", ""),
        agent=query.get("agent", ""),
        topic=query.get("topic", ""),
        state=query.get("state", ""),
        since=since,
        until=until,
        text=query.get("q", "").strip(),
        text_in=tuple(
            name
            for name, seen in (
                ("address", eye.sees_addresses),
                ("customer_name", not eye.hides_names),
                ("account", not eye.hides_accounts),
            )
            if seen
        ),
    )


def _instant(text: str, name: str, errors: dict[str, list[str]]) -> dt.datetime | None:
    """Read an instant, or a day in the zone in force: its beginning, or as `to` its end."""
    if not text:
        return None
    # A "+" of an offset that was not encoded arrives as a space.
    text = text.strip().replace(" ", "+") if "T" in text else text.strip()
    try:
        if day := parse_date(text):
            begin = dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())
            return begin + dt.timedelta(days=1) if name == "to" else begin
        if at := parse_datetime(text):
            return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        pass
    message = _("%(value)s is neither a date like 2026-11-19 nor an instant like 2026-11-19T08:30:00Z.")
    errors[name] = [message % {"value": quoted(text)}]
    return None


def cursor_of(query: Mapping[str, str]) -> Cursor | None:
    text = query.get("cursor", "")
    if not text:
        return None
    try:
        return Cursor.decode(text)
    except BadCursor:
        message = _("%(value)s is no cursor; take the one that “next” or “previous” gave.")
        raise exceptions.ValidationError({"cursor": [message % {"value": quoted(text)}]}) from None


def size_of(query: Mapping[str, str]) -> int:
    text = query.get("page_size", "25")
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= _MOST):
        message = _("%(value)s is no whole number from 1 to %(most)d.")
        raise exceptions.ValidationError({"page_size": [message % {"value": quoted(text), "most": _MOST}]})
    return int(text)
