"""Where the values of an archived attribute go, and how they come back (C6, C7).

Runs in the background in small batches, each a short transaction, so that nobody waits for it; what it does can be
repeated and broken off anywhere. Values are moved, not changed: no version of a customer is written.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from customers.models import ArchivedValue, Attribute, Customer, SlotLease
from customers.pacing import Pace
from customers.values import Kind

_FIRST = UUID(int=0)


def tidy(attribute_id: int, now: datetime) -> int:
    """Bring the values of an attribute to where its state wants them; return how many moved.

    Archived: out of the slot, which is then free for another attribute, and its numbers are released. Active: back
    into the slot, but for numbers that somebody else owns by now.
    """
    moved, pace, after = 0, Pace(), _FIRST
    while True:
        with pace.batch() as size:
            step = _step(attribute_id, now, size, after)
        if not step and after == _FIRST:
            return moved
        # At the end it looks once more from the beginning, whether anything came behind its back.
        moved, after = moved + len(step), step[-1] if step else _FIRST


def _step(attribute_id: int, now: datetime, size: int, after: UUID) -> list[UUID]:
    """Move up to ``size`` values of customers beyond ``after``; return whose, in order."""
    with transaction.atomic():
        # Writers of customers hold a share of the key (schema.Schema.hold), and wait for nobody here.
        attribute = Attribute.objects.select_for_update(no_key=True).filter(pk=attribute_id).first()
        if attribute is None or attribute.slot is None:
            return []
        if attribute.archived_at is None:
            return _move_back(attribute, now, size, after)
        moved = _move_away(attribute, now, size, after)
        if not moved and after == _FIRST:
            SlotLease.objects.filter(attribute=attribute, until=None).update(until=now)
            attribute.slot = None
            attribute.save(update_fields=["slot"])
        return moved


def _move_away(attribute: Attribute, now: datetime, size: int, after: UUID) -> list[UUID]:
    column = connection.ops.quote_name(attribute.column)
    rows = _rows(
        f"""
        WITH batch AS (
            SELECT id, {column} AS value FROM customers_customer WHERE {column} IS NOT NULL AND id > %s
            ORDER BY id LIMIT %s FOR NO KEY UPDATE
        ), kept AS (
            INSERT INTO customers_archivedvalue (attribute_id, customer_id, value)
            SELECT %s, id, value::text FROM batch
            ON CONFLICT (attribute_id, customer_id) DO UPDATE SET value = excluded.value
        )
        UPDATE customers_customer c SET {column} = NULL FROM batch WHERE c.id = batch.id RETURNING c.id
        """,  # noqa: S608 - a declared column
        [after, size, attribute.pk],
    )
    customers = sorted(row[0] for row in rows)
    if attribute.kind is Kind.PHONE and customers:
        release(attribute.key, customers, now)
    return customers


def release(key: str, customers: list[UUID], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_phone SET used_in = array_remove(used_in, %s),"
            " valid_to = CASE WHEN used_in <@ ARRAY[%s] THEN %s END"
            " WHERE valid_to IS NULL AND customer_id = ANY(%s) AND %s = ANY(used_in)",
            [key, key, now, customers, key],
        )


def _move_back(attribute: Attribute, now: datetime, size: int, after: UUID) -> list[UUID]:
    waiting = ArchivedValue.objects.filter(attribute=attribute, customer__gt=after)
    batch = list(waiting.order_by("customer_id")[:size])
    if not batch:
        return []
    values = {item.customer_id: item.value for item in batch}
    if attribute.kind is Kind.PHONE:
        values = reclaimed(attribute.key, values, now)
    column = connection.ops.quote_name(attribute.column)
    type_name = {"text": "text", "number": "numeric", "time": "timestamptz"}[
        attribute.column.partition("_")[0]
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE customers_customer c SET {column} = moved.value::{type_name}"  # noqa: S608 - a declared column
            " FROM (SELECT * FROM unnest(%s::uuid[], %s::text[]) AS pair(id, value) ORDER BY id) AS moved"
            f" WHERE c.id = moved.id AND c.{column} IS NULL",
            [list(values), list(values.values())],
        )
    ArchivedValue.objects.filter(pk__in=[item.pk for item in batch]).delete()
    return [item.customer_id for item in batch]


def reclaimed(key: str, values: dict[UUID, str], now: datetime) -> dict[UUID, str]:
    """Claim the numbers that are free; return the values whose number the customer owns now.

    A deleted or merged customer owns no number: it gets its value back, and claims the number when it stands for itself
    again.
    """
    live_ids = set(Customer.objects.live().filter(id__in=values).values_list("id", flat=True))
    resting = values.keys() - live_ids
    live = {customer: value for customer, value in values.items() if customer in live_ids}
    rows = _rows(
        "INSERT INTO customers_phone (number, customer_id, typed, used_in, valid_from)"
        " SELECT number, id, number, ARRAY[%s], %s FROM unnest(%s::uuid[], %s::text[]) AS pair(id, number)"
        ' ORDER BY number COLLATE "C"'
        " ON CONFLICT (number) WHERE valid_to IS NULL DO UPDATE"
        " SET used_in = CASE WHEN %s = ANY(customers_phone.used_in) THEN customers_phone.used_in"
        " ELSE array_append(customers_phone.used_in, %s) END"
        " WHERE customers_phone.customer_id = excluded.customer_id RETURNING customer_id",
        [key, now, list(live), list(live.values()), key, key],
    )
    own = resting | {row[0] for row in rows}
    return {customer: value for customer, value in values.items() if customer in own}


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def pending() -> list[int]:
    """Return the attributes whose values are not yet where they belong."""
    archived = Attribute.objects.archived().exclude(slot=None).values_list("id", flat=True)
    returning = ArchivedValue.objects.filter(attribute__archived_at=None).values_list(
        "attribute_id", flat=True
    )
    return sorted({*archived, *returning.distinct()})
