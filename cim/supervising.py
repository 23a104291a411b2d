"""How child processes are started, stopped and, after an accident, found again."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
# Set in every child; a process that carries it was started for that data directory.
MARK = "CIM_SUPERVISED_DATA"


def dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what makes a child receive this signal when its parent is killed; only Linux offers that."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def _in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), number)

    return _in_child


def start(command: list[str], stop_signal: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: Ctrl-C reaches only us, and its own children stop with it."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=dies_with_parent(stop_signal),
        **options,
    )


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, seconds: float) -> None:
    """Ask a child to stop, kill it when it does not within `seconds`, and leave none of its children."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and all that it started."""
    # Gone already; macOS calls it a lack of permission when only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop_leftovers(data: Path, postgres_data: Path | None) -> int:
    """Stop what an earlier run in this data directory left behind, and return how many processes that were.

    PostgreSQL's note of a dead server goes too: its number may be a zombie's by now, or another program's,
    and then no server would start. With every process gone that sat in the data, removing it is safe.

    Only Linux tells the environment and folder of a process; elsewhere this finds nothing.
    """
    found = set(_leftovers(data, postgres_data))
    for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGINT, 5.0), (signal.SIGKILL, 5.0)):
        remaining = set(_leftovers(data, postgres_data))
        for pid in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while remaining and time.monotonic() < deadline:
            time.sleep(0.05)
            remaining = set(_leftovers(data, postgres_data))
        if not remaining:
            break
    if postgres_data is not None and sys.platform == "linux" and not set(_leftovers(data, postgres_data)):
        (postgres_data / "postmaster.pid").unlink(missing_ok=True)
    return len(found)


def _leftovers(data: Path, postgres_data: Path | None) -> Iterator[int]:
    mark = os.fsencode(f"{MARK}={data}")
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            # PostgreSQL overwrites its environment with its title, but all its processes sit in its data.
            of_postgres = postgres_data is not None and (folder / "cwd").readlink() == postgres_data
            if of_postgres or (
                mark in (folder / "environ").read_bytes().split(b"\0") and not _is_zombie(folder)
            ):
                yield int(folder.name)
        except OSError:  # gone meanwhile, or not ours
            continue


def _is_zombie(folder: Path) -> bool:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
