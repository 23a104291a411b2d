"""What a chunk reads is its own rows, however stale the statistics are (Q10, Q14)."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from psycopg import sql

from cim.access.prepared import Prepared, prepared
from customers.importing import leasing, owning, running
from customers.models import Phone
from tests.customers.importing.files import csv_file, run_import, upload

pytestmark = pytest.mark.django_db

COUNT = 1_500
ROWS = [[f"N {n}", f"+4930{20_000_000 + n}"] for n in range(COUNT)]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def most_read(cursor: Prepared, statement: sql.Composed, values: dict[str, Any]) -> float:
    """Run a statement and return how many rows the busiest step of its plan has touched."""
    cursor.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(statement), values)
    row = cursor.fetchone()
    assert row is not None
    return max(
        (
            node["Actual Rows"]
            + node.get("Rows Removed by Filter", 0)
            + node.get("Rows Removed by Join Filter", 0)
        )
        * node["Actual Loops"]
        for node in nodes(row[0][0]["Plan"])
    )


def test_chunk_reads_its_own_rows_though_the_statistics_say_that_there_are_none() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer, customers_phone, customers_importline")
    run_import(csv_file(["first_name", "phone"], ROWS))
    upload(csv_file(["first_name", "phone"], [["Other", phone] for _name, phone in ROWS]))
    claimed = leasing.take(timezone.now())
    assert claimed is not None
    running._read(*claimed)
    run, statements = claimed[0], running._application(*claimed, dry=False).statements
    chosen = list(Phone.objects.current().order_by("number").values_list("customer_id", flat=True)[:5])
    values = {"run": run.id, "now": timezone.now(), "entry": run.entry_id, "lines": [2, 3, 4, 5, 6]}

    with prepared() as cursor:
        owning.look_up_by_key(cursor)
        for statement, ids in (
            (statements.differing, chosen),
            (statements.update, chosen),
            (statements.insert, [uuid4() for _line in range(5)]),
        ):
            assert most_read(cursor, statement, {**values, "ids": owning.id_array(ids)}) <= 25
