"""An import outlives its worker: nothing is lost, nothing is applied twice (C67)."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cim import supervising
from cim.access.audit import system_actor
from customers.importing import running
from customers.integrity import problems
from customers.models import Customer, ImportRow, ImportRun
from tests import processes
from tests.factories import api_for

ROWS = 6_000


def upload(name: str = "people.csv") -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415 - beside its only use

    lines = ["First name,Phone,Address"]
    lines += [f"Person {number},+4915{number % 5_500:08d},Gartenweg {number}" for number in range(ROWS)]
    file = SimpleUploadedFile(name, "\n".join(lines).encode(), "text/csv")
    answer = api_for("Importer").post("/api/v1/imports/", {"file": file}, format="multipart")
    assert answer.status_code == 202, answer.json()
    return dict(answer.json())


def wait_until(run_id: str, *states: str, cursor: int = 0, seconds: float = 90) -> ImportRun:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = ImportRun.objects.get(id=run_id)
        if run.state in states or (cursor and run.state == "running" and run.cursor >= cursor):
            return run
        time.sleep(0.02)
    raise AssertionError(f"still {run.state} at line {run.cursor}")


def test_import_goes_on_by_itself_after_its_worker_was_killed(
    broker: str, transactional_db: None, tmp_path: Path
) -> None:
    with processes.worker(broker, tmp_path / "first.log") as worker:
        run = wait_until(upload()["id"], "completed", cursor=2_000)
        supervising.kill_group(worker)
    assert run.state == "running", "the worker was to be killed in the middle"
    ImportRun.objects.update(leased_until=None)

    with processes.worker(broker, tmp_path / "second.log"):
        running_again(str(run.id))
        done = wait_until(str(run.id), "completed", "failed")

    counts = done.counts
    assert (done.state, counts["created"], counts["superseded"]) == ("completed", 5_500, 500)
    assert Customer.objects.count() == 5_500
    assert ImportRow.objects.filter(run=done).count() == ROWS
    assert list(problems()) == []


def running_again(run_id: str) -> None:
    """Do what the scheduler does every few seconds: send the message that the dead worker took with it."""
    from customers import tasks  # noqa: PLC0415 - the broker of the test comes first

    tasks.work_on_imports.delay()


def test_worker_that_comes_back_late_cannot_write(transactional_db: None) -> None:
    run_id = upload()["id"]
    first = running.take(ImportRun.objects.get(id=run_id).created_at)
    assert first is not None
    _run, late = first
    ImportRun.objects.update(leased_until=None)
    assert running.take(ImportRun.objects.get(id=run_id).created_at) is not None

    with pytest.raises(running.LeaseLost):
        late.confirm()
    assert signal.SIGKILL
    assert system_actor("import").user_id is None
