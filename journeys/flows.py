"""How customers move between channels: which follows which within a topic, how often, how long after (J16).

While elements are few they are counted as they are asked for. Above `COUNTED_AT_ONCE` a background job counts them by
day, and the answer says until when it did.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from journeys.models import FlowDay, FlowPreparation

REACH: Final = dt.timedelta(days=30)
"""What comes later than this after the point before it begins anew: it does not follow it."""

COUNTED_AT_ONCE: Final = 50_000
MOST_TOPICS: Final = 200
_WHOLLY_EVERY: Final = dt.timedelta(hours=24)
_LAG: Final = dt.timedelta(minutes=5)
"""How long a transaction may take to commit what it changed and still be seen by the next preparation."""

# The points of one work request are one contact, within the reach: they do not follow each other. Merged customers are
# one person. Leased contexts vanish, so they are no part of it.
_STEPS: Final = """
    with recursive up as (
        select id, merged_into_id as survivor from customers_customer where merged_into_id is not null
        union all
        select up.id, c.merged_into_id from up
            join customers_customer c on c.id = up.survivor where c.merged_into_id is not null
    ), person as (
        select id, survivor from up
            where not exists (select from customers_customer c where c.id = survivor and c.merged_into_id is not null)
    ), step as (
        select e.channel, e.topic, e.started, e.work_request_id,
            lag(e.channel) over chain as channel_before,
            lag(e.started) over chain as started_before,
            lag(e.work_request_id) over chain as request_before
        from journeys_element e left join person on person.id = e.customer_id
        where e.customer_id is not null and e.started >= %(reach)s and e.started < %(until)s and e.expires_at is null
            and (%(topics)s::text[] is null or e.topic = any(%(topics)s::text[]))
        window chain as (
            partition by coalesce(person.survivor, e.customer_id), e.topic order by e.started, e.id
        )
    ), counted as (
        select channel, topic, started,
            case when started - started_before <= %(longest)s then channel_before end as channel_before,
            case when started - started_before <= %(longest)s
                then ln(greatest(extract(epoch from started - started_before), 1)) end as log_seconds
        from step where started >= %(since)s
            and (work_request_id is distinct from request_before or started - started_before > %(longest)s)
    )
"""

_AT_ONCE: Final = f"""{_STEPS}
    select channel_before, channel, count(*), coalesce(sum(log_seconds), 0) from counted
    where %(channels)s::text[] is null or channel = any(%(channels)s::text[])
        or channel_before = any(%(channels)s::text[])
    group by channel_before, channel
"""  # noqa: S608 - a statement of our own

_BY_DAY: Final = f"""{_STEPS}
    insert into journeys_flowday (day, topic, channel_before, channel, count, log_seconds)
    select (started at time zone 'UTC')::date, topic, channel_before, channel, count(*), coalesce(sum(log_seconds), 0)
    from counted group by 1, 2, 3, 4
"""  # noqa: S608

_PREPARED: Final = """
    select channel_before, channel, sum(count)::int8, sum(log_seconds) from journeys_flowday
    where day >= %(first)s and day <= %(last)s
        and (%(topics)s::text[] is null or topic = any(%(topics)s::text[]))
        and (%(channels)s::text[] is null or channel = any(%(channels)s::text[])
            or channel_before = any(%(channels)s::text[]))
    group by channel_before, channel
"""


@dataclass(frozen=True)
class Question:
    """Which flows are asked for: days in UTC, both included; empty topics and channels are all of them."""

    first: dt.date
    last: dt.date
    topics: Sequence[str] = ()
    channels: Sequence[str] = ()


def flows(question: Question, now: dt.datetime) -> dict[str, Any]:
    """Count, for each pair of channels, how often the second followed the first, and the typical time between them.

    A point counts on the day that it lies in; what it follows may lie up to `REACH` before. Points that follow nothing
    are counted as beginnings of their channel. The typical time is the geometric mean: few long waits do not drown it.
    """
    parameters = {
        **_span(question.first, question.last),
        "first": question.first,
        "last": question.last,
        "topics": list(question.topics) or None,
        "channels": list(question.channels) or None,
    }
    prepared = FlowPreparation.objects.exclude(prepared_at=None).first() if is_large() else None
    with connection.cursor() as cursor:
        cursor.execute(_PREPARED if prepared else _AT_ONCE, parameters)
        rows = cursor.fetchall()
    pairs = [
        {
            "from": before or None,
            "to": channel or None,
            "count": count,
            "seconds": round(math.exp(logs / count)),
        }
        for before, channel, count, logs in rows
        if before is not None
    ]
    beginnings = [
        {"channel": channel or None, "count": count}
        for before, channel, count, _logs in rows
        if before is None and (not question.channels or channel in question.channels)
    ]
    return {
        "flows": sorted(pairs, key=lambda pair: -pair["count"]),
        "beginnings": sorted(beginnings, key=lambda one: -one["count"]),
        "steps": sum(pair["count"] for pair in pairs),
        "prepared_at": prepared.prepared_at if prepared else None,
        "elements": prepared.elements if prepared else None,
        "as_of": prepared.prepared_at if prepared else now,
    }


def topics(question: Question) -> list[dict[str, Any]]:
    """List the topics of the range with their numbers of points, the most frequent first. One query."""
    large = is_large() and FlowPreparation.objects.exclude(prepared_at=None).exists()
    source = (
        "select topic, sum(count)::int8 as count from journeys_flowday where day >= %(first)s and day <= %(last)s"
        if large
        else "select topic, count(*) as count from journeys_element"
        " where customer_id is not null and expires_at is null and started >= %(since)s and started < %(until)s"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"{source} and topic <> '' group by topic order by count desc, topic limit {MOST_TOPICS}",
            {**_span(question.first, question.last), "first": question.first, "last": question.last},
        )
        return [{"topic": topic, "count": count} for topic, count in cursor.fetchall()]


def is_large() -> bool:
    """Say whether there are too many elements to count them while somebody waits. One short query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from (select from journeys_element limit %s) as counted", [COUNTED_AT_ONCE + 1]
        )
        (count,) = cursor.fetchone()
    return bool(count > COUNTED_AT_ONCE)


def prepare(now: dt.datetime, *, wholly: bool = False) -> int:
    """Count the flows of the days that have changed, once a day those of all; return how many days were counted.

    One preparation at a time; a second one that is asked for meanwhile does nothing. What an element changes lies
    within `REACH` after it.
    """
    FlowPreparation.objects.get_or_create(id=1)
    with transaction.atomic():
        state = FlowPreparation.objects.select_for_update(skip_locked=True).first()
        if state is None:
            return 0
        wholly = wholly or state.wholly_at is None or now - state.wholly_at >= _WHOLLY_EVERY
        spans = [_everything()] if wholly else list(_changed(state.seen_until or now))
        if wholly:
            FlowDay.objects.all().delete()
            state.wholly_at = now
        for first, last in filter(None, spans):
            FlowDay.objects.filter(day__gte=first, day__lte=last).delete()
            with connection.cursor() as cursor:
                cursor.execute(_BY_DAY, {**_span(first, last), "topics": None})
        state.prepared_at, state.seen_until = now, now - _LAG
        state.elements = _estimate()
        state.save()
    return sum((last - first).days + 1 for first, last in filter(None, spans))


def _everything() -> tuple[dt.date, dt.date] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(started at time zone 'UTC')::date, max(started at time zone 'UTC')::date from journeys_element"
        )
        first, last = cursor.fetchone()
    return (first, last) if first else None


def _changed(since: dt.datetime) -> Iterable[tuple[dt.date, dt.date]]:
    """Yield the spans of days whose flows may have changed, apart from each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct (started at time zone 'UTC')::date from journeys_element where changed_at > %s order by 1",
            [since],
        )
        days = [day for (day,) in cursor.fetchall()]
    span: tuple[dt.date, dt.date] | None = None
    for day in days:
        if span is not None and day <= span[1]:
            span = (span[0], day + REACH)
            continue
        if span is not None:
            yield span
        span = (day, day + REACH)
    if span is not None:
        yield span


def _estimate() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(sum(count), 0) from journeys_flowday")
        (count,) = cursor.fetchone()
    return int(count)


def _span(first: dt.date, last: dt.date) -> dict[str, Any]:
    since = dt.datetime.combine(first, dt.time(), dt.UTC)
    until = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), dt.UTC)
    return {"since": since, "until": until, "reach": since - REACH, "longest": REACH}
