"""How fast an import is, against raw COPY of the same file in the same run (Q10).

    python bench/import.py [--customers 1000000] [--rows 100000] [--home var/bench] [--more]

Fills a database once (a few minutes) and copies it for every run. The file has 25 columns: 30 % of its rows hold the
phone of an existing customer, 1 % are wrong. Prints where the time goes, the ratio, and the peak memory of the worker.
``--more`` adds the dry run, the undo, and lookups while an import runs, against lookups while nothing runs.
"""

# ruff: noqa: N999 - it is run as `python bench/import.py`, never imported

import argparse
import csv
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HEADERS = [
    "first_name", "last_name", "phone", "phone_2", "email", "address", "postal_code", "crm_id", "account_id",
    "language", "account_number", "tariff", "contract_end", "monthly", "balance", "smart_meter", "marketing_consent",
    "date_of_birth", "iban", "mobile", "billing_email", "website", "segment", "last_meter_reading", "remarks",
]  # fmt: skip


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--customers", type=int, default=1_000_000)
    given.add_argument("--rows", type=int, default=100_000)
    given.add_argument("--home", type=Path, default=ROOT / "var" / "bench")
    given.add_argument("--more", action="store_true")
    given.add_argument("--profile", action="store_true", help="cProfile of the worker")
    given.add_argument("--part", choices=["import"], help=argparse.SUPPRESS)
    options = given.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")
    os.environ.setdefault("CIM_SECRET_KEY", "only for benchmarks")
    os.environ.setdefault("CIM_LOG_LEVEL", "WARNING")
    if options.part:
        _worker(options)
        return
    _measure(options)


# The database


def _measure(options: argparse.Namespace) -> None:
    from cim import supervising  # noqa: PLC0415 - the environment comes first
    from cim.embedded import USER, Postgres, make_socket_directory  # noqa: PLC0415

    options.home.mkdir(parents=True, exist_ok=True)
    for place in (options.home, *options.home.resolve().parents):
        if os.geteuid() == 0 and not place.stat().st_mode & 0o001:
            raise SystemExit(f"PostgreSQL cannot reach {place}; name another --home.")
    sockets = make_socket_directory()
    binaries = Path(os.environ["CIM_PG_BIN"]) if os.environ.get("CIM_PG_BIN") else None
    server = Postgres(options.home, sockets, binaries)
    server.initialise()
    with (options.home / "postgres.log").open("ab") as log:
        process = supervising.start(server.command, signal.SIGINT, **server.process_options, stderr=log)
    try:
        server.wait(process)
        filled = f"filled_{options.customers}"
        _fill(server, sockets, filled, options.customers)
        size = f"{options.rows:,} rows × {len(HEADERS)} columns"
        print(f"PostgreSQL {server.version}, {options.customers:,} customers, {size}")
        with server.connect("postgres") as admin:
            admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            admin.execute(f'CREATE DATABASE bench TEMPLATE "{filled}" STRATEGY FILE_COPY')
        file = options.home / f"rows_{options.rows}.csv"
        with server.connect("bench") as connection:
            _make_file(file, options.rows, connection)
            pid = connection.info.backend_pid
            cpu = _cpu_of(pid)
            copies = [_raw_copy(connection, file) for _time in range(3)]
            cpu = (_cpu_of(pid) - cpu) / 3
            # What the server still has to do for the copies is no part of the import.
            connection.execute("CHECKPOINT")
        raw = statistics.median(copies)
        told = ", ".join(f"{seconds:.2f}" for seconds in copies)
        print(f"{'raw COPY':<34}{raw:8.2f} s   ({told}; processor of the server {cpu:.2f} s)")
        os.environ["DATABASE_URL"] = f"postgres://{USER}@/bench?host={sockets}"
        command = [sys.executable, __file__, "--part", "import", *sys.argv[1:], "--home", str(options.home)]
        found = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        )
        _print(found, raw, cpu)
    finally:
        supervising.stop(process, signal.SIGINT, seconds=30)


def _fill(server: Any, sockets: Path, name: str, customers: int) -> None:
    from cim.embedded import USER  # noqa: PLC0415

    with server.connect("postgres") as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]).fetchone():
            return
        admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        admin.execute(f'CREATE DATABASE "{name}"')
    environment = {**os.environ, "DATABASE_URL": f"postgres://{USER}@/{name}?host={sockets}"}
    for arguments in (["migrate", "--verbosity", "0"], ["seed_customers", str(customers)]):
        start = time.monotonic()
        subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        print(f"{arguments[0]:<34}{time.monotonic() - start:8.2f} s")
    with server.connect("postgres") as admin:
        admin.execute(f'ALTER DATABASE "{name}" WITH IS_TEMPLATE true')


def _raw_copy(connection: Any, file: Path) -> float:
    """COPY the file as it is into a table of text columns, made and committed in the same second."""
    connection.execute("DROP TABLE IF EXISTS raw_copy")
    connection.execute(f"CREATE TABLE raw_copy ({', '.join(f'{name} text' for name in HEADERS)})")
    start = time.monotonic()
    command = "COPY raw_copy FROM STDIN (FORMAT csv, HEADER true)"
    with connection.cursor().copy(command) as copy, file.open("rb") as content:
        while data := content.read(2**16):
            copy.write(data)
    return time.monotonic() - start


def _make_file(file: Path, rows: int, connection: Any) -> None:
    chance = random.Random(11)
    # Through the index: the same customers whatever the physical order.
    existing = [
        number
        for (number,) in connection.execute(
            "SELECT number FROM customers_phone WHERE valid_to IS NULL AND used_in = '{phones}'"
            " ORDER BY md5(number) LIMIT %s",
            [rows * 3 // 10],
        )
    ]
    tariffs = ["Green 24", "Green Fix", "Basic", "Night", "Business"]
    segments = ["Home", "Home high use", "Small business", "Industry"]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADERS)
        for number in range(rows):
            old = chance.random() < 0.3 and existing
            phone = existing.pop() if old else f"+4915{2 + number % 8}{number:08d}"
            typed = f"{phone[:3]} {phone[3:6]} {phone[6:]}" if chance.random() < 0.2 else phone
            wrong = chance.random() < 0.01
            born = f"{1940 + number % 65}-{1 + number % 12:02d}-{1 + number % 28:02d}"
            mobile = f"+49176{30_000_000 + number}" if chance.random() < 0.3 else ""
            writer.writerow([
                chance.choice(["Jürgen", "Clara", "Zoë", "Mehmet", "Priya", "Łukasz", "Owen", "Grace"]),
                f"{chance.choice(['Weiß', 'Khan', 'Nowak', 'Smith', 'Dubois', 'Lindqvist'])}{number % 977}",
                "12" if wrong and number % 2 else typed,
                f"+4930{20_000_000 + number}" if chance.random() < 0.6 else "",
                f"person{number}@example.org", f"Gartenweg {number % 120}, Berlin", f"{10000 + number % 80000}",
                f"N-{number:07d}", f"A-{number:07d}", chance.choice(["de", "fr", "en"]),
                f"DE-{number}", chance.choice(tariffs), f"2027-{1 + number % 12:02d}-{1 + number % 28:02d}",
                f"{25 + number % 300}.{number % 100:02d}", f"{number % 400 - 200}.5", chance.choice(["true", "false"]),
                chance.choice(["yes", "no", ""]),
                "31.02.1990" if wrong and not number % 2 else born,
                f"DE{number % 90 + 10}{10**17 + number * 7919}", mobile,
                f"bill{number}@example.org" if chance.random() < 0.2 else "",
                f"https://www.example.org/{number}" if chance.random() < 0.1 else "", chance.choice(segments),
                f"2026-10-{1 + number % 28:02d}T08:{number % 60:02d}:00Z" if chance.random() < 0.6 else "",
                "Prefers calls after 17:00, and asked for the fee in writing." if chance.random() < 0.3 else "",
            ])  # fmt: skip


# The worker


class Clock:
    """Adds up what each kind of statement takes, wherever it is sent from."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)

    def watch(self) -> None:
        import psycopg  # noqa: PLC0415

        clock, execute = self, psycopg.Cursor.execute

        def timed(cursor: Any, query: Any, *rest: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return execute(cursor, query, *rest, **named)
            finally:
                text = query if isinstance(query, str) else query.as_string(cursor)
                key = " ".join(text.split())[:70]
                clock.seconds[key] += time.perf_counter() - start
                clock.calls[key] += 1

        psycopg.Cursor.execute = timed  # type: ignore[method-assign]


def _worker(options: argparse.Namespace) -> None:
    import django  # noqa: PLC0415

    django.setup()
    from django.utils import timezone  # noqa: PLC0415

    from cim.access.audit import system_actor  # noqa: PLC0415
    from customers.importing import running, uploads  # noqa: PLC0415
    from customers.importing.options import Options  # noqa: PLC0415
    from customers.models import ImportRun  # noqa: PLC0415

    file = options.home / f"rows_{options.rows}.csv"
    steps: dict[str, list[float]] = {}

    def timed(name: str, action: Any) -> Any:
        with _measured(name, steps):
            return action()

    def receive(**more: Any) -> ImportRun:
        with file.open("rb") as content:
            return uploads.receive(content, file.name, Options(**more), None, "command", now=timezone.now())

    lookups = Lookups() if options.more else None
    if lookups:
        lookups.run("idle", 3)
    run = timed("upload: examine and store", receive)
    clock = Clock()
    if options.profile:
        clock.watch()
    for name, owner, method in (
        ("read, check, stage", running, "_read"),
        ("write", running, "_write"),
    ):
        _time_calls(owner, method, name, steps)
    if lookups:
        lookups.start("importing")
    timed("work, whole", running.work)
    if lookups:
        lookups.stop()
    run.refresh_from_db()
    found = {"steps": dict(steps), "counts": run.counts, "state": run.state}
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if options.more:
        running.request_undo(run.id, system_actor("command"))
        timed("undo", running.work)
        receive(dry_run=True)
        timed("dry run", running.work)
        found["more"] = {name: steps[name] for name in ("undo", "dry run")}
        found["lookups"] = lookups.found if lookups else {}
    if options.profile:
        order = sorted(clock.seconds, key=lambda key: -clock.seconds[key])[:25]
        found["statements"] = [[key, clock.seconds[key], clock.calls[key]] for key in order]
    print(json.dumps(found))


def _server_seconds() -> float:
    """Return the processor time that the server's process of this connection has used; 0 where that cannot be seen."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return _cpu_of(cursor.fetchone()[0])


def _cpu_of(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _measured(name: str, steps: dict[str, list[float]]) -> Iterator[None]:
    """Add up wall time, processor time of this process, and that of the server's process of the connection."""
    start = (time.perf_counter(), time.process_time(), _server_seconds())
    try:
        yield
    finally:
        end = (time.perf_counter(), time.process_time(), _server_seconds())
        before = steps.get(name, [0.0, 0.0, 0.0])
        steps[name] = [known + after - at for known, at, after in zip(before, start, end, strict=True)]


def _time_calls(owner: Any, method: str, name: str, steps: dict[str, list[float]]) -> None:
    original = getattr(owner, method)

    def timed(*args: Any, **named: Any) -> Any:
        with _measured(name, steps):
            return original(*args, **named)

    setattr(owner, method, timed)


class Lookups:
    """Looks callers up, one after the other, from a process of its own, and keeps how long each took."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def run(self, name: str, seconds: float) -> None:
        self.start(name)
        time.sleep(seconds)
        self.stop()

    def start(self, name: str) -> None:
        self.name, self.going, self.times = name, True, list[float]()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def stop(self) -> None:
        self.going = False
        self.thread.join()
        cuts = statistics.quantiles(self.times, n=100)
        self.found[self.name] = [1000 * cuts[place] for place in (49, 94, 98)]

    def _look(self) -> None:
        script = (
            "import os,sys,time,psycopg\n"
            "c=psycopg.connect(os.environ['DATABASE_URL'],autocommit=True)\n"
            'ns=[r[0] for r in c.execute("SELECT number FROM customers_phone WHERE valid_to IS NULL LIMIT 5000")]\n'
            "q='SELECT c.* FROM customers_phone p JOIN customers_customer c ON c.id=p.customer_id"
            " WHERE p.number=%s AND p.valid_to IS NULL'\n"
            "i=0\n"
            "while True:\n"
            " i+=1; t=time.perf_counter(); c.execute(q,[ns[i*7919%len(ns)]],prepare=True).fetchall()\n"
            " print(time.perf_counter()-t,flush=True); time.sleep(0.02)\n"
        )
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            self.times.append(float(line))
            if not self.going:
                break
        process.kill()
        process.wait()


def _print(found: dict[str, Any], raw: float, raw_processor: float) -> None:
    for name, (wall, python, server) in {**found["steps"], **found.get("more", {})}.items():
        print(
            f"{name:<34}{wall:8.2f} s {wall / raw:7.2f} ×   processor: Python {python:.2f} s, server {server:.2f} s"
        )
    upload, work = found["steps"]["upload: examine and store"], found["steps"]["work, whole"]
    whole, python, server = (one + other for one, other in zip(upload, work, strict=True))
    print(f"{'import, from the upload on':<34}{whole:8.2f} s {whole / raw:7.2f} ×   ", end="")
    print(f"processor: {python + server:.2f} s")
    print(f"{found['state']}: {found['counts']}; worker's peak memory {found['rss']} MB")
    for name, times in found.get("lookups", {}).items():
        print(f"lookups, {name:<25} p50 {times[0]:.2f} ms, p95 {times[1]:.2f} ms, p99 {times[2]:.2f} ms")
    for key, seconds, calls in found.get("statements", []):
        print(f"{seconds:8.2f} s {calls:6d}  {key}")


if __name__ == "__main__":
    main()
