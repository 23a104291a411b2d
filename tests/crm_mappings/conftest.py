"""A Kustomer in a process of its own, and what tests do with it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Kustomer:
    """The double, as tests see it from outside."""

    address: str

    def _control(self, what: str, order: Any = None) -> Any:
        data = json.dumps(order or {}).encode()
        request = urllib.request.Request(f"http://{self.address}/_double/{what}", data=data, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def reset(self) -> None:
        self._control("reset")

    def records(self, kind: str) -> list[dict[str, Any]]:
        return self._control("state")[kind]

    def attributes(self, kind: str) -> list[dict[str, Any]]:
        return [record["attributes"] for record in self.records(kind)]

    def requests(self) -> list[dict[str, Any]]:
        return self._control("requests")

    def fail(self, *faults: dict[str, Any]) -> None:
        self._control("faults", {"faults": list(faults)})

    def work(self) -> None:
        self._control("faults", {"faults": []})

    def set(self, **values: Any) -> None:
        self._control("settings", values)

    def add(self, kind: str = "customer", *, type: str = "", **attributes: Any) -> dict[str, Any]:
        return self._control("add", {"kind": kind, "type": type or kind, "attributes": attributes})


@pytest.fixture(scope="session")
def kustomer_process() -> Iterator[Kustomer]:
    command = [sys.executable, "-m", "tests.doubles.kustomer"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Kustomer(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def kustomer(kustomer_process: Kustomer, settings: Any) -> Kustomer:
    """An empty Kustomer, which the hosts of the vendor lead to."""
    kustomer_process.reset()
    settings.CIM_CRM_LOCAL_ADDRESS = kustomer_process.address
    settings.CIM_CRM_RETRY = 0.0
    settings.CIM_CRM_RATE = 100_000
    return kustomer_process
