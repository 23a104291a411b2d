"""An import outlives its worker: nothing is lost, nothing is applied twice (C67)."""

import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from customers import tasks
from customers.importing.leasing import LeaseLost, take
from customers.models import ImportRun
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
