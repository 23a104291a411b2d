"""Interactions newest first, page by page, as fast for a customer with ten thousand as for one with ten (I5)."""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from interactions.families import family_of
from interactions.models import Interaction
from interactions.models.interaction import InteractionQuerySet


class BadCursor(ValueError):
    """A cursor that no page has given."""


@dataclass(frozen=True)
class Search:
    """What a page shows: every condition that is given must hold."""

    customer: UUID | None = None
    channel: str = ""
    direction: str = ""
    agent: str = ""
    topic: str = ""
    state: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    text: str = ""
    text_in: tuple[str, ...] = ("address", "customer_name", "account")


@dataclass(frozen=True)
class Cursor:
    """The place of an interaction in the order; `back` asks for the page before it."""

    started: dt.datetime
    id: UUID
    back: bool = False

    def encode(self) -> str:
        raw = json.dumps([self.started.isoformat(), str(self.id), self.back])
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        try:
            started, row, back = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            found = cls(dt.datetime.fromisoformat(started), UUID(row), bool(back))
        except (ValueError, TypeError, AttributeError, binascii.Error) as wrong:
            raise BadCursor(text) from wrong
        if found.started.tzinfo is None:
            raise BadCursor(text)
        return found


@dataclass(frozen=True)
class Page:
    items: Sequence[Interaction]
    next: Cursor | None
    previous: Cursor | None


def page(search: Search, now: dt.datetime, *, cursor: Cursor | None = None, size: int = 25) -> Page:
    """Return one page, newest first. One query, and two more for a customer: its family, and one per merged member."""
    wanted = _matching(search, now)
    back = cursor is not None and cursor.back
    if cursor is not None:
        wanted = _beyond(wanted, cursor)
    wanted = wanted.order_by("started", "id") if back else wanted.newest_first()
    wanted = wanted.select_related("linked_by")
    if search.customer is None:
        rows = list(wanted[: size + 1])
    else:
        # One index walk per member: an IN would read all of them before sorting.
        rows = [row for member in family_of(search.customer) for row in wanted.of([member])[: size + 1]]
        rows.sort(key=lambda row: (row.started, row.id), reverse=not back)
    more = len(rows) > size
    rows = rows[:size]
    if back:
        rows.reverse()
    following = (more and not back) or (back and bool(rows))
    preceding = (more and back) or (not back and cursor is not None)
    return Page(
        rows,
        Cursor(rows[-1].started, rows[-1].id) if rows and following else None,
        Cursor(rows[0].started, rows[0].id, back=True) if rows and preceding else None,
    )


def _matching(search: Search, now: dt.datetime) -> InteractionQuerySet:
    wanted: InteractionQuerySet = Interaction.objects.all()
    for name in ("channel", "direction"):
        if value := getattr(search, name):
            wanted = wanted.filter(**{name: value})
    if search.topic:
        wanted = wanted.filter(topic__iexact=search.topic)
    if search.agent:
        wanted = wanted.filter(agent_ids__contains=[search.agent])
    if search.state:
        wanted = wanted.in_state(search.state, now)
    if search.since:
        wanted = wanted.filter(started__gte=search.since)
    if search.until:
        wanted = wanted.filter(started__lt=search.until)
    if search.text:
        wanted = wanted.with_text(search.text, search.text_in)
    return wanted


def _beyond(wanted: InteractionQuerySet, cursor: Cursor) -> InteractionQuerySet:
    comparison = ">" if cursor.back else "<"
    return wanted.extra(  # type: ignore[return-value] # noqa: S610 - a comparison of rows, which the ORM does not write; the values are parameters
        where=[f"(interactions_interaction.started, interactions_interaction.id) {comparison} (%s, %s)"],
        params=[cursor.started, cursor.id],
    )
