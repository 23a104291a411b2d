"""An import goes on by itself after its worker was killed, once its lease has ended (C67)."""

from pathlib import Path

import pytest
from django.utils import timezone

from cim import supervising
from customers import tasks
from customers.integrity import problems
from customers.models import Customer, ImportRow, ImportRun
from tests import processes
from tests.customers.importing.test_survival import NUMBERS, ROWS, upload, wait_until

pytestmark = pytest.mark.slow


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
