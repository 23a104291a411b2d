"""From the POST of an offer to the bytes at the agent's desk, with many desks open (Q12).

    python -m bench.pop [--agents 2000] [--pops 50] [--events 200] [--seconds 60] [--processes 2]

Opens that many streams, posts offers at a steady rate, and beside them other events in batches of ten, as adapters send
them. Prints what was lost, the latency, and memory, threads and database connections of the web. Then the same against
a bare ASGI handler that does one indexed SELECT and one NOTIFY.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import server
from bench.events import prepare, web
from bench.load import Sender, event, listen, percentiles, process_facts


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--agents", type=int, default=2000)
    given.add_argument("--pops", type=int, default=50, help="offers a second")
    given.add_argument("--events", type=int, default=200, help="other events a second")
    given.add_argument("--seconds", type=float, default=60)
    given.add_argument("--processes", type=int, default=2)
    options = given.parse_args()
    with server.running():
        key, numbers = prepare(20_000)
        keys = _agents(options.agents)
        with web("cim.asgi:application", options.processes) as port:
            _report("CIM", port, key, keys, numbers, options)
        bare = {"BARE_DATABASE": f"host={os.environ.get('PGHOST', '')} user=cim dbname=cim"}
        with web("bench.bare:pop", 1, **bare) as port:
            _report("bare", port, "", keys, numbers, options)


def _agents(wanted: int) -> dict[str, str]:
    """Make agents with a key each; return the keys by user name."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415 - the server must run first

    from cim.access.models import ApiKey  # noqa: PLC0415

    group = Group.objects.get(name="Agent")
    known = set(User.objects.filter(username__startswith="agent-").values_list("username", flat=True))
    missing = [f"agent-{number}" for number in range(1, wanted + 1) if f"agent-{number}" not in known]
    User.objects.bulk_create([User(username=name) for name in missing])
    users = list(User.objects.filter(username__in=[f"agent-{number}" for number in range(1, wanted + 1)]))
    through = User.groups.through
    through.objects.bulk_create([through(user=user, group=group) for user in users], ignore_conflicts=True)
    return {user.username: ApiKey.objects.issue(user)[1] for user in users}


def _report(
    name: str, port: int, key: str, keys: dict[str, str], numbers: list[str], options: argparse.Namespace
) -> None:
    lost, times, opening, facts = asyncio.run(_run(name, port, key, keys, numbers, options))
    print(f"\n{name:5} {len(keys):,} desks open in {opening:.1f} s; lost {lost} of {len(times) + lost}")
    print(f"      {percentiles(times)}")
    print(f"      {facts}", flush=True)


async def _run(
    name: str, port: int, key: str, keys: dict[str, str], numbers: list[str], options: argparse.Namespace
) -> tuple[int, list[float], float, str]:
    sent: dict[str, float] = {}
    arrived: dict[str, float] = {}
    is_bare = name == "bare"
    opened = 0

    def hear(block: bytes, at: float) -> None:
        if b"event: pop" in block:
            data = json.loads(block.partition(b"data: ")[2])
            arrived.setdefault(data["call"] if is_bare else data["interaction"], at)

    def count() -> None:
        nonlocal opened
        opened += 1

    begin = time.perf_counter()
    desks = [
        asyncio.create_task(listen(port, f"/{agent}" if is_bare else "/desk/stream/", secret, hear, count))
        for agent, secret in keys.items()
    ]
    while opened < len(desks):
        if failed := next((task for task in desks if task.done()), None):
            failed.result()
        await asyncio.sleep(0.05)
    opening = time.perf_counter() - begin
    sender = Sender(port, key, 16)
    path = "/pop" if is_bare else "/api/v1/interactions/events/"
    agents, run = list(keys), f"{name}-{time.time_ns()}"
    tasks: set[asyncio.Task[None]] = set()
    errors: list[str] = []

    async def post(body: Any, call: str = "") -> None:
        at = time.perf_counter()
        status, answer = await sender.post(path, body)
        if status != 200:
            errors.append(answer.decode()[:200])
        if call:
            sent[call] = at

    def offer(number: int) -> None:
        call = f"{run}-{number}"
        start(post(_event("offered", call, numbers, agent=random.choice(agents)), call))

    def others(number: int) -> None:
        if is_bare:
            start(post(_event("data", f"{run}-d{number}", numbers)))
        else:
            batch = [_event("data", f"{run}-d{number}", numbers, place) for place in range(10)]
            start(post({"events": batch}))

    def start(work: Any) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # Processes that have just started answer their first requests slowly.
    await asyncio.gather(*(post(_event("data", f"{run}-w{number}", numbers)) for number in range(60)))
    await asyncio.gather(
        _steadily(options.pops, options.seconds, offer),
        _steadily(options.events / 10, options.seconds, others),
    )
    if tasks:
        await asyncio.wait(tasks, timeout=30)
    await asyncio.sleep(2)
    facts = _facts()
    for task in desks:
        task.cancel()
    await asyncio.gather(*desks, return_exceptions=True)
    if errors:
        print(f"{len(errors)} refused, such as: {errors[0]}")
    names = {call: call for call in sent} if is_bare else await asyncio.to_thread(_ids, list(sent))
    times = [arrived[names[call]] - at for call, at in sent.items() if names.get(call) in arrived]
    return len(sent) - len(times), times, opening, facts


async def _steadily(rate: float, seconds: float, act: Callable[[int], None]) -> None:
    begin = time.perf_counter()
    number = 0
    while (due := begin + number / rate) < begin + seconds:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        act(number)
        number += 1


def _event(kind: str, call: str, numbers: list[str], place: int = 0, agent: str = "") -> dict[str, Any]:
    said = {"agent": {"id": agent, "name": agent}} if agent else {"data": {"place": str(place)}}
    number = random.choice(numbers)
    return event(kind, call, place, channel="voice", direction="inbound", address=number, **said)


def _ids(calls: list[str]) -> dict[str, str]:
    """Map the names of the calls to the ids by which desks know them."""
    from interactions.models import Interaction  # noqa: PLC0415

    rows = Interaction.objects.filter(source="bench", external_id__in=calls).values_list("external_id", "id")
    return {call: str(key) for call, key in rows}


def _facts() -> str:
    """Sum up the web processes: all of memory, most threads, and what the database sees of them."""
    import psycopg  # noqa: PLC0415

    found = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError, KeyError, IndexError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            parent = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if place.name.isdigit() and (
                (b"uvicorn" in words and os.getpid() == parent) or _is_child_of_web(parent)
            ):
                found.append(process_facts(int(place.name)))
    with psycopg.connect(f"host={os.environ.get('PGHOST', '')} user=cim dbname=cim") as connection:
        row = connection.execute("select count(*) from pg_stat_activity where datname = 'cim'").fetchone()
    memory = sum(facts["memory"] for facts in found)
    threads = max((int(facts["threads"]) for facts in found), default=0)
    return (
        f"web: {memory:.0f} MB, at most {threads} threads a process, {(row[0] if row else 0) - 1} connections"
    )


def _is_child_of_web(parent: int) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
        grandparent = int(Path(f"/proc/{parent}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return b"uvicorn" in words and grandparent == os.getpid()
    return False


if __name__ == "__main__":
    main()
