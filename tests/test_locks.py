"""The locks pin every package by version and hash, and say what the lists ask for."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-node.txt")


def pinned(lock: str) -> dict[str, list[str]]:
    """Read a lock: what is pinned, with its hashes."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / lock).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]+\])?==([^ ;\\]+)", line):
            name = f"{match[1].lower()}=={match[2]}"
            found.setdefault(name, [])
        elif match := re.match(r"\s+--hash=sha256:([0-9a-f]{64})\b", line):
            found[name].append(match[1])
        else:
            assert not line.strip() or line.startswith("#"), f"{lock}: {line!r} pins nothing"
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    found = pinned(lock)

    assert found
    assert [name for name, hashes in found.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_download_address(lock: str) -> None:
    text = "\n".join(line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#"))

    assert "://" not in text


def test_what_runs_is_what_is_tested() -> None:
    assert set(pinned("requirements.txt")) <= set(pinned("requirements-dev.txt"))


def test_npm_packages_are_pinned_and_hashed() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    packages.pop("")

    assert [name for name, package in packages.items() if not package.get("integrity")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
