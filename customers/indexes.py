"""Which attributes have indexes of their own, and how those come and go without blocking anybody (C2, C6).

An attribute marked *fast* gets an index of its order and, where its values are searched for pieces, one of trigrams.
Its folded texts are counted too: how many of an expression match the planner knows only from statistics of their own,
for it takes none from an index that leaves rows out. All are built and dropped by a worker, the indexes concurrently;
``Attribute.index_state`` says how far it is. Whether they exist is asked of the database, so that a job can be broken
off anywhere and repeated.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection

from customers.listing.columns import Column
from customers.models import Attribute
from customers.values import TEXT_LIKE, Kind

logger = structlog.get_logger(__name__)

DOCUMENT_INDEX = "customer_by_document"
"""The trigram index of the quick search; missing where the database has no pg_trgm."""

ALWAYS_SORTED = frozenset({"created_at", "updated_at", "first_name", "last_name"})
"""The predefined attributes whose order always has an index; each costs every write."""

ON_THE_LIST = "stage = 'curated' AND deleted_at IS NULL AND merged_into_id IS NULL"
"""Whom the sort indexes hold: those whom the list shows unless asked otherwise."""

_PREFIX = "fast"
_LOCK = 0x43494D_0001
"""Names the advisory lock of whoever builds: two builds at once would wait for each other."""


@dataclass(frozen=True)
class Index:
    """One index of a fast attribute: its name, which says what it holds, and what follows it in the statement."""

    name: str
    definition: str


def has_sort_index(attribute: Attribute) -> bool:
    """Tell whether the customers on the list can be read in the order of ``attribute``."""
    return _is_always_sorted(attribute) or (
        attribute.fast and attribute.index_state == Attribute.IndexState.READY
    )


def settle() -> bool:
    """Build and drop indexes until they are what the attributes' marks want; False when somebody else is at it.

    Must not run in a transaction. Reads and writes of customers go on meanwhile, at most one index is built at a time.
    """
    with alone(_LOCK) as is_free:
        if is_free:
            _drop_unwanted()
            for attribute in Attribute.objects.active():
                _settle(attribute)
    return is_free


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Keep everybody else from the work that ``lock`` names; False when somebody is at it already."""
    is_free = bool(_value("SELECT pg_try_advisory_lock(%s)", [lock]))
    try:
        yield is_free
    finally:
        if is_free:
            _value("SELECT pg_advisory_unlock(%s)", [lock])


def _settle(attribute: Attribute) -> None:
    if _is_always_sorted(attribute):
        _mark(attribute, Attribute.IndexState.READY)
    elif not attribute.fast:
        _mark(attribute, Attribute.IndexState.NONE)
    elif missing := [index for index in indexes_of(attribute) if not _is_valid(index)]:
        _mark(attribute, Attribute.IndexState.BUILDING)
        try:
            for index in missing:
                # What a build that was broken off has left cannot be used and still costs every write.
                _execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                _execute(f"CREATE INDEX CONCURRENTLY {index.name} ON customers_customer {index.definition}")
            _count_texts(attribute)
            _execute("ANALYZE customers_customer")
        except DatabaseError:
            logger.exception("index not built", attribute=attribute.key)
            _mark(attribute, Attribute.IndexState.FAILED)
        else:
            _mark(attribute, Attribute.IndexState.READY)
    else:
        _mark(attribute, Attribute.IndexState.READY)
        if _count_texts(attribute):
            _execute("ANALYZE customers_customer")


def _count_texts(attribute: Attribute) -> bool:
    """Make the statistics that ``attribute`` lacks; tell whether it did. They fill with the next ANALYZE."""
    name, expression = _statistics_of(attribute)
    if not expression or _value("SELECT EXISTS (SELECT FROM pg_statistic_ext WHERE stxname = %s)", [name]):
        return False
    _execute(f"CREATE STATISTICS {name} ON ({expression}) FROM customers_customer")
    return True


def _drop_unwanted() -> None:
    fast = Attribute.objects.active().filter(fast=True)
    wanted = {index.name for attribute in fast for index in indexes_of(attribute)}
    counted = {_statistics_of(attribute)[0] for attribute in fast}
    # First the lists stop counting on them.
    for attribute in Attribute.objects.active().filter(fast=False, index_state=Attribute.IndexState.READY):
        if not _is_always_sorted(attribute):
            _mark(attribute, Attribute.IndexState.DROPPING)
    for what, kept, existing in (
        (
            "INDEX CONCURRENTLY",
            wanted,
            "SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
            " WHERE x.indrelid = 'customers_customer'::regclass AND i.relname LIKE %s",
        ),
        (
            "STATISTICS",
            counted,
            "SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'customers_customer'::regclass AND stxname LIKE %s",
        ),
    ):
        with connection.cursor() as cursor:
            cursor.execute(existing, [f"{_PREFIX}\\_%"])
            names = {row[0] for row in cursor.fetchall()}
        for name in names - kept:
            _execute(f"DROP {what} IF EXISTS {connection.ops.quote_name(name)}")


def indexes_of(attribute: Attribute) -> list[Index]:
    column = Column(attribute, row="")
    name = f"{column.name}{'_folded' if column.is_folded else ''}"
    found = [Index(f"{_PREFIX}_sort_{name}", f"(({column.key}), id) WHERE {ON_THE_LIST}")]
    if attribute.kind in TEXT_LIKE and attribute.kind is not Kind.CHOICE and _has_trigrams():
        found.append(
            Index(
                f"{_PREFIX}_search_{name}",
                f"USING gin (({column.text}) gin_trgm_ops) WHERE {column.raw} IS NOT NULL",
            )
        )
    return found


def _statistics_of(attribute: Attribute) -> tuple[str, str]:
    """Return the name and expression of the statistics of a fast attribute; nothing where its column has them."""
    column = Column(attribute, row="")
    if not column.is_folded:
        return "", ""
    # Options are chosen whole, other texts are searched for pieces.
    if attribute.kind is Kind.CHOICE:
        return f"{_PREFIX}_keys_{column.name}", column.key
    return f"{_PREFIX}_texts_{column.name}", column.text


def _is_always_sorted(attribute: Attribute) -> bool:
    return not attribute.is_custom and attribute.key in ALWAYS_SORTED


def _mark(attribute: Attribute, state: Attribute.IndexState) -> None:
    if attribute.index_state != state:
        attribute.index_state = state
        attribute.save(update_fields=["index_state"])


def _is_valid(index: Index) -> bool:
    state = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    return bool(_value(f"SELECT coalesce(({state}), false)", [index.name]))


def _has_trigrams() -> bool:
    return bool(_value("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')"))


def _value(sql: str, parameters: Sequence[int | str] = ()) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
