"""Which rows, in which order: the plans by which a page of a million customers is found (C22, C25, C30).

Ids first, the wide rows afterwards. Where an index has the order, its first rows are walked; a search looks a short way
along it, then takes all matches where an index finds them, else looks farther for a short time before it goes through
all customers. What the planner guesses decides only what is tried first.
"""

# ruff: noqa: S608 - the statements are put together from declared columns; every value is a parameter
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from customers.listing.columns import Column, Fragment, joined, word
from customers.listing.query import Query
from customers.values import Kind

WALK = 1000
"""How far a search looks along the index that has its order at first: about 2 ms."""

LONG_WALK = 85_000
"""How far the page may be, as it seems, to be looked for along the order at all."""

WALKING = 0.08
"""For how many seconds it is looked for there at most, a tenth of what it takes to go through a million."""

CAP = 10_000
"""Up to how many matches are counted while the page is found."""

CHEAP = 30_000
"""Up to which cost, as the planner guesses it, it is tried whether all matches can be taken before walking farther."""

SMALL = 20_000
"""Up to how many customers every search is counted at once."""

_CARRIES = "c.id IN (SELECT customer_id FROM customers_customerlabel WHERE label_id = %s)"
_CARRIES_ALONE = (
    "(SELECT true FROM customers_customerlabel l WHERE l.customer_id = c.id AND l.label_id = %s) IS NOT NULL"
)


@dataclass(frozen=True)
class Found:
    """The ids of one page in order, whether more follow, and how many match: exactly, or more than that."""

    ids: Sequence[UUID]
    has_next: bool
    count: int
    is_exact: bool


@dataclass(frozen=True)
class Plan:
    """One query, with what is known beforehand: how many customers the stage has, and which indexes there are."""

    query: Query
    total: int
    has_order_index: bool
    has_document_index: bool

    def find(self) -> Found:
        """Return the page, after at most a dozen statements."""
        query = self.query
        if query.offset >= self.total:
            # Nobody can be on that page, so nobody is looked for.
            return Found(
                [], has_next=False, count=self.total, is_exact=not query.is_narrowed or not self.total
            )
        if not query.is_narrowed:
            return self._find_among_all()
        if self.total <= SMALL:
            return self._take_matches()
        if self.has_order_index:
            return self._find_on_walk()
        return self._find_first([self._find_few] if self._may_be_few else [])

    def count(self) -> int:
        """Count exactly."""
        if not self.query.is_narrowed:
            return self.total
        matching = self._matching
        rows = run(f"SELECT count(*) FROM customers_customer c WHERE {matching.sql}", matching.parameters)
        return int(rows[0][0])

    def every(self) -> Fragment:
        """Return the statement that yields the ids of all matches in order."""
        matching = self._matching
        sql = f"SELECT c.id FROM customers_customer c WHERE {matching.sql} ORDER BY {self._order(self._key)}"
        return Fragment(sql, matching.parameters)

    def changed_since(self, since: datetime, most: int) -> Fragment:
        """Return the statement that counts the ``most`` who changed last after ``since``: all, the matches that are
        new, and the matches that are not."""
        conditions = [*self._conditions(with_document=False), Fragment("true")]
        matching = joined(conditions, "AND")
        stage = self._stage
        return Fragment(
            "SELECT count(*), count(*) FILTER (WHERE matches AND created_at > %s),"
            " count(*) FILTER (WHERE matches AND created_at <= %s)"
            f" FROM (SELECT c.created_at, ({matching.sql}) AS matches FROM customers_customer c"
            f" WHERE {stage.sql} AND c.updated_at > %s ORDER BY c.updated_at DESC LIMIT %s) w",
            (since, since, *matching.parameters, *stage.parameters, since, most),
        )

    # Without conditions

    def _find_among_all(self) -> Found:
        query = self.query
        size = min(query.page_size, self.total - query.offset)
        behind = self.total - query.offset - size
        # Beyond the middle it is shorter to come from the end.
        backwards = behind < query.offset
        skipped = behind if backwards else query.offset
        if not self.has_order_index:
            ordered = self._sorted(skipped + size, backwards=backwards)
            rows = run(f"SELECT id FROM ({ordered.sql}) c OFFSET %s", (*ordered.parameters, skipped))
        else:
            ordered = self._window(
                skipped + size, self._stage, backwards=backwards, columns={self._column.name}
            )
            # Keys of folded texts cost more than the rows that are skipped.
            sql = f"SELECT c.id, {self._key} FROM (SELECT * FROM ({ordered.sql}) w OFFSET %s) c"
            rows = run(sql, (*ordered.parameters, skipped))
        if backwards:
            rows.reverse()
        is_turned = self.has_order_index and query.descending
        ids = self._in_order(rows) if is_turned else [row[0] for row in rows]
        return Found(ids, behind > 0, self.total, is_exact=True)

    def _in_order(self, rows: Sequence[tuple[UUID, Any]]) -> list[UUID]:
        """Return the ids of a page whose ties stand the wrong way round.

        Those within it are turned over; of the first and the last key others may stand before and after the page.
        """
        ids: list[UUID] = []
        by_key = [(key, [row[0] for row in ties]) for key, ties in groupby(rows, key=itemgetter(1))]
        for place, (key, tied) in enumerate(by_key):
            if key is None:
                ids += tied
            elif place == 0:
                ids += self._ties(key, len(tied), self._ahead_of(tied[0], key) if self.query.offset else 0)
            elif place == len(by_key) - 1:
                ids += self._ties(key, len(tied), 0)
            else:
                ids += reversed(tied)
        return ids

    def _ahead_of(self, customer_id: UUID, key: Any) -> int:
        """Count those with this key and a higher id."""
        sql = f"SELECT count(*) FROM customers_customer c WHERE {self._stage.sql} AND {self._key} = %s AND c.id > %s"
        return int(run(sql, (*self._stage.parameters, key, customer_id))[0][0])

    def _ties(self, key: Any, length: int, skipped: int) -> list[UUID]:
        """Return ``length`` of the customers with this key, by id, after ``skipped`` of them."""
        sql = (
            f"SELECT c.id FROM customers_customer c WHERE {self._stage.sql} AND {self._key} = %s"
            " ORDER BY c.id LIMIT %s OFFSET %s"
        )
        return [row[0] for row in run(sql, (*self._stage.parameters, key, length, skipped))]

    def _sorted(self, length: int, *, backwards: bool) -> Fragment:
        """Return the first ``length`` customers, found by sorting them all."""
        order = self._order(self._key, backwards=backwards)
        who = self._stage
        return Fragment(
            f"SELECT c.id FROM customers_customer c WHERE {who.sql} ORDER BY {order} LIMIT %s",
            (*who.parameters, length),
        )

    # Those who match

    def _find_on_walk(self) -> Found:
        """Look for the page along the order, farther where that is less work than taking all matches."""
        wanted = self.query.offset + self.query.page_size + 1
        ids, top = self._walk(WALK, wanted)
        if len(ids) == wanted or self.total <= WALK:
            return self._found_on_walk(ids)
        if len(ids) * self.total > CAP * WALK:
            # They are many, as it seems, and the page not far.
            return self._find_farther(wanted, wanted * WALK // len(ids), top) or self._find_among_many(0)
        cost, guessed = self._guess
        farther = partial(self._find_farther, wanted, wanted * self.total // max(guessed, CAP), top)
        if not self._may_be_few:
            return self._find_first([farther])
        return self._find_first([self._find_few, farther] if cost < CHEAP else [farther, self._find_few])

    def _find_first(self, attempts: Sequence[Callable[[], Found | None]]) -> Found:
        """Return what the first of the attempts finds, else look through all."""
        for attempt in attempts:
            if found := attempt():
                return found
        return self._find_among_many(CAP if self._find_few in attempts else 0)

    @property
    def _may_be_few(self) -> bool:
        """Whether it may be worth trying to take all matches.

        Of several conditions far too many are guessed where none fits whom another one fits.
        """
        query = self.query
        is_simple = sum(map(len, query.conditions)) + len(query.words) + len(query.label_ids) == 1
        return self._guess[1] < min((2 if is_simple else 10) * CAP, self.total // 10)

    @cached_property
    def _guess(self) -> tuple[float, int]:
        """What the planner thinks it costs to find out whether they are few, and how many they are."""
        matching = self._matching
        plan = run(
            f"EXPLAIN SELECT c.id FROM customers_customer c WHERE {matching.sql} LIMIT {CAP + 1}",
            matching.parameters,
        )
        cost = re.search(r"cost=[\d.]+\.\.([\d.]+)", plan[0][0])
        rows = re.search(r"rows=(\d+)", plan[1][0])
        return (float(cost[1]), int(rows[1])) if cost and rows else (0.0, 0)

    def _find_farther(self, wanted: int, distance: int, top: Any) -> Found | None:
        """Look along the order; None where ``distance`` is too far, or it takes longer than ``WALKING``."""
        if distance > LONG_WALK:
            return None
        # The planner does not know how near they lie: it may not take and sort them instead.
        settings = (
            "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true),"
            " set_config('enable_sort', %s, true)"
        )
        began = time.monotonic()
        try:
            with transaction.atomic():
                patience = run(settings, (f"{WALKING}s", "off"))[0][0]
                ids, _ = self._walk(None, wanted, top)
                run(settings, (patience, "on"))
        except OperationalError as failure:
            # What is stopped earlier has nobody waiting for it any more.
            if not isinstance(failure.__cause__, QueryCanceled) or time.monotonic() - began < WALKING:
                raise
            return None
        return self._found_on_walk(ids)

    def _found_on_walk(self, ids: Sequence[str]) -> Found:
        offset = self.query.offset
        return self._found([UUID(text) for text in ids[offset:]], more_than=offset + self.query.page_size)

    def _walk(self, length: int | None, wanted: int, top: Any = None) -> tuple[list[str], Any]:
        """Return the first ``wanted`` who match among the first ``length`` of the order; fewer if that is too short.

        With them goes the key that all of them had, if it was one: as ``top`` it spares the next walk the half.
        """
        window = partial(self._window, columns=self._judged)
        if not self.query.descending:
            return [row[0] for row in self._matches_in(window, length, wanted, "NULL")], None
        if top is not None:
            ids = self._walk_ties(top, length, wanted)
            if len(ids) == wanted:
                return ids, top
        # The ties stand the wrong way round, and are turned over here. Of the last ones only some are seen, and those
        # are not the first.
        # Moments go as text: to make one of each row takes longer than to find it.
        is_time = self.query.order.kind in (Kind.DATE, Kind.DATETIME)
        rows = self._matches_in(window, length, wanted, f"({self._key})::text" if is_time else self._key)
        if not rows:
            return [], None
        key = rows[-1][1]
        top = key if key == rows[0][1] else None
        if len(rows) == wanted and key is not None and key == rows[-2][1]:
            ahead = [row for row in rows if row[1] != key]
            return _turned(ahead) + self._walk_ties(key, length, wanted - len(ahead)), top
        return _turned(rows), top

    def _walk_ties(self, key: Any, length: int | None, wanted: int) -> list[str]:
        """Return the first ``wanted`` who match among the first ``length`` with this key."""

        def window(length: int, who: Fragment) -> Fragment:
            return Fragment(
                f"SELECT {self._selected(self._judged)} FROM customers_customer c"
                f" WHERE {who.sql} AND {self._key} = %s ORDER BY c.id LIMIT %s",
                (*who.parameters, key, length),
            )

        return [row[0] for row in self._matches_in(window, length, wanted, "NULL")]

    def _matches_in(
        self, window: Callable[[int, Fragment], Fragment], length: int | None, wanted: int, key: str
    ) -> list[tuple[str, Any]]:
        """Return the ids, as text, and the keys of the first ``wanted`` who match.

        With ``length`` no more are looked at, however few match: each row of that window is judged by itself, since a
        join, which ``IN`` may become, does not keep its order. But the window works out the key of each row, which for
        folded texts is half of the work. Most ids are of earlier pages, not worth a UUID.
        """
        judgement = self._judgement
        if length is None:
            matching = window(wanted, joined([self._stage, judgement], "AND"))
            return run(f"SELECT c.id::text, {key} FROM ({matching.sql}) c", matching.parameters)
        seen = window(length, self._stage)
        return run(
            f"SELECT c.id::text, {key} FROM ({seen.sql}) c WHERE {judgement.sql} LIMIT %s",
            (*seen.parameters, *judgement.parameters, wanted),
        )

    @cached_property
    def _judgement(self) -> Fragment:
        return joined(self._conditions(with_document=False, carries=_CARRIES_ALONE), "AND")

    @property
    def _judged(self) -> Collection[str]:
        return {*self._judgement.columns, self._column.name}

    def _find_few(self) -> Found | None:
        """Take all matches; None where there are more than ``CAP``, or the page is farther on."""
        if self.query.offset + self.query.page_size >= CAP:
            return None
        found = self._take_matches(f" LIMIT {CAP + 1}")
        return found if found.count <= CAP else None

    def _take_matches(self, limit: str = "") -> Found:
        """Take all matches, then sort them."""
        query, matching = self.query, self._matching
        rows = run(
            f"WITH m AS MATERIALIZED (SELECT c.id, {self._key} AS key FROM customers_customer c"
            f" WHERE {matching.sql}{limit})"
            " SELECT (SELECT count(*) FROM m),"
            f" ARRAY(SELECT id FROM m c ORDER BY {self._order('key')} LIMIT %s OFFSET %s)",
            (*matching.parameters, query.page_size, query.offset),
        )
        count, ids = rows[0]
        return Found(ids, has_next=count > query.offset + len(ids), count=count, is_exact=True)

    def _find_among_many(self, more_than: int) -> Found:
        """Sort all matches and keep no more than the page; of their number is known what they are more than."""
        query, matching = self.query, self._matching
        # An index that has the order may have every match last. It does not have this one, which comes to the same,
        # and which several workers can sort their parts by.
        order = f"{self._column.is_empty}, {self._order(self._key)}"
        rows = run(
            f"SELECT c.id FROM customers_customer c WHERE {matching.sql} ORDER BY {order} LIMIT %s OFFSET %s",
            (*matching.parameters, query.page_size + 1, query.offset),
        )
        return self._found([row[0] for row in rows], more_than=max(more_than, query.offset + query.page_size))

    def _found(self, ids: list[UUID], *, more_than: int) -> Found:
        """Return what a search found that stops one after the page."""
        query = self.query
        if len(ids) > query.page_size:
            return Found(ids[: query.page_size], has_next=True, count=more_than, is_exact=False)
        return Found(ids, has_next=False, count=query.offset + len(ids), is_exact=True)

    # Pieces of SQL

    @cached_property
    def _column(self) -> Column:
        return Column(self.query.order)

    @property
    def _key(self) -> str:
        return self._column.key

    def _order(self, key: str, *, backwards: bool = False) -> str:
        """Return the order: by the key, empty ones last in both directions, ties by id (C22)."""
        direction = "DESC" if self.query.descending != backwards else "ASC"
        return (
            f"{key} {direction} NULLS FIRST, c.id DESC"
            if backwards
            else f"{key} {direction} NULLS LAST, c.id"
        )

    @cached_property
    def _stage(self) -> Fragment:
        live = Fragment("c.deleted_at IS NULL AND c.merged_into_id IS NULL")
        if self.query.stage is None:
            return live
        return joined([Fragment("c.stage = %s", (self.query.stage.value,)), live], "AND")

    @cached_property
    def _matching(self) -> Fragment:
        return joined([self._stage, *self._conditions(with_document=self.has_document_index)], "AND")

    def _conditions(self, *, with_document: bool, carries: str = _CARRIES) -> list[Fragment]:
        query = self.query
        groups = [
            joined(
                [Column(item.attribute).fragment(item, with_document=with_document) for item in group], "AND"
            )
            for group in query.conditions
        ]
        if query.match_any and groups:
            groups = [joined(groups, "OR")]
        searched = [Column(query.schema.by_key[key]) for key in query.searched]
        groups += [word(item, searched, with_document=with_document) for item in query.words]
        return groups + [Fragment(carries, (label,)) for label in query.label_ids]

    def _selected(self, columns: Collection[str]) -> str:
        return ", ".join(f"c.{name}" for name in sorted({"id", *columns}))

    def _window(
        self, length: int, who: Fragment, *, columns: Collection[str], backwards: bool = False
    ) -> Fragment:
        """Return the first ``length`` of ``who`` in the order with ``columns``, by the index that has the order.

        The index runs by key and id, both ascending, so one scan of it, in either direction, serves the ascending
        order. In the descending one the key falls and the ids rise: of that it gives the ties the wrong way round.
        """
        select = f"SELECT {self._selected(columns)} FROM customers_customer c WHERE {who.sql}"
        key = self._key
        if not self.query.descending:
            order = self._order(key, backwards=backwards)
            return Fragment(f"{select} ORDER BY {order} LIMIT %s", (*who.parameters, length))
        # Without empty keys any place for them is the same, and the index's own costs no sort.
        fallen, risen = ("ASC", "DESC") if backwards else ("DESC", "ASC")
        filled = f"({select} AND {key} IS NOT NULL ORDER BY {key} {fallen}, c.id {fallen} LIMIT %s)"
        empty = f"({select} AND {key} IS NULL ORDER BY c.id {risen} LIMIT %s)"
        parts = [empty, filled] if backwards else [filled, empty]
        # PostgreSQL takes the parts one after the other and stops at the outer limit: parts with limits of their own
        # never run beside each other. The limits also say that the index is worth it.
        of_part = (*who.parameters, length)
        return Fragment(f"{' UNION ALL '.join(parts)} LIMIT %s", (*of_part, *of_part, length))


def _turned(rows: Sequence[tuple[str, Any]]) -> list[str]:
    """Return the ids with those of each key turned over; those without a key are in order."""
    ids: list[str] = []
    for key, ties in groupby(rows, key=itemgetter(1)):
        of_key = [row[0] for row in ties]
        ids += of_key if key is None else reversed(of_key)
    return ids


def run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
