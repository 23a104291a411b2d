"""A whole installation to be killed: `manage.py up` with a durable PostgreSQL, a broker, a worker and a web."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from cim import embedded, supervising
from cim.access.models import ApiKey
from tests.factories import make_user
from tests.processes import free_port

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 180
"""Seconds after which something that should have come by itself is held to be lost."""

PROGRAMS = {"worker": "cim worker -Q celery", "broker": "valkey-server", "web": "cim.asgi"}

# Ids are new in every run, and so are the times.
_CUSTOMERS = """
SELECT jsonb_strip_nulls(to_jsonb(c) - ARRAY['id', 'created_at', 'updated_at', 'created_entry_id'])::text,
  (SELECT jsonb_agg(jsonb_build_array(number, typed, used_in, valid_to IS NULL) ORDER BY number, valid_to, valid_from)
   FROM customers_phone p WHERE p.customer_id = c.id)::text,
  (SELECT jsonb_agg(jsonb_build_array(version, before) ORDER BY version)
   FROM customers_version v WHERE v.customer_id = c.id)::text
FROM customers_customer c ORDER BY 1, 2, 3
"""
_FATES = """
SELECT line, outcome, version, other_line, "column", value, regexp_replace(reason, '[0-9a-f-]{36}', 'somebody', 'g')
FROM customers_importrow WHERE run_id = %s ORDER BY line
"""


class Adapter:
    """A program that sends until it is answered, as every adapter should: under the same key, whatever happened."""

    def __init__(self, address: str, key: str) -> None:
        self.client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )
        self.last_key = ""

    def post(self, path: str, body: Any, *, key: bool = True, same_key: bool = False) -> Any:
        if key and not same_key:
            self.last_key = str(uuid4())
        headers = {"Idempotency-Key": self.last_key} if key else {}
        return self._until_answered("POST", path, body, headers)

    def patch(self, path: str, body: Any) -> Any:
        return self._until_answered("PATCH", path, body, {})

    def _until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError as away:
                trouble = repr(away)
            else:
                if answer.is_success:
                    return answer.json()
                assert answer.is_server_error, answer.text
                trouble = answer.text
            assert time.monotonic() < deadline, f"no answer: {trouble}"
            time.sleep(0.05)


class Installation:
    """A data directory, what runs there, and what stands in its database."""

    def __init__(self, data: Path, blocker: DjangoDbBlocker) -> None:
        self.data, self.blocker = data, blocker
        self.port = free_port()
        ours = ("CIM_", "CELERY_", "DATABASE_", "DJANGO_")
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "CIM_PG_BIN" or not name.startswith(ours)
        }
        self.environment = kept | {
            "CIM_DATA_DIR": str(data),
            "PORT": str(self.port),
            "CIM_WEB_PROCESSES": "1",
            "CIM_WORKER_PROCESSES": "1",
        }
        embedded.prepare_data_directory(data)
        # The demonstration counts as filled in: it would be in the way.
        (data / "demo").touch()
        self.supervisor: subprocess.Popen[str] | None = None
        self.key = ""

    # Its processes

    def start(self) -> None:
        """Start it, and return once it is ready."""
        self.supervisor = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.supervisor.stdout is not None
        lines = []
        for line in self.supervisor.stdout:
            lines.append(line)
            if line.startswith("Logs:"):
                return
        raise AssertionError("".join(lines))

    def processes(self) -> set[int]:
        return set(supervising._leftovers(self.data, embedded.postgres_home(self.data) / "data"))

    def pids_of(self, program: str) -> set[int]:
        return {pid for pid in self.processes() if program in _command_line(pid)}

    def kill(self, victim: str) -> None:
        """Kill -9, with all that belongs to it."""
        assert self.supervisor is not None
        match victim:
            case "supervisor":
                self.supervisor.kill()
                self.supervisor.communicate()
            case "everything":
                for pid in self.processes():
                    _kill(pid)
                self.supervisor.kill()
                self.supervisor.communicate()
            case "PostgreSQL":
                # The whole server at once, as a power cut would: its processes do not share a group.
                data = embedded.postgres_home(self.data) / "data"
                server = {pid for pid in self.processes() if _folder(pid) == data}
                assert server
                for pid in server:
                    _kill(pid)
            case "broker":
                # And what it has kept is gone with it.
                self._empty_broker()
            case _:
                victims = self.pids_of(PROGRAMS[victim])
                assert victims
                for pid in victims:
                    _kill(pid)

    def _empty_broker(self) -> None:
        for pid in self.pids_of(PROGRAMS["broker"]):
            # Frozen first, so that the supervisor does not start it again before its files are gone.
            os.kill(pid, signal.SIGSTOP)
            shutil.rmtree(self.data / "broker")
            (self.data / "broker").mkdir(mode=0o700)
            _kill(pid)

    def stop(self) -> None:
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGTERM)
            self.supervisor.communicate(timeout=30)
        for pid in self.processes():
            _kill(pid)
        # Where PostgreSQL cannot reach our folder, its data lies elsewhere.
        shutil.rmtree(embedded.postgres_home(self.data), ignore_errors=True)

    # Its database

    @contextlib.contextmanager
    def database(self) -> Iterator[None]:
        """Let Django in this process work on the installation's database."""
        with self.blocker.unblock():
            connection.close()
            before = dict(connection.settings_dict)
            connection.settings_dict.update(
                HOST=str(embedded.sockets(self.data)),
                NAME=embedded.DATABASE_NAME,
                USER=embedded.USER,
                PORT="",
            )
            try:
                yield
            finally:
                connection.close()
                connection.settings_dict.update(before)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database, again and again while it is away."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(
                    host=str(embedded.sockets(self.data)),
                    dbname=embedded.DATABASE_NAME,
                    user=embedded.USER,
                    autocommit=True,
                ) as asking:
                    found = asking.execute(statement, values)
                    return found.fetchall() if found.description else []
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the database did not come back"
                time.sleep(0.05)

    def make_key(self) -> None:
        with self.database():
            self.key = ApiKey.objects.issue(make_user("Admin"))[1]

    def empty(self) -> None:
        """Forget all customers and imports."""
        self.query("TRUNCATE customers_customer, customers_importrun, customers_importline CASCADE")

    def everything(self, run_id: UUID) -> dict[str, Any]:
        """Return all rows that an import leaves, but for ids and times."""
        ((state, counts),) = self.query("SELECT state, counts FROM customers_importrun WHERE id = %s", run_id)
        return {
            "state": state,
            "counts": counts,
            "fates": self.query(_FATES, run_id),
            "customers": self.query(_CUSTOMERS),
            "tally": self.query(
                "SELECT stage, sum(delta) FROM customers_tally GROUP BY stage ORDER BY stage"
            ),
            "staged": self.query("SELECT count(*) FROM customers_importline"),
        }

    def check_integrity(self) -> None:
        with self.database():
            call_command("check_integrity")

    @contextlib.contextmanager
    def adapter(self) -> Iterator[Adapter]:
        adapter = Adapter(f"http://127.0.0.1:{self.port}", self.key)
        with adapter.client:
            yield adapter

    # Its imports

    def post_import(self, content: bytes, **options: Any) -> UUID:
        """Upload a file as a program does."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60) as client:
            answer = client.post(
                "/api/v1/imports/",
                files={"file": ("people.csv", content, "text/csv")},
                data={"options": json.dumps(options)},
                headers={"Authorization": f"Bearer {self.key}"},
            )
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    def wait_for_rows(self, run_id: UUID, rows: int) -> None:
        """Return once that many rows have been read or written, or the import is over."""
        self._until(
            lambda: any(
                done >= rows or state == "completed"
                for state, done in self.query(
                    "SELECT state, read_to + cursor FROM customers_importrun WHERE id = %s", run_id
                )
            )
        )

    def wait_for_the_end(self, run_id: UUID) -> None:
        """Return once the import is over, without waiting for the lease of the dead to run out."""
        self.query("UPDATE customers_importrun SET leased_until = NULL WHERE id = %s", run_id)
        self._until(
            lambda: (
                self.query("SELECT state FROM customers_importrun WHERE id = %s", run_id) == [("completed",)]
            )
        )

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to pass:\n{self._last_words()}"
            time.sleep(0.01)

    def _last_words(self) -> str:
        return "\n".join((self.data / "log" / "worker.log").read_text().splitlines()[-30:])


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _command_line(pid: int) -> str:
    try:
        return re.sub("\0", " ", Path(f"/proc/{pid}/cmdline").read_text())
    except OSError:
        return ""


def _folder(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None
