"""Journeys against their limits: a journey of 10,000 points, flows over 1,000,000 (J14, J16).

    .venv/bin/python bench/journey.py [elements]      # on a throw-away PostgreSQL

Each figure stands beside a floor: the least that any program would do for the same answer.
"""

import datetime as dt
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

# ruff: noqa: E402, PLC0415 - the environment comes first
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from cim.embedded import USER
from tests.conftest import _throwaway_postgres

SEED = """
    with people as (
        insert into customers_customer (id, version, stage, first_name, phones, emails, created_at, updated_at)
        select gen_random_uuid(), 1, 'curated', 'Person ' || n, '{}', '{}', now(), now()
        from generate_series(1, %(people)s) n
        returning id
    ), numbered as (select id, row_number() over () as n from people),
    made as (
        insert into journeys_context (id, rid, context_id, group_id, alias_ids, tenant_id, topic, data, permanent,
            lease, version, revision, created_at, updated_at)
        select gen_random_uuid(), '0', 'c' || n, (n %% %(people)s + 1)::text, '{}', '', '', '{}', true, 7200, 1, 1,
            now() - random() * interval '365 days', now()
        from generate_series(1, %(elements)s) n
        returning id, context_id, group_id::int as person, created_at
    )
    insert into journeys_element (id, context_id, customer_id, work_request_id, channel, direction, topic, topic_source,
        account, status, started, ended, is_open, is_missed, changed_at)
    select gen_random_uuid(), made.id, numbered.id, context_id,
        (array['voice', 'email', 'chat', 'web', 'sms', 'messaging', 'social'])[1 + floor(random() ^ 2 * 7)],
        case when random() < 0.4 then 'outbound' else 'inbound' end,
        'Topic ' || floor(random() ^ 2 * 20), 'given', '', 'closed', created_at, created_at, false, false, now()
    from made join numbered on numbered.n = made.person
"""


def timed(run: Callable[[], object], times: int = 5) -> float:
    """Return the median of the seconds that some runs take, after one to warm up."""
    run()
    found = []
    for _time in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def main(elements: int) -> None:
    with _throwaway_postgres() as sockets:
        connections["default"].settings_dict.update(NAME="postgres", HOST=str(sockets), USER=USER, PORT="")
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute(SEED, {"people": max(1, elements // 12), "elements": elements})
            print(f"{elements:,} elements made in {time.perf_counter() - started:.1f} s")
            cursor.execute("vacuum analyze journeys_element")
            cursor.execute("analyze customers_customer")
        measure_flows()
        measure_one_journey()


def measure_flows() -> None:
    from journeys import flows

    now = timezone.now()

    def floor() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select customer_id, count(*), max(started), max(channel) from journeys_element group by customer_id"
            )
            cursor.fetchall()

    print(f"floor: one pass over all elements, grouped: {timed(floor, 3):.2f} s")
    started = time.perf_counter()
    flows.prepare(now, wholly=True)
    print(f"preparing all flows, in the background: {time.perf_counter() - started:.1f} s")
    print(f"preparing what has changed: {timed(lambda: flows.prepare(now), 1):.2f} s")
    for days in (365, 90, 30):
        question = flows.Question(now.date() - dt.timedelta(days=days - 1), now.date())
        print(f"flows of {days} days: {timed(lambda: flows.flows(question, now), 3):.2f} s")  # noqa: B023
        print(f"topics of {days} days: {timed(lambda: flows.topics(question), 3):.2f} s")  # noqa: B023


def measure_one_journey() -> None:
    from journeys import picture
    from tests.journeys.making import fill, make_customer

    customer, now = make_customer(), timezone.now()
    fill(customer, 10_000, until=now)

    def floor() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select * from journeys_element where customer_id = %s order by started", [customer.id]
            )
            cursor.fetchall()

    print(f"floor: the 10,000 rows of one customer: {timed(floor) * 1000:.0f} ms")
    whole = picture.View()
    month = picture.View(since=now - dt.timedelta(days=30), until=now)
    for name, view, only in (("picture of 10,000", whole, False), ("lanes of 30 days of them", month, True)):
        seconds = timed(lambda: picture.journey([customer.id], view, now, only_shown=only))  # noqa: B023
        print(f"{name}: {seconds * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1].replace("_", "")) if sys.argv[1:] else 1_000_000)
