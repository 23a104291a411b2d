"""Who owns which number, for many numbers at once: the protocol of ``customers.numbers``, set-based (C10).

Claim the free numbers in sorted order, lock the owners of the others in the order of their ids, look again. Whoever
finds that the owners have changed in between lets go of everything and starts anew.
"""

import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import psycopg
from django.db.utils import OperationalError

from cim.access.prepared import Prepared
from customers.importing.planning import Use

Holdings = dict[UUID, dict[str, Use]]

_LOCK_TIMEOUT_MS = 500


class Contended(Exception):
    """Somebody has changed the owners of the numbers since they were looked at; plan anew."""


_WAITING = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.SerializationFailure,
)
CONTENTION = (Contended, OperationalError)
"""What says that others were faster: the transaction is rolled back and tried again."""


class Owners(Protocol):
    """What is wanted: the owner of each number, and how each of them shows its numbers."""

    @property
    def owner(self) -> Mapping[str, UUID]: ...
    @property
    def holdings(self) -> Mapping[UUID, Mapping[str, Use]]: ...


def text_array(items: Collection[str]) -> str:
    """Write ``items`` as PostgreSQL reads an array: making it item by item takes longer than the query does."""
    joined = '","'.join(items)
    if "\\" in joined or joined.count('"') != 2 * max(len(items) - 1, 0):
        joined = '","'.join(item.replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return f'{{"{joined}"}}' if items else "{}"


def id_array(ids: Iterable[UUID]) -> str:
    """Write ``ids`` as PostgreSQL reads an array."""
    return "{" + ",".join(map(str, ids)) + "}"


def refuse_other(trouble: Exception) -> None:
    """Raise ``trouble`` again unless it is contention: a lost connection, too, is an OperationalError."""
    if isinstance(trouble, OperationalError) and not isinstance(trouble.__cause__, _WAITING):
        raise trouble


def step_back(attempt: int) -> None:
    """Wait a little, holding nothing, so that a person who saves a form goes first."""
    time.sleep(random.uniform(0.01, 0.05) * min(attempt, 20))  # noqa: S311 - to spread, not to hide


def wait_briefly(cursor: Prepared) -> None:
    """Let the transaction give up a lock that it does not get soon: what it has claimed makes others wait."""
    cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")


def look_up_by_key(cursor: Prepared) -> None:
    """Let the statements of the transaction find their rows one by one, whatever the statistics say.

    In a database that was empty a minute ago they say that it still is, and a plan for nobody takes seconds with
    100,000 customers.
    """
    cursor.execute(
        # Joins stay as they are: the triggers of the transaction join what it has changed, which no index helps.
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"
    )


def holdings(cursor: Prepared, numbers: Collection[str]) -> Holdings:
    """Return all current numbers of the customers that own any of ``numbers``."""
    # Two plain questions: joined into one, stale statistics have made it a loop over all numbers.
    cursor.execute(
        "SELECT DISTINCT customer_id FROM customers_phone WHERE valid_to IS NULL AND number = ANY(%s::text[])",
        [text_array(numbers)],
    )
    owners = [owner for (owner,) in cursor]
    return holdings_of(cursor, owners) if owners else {}


def holdings_of(cursor: Prepared, customers: Iterable[UUID]) -> Holdings:
    """Return all current numbers of ``customers``; one that has none is left out."""
    cursor.execute(
        "SELECT customer_id, number, typed, used_in FROM customers_phone"
        " WHERE valid_to IS NULL AND customer_id = ANY(%s::uuid[])",
        [id_array(customers)],
    )
    return _by_customer(cursor)


def claim(cursor: Prepared, wanted: Owners, before: Holdings, now: datetime) -> Sequence[str]:
    """Insert the numbers that nobody owns yet for those who will, in sorted order. Raises Contended."""
    owned = {number for held in before.values() for number in held}
    numbers = sorted(number for number in wanted.owner if number not in owned)
    if numbers and _insert(cursor, wanted, numbers, now) < len(numbers):
        raise Contended
    return numbers


def _insert(cursor: Prepared, wanted: Owners, numbers: Sequence[str], now: datetime) -> int:
    owners = [wanted.owner[number] for number in numbers]
    uses = [wanted.holdings[owner][number] for number, owner in zip(numbers, owners, strict=True)]
    cursor.execute(
        "INSERT INTO customers_phone (number, customer_id, typed, used_in, valid_from)"
        " SELECT number, customer_id, typed, string_to_array(used_in, ','), %s"
        " FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[]) AS w(number, customer_id, typed, used_in)"
        ' ORDER BY number COLLATE "C" ON CONFLICT (number) WHERE valid_to IS NULL DO NOTHING',
        [
            now,
            text_array(numbers),
            id_array(owners),
            text_array([use.typed for use in uses]),
            text_array([",".join(use.used_in) for use in uses]),
        ],
    )
    return cursor.rowcount


def lock(cursor: Prepared, before: Holdings, claimed: Sequence[str]) -> dict[UUID, str]:
    """Lock the owners, in the order of their ids, and return their stages. Raises Contended if they have moved."""
    if not before:
        return {}
    ids = id_array(before)
    cursor.execute(
        "SELECT id, stage FROM customers_customer WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        [ids],
    )
    stages = dict(cursor.fetchall())
    cursor.execute(
        "SELECT customer_id, number, typed, used_in FROM customers_phone"
        " WHERE valid_to IS NULL AND customer_id = ANY(%s::uuid[])",
        [ids],
    )
    if _by_customer(cursor, leave_out=frozenset(claimed)) != before:
        raise Contended
    return stages


def settle(cursor: Prepared, wanted: Owners, before: Holdings, now: datetime) -> None:
    """Close the numbers that were let go of, move those that changed hands, and keep how the others are shown.

    ``before`` is what the locked customers hold now; all of them are in ``wanted.holdings``.
    """
    gone: list[tuple[str, UUID]] = []
    moved: list[str] = []
    kept: list[tuple[str, UUID, Use]] = []
    for customer, held in before.items():
        after = wanted.holdings[customer]
        for number, use in held.items():
            shown = after.get(number) if wanted.owner.get(number) == customer else None
            if shown is None:
                gone.append((number, customer))
                if number in wanted.owner:
                    moved.append(number)
            elif shown[:2] != use[:2]:
                kept.append((number, customer, shown))
    if gone:
        cursor.execute(
            "UPDATE customers_phone p SET valid_to = %s"
            " FROM unnest(%s::text[], %s::uuid[]) AS gone(number, customer_id)"
            " WHERE p.number = gone.number AND p.customer_id = gone.customer_id AND p.valid_to IS NULL",
            [
                now,
                text_array([number for number, _customer in gone]),
                id_array(customer for _number, customer in gone),
            ],
        )
    if moved:
        # Nobody can have taken them: whoever claims them waits for the end of this transaction.
        _insert(cursor, wanted, sorted(moved), now)
    if kept:
        cursor.execute(
            "UPDATE customers_phone p SET typed = kept.typed, used_in = string_to_array(kept.used_in, ',')"
            " FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[])"
            " AS kept(number, customer_id, typed, used_in)"
            " WHERE p.number = kept.number AND p.customer_id = kept.customer_id AND p.valid_to IS NULL",
            [
                text_array([number for number, _customer, _use in kept]),
                id_array(customer for _number, customer, _use in kept),
                text_array([use.typed for _number, _customer, use in kept]),
                text_array([",".join(use.used_in) for _number, _customer, use in kept]),
            ],
        )


def _by_customer(cursor: Prepared, leave_out: frozenset[str] = frozenset()) -> Holdings:
    found: Holdings = {}
    for customer, number, typed, used_in in cursor:
        if number not in leave_out:
            found.setdefault(customer, {})[number] = Use(typed, tuple(used_in))
    return found
