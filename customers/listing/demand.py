"""Which attributes people wait for: what the list learns of its own slow answers, to suggest fast ones (C2).

Only an answer that took ``NOTICEABLE`` is noted, one row an attribute and day; a quick one costs nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.db.models import Sum

from customers.listing.query import Query
from customers.models import Attribute, AttributeWait

NOTICEABLE = 0.3
"""From how many seconds on somebody has waited."""

DAYS = 30
SUGGESTED_AFTER = 60
"""How many seconds of waiting within ``DAYS`` make an index worth what it costs every write."""


@dataclass(frozen=True)
class Demand:
    """How often people waited for an attribute lately, and how long in all."""

    times: int
    seconds: float

    @property
    def is_worth_an_index(self) -> bool:
        return self.seconds >= SUGGESTED_AFTER


def note(query: Query, seconds: float, today: date) -> None:
    """Remember that somebody waited so long for the attributes of ``query`` that could be fast and are not."""
    if seconds < NOTICEABLE:
        return
    asked = [query.order, *(item.attribute for group in query.conditions for item in group)]
    slow = sorted({attribute.pk for attribute in asked if attribute.is_custom and not attribute.fast})
    if slow:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO customers_attributewait AS w (attribute_id, day, times, seconds)"
                " SELECT a.id, %s, 1, %s FROM customers_attribute a WHERE a.id = ANY(%s) ORDER BY a.id"
                " ON CONFLICT (attribute_id, day) DO UPDATE"
                " SET times = w.times + 1, seconds = w.seconds + excluded.seconds",
                [today, seconds, slow],
            )


def of_attributes(attributes: Iterable[Attribute], today: date) -> dict[int, Demand]:
    """Return the demand of each attribute that is not fast and that somebody waited for lately. One query."""
    wanted = {attribute.pk for attribute in attributes if attribute.is_custom and not attribute.fast}
    rows = (
        AttributeWait.objects.filter(day__gt=today - timedelta(days=DAYS), attribute__in=wanted)
        .values("attribute")
        .annotate(all_times=Sum("times"), all_seconds=Sum("seconds"))
    )
    return {row["attribute"]: Demand(row["all_times"], round(row["all_seconds"], 1)) for row in rows}


def forget(today: date) -> int:
    """Delete what is too old to count."""
    return AttributeWait.objects.filter(day__lte=today - timedelta(days=DAYS)).delete()[0]
