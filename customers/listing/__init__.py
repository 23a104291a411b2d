"""The list of customers: what is asked for becomes one page, its count, or the ids of all who match (1.3).

``page`` and ``count`` answer within ``PATIENCE`` or refuse. What is asked is a ``Query``, read from an address by
``customers.filters``; ``plans`` decides how it is found.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from cim.access.cancelling import stopped_when_alone
from cim.access.problems import Problem
from customers import indexes, presenting
from customers.listing import demand
from customers.listing.plans import SMALL, Plan
from customers.listing.query import Condition, Operator, Query, Word
from customers.models import Stage
from customers.policy import Sight

__all__ = [
    "Condition",
    "News",
    "Operator",
    "Page",
    "Query",
    "Word",
    "count",
    "demand",
    "ids",
    "news",
    "page",
    "sum_up_tallies",
]

PATIENCE = 8
"""For how many seconds a list may be searched before it is given up."""

MOST_NEWS = 1000
"""How many changes are looked at before it is only said that there are many."""


@dataclass(frozen=True)
class Page:
    """One page of the list as the contract has it; ``count`` is a lower bound while ``count_is_exact`` is false."""

    results: list[dict[str, Any]]
    count: int
    count_is_exact: bool
    page: int
    page_size: int
    has_next: bool
    searched: tuple[str, ...]

    @property
    def pages(self) -> int | None:
        """The number of pages, at least one; None while the count is not exact (C25)."""
        return max(1, -(-self.count // self.page_size)) if self.count_is_exact else None


def page(query: Query, sight: Sight) -> Page:
    """Return the page of customers that ``query`` asks for, as ``sight`` may see them.

    Raises Http404 for a later page without customers, Problem (503) when it takes longer than ``PATIENCE``.
    At most nine queries, however large the page.
    """
    began = time.monotonic()
    with _patiently():
        plan = _plan(query)
        found = plan.find()
        if not found.ids and query.page > 1:
            raise Http404
        results = presenting.rows_json(presenting.rows_of(found.ids, query.schema), query.schema, sight)
    if plan.total > SMALL:
        demand.note(query, time.monotonic() - began, timezone.now().date())
    return Page(
        results,
        found.count,
        found.is_exact,
        query.page,
        query.page_size,
        found.has_next,
        tuple(query.searched),
    )


def count(query: Query) -> int:
    """Count exactly who matches. Raises Problem (503) when it takes longer than ``PATIENCE``."""
    with _patiently():
        return _plan(query).count()


@dataclass(frozen=True)
class News:
    """How many of a list were created, how many others changed since a moment; where not exact, at least so many."""

    created: int
    changed: int
    is_exact: bool


def news(query: Query, since: datetime) -> News:
    """Count who matches and was created or changed after ``since``, among the ``MOST_NEWS`` that changed last.

    One statement that reads no more than those, by the index of ``updated_at``.
    """
    with _patiently():
        statement = _plan(query).changed_since(since, MOST_NEWS + 1)
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters)
            looked_at, created, changed = cursor.fetchone()
    return News(created, changed, is_exact=looked_at <= MOST_NEWS)


def ids(query: Query, batch: int = 1000) -> Iterator[list[UUID]]:
    """Yield the ids of all who match in order, in batches, as of one moment; the page asked for plays no part.

    Needs a transaction for as long as it is read.
    """
    statement = _plan(query).every()
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        while rows := cursor.fetchmany(batch):
            yield [row[0] for row in rows]


def sum_up_tallies() -> int:
    """Replace the rows of the tally by one of each stage; return how many went. The sums stay what they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM customers_tally WHERE id IN"
            " (SELECT id FROM customers_tally FOR UPDATE SKIP LOCKED) RETURNING stage, delta),"
            " summed AS (INSERT INTO customers_tally (stage, delta) SELECT stage, sum(delta) FROM gone GROUP BY stage)"
            " SELECT count(*) FROM gone"
        )
        return int(cursor.fetchone()[0])


def _plan(query: Query) -> Plan:
    stages = [query.stage.value] if query.stage else Stage.values
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(delta), 0), to_regclass(%s) IS NOT NULL FROM customers_tally WHERE stage = ANY(%s)",
            [indexes.DOCUMENT_INDEX, stages],
        )
        total, has_document_index = cursor.fetchone()
    has_order_index = query.stage == Stage.CURATED and indexes.has_sort_index(query.order)
    return Plan(query, int(total), has_order_index, has_document_index)


@contextmanager
def _patiently() -> Iterator[None]:
    """Give each statement of the block ``PATIENCE`` seconds, or until the client goes away (C30).

    Raises Problem (503) when one takes longer.
    """
    nested = connection.in_atomic_block
    try:
        with stopped_when_alone(connection), transaction.atomic():
            _set_timeout(PATIENCE)
            yield
            if nested:
                # What follows in the outer transaction has its own time.
                _set_timeout(0)
    except OperationalError as failure:
        if not isinstance(failure.__cause__, QueryCanceled):
            raise
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            _(
                "The search took longer than %(seconds)d seconds and was given up."
                " Narrow it down, or sort by a fast column."
            )
            % {"seconds": PATIENCE},
        ) from failure


def _set_timeout(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
