"""Whatever of an installation is killed, an import goes on by itself and ends as an undisturbed one (C67, Q21)."""

import os
import random
from typing import Any

import httpx
import pytest

from tests.customers.importing.files import csv_file
from tests.faults.installations import Installation
from tests.faults.rows import HEADERS, linked_rows

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]

ROUNDS = int(os.environ.get("CIM_FAULT_ROUNDS", "1"))
VICTIMS = ("PostgreSQL", "everything", "worker", "broker", "supervisor")
ROWS = 5_000
KNOWN = csv_file(HEADERS, linked_rows(1_000, seed=99))
FILE = csv_file(HEADERS, linked_rows(ROWS, seed=7))


def begin(installation: Installation) -> Any:
    """Post the file onto a thousand customers that are there already, some with the same numbers."""
    installation.empty()
    installation.wait_for_the_end(installation.post_import(KNOWN))
    return installation.post_import(FILE)


@pytest.fixture(scope="module")
def undisturbed(installation: Installation) -> dict[str, Any]:
    run_id = begin(installation)
    installation.wait_for_the_end(run_id)
    found = installation.everything(run_id)
    assert found["counts"]["read"] == ROWS
    assert {outcome for outcome, count in found["counts"].items() if count} >= {
        "created",
        "overwritten",
        "superseded",
        "errors",
    }
    return found


@pytest.mark.parametrize("number", range(ROUNDS))
def test_import_ends_as_an_undisturbed_one(
    installation: Installation, undisturbed: dict[str, Any], number: int
) -> None:
    victim = VICTIMS[number % len(VICTIMS)]
    run_id = begin(installation)

    # Reading counts each row once and writing once more.
    installation.wait_for_rows(run_id, random.Random(number).randrange(2 * ROWS))
    installation.kill(victim)
    if victim in {"supervisor", "everything"}:
        installation.start()
    installation.wait_for_the_end(run_id)

    assert installation.everything(run_id) == undisturbed
    installation.check_integrity()


def test_what_a_killed_supervisor_left_running_is_stopped_by_the_next(installation: Installation) -> None:
    left = installation.processes()

    installation.kill("supervisor")
    installation.start()

    assert httpx.get(f"http://127.0.0.1:{installation.port}/readyz", trust_env=False).is_success
    assert installation.processes() & left == set()
