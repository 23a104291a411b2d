"""What every test may lean on: a throw-away PostgreSQL, shared by all workers, with a database for each."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import psycopg
import pytest
import pytest_django
from django.conf import settings
from django.core.management import CommandError
from django.core.management.commands import flush
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.utils import translation

from cim import database_roles, supervising
from cim.celery import app
from cim.embedded import APP_USER, USER, Postgres, make_socket_directory
from tests import processes

_SOCKETS = "CIM_TEST_SOCKETS"
_TEMPLATE = "migrated"

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("cim", deadline=None)
hypothesis.settings.load_profile("cim")


@contextlib.contextmanager
def _throwaway_postgres() -> Iterator[Path]:
    """Run a PostgreSQL without durability while the context lasts; yield the directory of its socket."""
    home = Path(tempfile.mkdtemp(prefix="cim-test-"))
    home.chmod(0o711)
    sockets = make_socket_directory()
    server = Postgres(home, sockets, Path(settings.PG_BIN) if settings.PG_BIN else None, throwaway=True)
    try:
        server.initialise()
        with (home / "log").open("wb") as log:
            process = supervising.start(server.command, signal.SIGINT, **server.process_options, stderr=log)
        try:
            server.wait(process)
            yield sockets
        finally:
            supervising.stop(process, signal.SIGINT, seconds=10)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language in force, for the next one to replace; here it ends with its test."""
    yield
    translation.deactivate()


@contextlib.contextmanager
def as_owner() -> Iterator[None]:
    """Be the owner of the tables for a while, where the tests run as web and workers do (CIM_TEST_AS_APP)."""
    if not os.environ.get("CIM_TEST_AS_APP"):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {APP_USER}")


def _flush_until_quiet(command: flush.Command, **options: Any) -> None:
    """Empty the tables; a request that the browser has just left may still hold one of them."""
    for attempt in range(6):
        try:
            with as_owner():
                return _flush(command, **options)
        except CommandError:
            if attempt == 5:
                raise
            time.sleep(0.5)
    return None


_flush = flush.Command.handle
flush.Command.handle = _flush_until_quiet  # type: ignore[method-assign]

_running = contextlib.ExitStack()


def _start_postgres_once() -> None:
    if not os.environ.get("CIM_TEST_DATABASE_URL") and _SOCKETS not in os.environ:
        os.environ[_SOCKETS] = str(_running.enter_context(_throwaway_postgres()))


class _BeforeWorkers:
    """With several workers the first process starts the server and migrates the database that theirs are copies of."""

    def pytest_xdist_setupnodes(self) -> None:
        _start_postgres_once()
        if _SOCKETS in os.environ:
            with psycopg.connect(
                host=os.environ[_SOCKETS], user=USER, dbname="postgres", autocommit=True
            ) as to:
                to.execute(f"create database {_TEMPLATE}")
            address = f"postgres://{USER}@/{_TEMPLATE}?host={quote(os.environ[_SOCKETS], safe='')}"
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=Path(__file__).parent.parent,
                env={
                    **os.environ,
                    "CIM_TEST_DATABASE_URL": address,
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                },
                check=True,
            )


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_BeforeWorkers())


def pytest_unconfigure() -> None:
    _running.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Point Django at the throw-away server before it makes the test database."""
    _start_postgres_once()
    if _SOCKETS in os.environ:
        connections["default"].settings_dict.update(HOST=os.environ[_SOCKETS], USER=USER, PORT="")
        if "PYTEST_XDIST_WORKER" in os.environ:
            connections["default"].settings_dict["TEST"]["TEMPLATE"] = _TEMPLATE


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """Make the role of web and workers, and let it into this worker's database."""
    if connection.settings_dict["USER"] == USER:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            # Another worker may make it at the same moment.
            cursor.execute(
                f"DO $$ BEGIN CREATE ROLE {APP_USER} LOGIN;"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
            database_roles.grant(cursor, APP_USER)
        if os.environ.get("CIM_TEST_AS_APP"):
            connection_created.connect(_become_app)
            connections.close_all()
    yield
    # The database is dropped by its owner.
    connection_created.disconnect(_become_app)
    connections.close_all()


def _become_app(connection: Any, **_kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {APP_USER}")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    """A real broker, to which this process sends its tasks as well; yields its address."""
    directory = tmp_path_factory.mktemp("broker")
    with processes.broker(directory) as address:
        app.conf.broker_url = app.conf.broker_write_url = app.conf.broker_read_url = address
        # A test before may have sent something: its connection leads nowhere.
        app._pool = app.amqp._producer_pool = None
        yield address


@pytest.fixture
def worker(broker: str, transactional_db: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker on the test database."""
    with processes.worker(broker, tmp_path / "worker.log") as process:
        yield process


@pytest.fixture(scope="session")
def web_address(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real web server on the test database; the data is that of each transactional test."""
    with processes.web(broker, tmp_path_factory.mktemp("web") / "web.log") as address:
        yield address
