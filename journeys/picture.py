"""The journey of a customer: its elements in a view, and the picture of them (J10–J12, J14)."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from interactions.families import survivors
from interactions.folding import moment
from journeys.clusters import Point, bundled, histogram
from journeys.models import Element

MOST_ELEMENTS: Final = 50_000
"""How many elements of one customer a journey shows; the newest of more."""

DRAWN_ONE_BY_ONE: Final = 1500
"""Above this number the server bundles points: the data of the page stays small whatever the journey."""

BUNDLES_PER_LANE: Final = 160
OVERVIEW_BINS: Final = 96
SHOWN_OPEN: Final = 5
KINDS: Final = ("default", "topic", "account")
_LOOKED_AT: Final = 40


@dataclass(frozen=True)
class View:
    """What of a journey is shown (J12)."""

    kind: str = "default"
    topics: Sequence[str] = ()
    accounts: Sequence[str] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class Row(NamedTuple):
    """An element as the picture needs it."""

    id: UUID
    work_request_id: str
    channel: str
    direction: str
    topic: str
    topic_source: str
    account: str
    started: dt.datetime
    ended: dt.datetime | None
    status: str
    is_open: bool
    is_missed: bool
    is_interaction: bool

    @property
    def last(self) -> dt.datetime:
        return max(self.started, self.ended or self.started)


@dataclass(frozen=True)
class Journey:
    """The elements of a view, the earliest first, and what there is to choose from outside it."""

    rows: Sequence[Row]
    topics: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    everything: Sequence[dt.datetime] = ()
    is_cut: bool = False

    @property
    def start(self) -> dt.datetime | None:
        return self.rows[0].started if self.rows else None

    @property
    def end(self) -> dt.datetime | None:
        return max((row.last for row in self.rows), default=None)


def journey(family: Iterable[UUID], view: View, now: dt.datetime, *, only_shown: bool = False) -> Journey:
    """Return the journey of a customer in a view. One query.

    The default view has one element per work request, the other views one per element (J12). With `only_shown` nothing
    outside the range of the view is read, and what there is to choose from is left out.
    """
    rows = _rows(family, now, view if only_shown else View())
    everything = [row.started for row in rows]
    topics = Counter(row.topic for row in rows if row.topic)
    accounts = Counter(row.account for row in rows if row.account)
    shown = [row for row in rows if _fits(row, view)]
    if view.kind == "default":
        shown = _one_per_work_request(shown)
    is_cut = len(rows) >= MOST_ELEMENTS
    return Journey(shown, dict(topics.most_common()), dict(accounts.most_common()), everything, is_cut)


@dataclass(frozen=True)
class Moved:
    """A journey that moved lately: whose, its newest element, and how many are open."""

    customer: UUID
    latest: Row
    open: int


def lately(now: dt.datetime, most: int, *, only_open: bool = False) -> list[Moved]:
    """Return the customers whose journeys moved last, the newest first. Three queries.

    It looks at the newest elements only: a customer who has fallen out of those has not moved lately.
    """
    recent = Element.objects.standing(now).filter(customer__isnull=False)
    recent = recent.filter(is_open=True) if only_open else recent
    newest = recent.order_by("-started", "-id").values_list("customer_id", "id")[: most * _LOOKED_AT]
    latest: dict[UUID, UUID] = {}
    live = survivors({customer for customer, _key in newest})
    for customer, key in newest:
        if customer in live and len(latest) < most:
            latest.setdefault(live[customer], key)
    names = [name for name in Row._fields if name != "is_interaction"]
    found = Element.objects.filter(pk__in=list(latest.values())).values_list(*names, "interaction_id")
    rows = {values[0]: Row._make((*values[:-1], values[-1] is not None)) for values in found}
    still_open = Counter(
        Element.objects.standing(now)
        .filter(customer__in=list(latest), is_open=True)
        .values_list("customer_id", flat=True)
    )
    return [
        Moved(customer, rows[key], still_open[customer]) for customer, key in latest.items() if key in rows
    ]


def _rows(family: Iterable[UUID], now: dt.datetime, view: View) -> list[Row]:
    names = [name for name in Row._fields if name != "is_interaction"]
    found = (
        Element.objects.of(family)
        .standing(now)
        .within(view.since, view.until)
        .order_by("-started", "-id")
        .values_list(*names, "interaction_id")
    )
    rows = [Row._make((*values[:-1], values[-1] is not None)) for values in found[:MOST_ELEMENTS]]
    rows.reverse()
    return rows


def _fits(row: Row, view: View) -> bool:
    if view.topics and row.topic not in view.topics:
        return False
    if view.accounts and row.account not in view.accounts:
        return False
    if view.until is not None and row.started >= view.until:
        return False
    # What was going on at some moment of the range belongs to it.
    return view.since is None or row.is_open or row.last >= view.since


def _one_per_work_request(rows: Sequence[Row]) -> list[Row]:
    by_request: dict[str, list[Row]] = {}
    for row in rows:
        by_request.setdefault(row.work_request_id, []).append(row)
    if len(by_request) == len(rows):
        return list(rows)
    return sorted(
        (_as_one(members) for members in by_request.values()), key=lambda row: (row.started, row.id)
    )


def _as_one(members: Sequence[Row]) -> Row:
    """Show a work request by its first interaction, else by its first context; its state is that of the latest."""
    if len(members) == 1:
        return members[0]
    shown = next((row for row in members if row.is_interaction), members[0])
    latest = max(members, key=lambda row: (row.is_interaction, row.last, row.started))
    is_open = any(row.is_open for row in members)
    named = next((row for row in (shown, *reversed(members)) if row.topic), shown)
    return _changed(
        shown,
        started=members[0].started,
        ended=None if is_open else max(row.last for row in members),
        channel=shown.channel or next((row.channel for row in members if row.channel), ""),
        direction=shown.direction or next((row.direction for row in members if row.direction), ""),
        topic=named.topic,
        topic_source=named.topic_source,
        account=shown.account or next((row.account for row in reversed(members) if row.account), ""),
        status=latest.status or shown.status,
        is_open=is_open,
        is_missed=latest.is_missed,
    )


def _changed(row: Row, **changes: Any) -> Row:
    return row._replace(**changes)


# How a journey looks outside


def journey_json(found: Journey) -> dict[str, Any]:
    """Return the journey as the contract has it (6.4)."""
    return {**summary_json(found), "elements": [element_json(row) for row in found.rows]}


def summary_json(found: Journey) -> dict[str, Any]:
    counts = Counter(row.channel for row in found.rows)
    return {
        "start": moment(found.start) if found.start else None,
        "end": moment(found.end) if found.end else None,
        "interactions": len(found.rows),
        "points": [{"channel": channel or None, "count": count} for channel, count in counts.most_common()],
        "truncated": found.is_cut,
    }


def element_json(row: Row) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "work_request_id": row.work_request_id,
        "channel": row.channel or None,
        "direction": row.direction or None,
        "topic": row.topic or None,
        "topic_source": row.topic_source or None,
        "account": row.account or None,
        "start": moment(row.started),
        "end": moment(row.ended) if row.ended else None,
        "status": row.status or None,
        "open": row.is_open,
        "missed": row.is_missed,
    }


def picture_json(found: Journey, view: View, now: dt.datetime) -> dict[str, Any]:
    """Return what the page draws: every point while they are few, bundles of them when they are many.

    Its size does not grow with the journey: at most `BUNDLES_PER_LANE` bundles a channel.
    """
    rows = found.rows
    still_open = [row for row in rows if row.is_open]
    # What is underway first: the newest of those that wait.
    answer = {
        **summary_json(found),
        "lanes": lanes_json(found, view),
        "latest": element_json(rows[-1]) if rows else None,
        "open": [element_json(row) for row in reversed(still_open[-SHOWN_OPEN:])],
        "open_count": len(still_open),
        "missed_count": sum(row.is_missed for row in rows),
        "topics": [{"topic": topic, "count": count} for topic, count in found.topics.items()][:100],
        "accounts": [{"account": account, "count": count} for account, count in found.accounts.items()][:100],
        "total": len(found.everything),
        "overview": None,
        "now": moment(now),
    }
    if found.everything:
        since, until = _seconds(found.everything[0]), max(_seconds(found.everything[-1]), _seconds(now))
        answer["overview"] = {
            "from": since,
            "to": until,
            "counts": histogram(map(_seconds, found.everything), since, until, OVERVIEW_BINS),
        }
    return answer


def lanes_json(found: Journey, view: View) -> list[dict[str, Any]]:
    """Return the points of each channel as rows `[at, until, count, out, open, missed, id]`, times in seconds."""
    by_channel: dict[str, list[Point]] = {}
    for row in found.rows:
        point = Point(
            _seconds(row.started),
            _seconds(row.last),
            str(row.id),
            row.direction == "outbound",
            row.is_open,
            row.is_missed,
        )
        by_channel.setdefault(row.channel, []).append(point)
    few = len(found.rows) <= DRAWN_ONE_BY_ONE
    since = _seconds(view.since or found.rows[0].started) if found.rows else 0
    until = _seconds(view.until or found.rows[-1].started) if found.rows else 0
    lanes = []
    for channel, points in by_channel.items():
        if few:
            marks: list[list[Any]] = [
                [
                    point.at,
                    point.until,
                    1,
                    int(point.is_out),
                    int(point.is_open),
                    int(point.is_missed),
                    point.id,
                ]
                for point in points
            ]
        else:
            marks = [
                [bundle.at, bundle.until, bundle.count, bundle.out, bundle.open, bundle.missed, bundle.id]
                for bundle in bundled(points, min(since, points[0].at), until, BUNDLES_PER_LANE)
            ]
        lanes.append({"channel": channel or None, "count": len(points), "bundled": not few, "marks": marks})
    return lanes


def newest_first(
    found: Journey, before: tuple[dt.datetime, UUID] | None, limit: int
) -> tuple[list[Row], bool]:
    """Return the newest elements of a journey, before a place in it, and whether there are more."""
    rows = [row for row in reversed(found.rows) if before is None or (row.started, row.id) < before]
    return rows[:limit], len(rows) > limit


def _seconds(at: dt.datetime) -> int:
    return int(at.timestamp())


__all__ = [
    "KINDS",
    "Journey",
    "View",
    "element_json",
    "journey",
    "journey_json",
    "lanes_json",
    "lately",
    "newest_first",
    "picture_json",
    "summary_json",
]
