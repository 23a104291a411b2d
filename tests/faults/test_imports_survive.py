"""An import whose worker is killed goes on by itself, and ends where an undisturbed one does (C67, Q21)."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from cim.access.audit import system_actor
from customers import profiles
from customers.importing import leasing, running
from customers.importing.leasing import Lease, LeaseLost
from customers.importing.yielding import Pace
from customers.models import Customer, ImportRow, ImportRun, Phone
from customers.profiles import NumberTaken
from customers.schema import Schema
from tests.customers.importing.files import check_balance, check_numbers, csv_file, state, upload
from tests.faults.rows import HEADERS, linked_rows
from tests.processes import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROUNDS = int(os.environ.get("CIM_FAULT_ROUNDS", "1"))
ROWS = 5_000
WORKER = "import django; django.setup(); from customers.importing import running; running.work()"


@contextlib.contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A real process that works on what is due; killed at the end of the context if it still runs."""
    process = subprocess.Popen([sys.executable, "-c", WORKER], env=environment("memory://"))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_progress(run: ImportRun, process: subprocess.Popen[bytes]) -> None:
    """Return once the process has moved the import on, or has ended."""

    def place() -> tuple[Any, ...] | None:
        return ImportRun.objects.values_list("state", "phase", "cursor").get(id=run.id)

    before = place()
    while process.poll() is None and place() == before:
        time.sleep(0.01)


def outcome(run: ImportRun) -> tuple[dict[str, int], dict[int, str], list[Any]]:
    fates = dict(ImportRow.objects.filter(run=run).values_list("line", "outcome"))
    return run.counts, fates, list(state(Schema.current()))


def forget_customers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE customers_customer, customers_phone, customers_version CASCADE")


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_import_ends_as_an_undisturbed_one(seed: int) -> None:
    content = csv_file(HEADERS, linked_rows(ROWS, seed))
    undisturbed = upload(content)
    running.work()
    undisturbed.refresh_from_db()
    expected = outcome(undisturbed)
    forget_customers()
    run = upload(content)
    chance = random.Random(seed)

    kills = 0
    while run.state != "completed":
        with worker() as process:
            if kills < 6:
                wait_for_progress(run, process)
                time.sleep(chance.uniform(0, 0.2))
            else:
                process.wait(timeout=60)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
        # The lease of the dead runs out; the test does not wait for that.
        ImportRun.objects.filter(id=run.id).update(leased_until=None)
        run.refresh_from_db()

    assert kills > 0
    check_balance(run)
    check_numbers(Schema.current())
    assert outcome(run) == expected


def test_lost_staging_table_is_read_again() -> None:
    """What a crash of the server does to an unlogged table."""
    rows = linked_rows(2_500, seed=1)
    run = upload(csv_file(HEADERS, rows))
    claimed = leasing.take(timezone.now())
    assert claimed is not None
    running._read(*claimed)
    running._enter(*claimed, ImportRun.Phase.WRITING)
    application = running._application(*claimed, dry=False)
    application.apply_next()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE customers_importline")
    claimed[1].give_back()

    running.work()

    run.refresh_from_db()
    assert run.state == "completed"
    check_balance(run)
    assert run.counts["read"] == len(rows)
    check_numbers(Schema.current())


def test_worker_that_comes_back_late_cannot_write() -> None:
    run = upload(csv_file(["first_name", "phone"], [["Ada", "+4930100001"]]))
    late = leasing.take(timezone.now())
    assert late is not None
    ImportRun.objects.filter(id=run.id).update(leased_until=None)
    assert leasing.take(timezone.now()) is not None

    with pytest.raises(LeaseLost):
        running._work_on(*late, Pace())

    assert not Customer.objects.exists()
    assert Lease(run.id, late[1].fence + 1).fence == ImportRun.objects.get(id=run.id).fence


def test_only_one_import_is_worked_on_at_a_time() -> None:
    for _file in range(2):
        upload(csv_file(["phone"], [["+4930100001"]]))

    assert leasing.take(timezone.now()) is not None
    assert leasing.take(timezone.now()) is None


def test_imports_and_forms_on_the_same_numbers_neither_deadlock_nor_share_a_number() -> None:
    """C69, Q22: two imports one after the other, and people who save forms on the same numbers meanwhile."""
    numbers = [f"+4930{20_000_000 + n}" for n in range(300)]
    for seed in (1, 2):
        chance = random.Random(seed)
        upload(
            csv_file(
                ["first_name", "phone", "phone_2"],
                [[f"N {n}", *chance.sample(numbers, 2)] for n in range(3_000)],
            )
        )
    schema, going, answers, failures = Schema.current(), True, Counter[str](), list[BaseException]()

    def save_forms(seed: int) -> None:
        chance = random.Random(seed)
        try:
            while going:
                given = schema.read_json({"last_name": f"F {seed}", "phones": chance.sample(numbers, 3)})
                try:
                    answers[profiles.create(given, system_actor("page"), schema=schema).kind] += 1
                except NumberTaken:
                    answers["taken"] += 1
                time.sleep(0.002)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    people = [threading.Thread(target=save_forms, args=[seed]) for seed in range(3)]
    for person in people:
        person.start()
    try:
        running.work()
    finally:
        going = False
        for person in people:
            person.join()

    assert failures == []
    assert sum(answers.values()) > 0
    for run in ImportRun.objects.all():
        assert run.state == "completed"
        check_balance(run)
    check_numbers(schema)
    owned = list(Phone.objects.current().values_list("number", flat=True))
    assert len(owned) == len(set(owned))
