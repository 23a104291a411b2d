"""What must hold of customers whatever happened (Q20): looked up in the database, not trusted."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from customers.models import Attribute
from customers.numbers import identifying
from customers.values import Kind

_SHOWN = """
SELECT c.id AS customer_id, shown.number FROM customers_customer c
CROSS JOIN LATERAL unnest(c.phones || ARRAY[{columns}]::text[]) AS shown(number)
WHERE c.deleted_at IS NULL AND c.merged_into_id IS NULL AND shown.number IS NOT NULL
"""


def problems() -> Iterator[str]:
    """Say, one sentence each, where customers and their numbers contradict each other; nothing when all is well."""
    shown = _SHOWN.format(columns=", ".join(f"c.{column}" for column in _phone_columns()))
    for number, owners in _rows(
        "SELECT number, array_agg(customer_id) FROM customers_phone WHERE valid_to IS NULL GROUP BY number"
        " HAVING count(DISTINCT customer_id) > 1"
    ):
        yield _("The number %(number)s has several owners: %(owners)s.") % {
            "number": number,
            "owners": owners,
        }
    for customer, number in _rows(
        f"SELECT DISTINCT s.customer_id, s.number FROM ({shown}) s LEFT JOIN customers_phone p"  # noqa: S608
        " ON p.number = s.number AND p.valid_to IS NULL AND p.customer_id = s.customer_id WHERE p.id IS NULL"
    ):
        if identifying([number]):
            yield _("Customer %(customer)s shows %(number)s without owning it.") % {
                "customer": customer,
                "number": number,
            }
    for customer, number in _rows(
        f"SELECT p.customer_id, p.number FROM customers_phone p LEFT JOIN ({shown}) s"  # noqa: S608
        " ON s.number = p.number AND s.customer_id = p.customer_id"
        " JOIN customers_customer c ON c.id = p.customer_id"
        " WHERE p.valid_to IS NULL AND s.number IS NULL AND c.merged_into_id IS NULL"
    ):
        yield _("Customer %(customer)s owns %(number)s without showing it.") % {
            "customer": customer,
            "number": number,
        }
    for customer, version in _rows(
        "SELECT c.id, c.version FROM customers_customer c LEFT JOIN LATERAL (SELECT max(version) AS last"
        " FROM customers_version v WHERE v.customer_id = c.id) v ON true"
        " WHERE c.version > 1 AND c.version <> coalesce(v.last, 0) + 1"
        # Of who was erased only the ids stay, and that it happened (C17).
        " AND NOT EXISTS (SELECT FROM customers_erasure e WHERE e.customers @> ARRAY[c.id])"
    ):
        yield _("Customer %(customer)s is at version %(version)d, but its history does not lead there.") % {
            "customer": customer,
            "version": version,
        }
    for stage, said, counted in _rows(
        "SELECT stage, coalesce(t.said, 0), coalesce(c.counted, 0)"
        " FROM (SELECT stage, sum(delta) AS said FROM customers_tally GROUP BY stage) t"
        " FULL JOIN (SELECT stage, count(*) AS counted FROM customers_customer"
        " WHERE deleted_at IS NULL AND merged_into_id IS NULL GROUP BY stage) c USING (stage)"
        " WHERE coalesce(t.said, 0) <> coalesce(c.counted, 0)"
    ):
        yield _("The list says %(said)d customers are %(stage)s, but there are %(counted)d.") % {
            "said": said,
            "stage": stage,
            "counted": counted,
        }


def _phone_columns() -> list[str]:
    attributes = list(Attribute.objects.active().custom())
    # A number that an attribute on its way to phones shows has its owner already (C7, C10).
    shown = [item for each in attributes for item in (each, each.future) if item and item.kind is Kind.PHONE]
    return [connection.ops.quote_name(attribute.column) for attribute in shown]


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
