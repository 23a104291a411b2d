"""How fast an import is, against raw COPY and django-import-export, and what it does to live calls (Q10, Q14).

    python bench/import.py [--customers 1000000] [--rows 100000] [--home var/bench] [--profile]

Fills a database once (a few minutes) and copies it for every run. The file has 25 columns: 30 % of its rows hold the
phone of an existing customer, 1 % are wrong. Prints raw COPY of the file, then dry run, write and undo with the
processor time of both sides, the worker's peak memory, lookups and list pages through a web process of their own
(idle, and while the import runs), and django-import-export's own path on the first 10,000 rows.
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
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
HEADERS = [
    "first_name", "last_name", "phone", "phone_2", "email", "address", "postal_code", "crm_id", "account_id",
    "language", "account_number", "tariff", "contract_end", "monthly", "balance", "smart_meter", "marketing_consent",
    "date_of_birth", "iban", "mobile", "billing_email", "website", "segment", "last_meter_reading", "remarks",
]  # fmt: skip

WHOLE = ("upload: examine and store", "work, whole")
"""The steps that an import has, from the upload on."""


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--customers", type=int, default=1_000_000)
    given.add_argument("--rows", type=int, default=100_000)
    given.add_argument("--home", type=Path, default=ROOT / "var" / "bench")
    given.add_argument("--profile", action="store_true", help="cProfile of the worker")
    given.add_argument("--part", choices=["import", "stock", "calls"], help=argparse.SUPPRESS)
    options = given.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")
    os.environ.setdefault("CIM_SECRET_KEY", "only for benchmarks")
    os.environ.setdefault("CIM_LOG_LEVEL", "WARNING")
    match options.part:
        case "calls":
            _call()
        case "stock":
            _stock(options)
        case "import":
            _worker(options)
        case _:
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
        found = _part("import", options)
        _print(found, raw, cpu)
        _compare(_part("stock", options), found, options.rows)
    finally:
        supervising.stop(process, signal.SIGINT, seconds=30)


def _part(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run a part in a process of its own, whose memory is its own, and return what it has found."""
    command = [sys.executable, __file__, *sys.argv[1:], "--home", str(options.home), "--part", name]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(said.splitlines()[-1]))


def _fill(server: Any, sockets: Path, name: str, customers: int) -> None:
    from cim.embedded import USER  # noqa: PLC0415

    environment = {**os.environ, "DATABASE_URL": f"postgres://{USER}@/{name}?host={sockets}"}

    def manage(*arguments: str) -> None:
        start = time.monotonic()
        command = [sys.executable, ROOT / "manage.py", *arguments]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        print(f"{arguments[0]:<34}{time.monotonic() - start:8.2f} s")

    with server.connect("postgres") as admin:
        is_filled = admin.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]
        ).fetchone()
        if not is_filled:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
            admin.execute(f'CREATE DATABASE "{name}"')
        # A database of an earlier day lacks what has been added since.
        manage("migrate", "--verbosity", "0")
        if not is_filled:
            manage("seed_customers", str(customers))
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
    from customers.importing.yielding import Pace  # noqa: PLC0415
    from customers.models import ImportRun  # noqa: PLC0415

    file = options.home / f"rows_{options.rows}.csv"
    steps: dict[str, list[float]] = {}

    def timed(name: str, action: Any) -> Any:
        with _measured(name, steps):
            return action()

    def receive(**more: Any) -> ImportRun:
        with file.open("rb") as content:
            return uploads.receive(content, file.name, Options(**more), None, "command", now=timezone.now())

    tried = receive(dry_run=True)
    timed("dry run", running.work)
    running.cancel(tried.id, system_actor("command"), keep=False)
    running.work()
    run = timed("upload: examine and store", receive)
    clock, paused = Clock(), list[float]()
    if options.profile:
        clock.watch()
    for name, owner, method in (
        ("read, check, stage", running, "_read"),
        ("write", running, "_write"),
    ):
        _time_calls(owner, method, name, steps)

    def pause(seconds: float) -> None:
        paused.append(seconds)
        time.sleep(seconds)

    with _web() as known:
        calls = Calls(known)
        with calls.during("idle"):
            time.sleep(8)
        with calls.during("while the import runs"):
            timed("work, whole", partial(running.work, pace=Pace(sleep=pause)))
    run.refresh_from_db()
    found: dict[str, Any] = {"steps": steps, "counts": run.counts, "state": run.state}
    found["paused"] = sum(paused)
    found["calls"] = calls.found
    running.request_undo(run.id, system_actor("command"))
    timed("undo", running.work)
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
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


@contextmanager
def _web() -> Iterator[dict[str, Any]]:
    """Run a web process while the context lasts; yield what a caller needs: its port, a key, numbers to look up."""
    from django.db import connection  # noqa: PLC0415

    from bench.events import web  # noqa: PLC0415
    from cim.access.models import ApiKey  # noqa: PLC0415
    from tests.factories import make_user  # noqa: PLC0415

    _key, secret = ApiKey.objects.issue(make_user("Supervisor"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM customers_phone WHERE valid_to IS NULL LIMIT 5000")
        numbers = [number for (number,) in cursor.fetchall()]
    with web("cim.asgi:application", CIM_DATABASE_POOL="4", CIM_HTTPS="false") as port:
        yield {"port": port, "key": secret, "numbers": numbers}


class Calls:
    """Somebody who looks callers up and turns pages of the list, from a process of its own."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known
        self.found: dict[str, dict[str, list[float]]] = {}

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Call while the context lasts, and keep how long the calls took under ``name``."""
        command = [sys.executable, __file__, "--part", "calls"]
        caller = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert caller.stdin is not None
        assert caller.stdout is not None
        caller.stdin.write(json.dumps(self.known) + "\n")
        caller.stdin.flush()
        caller.stdout.readline()
        try:
            yield
        finally:
            said, _none = caller.communicate("stop\n")
            self.found[name] = json.loads(said)


def _call() -> None:
    """Call some twenty times a second until told to stop; print how many milliseconds each call took."""
    known = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    chance, times = random.Random(1), dict[str, list[float]](lookup=[], list=[])

    def ask(path: str) -> float:
        request = urllib.request.Request(
            f"http://127.0.0.1:{known['port']}/api/v1/customers/{path}",
            headers={"Authorization": f"Bearer {known['key']}"},
        )
        start = time.perf_counter()
        urllib.request.urlopen(request, timeout=60).read()
        return 1000 * (time.perf_counter() - start)

    def turn() -> None:
        for name, path in (
            ("lookup", f"lookup/?{urlencode({'phone': chance.choice(known['numbers'])})}"),
            ("list", f"?page={chance.randrange(1, 50)}"),
        ):
            times[name].append(ask(path))
            time.sleep(0.02)

    while True:
        try:
            turn()
        except OSError:
            time.sleep(0.2)
        else:
            break
    for _time in range(20):
        turn()
    times = dict[str, list[float]](lookup=[], list=[])
    print("ready", flush=True)
    while not stop.is_set():
        turn()
    print(json.dumps(times))


# The stock way


def _stock(options: argparse.Namespace) -> None:
    """Import the first 10,000 rows with django-import-export as it comes: one flat table, found by its unique phone."""
    import django  # noqa: PLC0415

    django.setup()
    import tablib  # noqa: PLC0415
    from django.db import connection, models  # noqa: PLC0415
    from import_export import resources  # noqa: PLC0415

    columns = {name: models.TextField(default="", blank=True) for name in HEADERS if name != "phone"}
    meta = type("Meta", (), {"app_label": "bench", "db_table": "bench_person"})
    person = type(
        "Person",
        (models.Model,),
        {
            "__module__": __name__,
            "Meta": meta,
            "phone": models.CharField(max_length=40, unique=True),
            **columns,
        },
    )
    with connection.schema_editor() as editor:
        editor.create_model(person)
    empty = ", ''" * len(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO bench_person (phone, {', '.join(columns)}) SELECT number{empty}"
            " FROM customers_phone WHERE valid_to IS NULL"
        )
        cursor.execute("ANALYZE bench_person")
    fields = {"model": person, "import_id_fields": ["phone"], "fields": HEADERS}
    resource_class = type("People", (resources.ModelResource,), {"Meta": type("Meta", (), fields)})
    with (options.home / f"rows_{options.rows}.csv").open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        data = tablib.Dataset(headers=next(reader))
        for _number, row in zip(range(10_000), reader, strict=False):
            data.append([cell.replace(" ", "") if place == 2 else cell for place, cell in enumerate(row)])
    steps: dict[str, list[float]] = {}
    with _measured("django-import-export", steps):
        result = resource_class().import_data(data, use_transactions=True, raise_errors=False)
    print(json.dumps({"steps": steps, "rows": len(data), "totals": result.totals}))


def _compare(stock: dict[str, Any], ours: dict[str, Any], rows: int) -> None:
    wall, python, server = (
        seconds * rows / stock["rows"] for seconds in stock["steps"]["django-import-export"]
    )
    print(
        f"{'django-import-export':<34}{wall:8.2f} s, extrapolated from {stock['rows']:,} rows; processor: Python"
        f" {python:.2f} s, server {server:.2f} s"
    )
    whole = [one + two for one, two in zip(*(ours["steps"][step] for step in WHOLE), strict=True)]
    print(
        f"{'ours is faster':<34}{wall / whole[0]:8.1f} ×; on the processor {(python + server) / sum(whole[1:]):.1f} ×"
    )


def _print(found: dict[str, Any], raw: float, raw_processor: float) -> None:
    for name, (wall, python, server) in found["steps"].items():
        print(
            f"{name:<34}{wall:8.2f} s {wall / raw:7.2f} ×   processor: Python {python:.2f} s, server {server:.2f} s"
        )
    whole, python, server = (
        sum(parts) for parts in zip(*(found["steps"][step] for step in WHOLE), strict=True)
    )
    print(f"{'import, from the upload on':<34}{whole:8.2f} s {whole / raw:7.2f} ×   ", end="")
    print(
        f"processor: {python + server:.2f} s, {(python + server) / max(raw_processor, 0.01):.1f} × that of the server"
    )
    print(f"{found['state']}: {found['counts']}; gave way to live calls for {found['paused']:.1f} s")
    print(f"{'peak memory of the worker':<34}{found['rss']:8d} MB")
    for name, kinds in found["calls"].items():
        for kind, times in kinds.items():
            cuts = statistics.quantiles(times, n=100)
            told = ", ".join(f"p{place} {cuts[place - 1]:.1f} ms" for place in (50, 95, 99))
            print(f"{kind + ', ' + name:<34}{told} ({len(times)} requests)")
    for key, seconds, calls in found.get("statements", []):
        print(f"{seconds:8.2f} s {calls:6d}  {key}")


if __name__ == "__main__":
    main()
