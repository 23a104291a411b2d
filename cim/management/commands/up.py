import contextlib
import fcntl
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.finders import get_finders
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from cim import database_roles, embedded, supervising
from cim.access.permissions import ROLES

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS = 4.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
_LOG_BYTES = 20_000_000
_WEB_SECONDS = 120.0


class Stopped(Exception):
    """Somebody asked to stop."""


@dataclass
class Child:
    """A process that is kept running: how it starts, how it stops, and when it may start again."""

    name: str
    command: list[str]
    log: Path
    ready: Callable[[subprocess.Popen[bytes]], None] = lambda process: None
    stop_signal: signal.Signals = signal.SIGTERM
    options: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    pause: float = 0.0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.rename(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self._process = supervising.start(
                self.command, self.stop_signal, stdout=log, stderr=log, **self.options
            )
        self.started = time.monotonic()

    def wait_ready(self) -> None:
        self.ready(self.process)

    def restart_when_due(self) -> bool:
        """Start again what has ended: at once the first time, ever later while it keeps ending."""
        now = time.monotonic()
        if now < self.started + self.pause:
            return False
        steady = now - self.started - self.pause > _STEADY_SECONDS
        self.pause = 0.0 if steady else min(max(1.0, 2 * self.pause), _LONGEST_PAUSE)
        supervising.kill_group(self.process)
        self.start()
        return True


class Command(BaseCommand):
    help = (
        "Run all of CIM on this machine until Ctrl-C: PostgreSQL and broker, unless DATABASE_URL and "
        "CELERY_BROKER_URL name real ones, the web, a worker and the clock of scheduled tasks. "
        "Restarts what dies. The first start fills in demo data."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.data: Path = settings.DATA_DIR
        self.children: list[Child] = []
        self.address = f"http://localhost:{settings.PORT}"
        for number in _STOP_SIGNALS:
            # nohup has the end of the terminal ignored, and that stays; but a shell that starts us in the background
            # ignores SIGINT too, and still it has to stop us.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _stop)
        try:
            embedded.prepare_data_directory(self.data)
            with self._only_one(), self._sockets() as sockets:
                try:
                    self._start(sockets)
                    self._keep_running()
                finally:
                    self._stop_all()
        except Stopped:
            self._say("Stopped.")
        except (embedded.Refused, OSError) as refused:
            raise CommandError(str(refused)) from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    # Before the start

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold the lock of the data directory; the system releases it even when we are killed."""
        with (self.data / "up.lock").open("a+") as lock:
            _lock(lock)
            lock.truncate(0)
            lock.write(f"{self.address} (process {os.getpid()})")
            lock.flush()
            self._refuse_taken_port()
            yield

    def _refuse_taken_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, settings.PORT))
            except OSError:
                raise CommandError(
                    f"Port {settings.PORT} is taken by another program. "
                    f"Choose a free one: PORT={settings.PORT + 1} make run"
                ) from None

    @contextlib.contextmanager
    def _sockets(self) -> Iterator[Path]:
        """Clear away what an earlier run left, and make a fresh place for sockets."""
        postgres_data = embedded.postgres_home(self.data) / "data"
        if count := supervising.stop_leftovers(self.data, postgres_data):
            self._say(f"Stopped {count} processes that an interrupted run had left behind.")
        link = self.data / "run"
        _remove_sockets(link)
        link.symlink_to(embedded.make_socket_directory())
        try:
            yield embedded.sockets(self.data)
        finally:
            _remove_sockets(link)

    # The start

    def _start(self, sockets: Path) -> None:
        began = time.monotonic()
        servers = list(self._servers(sockets))
        for child in servers:
            child.start()
            self.children.append(child)
        for child in servers:
            child.wait_ready()
        if not settings.DATABASE_URL:
            self.postgres.create_database()
            # The settings were read before the sockets had their place.
            connection.settings_dict["HOST"] = str(sockets)
        self._prepare_database()
        self._collect_static_files()
        programs = list(self._programs(sockets))
        for child in programs:
            child.start()
            self.children.append(child)
        for child in programs:
            child.wait_ready()
        self._say(
            f"CIM runs at {self.address} (started in {time.monotonic() - began:.0f} s; Ctrl-C stops it)."
        )
        self._tell_logins()

    def _servers(self, sockets: Path) -> Iterator[Child]:
        if not settings.DATABASE_URL:
            chosen = Path(settings.PG_BIN) if settings.PG_BIN else None
            self.postgres = embedded.Postgres(embedded.postgres_home(self.data), sockets, chosen)
            self.postgres.initialise()
            yield Child(
                "PostgreSQL",
                self.postgres.command,
                self._log("postgres"),
                self.postgres.wait,
                signal.SIGINT,  # ends its connections; SIGTERM would wait for them
                self.postgres.process_options,
            )
        if not settings.BROKER_URL:
            yield Child(
                "broker",
                embedded.broker_command(self.data / "broker", sockets),
                self._log("broker"),
                lambda process: embedded.wait_for_broker(process, sockets),
                options={"env": self._environment()},
            )

        if self._demo_crm:
            yield Child(
                "demo CRM",
                [sys.executable, "-m", "tests.doubles.kustomer", "--port", self._demo_crm.partition(":")[2]],
                self._log("demo-crm"),
                options={"env": self._environment(), "cwd": settings.BASE_DIR},
            )

    def _programs(self, sockets: Path) -> Iterator[Child]:
        metrics = sockets / "metrics"
        metrics.mkdir(exist_ok=True)
        web = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "CIM_DATABASE_POOL": "16"}
        worker_log = self._log("worker")
        yield Child(
            "web",
            [
                *(sys.executable, "-m", "uvicorn", "cim.asgi:application", "--host", settings.HOST),
                *("--port", str(settings.PORT), "--workers", str(settings.WEB_PROCESSES), "--no-access-log"),
                # Streams to desks never end by themselves.
                *("--lifespan", "off", "--timeout-graceful-shutdown", "3", "--log-level", "warning"),
            ],
            self._log("web"),
            self._wait_for_web,
            options={"env": self._environment() | web, "cwd": settings.BASE_DIR},
        )
        alone = ["--without-gossip", "--without-mingle"]
        queues = "celery" if settings.APP_ROLE else "celery,owner"
        for name, *command in (
            ("worker", "worker", "-Q", queues, "--concurrency", str(settings.WORKER_PROCESSES), *alone),
            # Threads: they do little but wait for CRMs.
            (
                "CRM worker",
                "worker",
                "-Q",
                "crm",
                "-n",
                "crm@%h",
                "--pool",
                "threads",
                "--concurrency",
                "8",
                *alone,
            ),
            # Builds indexes, as the owner of the tables; nothing from outside reaches it.
            ("keeper", "worker", "-Q", "owner", "-n", "keeper@%h", "--pool", "solo", *alone),
            ("beat", "beat", "--pidfile", ""),
        ):
            if name == "keeper" and not settings.APP_ROLE:
                continue
            yield Child(
                name,
                [sys.executable, "-m", "celery", "-A", "cim", *command],
                worker_log if name == "worker" else self._log(name.lower().replace(" ", "-")),
                options={"env": self._environment(as_owner=name == "keeper"), "cwd": settings.BASE_DIR},
            )

    @functools.cached_property
    def _demo_crm(self) -> str:
        """Where a stand-in for a CRM runs: in development only, elsewhere no host of a CRM leads to this machine."""
        if not settings.DEBUG or settings.CIM_CRM_LOCAL_ADDRESS:
            return ""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"127.0.0.1:{probe.getsockname()[1]}"

    def _environment(self, *, as_owner: bool = False) -> dict[str, str]:
        """What our children get: the mark by which they are found again, cookies that work without TLS."""
        owner = {"CIM_AS_OWNER": "true"} if as_owner else {}
        return {
            "CIM_HTTPS": "false",
            "CIM_DEMO_CALLS": str(self._demo_filled.exists()).lower(),
            **({"CIM_CRM_LOCAL_ADDRESS": self._demo_crm} if self._demo_crm else {}),
            **os.environ,
            **owner,
            supervising.MARK: str(self.data),
            "CIM_DATA_DIR": str(self.data),
            "DJANGO_SETTINGS_MODULE": "cim.settings",
        }

    def _log(self, name: str) -> Path:
        return self.data / "log" / f"{name}.log"

    def _prepare_database(self) -> None:
        """Apply what migrations are missing; fill an empty database with a demonstration."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._run("Preparing the database", "migrate", "--no-input")
        if settings.APP_ROLE:
            with transaction.atomic(), connection.cursor() as cursor:
                database_roles.grant(cursor, settings.APP_ROLE)
        # Left half-way by an interrupted first start, the demonstration is filled in again.
        wanted = (
            not self._demo_filled.exists()
            and not User.objects.exclude(username__in=map(str.lower, ROLES)).exists()
        )
        connection.close()
        if wanted or settings.DEMO_PASSWORD:
            password = settings.DEMO_PASSWORD or self._demo_password() or secrets.token_urlsafe(9)
            embedded.write_secret(self._demo_password_file, password)
            self._run("Making the demo users", "create_demo_users", CIM_DEMO_PASSWORD=password)
        if wanted:
            self._run("Making demo customers", "seed_demo")
            self._demo_filled.touch()
        if self._demo_crm and self._demo_filled.exists():
            self._run("Connecting a demo CRM", "connect_demo_crm")

    def _collect_static_files(self) -> None:
        stamp = self.data / "static.stamp"
        state = _static_files_state()
        if not (stamp.exists() and stamp.read_text() == state and settings.STATIC_ROOT.is_dir()):
            self._run("Collecting static files", "collectstatic", "--no-input", "--clear", "--verbosity=0")
            stamp.write_text(state)

    def _run(self, what: str, *arguments: str, **environment: str) -> None:
        """Run one of our commands to its end."""
        self._say(f"{what} …")
        log = self._log("setup")
        child = Child(
            arguments[0],
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
            log,
            options={"env": self._environment() | environment, "cwd": settings.BASE_DIR},
        )
        child.start()
        self.children.append(child)
        code = child.process.wait()
        self.children.remove(child)
        if code:
            raise CommandError(f"{what} failed (exit code {code}); {_end_of(log)}")

    def _wait_for_web(self, process: subprocess.Popen[bytes]) -> None:
        address = f"http://{settings.HOST}:{settings.PORT}/readyz"
        deadline = time.monotonic() + _WEB_SECONDS
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):
                if urllib.request.urlopen(address, timeout=10).status == 200:
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"The web did not start; {_end_of(self._log('web'))}")
            time.sleep(0.05)

    @property
    def _demo_filled(self) -> Path:
        return self.data / "demo"

    @property
    def _demo_password_file(self) -> Path:
        return self.data / "demo-password"

    def _demo_password(self) -> str:
        return self._demo_password_file.read_text() if self._demo_password_file.exists() else ""

    def _tell_logins(self) -> None:
        if password := self._demo_password():
            names = ", ".join(role.lower() for role in ROLES)
            self._say(f"Demo users: {names}\nPassword:   {password}")
        self._say(f"Logs: {self.data / 'log'}")

    # While it runs, and the end

    def _keep_running(self) -> None:
        while True:
            for child in self.children:
                code = child.process.poll()
                if code is not None and child.restart_when_due():
                    self._say(f"{child.name} ended (exit code {code}); started it again.")
            time.sleep(0.1)

    def _stop_all(self) -> None:
        """Stop the programs together, then the servers they use, the last one first."""
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        servers = [child for child in self.children if child.name in {"PostgreSQL", "broker"}]
        programs = [child for child in self.children if child not in servers]
        for child in programs:
            if child.process.poll() is None:
                child.process.send_signal(child.stop_signal)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            supervising.kill_group(child.process)
        for child in reversed(servers):
            supervising.stop(child.process, child.stop_signal, seconds=2.5)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _lock(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CommandError(
            f"CIM already runs with this data, at {lock.read()}. Stop it first, or start another one "
            "beside it: CIM_DATA_DIR=… PORT=… make run"
        ) from None


def _end_of(log: Path) -> str:
    return f"the end of {log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def _remove_sockets(link: Path) -> None:
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        link.unlink()


def _static_files_state() -> str:
    """Return a mark that changes when any static file does."""
    state = sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            state.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return state.hexdigest()
