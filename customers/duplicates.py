"""Which customers are likely one person, and why; found in the background, merged by nobody but a person (C50).

Three kinds of evidence: the same email, the same name and postal code, a phone that is one digit off. What many share
is no evidence: the address of a company, a block of numbers. Those said to be different people are never listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from cim.access import audit
from customers import labelling
from customers.models import Customer, Duplicate, DuplicateSearch, Never

MOST_ALIKE = 10
"""More customers with one email, or with one name and postal code, are no duplicates: they share it."""

MOST_IN_BLOCK = 3
"""More numbers that differ in the same digit are a block of numbers."""

MOST_LISTED = 100_000
"""How many pairs are kept at most, the likeliest first."""

MANY = 20_000
"""From so many changed customers on, comparing all with all is faster than each with all."""

SETTLED = timedelta(seconds=10)
"""What was written so lately may still be in somebody's transaction; it is looked at the next time."""


@dataclass(frozen=True)
class Page:
    """Some of the pairs, how many there are, and when they were last looked for."""

    pairs: Sequence[Duplicate]
    count: int
    searched_at: datetime | None


def page(number: int, size: int) -> Page:
    """Return a page of pairs of live customers, the likeliest first. Three queries."""
    said = Never.objects.filter(customer=OuterRef("customer"), other=OuterRef("other"))
    pairs = Duplicate.objects.of_live_customers().exclude(Exists(said)).order_by("-score", "id")
    state = DuplicateSearch.objects.first()
    return Page(
        list(pairs[(number - 1) * size : number * size]), pairs.count(), state.finished_at if state else None
    )


def dismiss(pair: Duplicate, actor: audit.Actor, now: datetime) -> None:
    """Remember that the two are different people (C50). Raises Customer.DoesNotExist for one that is gone."""
    with transaction.atomic():
        customer = Customer.objects.live().get(id=pair.customer_id)
        labelling.never_the_same(customer, pair.other_id, actor, now)
        pair.delete()


def find(now: datetime, *, afresh: bool = False) -> int | None:
    """Look for pairs among the customers that changed since the last time, or among all; return how many there are.

    One transaction, under a lock of its own; None when another worker is at it. It locks no customer.
    """
    with transaction.atomic():
        DuplicateSearch.objects.get_or_create(id=1)
        state = DuplicateSearch.objects.select_for_update(skip_locked=True).first()
        if state is None:
            return None
        until = now - SETTLED
        is_full = afresh or state.done_until is None or _changed(state.done_until, until, MANY) > MANY
        since = None if is_full else state.done_until
        _search(_CHANGED, {"since": since, "until": until}, now, is_full=is_full)
        state.done_until, state.finished_at = until, now
        state.found = Duplicate.objects.count()
        state.save(update_fields=["done_until", "finished_at", "found"])
        return state.found


def compare_again(customers: Sequence[UUID], now: datetime) -> None:
    """Look for pairs of these customers at once, as after an opinion about them was taken back."""
    with transaction.atomic():
        _search(_THESE, {"these": list(customers)}, now, is_full=False)


def _search(select: str, parameters: Mapping[str, Any], now: datetime, *, is_full: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PREPARE)
        cursor.execute(select, parameters)
        cursor.execute("ANALYZE dup_changed")
        cursor.execute(_FORGET_ALL if is_full else _FORGET)
        cursor.execute(_KEYS)
        if is_full:
            cursor.execute("SELECT customers_analyze_keys()")
        cursor.execute(_ALIKE_ALL if is_full else _ALIKE, {"most": MOST_ALIKE})
        if is_full:
            cursor.execute(
                "SELECT coalesce(max(length(number)), 0) FROM customers_phone WHERE valid_to IS NULL"
            )
            for place in range(2, cursor.fetchone()[0] + 1):
                cursor.execute(_ONE_OFF_ALL, {"place": place, "most": MOST_IN_BLOCK})
        else:
            cursor.execute(_ONE_OFF, {"most": MOST_IN_BLOCK})
        cursor.execute("ANALYZE dup_pair")
        cursor.execute(_LIST, {"now": now, "most": MOST_LISTED})
        cursor.execute("DROP TABLE dup_changed, dup_pair")


def _changed(since: datetime, until: datetime, most: int) -> int:
    return Customer.objects.filter(updated_at__gte=since, updated_at__lt=until)[: most + 1].count()


_PREPARE = """
CREATE TEMPORARY TABLE dup_changed (id uuid PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE dup_pair (low uuid, high uuid, kind text, one text, two text) ON COMMIT DROP;
"""

_CHANGED = """
INSERT INTO dup_changed SELECT id FROM customers_customer
WHERE updated_at < %(until)s AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)
"""

_THESE = "INSERT INTO dup_changed SELECT id FROM customers_customer WHERE id = ANY(%(these)s)"

_FORGET = """
DELETE FROM customers_duplicatekey WHERE customer_id IN (SELECT id FROM dup_changed);
DELETE FROM customers_duplicate WHERE customer_id IN (SELECT id FROM dup_changed);
DELETE FROM customers_duplicate WHERE other_id IN (SELECT id FROM dup_changed);
"""

_FORGET_ALL = """
DELETE FROM customers_duplicatekey;
DELETE FROM customers_duplicate;
"""

_KEYS = """
INSERT INTO customers_duplicatekey (customer_id, kind, key)
SELECT c.id, k.kind, hashtextextended(k.text, 0) FROM dup_changed JOIN customers_customer c USING (id)
CROSS JOIN LATERAL (
    SELECT DISTINCT 'email' AS kind, folded AS text FROM unnest(cim_fold_all(c.emails)) AS folded
    UNION ALL
    SELECT 'name', cim_fold(concat_ws(' ', c.first_name, c.last_name)) || E'\\n' || cim_fold(c.postal_code)
    WHERE c.postal_code IS NOT NULL AND c.last_name IS NOT NULL
) AS k
WHERE c.deleted_at IS NULL AND c.merged_into_id IS NULL AND c.stage <> 'ephemeral'
"""

_ALIKE_ALL = """
INSERT INTO dup_pair (low, high, kind)
SELECT a.customer_id, b.customer_id, kind
FROM (
    SELECT key, kind FROM customers_duplicatekey GROUP BY key, kind HAVING count(*) BETWEEN 2 AND %(most)s
) AS alike
JOIN customers_duplicatekey a USING (key, kind) JOIN customers_duplicatekey b USING (key, kind)
WHERE a.customer_id < b.customer_id
"""

_ALIKE = """
INSERT INTO dup_pair (low, high, kind)
SELECT DISTINCT least(mine.customer_id, other.customer_id), greatest(mine.customer_id, other.customer_id), mine.kind
FROM dup_changed JOIN customers_duplicatekey mine ON mine.customer_id = dup_changed.id
CROSS JOIN LATERAL (
    SELECT customer_id FROM customers_duplicatekey o WHERE o.key = mine.key AND o.kind = mine.kind LIMIT %(most)s + 1
) AS other
WHERE other.customer_id <> mine.customer_id
AND (SELECT count(*) FROM (
    SELECT FROM customers_duplicatekey o WHERE o.key = mine.key AND o.kind = mine.kind LIMIT %(most)s + 1
) AS counted) <= %(most)s
"""

_ONE_OFF_ALL = """
INSERT INTO dup_pair
SELECT least(a.customer_id, b.customer_id), greatest(a.customer_id, b.customer_id), 'phone', a.number, b.number
FROM (
    SELECT array_agg(id) AS ids FROM customers_phone
    WHERE valid_to IS NULL AND length(number) >= greatest(9, %(place)s) AND number LIKE '+%%'
    GROUP BY overlay(number PLACING '_' FROM %(place)s FOR 1) HAVING count(*) BETWEEN 2 AND %(most)s
) AS alike
CROSS JOIN LATERAL unnest(alike.ids) AS one(id) CROSS JOIN LATERAL unnest(alike.ids) AS two(id)
JOIN customers_phone a ON a.id = one.id JOIN customers_phone b ON b.id = two.id
WHERE one.id < two.id AND a.customer_id <> b.customer_id
"""

_ONE_OFF = """
INSERT INTO dup_pair
SELECT DISTINCT least(customer_id, other), greatest(customer_id, other), 'phone',
       least(number, variant), greatest(number, variant)
FROM (
    SELECT mine.customer_id, mine.number, found.customer_id AS other, found.number AS variant,
           count(*) OVER (PARTITION BY mine.number, place) AS alike
    FROM dup_changed JOIN customers_phone mine ON mine.customer_id = dup_changed.id AND mine.valid_to IS NULL
    CROSS JOIN LATERAL generate_series(2, length(mine.number)) AS place
    CROSS JOIN LATERAL generate_series(0, 9) AS digit
    JOIN customers_phone found ON found.valid_to IS NULL
        AND found.number = overlay(mine.number PLACING digit::text FROM place FOR 1)
    WHERE length(mine.number) >= 9 AND mine.number LIKE '+%%' AND substr(mine.number, place, 1) <> digit::text
) AS near
WHERE alike < %(most)s AND customer_id <> other
"""

# Keys are hashes, so what they say is looked up once more; a pair that has no evidence left is none.
_LIST = """
WITH RECURSIVE up AS (
    SELECT c.id AS said, c.id, c.merged_into_id FROM customers_customer c
    WHERE c.id IN (SELECT customer_id FROM customers_never UNION SELECT other_id FROM customers_never)
    UNION ALL
    SELECT up.said, c.id, c.merged_into_id FROM up JOIN customers_customer c ON c.id = up.merged_into_id
), standing AS (
    SELECT said, id FROM up WHERE merged_into_id IS NULL
), differ AS (
    SELECT least(a.id, b.id) AS low, greatest(a.id, b.id) AS high FROM customers_never n
    JOIN standing a ON a.said = n.customer_id JOIN standing b ON b.said = n.other_id
), pair AS (
    SELECT low, high, bool_or(kind = 'email') AS email, bool_or(kind = 'name') AS name,
           array_remove(array_agg(DISTINCT one), NULL) || array_remove(array_agg(DISTINCT two), NULL) AS phones
    FROM dup_pair GROUP BY low, high
), seen AS (
    SELECT pair.low, pair.high,
           CASE WHEN pair.email THEN ARRAY(
               SELECT unnest(cim_fold_all(a.emails)) INTERSECT SELECT unnest(cim_fold_all(b.emails)) ORDER BY 1
           ) ELSE '{}' END AS emails,
           pair.name
               AND cim_fold(concat_ws(' ', a.first_name, a.last_name))
                   = cim_fold(concat_ws(' ', b.first_name, b.last_name))
               AND cim_fold(a.postal_code) = cim_fold(b.postal_code) AS same_name,
           ARRAY(SELECT DISTINCT number FROM unnest(pair.phones) AS number ORDER BY 1) AS phones,
           cim_fold(a.last_name) = cim_fold(b.last_name) AS same_last,
           cim_fold(a.first_name) = cim_fold(b.first_name) AS same_first,
           concat_ws(' ', a.first_name, a.last_name) AS full_name, a.postal_code
    FROM pair JOIN customers_customer a ON a.id = pair.low JOIN customers_customer b ON b.id = pair.high
    WHERE a.deleted_at IS NULL AND a.merged_into_id IS NULL AND b.deleted_at IS NULL AND b.merged_into_id IS NULL
      AND NOT EXISTS (SELECT FROM differ WHERE differ.low = pair.low AND differ.high = pair.high)
), scored AS (
    SELECT low, high, emails, same_name, phones, full_name, postal_code,
           least(100, CASE WHEN emails <> '{}' THEN 60 ELSE 0 END + CASE WHEN same_name THEN 50 ELSE 0 END
               + CASE WHEN phones <> '{}' THEN 20 ELSE 0 END
               + CASE WHEN same_last THEN 30 ELSE 0 END + CASE WHEN same_first THEN 10 ELSE 0 END) AS score
    FROM seen WHERE emails <> '{}' OR same_name OR phones <> '{}'
)
INSERT INTO customers_duplicate (customer_id, other_id, score, evidence, found_at)
SELECT low, high, score,
       CASE WHEN emails <> '{}' THEN jsonb_build_array(jsonb_build_object('kind', 'email', 'values', to_jsonb(emails)))
            ELSE '[]' END
       || CASE WHEN same_name THEN jsonb_build_array(jsonb_build_object(
              'kind', 'name', 'values', jsonb_build_array(full_name, postal_code))) ELSE '[]' END
       || CASE WHEN phones <> '{}' THEN jsonb_build_array(jsonb_build_object(
              'kind', 'phone', 'values', to_jsonb(phones))) ELSE '[]' END,
       %(now)s
FROM scored ORDER BY score DESC, low, high LIMIT %(most)s
ON CONFLICT (customer_id, other_id) DO UPDATE
SET score = excluded.score, evidence = excluded.evidence, found_at = excluded.found_at
"""
