"""A context that is permanent outlives the sudden death of the web and of PostgreSQL (J3)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings

from cim import supervising
from cim.embedded import DATABASE_NAME, USER, Postgres, Refused, make_socket_directory
from tests import processes

ROOT = Path(__file__).parent.parent.parent
BASE = "/services/ContextStoreRest/cs/contexts/"

pytestmark = pytest.mark.slow


class Installation:
    """A durable PostgreSQL and a web server of our own, which may be killed."""

    def __init__(self, home: Path, sockets: Path) -> None:
        self.home, self.sockets = home, sockets
        self.postgres = Postgres(home, sockets, Path(settings.PG_BIN) if settings.PG_BIN else None)
        self.port = processes.free_port()
        url = f"postgres://{USER}@/{DATABASE_NAME}?host={quote(str(sockets), safe='')}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CIM_TEST_DATABASE_URL": url,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, deadline: float = 0) -> None:
        deadline = deadline or time.monotonic() + 60
        with (self.home / "log").open("ab") as log:
            server = supervising.start(
                self.postgres.command, signal.SIGINT, **self.postgres.process_options, stderr=log
            )
        try:
            self.postgres.wait(server)
        except Refused:
            # The children of a killed server end when they notice; until then no other one starts.
            supervising.kill_group(server)
            if time.monotonic() > deadline:
                raise AssertionError((self.home / "log").read_text()[-3000:]) from None
            time.sleep(0.5)
            self.start(deadline)
        else:
            self.processes.append(server)

    def start_web(self) -> None:
        with (self.home / "web.log").open("ab") as log:
            web = supervising.start(
                processes.web_command(self.port),
                signal.SIGTERM,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.processes.append(web)
        deadline = time.monotonic() + 60
        while not processes.web_answers(self.port):
            assert time.monotonic() < deadline, (self.home / "web.log").read_text()
            time.sleep(0.1)

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self) -> None:
        for process in self.processes:
            supervising.kill_group(process)
        self.processes.clear()

    def ask(self, key: str, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    # Not under pytest's own folder, which PostgreSQL's account may not enter.
    home, sockets = Path(tempfile.mkdtemp(prefix="cim-restart-")), make_socket_directory()
    home.chmod(0o711)
    found = Installation(home, sockets)
    found.postgres.initialise()
    found.start()
    found.postgres.create_database()
    found.manage("migrate", "--verbosity", "0")
    found.manage("create_demo_users")
    found.start_web()
    yield found
    found.kill()
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(sockets, ignore_errors=True)


def test_permanent_contexts_outlive_kill_9_of_web_and_postgresql(installation: Installation) -> None:
    key = installation.manage("create_api_key", "integration").strip().splitlines()[-1]
    made = []
    for number in range(20):
        body = {"persistToEDM": number % 2 == 0, "data": {"number": number}}
        status, content = installation.ask(key, "POST", f"{BASE}?lease=7200&touchpoint=POM", body)
        assert status == 200
        made.append(json.loads(content)["data"]["contextId"])
    status, content = installation.ask(
        key, "PUT", f"{BASE}upsert/{made[0]}?touchpoint=POM", {"data": {"step": "paid"}}
    )
    assert (status, content) == (200, b"")

    installation.kill()
    installation.start()
    installation.start_web()

    # A leased context was committed as well: its lease is all that ends it.
    for number, context_id in enumerate(made):
        status, content = installation.ask(key, "GET", f"{BASE}{context_id}?touchpoint=AGENT")
        expected = {"number": number, "step": "paid"} if number == 0 else {"number": number}
        assert (status, json.loads(content)) == (200, {"data": expected})
    assert installation.manage("check_integrity").strip() == "Everything holds."


def test_simulated_campaign_speaks_the_wire(installation: Installation) -> None:
    installation.manage("seed_customers", "30")

    said = installation.manage(
        "simulate_campaign", "--address", f"http://127.0.0.1:{installation.port}", "--count", "20"
    )

    assert said.strip() == "20 attempts of Renewals; 18 of them at a known customer."
