"""manage.py says in one sentence what an operator has to mend; what is a fault of the program keeps its traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "CIM_SECRET_KEY is missing"),
        (
            {"CIM_SECRET_KEY": "a key of more than fifty letters: " + "0123456789" * 3},
            "The database does not answer",
        ),
    ],
)
def test_what_is_not_there_is_named_without_a_traceback(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIM_", "DATABASE_", "CELERY_", "DJANGO_"))
    }

    asked = subprocess.run(
        [sys.executable, "manage.py", "check_integrity"],
        cwd=ROOT,
        env={**clean, **environment, "CIM_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert asked.returncode == 1
    assert asked.stderr.startswith(message), asked.stderr
    assert "Traceback" not in asked.stderr
