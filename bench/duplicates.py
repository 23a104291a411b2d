"""The search for likely duplicates among many customers, whole and incremental, against its limit (C50).

    .venv/bin/python bench/duplicates.py [customers] [changed] [plain]      # on a throw-away PostgreSQL

`plain` lets the database itself make the customers, of bench.people: quicker, with whole blocks of numbers.

The whole search may take ten minutes at 1,000,000 customers; afterwards only what has changed is compared. The floor is
one pass over the customers that reads what is compared.
"""

import datetime as dt
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

# ruff: noqa: E402, PLC0415 - the environment comes first
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from bench import people
from cim.embedded import USER
from tests.conftest import _throwaway_postgres

FLOOR = """
    select count(*), max(cim_fold(concat_ws(' ', first_name, last_name, postal_code))), max(cardinality(phones))
    from customers_customer
"""


def main(customers: int, changed: int, *, plain: bool) -> None:
    with _throwaway_postgres() as sockets:
        connections["default"].settings_dict.update(NAME="postgres", HOST=str(sockets), USER=USER, PORT="")
        call_command("migrate", verbosity=0)
        started = time.perf_counter()
        if plain:
            people.make_schema()
            people.make(customers)
        else:
            call_command("seed_customers", customers, verbosity=0)
        print(f"{customers:,} customers made in {time.perf_counter() - started:.0f} s", flush=True)
        measure(changed)


def measure(changed: int) -> None:
    from customers import duplicates

    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(FLOOR)
    print(f"floor, one pass over all: {time.perf_counter() - started:.1f} s", flush=True)
    moment = timezone.now() + duplicates.SETTLED
    found, seconds = search(moment)
    print(f"all with all: {seconds:.1f} s, {found:,} pairs", flush=True)
    for number in (changed, changed * 10):
        with connection.cursor() as cursor:
            cursor.execute(
                "update customers_customer set updated_at = %s where id in"
                " (select id from customers_customer tablesample system (20) limit %s)",
                [moment + dt.timedelta(seconds=1), number],
            )
        moment += dt.timedelta(seconds=2) + duplicates.SETTLED
        found, seconds = search(moment)
        print(f"{number:,} changed: {seconds:.2f} s, {found:,} pairs", flush=True)
    print(f"memory of the worker: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def search(moment: dt.datetime) -> tuple[int, float]:
    from customers import duplicates

    started = time.perf_counter()
    found = duplicates.find(moment)
    return found or 0, time.perf_counter() - started


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100_000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1000,
        plain="plain" in sys.argv,
    )
