"""A worker is killed: an import goes on by itself, and what it was sending to a CRM is written once (C67, M14)."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from cim import supervising
from crm_mappings.models import Delivery
from crm_mappings.tasks import deliver
from customers import tasks
from customers.integrity import problems
from customers.models import Customer, ImportRow, ImportRun
from tests import processes
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import make_configuration, make_customer, make_mapping
from tests.crm_mappings.test_delivering import MAPPED, assert_written_once, make_calls
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


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_worker_killed_between_sending_and_marking_writes_once(
    kustomer: Kustomer,
    broker: str,
    transactional_db: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The CRM has the record and keeps its answer back; the worker dies waiting; the next one finds the record.

    Real processes: a worker, a broker, the CRM.
    """
    monkeypatch.setenv("CIM_TEST_CRM", kustomer.address)
    monkeypatch.setenv("CIM_CRM_TIMEOUT", "3")
    configuration = make_configuration()
    make_customer()
    make_mapping(configuration, MAPPED)
    kustomer.fail(
        *[
            {"kind": "hang", "seconds": 20, "times": 1, "after_effect": True, "only": only}
            for only in ("POST /v1/conversations", "/messages")
        ]
    )
    with processes.worker(broker, tmp_path / "first.log") as process:
        calls = make_calls(2)
        until(lambda: bool(kustomer.records("conversation")))
        supervising.kill_group(process)
    assert Delivery.objects.filter(state="sending").exists()

    with processes.worker(broker, tmp_path / "second.log") as process:

        def is_done() -> bool:
            deliver.delay(configuration_id=str(configuration.pk))
            time.sleep(0.5)
            return not Delivery.objects.unfinished().exists()

        until(is_done, seconds=60)

    assert_written_once(kustomer, calls)
