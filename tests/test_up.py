"""`manage.py up`: one start after another in one data directory, whose path is long and has spaces."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cim import supervising
from tests.processes import free_port

ROOT = Path(__file__).parent.parent
PROGRAMS = {"uvicorn": "cim.asgi", "worker": "cim worker", "beat": "cim beat"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("up"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the table of processes from /proc"),
]


class Installation:
    """A data directory and a port, and what runs there."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        ours = ("CIM_", "CELERY_", "DATABASE_", "DJANGO_")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name == "CIM_PG_BIN" or not name.startswith(ours)
        } | {"CIM_DATA_DIR": str(data), "PORT": str(self.port), "CIM_WEB_PROCESSES": "1"}

    def up(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def up_and_ready(self) -> tuple[subprocess.Popen[str], list[str]]:
        """Start, and return once the logs' place is told, the last line of the start."""
        supervisor, lines = self.up(), []
        for line in supervisor.stdout:
            lines.append(line.rstrip())
            if line.startswith("Logs:"):
                return supervisor, lines
        supervisor.communicate()
        raise AssertionError("\n".join(lines))

    def processes(self) -> set[int]:
        return set(supervising._leftovers(self.data, (self.data / "postgres").resolve() / "data"))

    def pid_of(self, program: str) -> int:
        """Return the oldest process of a program: the one that the supervisor started."""
        return min(pid for pid in self.processes() if program in _command_line(pid))

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def _stop(supervisor: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    supervisor.send_signal(number)
    return supervisor.communicate(timeout=30)[0]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    data = (
        tmp_path_factory.mktemp("an installation")
        / ("a folder with spaces and a long name " * 3).strip()
        / "var"
    )
    installation = Installation(data)
    yield installation
    for pid in installation.processes():
        os.kill(pid, signal.SIGKILL)
    # Where PostgreSQL cannot reach our folder, its data lies elsewhere.
    shutil.rmtree((data / "postgres").resolve(), ignore_errors=True)


def test_up_tells_address_and_logins_and_stops_without_a_trace(installation: Installation) -> None:
    supervisor, lines = installation.up_and_ready()

    assert installation.ready()
    said = "\n".join(lines)
    assert f"CIM runs at http://localhost:{installation.port} " in said
    assert "Demo users: admin, supervisor, agent, importer, integration" in said
    assert re.search(r"^Password: +\S{12}$", said, re.MULTILINE)
    assert _stop(supervisor).strip() == "Stopped."
    assert supervisor.returncode == 0
    assert installation.processes() == set()
    assert not (installation.data / "run").exists()
    assert (installation.data / "secret-key").stat().st_mode & 0o777 == 0o600


def test_up_refuses_a_second_start_and_restarts_what_dies(installation: Installation) -> None:
    supervisor, _lines = installation.up_and_ready()

    second = installation.up()
    said = second.communicate(timeout=20)[0]
    assert second.returncode == 1
    assert f"CIM already runs with this data, at http://localhost:{installation.port} " in said
    assert f"(process {supervisor.pid})" in said
    assert "Traceback" not in said

    for program in (*PROGRAMS.values(), "valkey-server", "bin/postgres"):
        killed = installation.pid_of(program)
        os.kill(killed, signal.SIGKILL)
        _until(lambda program=program, killed=killed: _restarted(installation, program, killed))
    _until(installation.ready)

    _stop(supervisor, signal.SIGINT)
    assert installation.processes() == set()


def _restarted(installation: Installation, program: str, killed: int) -> bool:
    pids = [pid for pid in installation.processes() if program in _command_line(pid)]
    return bool(pids) and killed not in pids


def test_up_refuses_a_taken_port(installation: Installation) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        refused = installation.up()

        said = refused.communicate(timeout=20)[0]

    assert refused.returncode == 1
    assert said.strip() == (
        f"CommandError: Port {installation.port} is taken by another program. "
        f"Choose a free one: PORT={installation.port + 1} make run"
    )
    assert installation.processes() == set()
