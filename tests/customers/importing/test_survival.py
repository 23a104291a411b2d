"""An import outlives its worker: nothing is lost, nothing is applied twice (C67)."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from cim import supervising
from customers import tasks
from customers.importing.leasing import LeaseLost, take
from customers.integrity import problems
from customers.models import Customer, ImportRow, ImportRun
from tests import processes
from tests.factories import api_for

ROWS = 6_000
NUMBERS = 5_500


def upload() -> str:
    lines = ["First name,Phone,Address"]
    lines += [f"Person {row},+4915{row % NUMBERS:08d},Gartenweg {row}" for row in range(ROWS)]
    file = SimpleUploadedFile("people.csv", "\n".join(lines).encode(), "text/csv")
    answer = api_for("Importer").post("/api/v1/imports/", {"file": file}, format="multipart")
    assert answer.status_code == 202, answer.json()
    return str(answer.json()["id"])


def wait_until(run_id: str, *states: str, cursor: int | None = None) -> ImportRun:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        run = ImportRun.objects.get(id=run_id)
        if run.state in states or (cursor is not None and run.state == "running" and run.cursor >= cursor):
            return run
        time.sleep(0.02)
    raise AssertionError(f"still {run.state} at line {run.cursor}")


def test_import_goes_on_by_itself_after_its_worker_was_killed(
    broker: str, transactional_db: None, tmp_path: Path
) -> None:
    with processes.worker(broker, tmp_path / "first.log") as worker:
        run = wait_until(upload(), "completed", cursor=1_000)
        supervising.kill_group(worker)
    assert run.state == "running", "the worker was to be killed in the middle"
    # Time passes until the dead worker's lease ends, and the scheduler sends its next message.
    ImportRun.objects.update(leased_until=timezone.now())

    with processes.worker(broker, tmp_path / "second.log"):
        tasks.run_imports.delay()
        done = wait_until(str(run.id), "completed", "failed")

    assert (done.state, done.counts["created"], done.counts["superseded"]) == (
        "completed",
        NUMBERS,
        ROWS - NUMBERS,
    )
    assert Customer.objects.count() == NUMBERS
    assert ImportRow.objects.filter(run=done).count() == ROWS
    assert list(problems()) == []


def test_worker_that_comes_back_late_cannot_write(transactional_db: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks.run_imports, "delay", lambda **_arguments: None)
    upload()
    first = take(timezone.now())
    assert first is not None
    ImportRun.objects.update(leased_until=timezone.now())
    second = take(timezone.now())
    assert second is not None

    with pytest.raises(LeaseLost):
        first[1].save(cursor=1)
    second[1].save(cursor=1)
