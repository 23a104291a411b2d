"""From the query of an address to a view of a journey; anything that cannot be read is named and quoted."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions

from cim.access.strictness import quoted, refuse_unstorable
from interactions.events import CHANNELS
from journeys.flows import Question
from journeys.picture import KINDS, View

VIEW = frozenset({"view", "topic", "account", "from", "to"})
VIEW_PARAMETERS = [
    OpenApiParameter("view", str, enum=KINDS, description="default: one element per work request"),
    OpenApiParameter("topic", str, many=True, description="only elements of these topics; repeatable"),
    OpenApiParameter("account", str, many=True, description="only elements of these accounts; repeatable"),
    *(OpenApiParameter(name, str, description="a day or an instant") for name in ("from", "to")),
]


def view_of(query: QueryDict) -> View:
    """Read a view; raises ValidationError that names every parameter that cannot be read."""
    values = {name: query.getlist(name) for name in query}
    refuse_unstorable(values)
    errors: dict[str, list[str]] = {}
    kind = query.get("view", "") or "default"
    if kind not in KINDS:
        errors["view"] = [
            _("%(value)s is none of %(known)s.") % {"value": quoted(kind), "known": ", ".join(KINDS)}
        ]
    topics = [text.strip() for text in query.getlist("topic") if text.strip()]
    accounts = [text.strip() for text in query.getlist("account") if text.strip()]
    for name, chosen in (("topic", topics), ("account", accounts)):
        if kind == name and not chosen:
            errors[name] = [_("It is missing; the view %(value)s shows one.") % {"value": quoted(kind)}]
    since, until = (instant(query, name, errors) for name in ("from", "to"))
    if since and until and since >= until:
        errors["to"] = [
            _("%(value)s is not after the beginning of the range.") % {"value": quoted(query.get("to", ""))}
        ]
    if errors:
        raise exceptions.ValidationError(errors)
    return View(kind, tuple(topics), tuple(accounts), since, until)


FLOW = frozenset({"topic", "channel", "from", "to"})
FLOW_PARAMETERS = [
    OpenApiParameter("topic", str, many=True, description="only these topics; repeatable"),
    OpenApiParameter(
        "channel", str, many=True, enum=CHANNELS, description="only to or from these; repeatable"
    ),
    *(
        OpenApiParameter(name, str, description="a day, in UTC; by default the last 30")
        for name in ("from", "to")
    ),
]
_USUAL_DAYS = 30


def question_of(query: QueryDict, today: dt.date) -> Question:
    """Read which flows are asked for; raises ValidationError that names every parameter that cannot be read."""
    refuse_unstorable({name: query.getlist(name) for name in query})
    errors: dict[str, list[str]] = {}
    last = _day(query, "to", errors) or today
    first = _day(query, "from", errors) or last - dt.timedelta(days=_USUAL_DAYS - 1)
    channels = [text for text in query.getlist("channel") if text]
    for channel in channels:
        if channel not in CHANNELS:
            errors["channel"] = [
                _("%(value)s is none of %(known)s.")
                % {"value": quoted(channel), "known": ", ".join(CHANNELS)}
            ]
    if not errors and first > last:
        errors["to"] = [
            _("%(value)s is before the beginning of the range.")
            % {"value": quoted(query.get("to", str(last)))}
        ]
    if errors:
        raise exceptions.ValidationError(errors)
    return Question(first, last, tuple(filter(None, query.getlist("topic"))), tuple(channels))


def _day(query: QueryDict, name: str, errors: dict[str, list[str]]) -> dt.date | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 9000:
        errors[name] = [_("%(value)s is no day; write it like 2026-11-19.") % {"value": quoted(text)}]
    return day


def instant(query: Mapping[str, str], name: str, errors: dict[str, list[str]]) -> dt.datetime | None:
    """Read an instant, or a day in the time zone in force; the day of `to` belongs to the range."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        at = parse_datetime(text) if len(text) > 10 else None
        if at is None and (day := parse_date(text)):
            day = day + dt.timedelta(days=1) if name == "to" else day
            at = dt.datetime.combine(day, dt.time())
        if at is not None:
            at = at if at.tzinfo else timezone.make_aware(at)
            return at.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    errors[name] = [
        _("%(value)s is neither a day nor an instant; write it like 2026-11-19 or 2026-11-19T08:30:00Z.")
        % {"value": quoted(text)}
    ]
    return None


def cursor_of(text: str) -> tuple[dt.datetime, UUID] | None:
    """Read the place in a list that a page ended at; empty is the beginning."""
    if not text:
        return None
    at, _sign, key = text.partition("_")
    try:
        moment = parse_datetime(at)
        if moment is None or moment.tzinfo is None:
            raise ValueError
        return moment, UUID(key)
    except ValueError:
        raise exceptions.ValidationError(
            {
                "before": [
                    _("%(value)s is no place in this list; take it from “next”.") % {"value": quoted(text)}
                ]
            }
        ) from None
