"""Which rows, in which order: the plans by which a page of a million customers is found (C22, C25, C30).

Ids first, the wide rows afterwards. Where an index has the order, its first rows are walked; a search looks a bounded
way along it before all matches are taken and sorted. No plan depends on the planner's guess of how many match.
"""

# ruff: noqa: S608 - the statements are put together from declared columns; every value is a parameter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from customers.listing.columns import Column, Fragment, joined, word
from customers.listing.query import Query

WALK = 4000
"""How far a search looks along the index that has its order, beyond what the page needs: about 10 ms."""

LONG_WALK = 100_000
"""How far it looks along where the beginning has shown that the page is there."""

CAP = 20_000
"""Up to how many matches are counted while the page is found."""

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
        """Return the page, after at most four statements."""
        query = self.query
        if query.offset >= self.total:
            # Nobody can be on that page, so nobody is looked for.
            return Found(
                [], has_next=False, count=self.total, is_exact=not query.is_narrowed or not self.total
            )
        if not query.is_narrowed:
            return self._find_among_all()
        if self.total > SMALL:
            likely = 0
            if self.has_order_index:
                found, likely = self._find_on_walk()
                if found:
                    return found
            if likely > 2 * CAP:
                return self._find_among_many()
            if query.offset + query.page_size < CAP:
                return self._find_matches(most=CAP) or self._find_among_many()
        return self._find_matches() or self._find_among_many()

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
        window = self._window if self.has_order_index else self._sorted
        ordered = window(skipped + size, backwards=backwards)
        rows = run(f"SELECT id FROM ({ordered.sql}) w OFFSET %s", (*ordered.parameters, skipped))
        ids = [row[0] for row in rows]
        return Found(ids[::-1] if backwards else ids, behind > 0, self.total, is_exact=True)

    def _sorted(self, length: int, *, backwards: bool) -> Fragment:
        """Return the first ``length`` customers, found by sorting them all."""
        order = self._order(self._key, backwards=backwards)
        who = self._stage
        return Fragment(
            f"SELECT c.id FROM customers_customer c WHERE {who.sql} ORDER BY {order} LIMIT %s",
            (*who.parameters, length),
        )

    # Those who match

    def _find_on_walk(self) -> tuple[Found | None, int]:
        """Look for the page among the first customers of the order, and how many are likely to match in all.

        None where the page is not found: after a short walk, and a longer one if the first says that it is worth it.
        """
        wanted = self.query.offset + self.query.page_size + 1
        length, likely = WALK + 4 * wanted, 0
        while True:
            ids = self._walk(length, wanted)
            if len(ids) == wanted or length >= self.total:
                more_than = self.query.offset + self.query.page_size
                return self._found(ids[self.query.offset :], more_than=more_than), likely
            if likely or not ids:
                return None, likely
            likely = len(ids) * self.total // length
            length = 3 * wanted * length // (2 * len(ids))
            if likely <= CAP or length > LONG_WALK:
                return None, likely

    def _walk(self, length: int, wanted: int) -> list[UUID]:
        """Return the first ``wanted`` who match among the first ``length`` of the order.

        Each row is judged by itself: a join, which ``IN`` may become, does not keep the order of the window.
        """
        conditions = joined(self._conditions(with_document=False, carries=_CARRIES_ALONE), "AND")
        window = self._window(length, columns=conditions.columns)
        rows = run(
            f"SELECT c.id FROM ({window.sql}) c WHERE {conditions.sql} LIMIT %s",
            (*window.parameters, *conditions.parameters, wanted),
        )
        return [row[0] for row in rows]

    def _find_matches(self, most: int | None = None) -> Found | None:
        """Take all matches, then sort them; None when there are more than ``most``."""
        query, matching = self.query, self._matching
        limit = f" LIMIT {most + 1}" if most else ""
        rows = run(
            f"WITH m AS MATERIALIZED (SELECT c.id, {self._key} AS key FROM customers_customer c"
            f" WHERE {matching.sql}{limit})"
            " SELECT (SELECT count(*) FROM m),"
            f" ARRAY(SELECT id FROM m c ORDER BY {self._order('key')} LIMIT %s OFFSET %s)",
            (*matching.parameters, query.page_size, query.offset),
        )
        count, ids = rows[0]
        if most and count > most:
            return None
        return Found(ids, has_next=count > query.offset + len(ids), count=count, is_exact=True)

    def _find_among_many(self) -> Found:
        """Sort all matches and keep no more than the page; their number stays open."""
        query, matching = self.query, self._matching
        # OFFSET 0 keeps the order apart from the conditions: an index that has the order may have every match last.
        rows = run(
            f"SELECT id FROM (SELECT c.id, {self._key} AS key FROM customers_customer c"
            f" WHERE {matching.sql} OFFSET 0) c ORDER BY {self._order('key')} LIMIT %s OFFSET %s",
            (*matching.parameters, query.page_size + 1, query.offset),
        )
        return self._found([row[0] for row in rows], more_than=max(CAP, query.offset + query.page_size))

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

    def _window(self, length: int, *, backwards: bool = False, columns: Collection[str] = ()) -> Fragment:
        """Return the first ``length`` customers of the order with ``columns``, by the index that has the order.

        The index runs by key and id, both ascending, so one scan of it, in either direction, serves the ascending
        order. In the descending one the key falls and the ids rise; sorting the ties of the last key could mean
        sorting everybody, so that key is found first, and its ties are read by id.
        """
        selected = ", ".join(f"c.{name}" for name in sorted({"id", *columns}))
        select = f"SELECT {selected} FROM customers_customer c WHERE {self._stage.sql}"
        stage = self._stage.parameters
        key = self._key
        if not self.query.descending:
            order = self._order(key, backwards=backwards)
            return Fragment(f"{select} ORDER BY {order} LIMIT %s", (*stage, length))
        direction, beyond, ids = ("ASC", "<", "DESC") if backwards else ("DESC", ">", "ASC")
        last = run(
            f"SELECT {key} FROM customers_customer c WHERE {self._stage.sql} AND {key} IS NOT NULL"
            f" ORDER BY {key} {direction} LIMIT 1 OFFSET %s",
            (*stage, length - 1),
        )
        # Without empty keys any place for them is the same, and the index's own costs no sort.
        order = f"{key} {direction}, c.id {ids}"
        empty = Fragment(f"({select} AND {key} IS NULL ORDER BY c.id {ids} LIMIT %s)", (*stage, length))
        if not last:
            filled = [
                Fragment(f"({select} AND {key} IS NOT NULL ORDER BY {order} LIMIT %s)", (*stage, length))
            ]
        else:
            filled = [
                Fragment(
                    f"({select} AND {key} {beyond} %s ORDER BY {order} LIMIT %s)",
                    (*stage, last[0][0], length),
                ),
                Fragment(
                    f"({select} AND {key} = %s ORDER BY c.id {ids} LIMIT %s)", (*stage, last[0][0], length)
                ),
            ]
        parts = [empty, *filled] if backwards else filled if last else [*filled, empty]
        # PostgreSQL takes the parts one after the other and stops at the outer limit: parts with limits of their own
        # never run beside each other. The limits also say that the index is worth it.
        sql = " UNION ALL ".join(part.sql for part in parts)
        return Fragment(
            f"{sql} LIMIT %s", (*(parameter for part in parts for parameter in part.parameters), length)
        )


def run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
