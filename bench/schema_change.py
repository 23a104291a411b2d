"""What changes of the schema do to everybody else at a million customers (Q15).

    .venv/bin/python -m bench.schema_change --customers 1000000 [--seconds 20]

Agents read the list and save profiles all the while; an administrator adds an attribute, makes one fast, takes the
mark off, archives one and brings it back. Told is how long any of the agents' statements has waited for a lock –
`pg_locks` knows since when – and what their answers took, beside a quiet while before.
"""

import argparse
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import django
import psycopg

from bench import server

LOOK_EVERY = 0.005


@dataclass
class Watched:
    """What went on while something was done: how long others waited for locks, and their answers."""

    name: str
    seconds: float = 0
    longest_wait: float = 0
    waited_for: str = ""
    answers: dict[str, list[float]] = field(default_factory=lambda: {"list": [], "save": []})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10, help="of the quiet while, and of moving values")
    arguments = parser.parse_args()
    with server.running():
        django.setup()
        logging.disable(logging.CRITICAL)
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    # Only now is there a database to import models for.
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from bench import list_run  # noqa: PLC0415
    from cim.access.audit import system_actor  # noqa: PLC0415
    from customers import archiving, indexes, schema  # noqa: PLC0415
    from customers.models import Attribute  # noqa: PLC0415
    from customers.pacing import Pace  # noqa: PLC0415
    from customers.schema import Definition  # noqa: PLC0415

    list_run._prepare(arguments.customers)
    actor = system_actor("command")
    Attribute.objects.filter(key="note_of_the_benchmark").delete()

    def add() -> None:
        given = {"label": "Note of the benchmark", "type": "text"}
        schema.add(Definition(**given, given=frozenset(given)), actor)

    def mark(*, fast: bool) -> None:
        schema.change(
            Attribute.objects.get(key="text_3"), Definition(fast=fast, given=frozenset({"fast"})), actor
        )
        if not indexes.settle():
            raise RuntimeError("somebody else is at the indexes")

    def tidy(attribute: Attribute) -> None:
        """Move values batch by batch, as the job does, for a while: every batch is alike."""
        ends, pace, after = time.monotonic() + arguments.seconds, Pace(), UUID(int=0)
        while time.monotonic() < ends:
            with pace.batch() as size:
                moved = archiving._step(attribute.pk, timezone.now(), size, after)
            if not moved:
                break
            after = moved[-1]

    def archive() -> None:
        tidy(schema.archive(Attribute.objects.get(key="text_20"), actor))

    def restore() -> None:
        tidy(schema.restore(Attribute.objects.get(key="text_20"), actor))

    # One seat is left free for the one that is added.
    seated = Attribute.objects.active().custom().order_by("-position")
    if seated.count() >= schema.SEATS:
        schema.archive(seated.exclude(key__in=("text_3", "text_20")).filter(fast=False)[0], actor)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("nothing", lambda: time.sleep(arguments.seconds)),
        ("adding an attribute", add),
        ("taking the mark fast off", lambda: mark(fast=False)),
        ("marking fast: two indexes", lambda: mark(fast=True)),
        ("archiving, values moved away", archive),
        ("restoring, values moved back", restore),
    ]
    builder = connection.connection.info.backend_pid
    found = []
    with _agents() as watching:
        for name, step in steps:
            watched = Watched(name)
            watching[:] = [watched, builder]
            began = time.perf_counter()
            step()
            watched.seconds = time.perf_counter() - began
            found.append(watched)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{arguments.customers:,} customers; two readers, two writers; load average {load}")
    print(
        f"{'meanwhile':32}{'s':>8}{'longest lock wait, ms':>24}"
        f"{'list p50':>10}{'p95':>8}{'save p50':>10}{'p95':>8}{'max':>9}"
    )
    for one in found:
        reads, saves = sorted(one.answers["list"]) or [0.0], sorted(one.answers["save"]) or [0.0]
        print(
            f"{one.name:32}{one.seconds:8.1f}{one.longest_wait:24.1f}{_at(reads, 0.5):10.1f}{_at(reads, 0.95):8.1f}"
            f"{_at(saves, 0.5):10.1f}{_at(saves, 0.95):8.1f}{saves[-1]:9.1f}"
        )
        if one.waited_for:
            print(f"    waited: {one.waited_for}")


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


@contextmanager
def _agents() -> Iterator[list]:  # type: ignore[type-arg]
    """Let two agents read and two write, and look at the locks, until the block ends; the list says for whom."""
    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.db import connection, connections  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from customers.models import Customer  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["*"]
    user, _made = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    parameters = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in ("host", "port", "dbname", "user", "password")
    }
    ids = list(Customer.objects.values_list("id", flat=True)[:20_000])
    watching: list = [Watched("start"), 0]  # type: ignore[type-arg]
    done = threading.Event()
    failures: list[str] = []

    def work(kind: str, ask: Callable[[Client, random.Random], int]) -> None:
        client, chance = Client(), random.Random(threading.get_ident())
        client.force_login(user)
        try:
            while not done.is_set():
                watched, began = watching[0], time.perf_counter()
                status = ask(client, chance)
                watched.answers[kind].append((time.perf_counter() - began) * 1000)
                if status not in (200, 409):
                    failures.append(f"{kind}: {status}")
                time.sleep(0.02)
        finally:
            connections.close_all()

    def read(client: Client, chance: random.Random) -> int:
        return client.get("/api/v1/customers/", {"page": str(chance.randint(1, 100))}).status_code

    def save(client: Client, chance: random.Random) -> int:
        address = f"/api/v1/customers/{chance.choice(ids)}/"
        body = {
            "address": f"Gartenweg {chance.randint(1, 99)}",
            "attributes": {"text_19": str(chance.random())},
        }
        return client.patch(address, body, content_type="application/json").status_code

    def look() -> None:
        with psycopg.connect(**parameters, autocommit=True) as own:
            while not done.is_set():
                watched, builder = watching
                rows = own.execute(
                    "SELECT extract(epoch FROM clock_timestamp() - l.waitstart) * 1000,"
                    " l.locktype || ' ' || l.mode || ': ' || left(a.query, 120)"
                    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                    " WHERE NOT l.granted AND l.waitstart IS NOT NULL AND l.pid <> %s ORDER BY 1 DESC LIMIT 1",
                    [builder],
                ).fetchall()
                if rows and rows[0][0] > watched.longest_wait:
                    watched.longest_wait, watched.waited_for = float(rows[0][0]), rows[0][1]
                time.sleep(LOOK_EVERY)

    threads = [
        *(threading.Thread(target=work, args=("list", read)) for _number in range(2)),
        *(threading.Thread(target=work, args=("save", save)) for _number in range(2)),
        threading.Thread(target=look),
    ]
    for thread in threads:
        thread.start()
    try:
        yield watching
    finally:
        done.set()
        for thread in threads:
            thread.join()
        if failures:
            print(f"{len(failures)} answers that were none: {sorted(set(failures))}")


if __name__ == "__main__":
    main()
