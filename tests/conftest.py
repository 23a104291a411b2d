"""What every test may lean on: a throw-away PostgreSQL, shared by all workers, with a database for each."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from cim import supervising
from cim.embedded import USER, Postgres, make_socket_directory

_SOCKETS = "CIM_TEST_SOCKETS"


@contextlib.contextmanager
def _throwaway_postgres() -> Iterator[Path]:
    """Run a PostgreSQL without durability for as long as the context lasts; yield the directory of its socket."""
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


_running = contextlib.ExitStack()


def _start_postgres_once() -> None:
    if not os.environ.get("CIM_TEST_DATABASE_URL") and _SOCKETS not in os.environ:
        os.environ[_SOCKETS] = str(_running.enter_context(_throwaway_postgres()))


class _BeforeWorkers:
    """With several workers the first process starts the server: it outlives them all, and they inherit where it is."""

    def pytest_xdist_setupnodes(self) -> None:
        _start_postgres_once()


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
