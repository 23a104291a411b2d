"""How many events a second CIM takes, in batches and one by one (Q13).

    python -m bench.events [--seconds 15] [--senders 8] [--customers 20000]

Events are posted over HTTP to one web process, as adapters do; the floor for single events is a bare Django view that
does one INSERT, served and asked in the same way in the same run.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import server
from bench.load import Sender, event, percentiles


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--seconds", type=float, default=15)
    given.add_argument("--senders", type=int, default=8)
    given.add_argument("--customers", type=int, default=20_000)
    options = given.parse_args()
    with server.running():
        key, numbers = prepare(options.customers)
        print(f"{options.customers:,} customers, {options.senders} connections, {options.seconds:.0f} s each")
        with web("cim.asgi:application") as port:
            rate = asyncio.run(_batches(port, key, numbers, options))
            print(f"batches of 1,000: {rate:8,.0f} events/s  (floor of Q13: 2,000)")
            singles = asyncio.run(_singles(port, key, numbers, options, "/api/v1/interactions/events/"))
        with web("bench.bare:django_application", BARE_DJANGO="1") as port:
            bare = asyncio.run(_singles(port, key, numbers, options, "/insert/"))
        print(f"singles / bare INSERT: {singles / bare:.2f}  (floor of Q13: 0.25)")


def prepare(customers: int) -> tuple[str, list[str]]:
    """Migrate, fill in customers, and return a key that may send events and some numbers of customers."""
    import django  # noqa: PLC0415 - the server must run first

    django.setup()
    from django.contrib.auth.models import Group, User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from cim.access.models import ApiKey  # noqa: PLC0415
    from customers.models import Customer, Phone  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    missing = customers - Customer.objects.count()
    now = dt.datetime.now(dt.UTC)
    if missing > 0:
        made = [
            Customer(
                first_name="Bench",
                last_name=str(number),
                phones=[f"+4930{number:08}"],
                created_at=now,
                updated_at=now,
            )
            for number in range(missing)
        ]
        Customer.objects.bulk_create(made, batch_size=2000)
        rows = [
            Phone(number=it.phones[0], customer=it, typed=it.phones[0], used_in=["phones"], valid_from=now)
            for it in made
        ]
        Phone.objects.bulk_create(rows, batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("truncate interactions_interaction cascade")
        cursor.execute("drop table if exists bare_event")
        cursor.execute(
            "create table bare_event (id bigserial primary key, source text, interaction text, event_id text,"
            " body jsonb, unique (source, interaction, event_id))"
        )
        cursor.execute("analyze")
    adapter, _made = User.objects.get_or_create(username="bench-adapter")
    adapter.groups.set([Group.objects.get(name="Integration")])
    return ApiKey.objects.issue(adapter)[1], list(Phone.objects.values_list("number", flat=True)[:20_000])


class web:  # noqa: N801 - reads as a statement
    """Run an application on one web process while the context lasts; yields the port."""

    def __init__(self, application: str, processes: int = 1, **environment: str) -> None:
        self.application, self.processes, self.environment = application, processes, environment

    def __enter__(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            self.application,
            "--port",
            str(self.port),
            "--lifespan",
            "off",
        ]
        command += [
            "--timeout-graceful-shutdown",
            "3",
            "--no-access-log",
            "--log-level",
            "warning",
            "--workers",
            str(self.processes),
        ]
        environment = {
            "CIM_DATABASE_POOL": "8",
            "CIM_LOG_LEVEL": "ERROR",
            "CIM_DATA_DIR": str(server.HOME),
            **os.environ,
            **self.environment,
        }
        self.process = subprocess.Popen(command, cwd=Path(__file__).parent.parent, env=environment)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self.port
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("the web did not start") from None
                time.sleep(0.1)

    def __exit__(self, *_failure: object) -> None:
        self.process.terminate()
        self.process.wait(20)


def call(numbers: list[str], name: str) -> list[dict[str, Any]]:
    """Write the seven events of an ordinary call that ended a moment ago."""
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=200)
    agent = {"id": f"agent-{random.randint(1, 2000)}", "name": "An Agent"}
    told = [
        ("ivr_entered", {"channel": "voice", "direction": "inbound", "address": random.choice(numbers)}),
        ("queued", {"queue": "Billing"}),
        ("offered", {"agent": agent}),
        ("answered", {"agent": agent}),
        ("data", {"data": {"tariff": "Green 24", "pressed": "2"}}),
        ("wrapped_up", {"agent": agent, "code": "renewed"}),
        ("ended", {"ended_by": "customer"}),
    ]
    return [
        event(kind, name, number, begin + dt.timedelta(seconds=number * 20), **said)
        for number, (kind, said) in enumerate(told)
    ]


async def _batches(port: int, key: str, numbers: list[str], options: argparse.Namespace) -> float:
    sender = Sender(port, key, 2)
    prepared = []
    for batch in range(60):
        events = [it for number in range(143) for it in call(numbers, f"b{batch}-{number}")][:1000]
        prepared.append(json.dumps({"events": events}).encode())
    await sender.post("/api/v1/interactions/events/", {"events": call(numbers, "warm-up")})
    begin, sent = time.perf_counter(), 0

    async def run() -> None:
        nonlocal sent
        while prepared and time.perf_counter() - begin < options.seconds:
            status, answer = await sender.post("/api/v1/interactions/events/", prepared.pop())
            if status != 200 or json.loads(answer)["accepted"] != 1000:
                raise RuntimeError(answer.decode())
            sent += 1000

    await asyncio.gather(run(), run())
    return sent / (time.perf_counter() - begin)


async def _singles(port: int, key: str, numbers: list[str], options: argparse.Namespace, path: str) -> float:
    sender = Sender(port, key, options.senders)
    events = [it for number in range(6000) for it in call(numbers, f"s{number}-{time.time_ns()}")]
    prepared = [json.dumps(it).encode() for it in reversed(events)]
    await sender.post(path, prepared.pop())
    begin = time.perf_counter()
    times: list[float] = []

    async def run() -> None:
        while prepared and time.perf_counter() - begin < options.seconds:
            started = time.perf_counter()
            status, answer = await sender.post(path, prepared.pop())
            times.append(time.perf_counter() - started)
            if status != 200:
                raise RuntimeError(answer.decode())

    await asyncio.gather(*(run() for _number in range(options.senders)))
    rate = len(times) / (time.perf_counter() - begin)
    print(f"singles at {path:32} {rate:8,.0f} events/s  {percentiles(times)}")
    return rate


if __name__ == "__main__":
    main()
