"""Real processes for tests: a broker, workers and a web server on the test database."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from cim import embedded, supervising


def environment(broker_url: str) -> dict[str, str]:
    """What a process needs in order to work on this test run's database and broker.

    On our own server it connects as web and workers do, not as the owner.
    """
    settings = connection.settings_dict
    user = embedded.APP_USER if settings["USER"] == embedded.USER else settings["USER"]
    host = quote(settings["HOST"], safe="")
    address = host if not settings["HOST"].startswith("/") else ""
    password = f":{quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    url = f"postgres://{user}{password}@{address}{port}/{settings['NAME']}" + (
        "" if address else f"?host={host}"
    )
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CIM_TEST_DATABASE_URL": url,
        "CELERY_BROKER_URL": broker_url,
        "CIM_LOG_LEVEL": "INFO",
    }


@contextlib.contextmanager
def running(
    command: list[str], ready: Callable[[], bool], log: Path, seconds: float = 60, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process while the context lasts; enter once it is ready, and show its log when it never is."""
    with log.open("wb") as output:
        process = supervising.start(
            command, signal.SIGTERM, stdout=output, stderr=subprocess.STDOUT, **options
        )
    try:
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{command} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield process
    finally:
        supervising.stop(process, signal.SIGTERM, seconds=5)


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[str]:
    """Run a broker; yield its address."""
    sockets = embedded.make_socket_directory()
    command = embedded.broker_command(directory, sockets)
    try:
        with running(command, lambda: embedded.broker_answers(sockets), directory / "broker.log"):
            yield f"redis+socket://{embedded.broker_socket(sockets)}"
    finally:
        for path in sockets.iterdir():
            path.unlink()
        sockets.rmdir()


@contextlib.contextmanager
def worker(broker_url: str, log: Path, concurrency: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery worker; its process may be killed by the test."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "cim",
        "worker",
        "--loglevel=INFO",
        f"--concurrency={concurrency}",
    ]
    with running(command, lambda: " ready." in log.read_text(), log, env=environment(broker_url)) as process:
        yield process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def web_command(port: int) -> list[str]:
    server = [sys.executable, "-m", "uvicorn", "cim.asgi:application", "--port", str(port), "--no-access-log"]
    return [*server, "--lifespan", "off", "--timeout-graceful-shutdown", "3"]


def web_answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).status == 200
    except OSError:
        return False


@contextlib.contextmanager
def web(broker_url: str, log: Path, **changes: str) -> Iterator[str]:
    """Run the web server, with changes to its environment; yield its address."""
    port = free_port()
    changed = environment(broker_url) | changes
    with running(web_command(port), lambda: web_answers(port), log, env=changed):
        yield f"http://127.0.0.1:{port}"
