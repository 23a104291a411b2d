"""A PostgreSQL for benchmarks: the embedded one with its ordinary settings, kept in var/bench between runs."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from cim import supervising
from cim.embedded import USER, Postgres, make_socket_directory

HOME = Path(os.environ.get("CIM_BENCH_DIR", "var/bench")).absolute()


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run the server and make it Django's; with DATABASE_URL set, that one is taken instead."""
    os.environ.setdefault("CIM_SECRET_KEY", "only for benchmarks")
    os.environ.setdefault("CIM_HTTPS", "false")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cim.settings")
    if os.environ.get("DATABASE_URL"):
        yield
        return
    HOME.mkdir(parents=True, exist_ok=True, mode=0o711)
    sockets = make_socket_directory()
    server = Postgres(HOME / "postgres", sockets)
    server.home.mkdir(exist_ok=True, mode=0o711)
    server.initialise()
    process = supervising.start(server.command, signal.SIGINT, **server.process_options)
    try:
        server.wait(process)
        server.create_database()
        os.environ.update(PGHOST=str(sockets), DATABASE_URL=f"postgres://{USER}@/cim")
        yield
    finally:
        supervising.stop(process, signal.SIGINT, seconds=60)
