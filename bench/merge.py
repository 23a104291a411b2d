"""A merge of two customers with 20,000 interactions each, and its undoing, against their limit of 2 s (C49).

    .venv/bin/python bench/merge.py [interactions]      # on a throw-away PostgreSQL

Beside each time stands that of SQL written by hand for just this case, which moves the rows of one customer to the
other, and back where they were: what a product without merges as links would do.
"""

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
from django.db import connection, connections, transaction
from django.utils import timezone

from cim.embedded import USER
from tests.conftest import _throwaway_postgres

ROUNDS = 5

SEED = """
    with made as (
        insert into interactions_interaction (id, source, external_id, state, channel, direction, address, dialled,
            customer_name, queue, team, campaign, manual, topic, account, work_request_id, status, master_id,
            recording_url, transcript_url, reason, ended_by, transferred_from, started, ended, closes_at, identifiers,
            tags, data, activities, offers, wrap_ups, notes, messages, agents, agent_ids, on_desks, customer_id,
            linked_how, linked_at, linked_why, candidates, looked_up, settled_at, received_at)
        select gen_random_uuid(), 'bench', %(name)s || n, 'ended', 'voice', 'inbound', %(number)s, '', '', 'Billing',
            '', '', false, '', '', '', '', '', '', '', '', 'customer', '', at, at + interval '3 min',
            at + interval '13 min', '[]', '[]', '{}', '[{"kind": "queue"}]', '[]', '[]', '[]', 0, '{}',
            '{}', '{}', %(customer)s, 'automatic',
            at, '', '[]', '', at + interval '13 min', at
        from (select n, now() - interval '400 days' + n * interval '20 min' as at
              from generate_series(1, %(count)s) n) as series
        returning id, customer_id, started, ended
    )
    insert into journeys_element (id, interaction_id, customer_id, work_request_id, channel, direction, topic,
        topic_source, account, status, started, ended, is_open, is_missed, changed_at)
    select gen_random_uuid(), id, customer_id, id::text, 'voice', 'inbound', '', 'none', '', 'closed', started, ended,
        false, false, ended
    from made
"""


def main(count: int) -> None:
    with _throwaway_postgres() as sockets:
        connections["default"].settings_dict.update(NAME="postgres", HOST=str(sockets), USER=USER, PORT="")
        call_command("migrate", verbosity=0)
        measure(count)


def measure(count: int) -> None:
    from cim.access import audit
    from customers import merging, profiles
    from customers.models import Customer
    from customers.schema import Schema
    from interactions.models import Interaction

    actor, schema = audit.system_actor("command"), Schema.current()

    def make(name: str, number: str) -> Customer:
        given = schema.read_json({"first_name": name, "phones": [number]})
        made = profiles.create(given, actor, schema=schema).customer
        with connection.cursor() as cursor:
            cursor.execute(SEED, {"name": name, "number": number, "customer": made.id, "count": count})
        return made

    ada, grace = make("Ada", "+4930100001"), make("Grace", "+4930100002")
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze interactions_interaction, journeys_element")
    theirs = list(Interaction.objects.filter(customer=grace).values_list("id", flat=True))

    merges, undos, by_hand, back = [], [], [], []
    for _round in range(ROUNDS):
        started = time.perf_counter()
        merge = merging.merge(ada.id, [grace.id], actor, schema=schema).merge
        merges.append(time.perf_counter() - started)
        undos.append(timed(lambda: merging.undo(merge.id, actor, schema=schema)))  # noqa: B023
        by_hand.append(timed(lambda: move(grace.id, ada.id)))
        back.append(timed(lambda: move_back(theirs, grace.id)))
    say(f"merge of 2 x {count:,} interactions", merges, by_hand)
    say("undoing it", undos, back)

    merge = merging.merge(ada.id, [grace.id], actor, schema=schema).merge
    # Everything came since, through the number of the part: the most that can have to go back.
    Interaction.objects.filter(id__in=theirs).update(customer=ada, started=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "update journeys_element e set customer_id = i.customer_id, started = i.started"
            " from interactions_interaction i where i.id = e.interaction_id"
        )
        cursor.execute("vacuum analyze interactions_interaction, journeys_element")
    worst = timed(lambda: merging.undo(merge.id, actor, schema=schema))
    moved = Interaction.objects.filter(customer=grace).count()
    say(f"undoing it where {moved:,} came since and go back", [worst], back)


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def move(part: object, survivor: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select 1 from customers_customer where id in (%s, %s) order by id for update", [part, survivor]
        )
        for table in ("interactions_interaction", "journeys_element"):
            cursor.execute(f"update {table} set customer_id = %s where customer_id = %s", [survivor, part])
        cursor.execute(
            "update customers_customer a set phones = a.phones || b.phones from customers_customer b"
            " where a.id = %s and b.id = %s",
            [survivor, part],
        )


def move_back(rows: list[object], part: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "update interactions_interaction set customer_id = %s where id = any(%s)", [part, rows]
        )
        cursor.execute(
            "update journeys_element set customer_id = %s where interaction_id = any(%s)", [part, rows]
        )
        cursor.execute("update customers_customer set phones = phones[:1] where cardinality(phones) > 1")


def say(what: str, ours: list[float], floor: list[float]) -> None:
    mine, least = statistics.median(ours), statistics.median(floor)
    print(f"{what}: {mine * 1000:.0f} ms; by hand {least * 1000:.0f} ms; ratio {mine / least:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
