"""Whom a customer's id stands for: merges link records, they never delete one (C49)."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.db import connection

from cim.access.prepared import prepared
from customers.models import Customer, Stage
from interactions.models import Interaction


def family_of(customer_id: UUID) -> list[UUID]:
    """List the customer that an id stands for and all that were merged into it, the survivor first.

    Interactions keep the customer they came to: whoever reads those of a customer reads those of its family. One
    query; an unknown id is a family of its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with recursive up as (
                select id, merged_into_id from customers_customer where id = %s
                union all
                select c.id, c.merged_into_id from customers_customer c join up on c.id = up.merged_into_id
            ), down as (
                select id, 0 as depth from up where merged_into_id is null
                union all
                select c.id, down.depth + 1 from customers_customer c join down on c.merged_into_id = down.id
            )
            select id from down order by depth, id
            """,
            [customer_id],
        )
        return [row[0] for row in cursor.fetchall()] or [customer_id]


def survivors(ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Map each id to the live customer that it stands for; deleted ones are left out. One query, none for no id."""
    if not ids:
        return {}
    with prepared() as cursor:
        cursor.execute(
            """
            with recursive up as (
                select id as asked, id, merged_into_id, deleted_at from customers_customer where id = any(%s::uuid[])
                union all
                select up.asked, c.id, c.merged_into_id, c.deleted_at
                from customers_customer c join up on c.id = up.merged_into_id
            )
            select asked, id from up where merged_into_id is null and deleted_at is null
            """,
            [list(ids)],
        )
        return dict(cursor.fetchall())


def unsaved(interactions: Iterable[Interaction], live: Mapping[UUID, UUID]) -> set[UUID]:
    """Name the customers of these interactions that nobody has saved yet: web visitors, and whoever a channel knows.

    ``live`` is what ``survivors`` says. One query, none where only phones are known (C41).
    """
    asked = {
        live[it.customer_id]
        for it in interactions
        if it.customer_id
        and it.customer_id in live
        and any(kind != "phone" for kind, _value in it.identity())
    }
    if not asked:
        return set()
    rows = Customer.objects.exclude(stage=Stage.CURATED).filter(id__in=asked)
    return set(rows.values_list("id", flat=True))
