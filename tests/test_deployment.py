"""Dockerfile and compose.yaml: what they start runs, as nobody special, without writing where it should not."""

import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.db import connection

from cim import embedded
from tests import processes

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "cim"}


def test_every_process_is_a_service() -> None:
    assert set(SERVICES) == {
        "beat",
        "crm-worker",
        "keeper",
        "migrate",
        "postgres",
        "valkey",
        "web",
        "worker",
    }


@pytest.mark.parametrize("name", OURS)
def test_service_is_nobody_special(name: str) -> None:
    service = OURS[name]

    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    # Web and its like come with the probe of the image.
    assert name == "web" or service["healthcheck"]


def test_only_who_needs_it_owns_the_tables() -> None:
    owners = {name for name, service in OURS.items() if "CIM_OWNER_DATABASE_URL" in service["environment"]}

    assert owners == {"migrate", "keeper"}


def test_services_read_every_queue_once() -> None:
    queues = [
        service["command"][service["command"].index("-Q") + 1]
        for service in OURS.values()
        if "-Q" in service.get("command", ())
    ]

    assert sorted(queues) == ["celery", "crm", "owner"]


def test_variables_of_compose_are_settings() -> None:
    source = (ROOT / "cim" / "settings.py").read_text()
    known = set(re.findall(r'_(?:text|boolean|number|secret|list)\(\s*"([A-Z_]+)"', source))
    given = {name for service in OURS.values() for name in service["environment"]}

    assert given - known == {"PROMETHEUS_MULTIPROC_DIR", "CIM_WORKER"}


def test_image_holds_every_app() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

    assert copied == {*packages, "templates", "static", "locale"}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {f"!{name}" for name in copied} <= set(ignored)


@pytest.mark.django_db
def test_django_finds_nothing_to_better_for_production() -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIM_", "DATABASE_", "CELERY_", "DJANGO_"))
    }
    environment |= {
        "DJANGO_SETTINGS_MODULE": "cim.settings",
        "DATABASE_URL": "postgres://cim_app@localhost/cim",
        "CELERY_BROKER_URL": "redis://localhost/0",
        "CIM_SECRET_KEY": "a key of more than fifty letters, as production has: 0123456789",
        "CIM_ALLOWED_HOSTS": "cim.example.org",
    }

    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr


@pytest.mark.slow
@pytest.mark.skipif("CIM_TEST_COMPOSE" not in os.environ, reason="starts every service: CIM_TEST_COMPOSE=1")
@pytest.mark.django_db(transaction=True)
def test_every_service_runs_as_compose_says(broker: str, tmp_path: Path) -> None:
    place = connection.settings_dict
    if place["USER"] != embedded.USER:
        pytest.skip("the server is not ours: it has no role for web and workers")
    call_command("collectstatic", verbosity=0, interactive=False)
    port = str(processes.free_port())

    def environment(service: dict[str, Any]) -> dict[str, str]:
        def url(user: str) -> str:
            return f"postgres://{user}@/{place['NAME']}?host={place['HOST']}"

        given = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **service["environment"],
            "DATABASE_URL": url(embedded.APP_USER),
            "CELERY_BROKER_URL": broker,
            "CIM_SECRET_KEY": "only for tests",
            "CIM_ALLOWED_HOSTS": "cim.example.org",
            "CIM_TRUSTED_ORIGINS": "https://cim.example.org",
            "CIM_PUBLIC_ADDRESS": "https://cim.example.org",
            "CIM_DATA_DIR": str(tmp_path),
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "cim.settings",
        }
        if "CIM_OWNER_DATABASE_URL" in given:
            given["CIM_OWNER_DATABASE_URL"] = url(embedded.USER)
        return given

    dockerfile = (ROOT / "Dockerfile").read_text()
    of_image = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[1]
    collected = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
        cwd=ROOT,
        env=environment(SERVICES["web"]),
    )
    assert collected.returncode == 0
    for name in ("migrate", "web", "worker", "crm-worker", "keeper", "beat"):
        service = SERVICES[name]
        command = service.get("command") or yaml.safe_load(of_image)
        programs = str(Path(sys.executable).parent)
        env = environment(service) | {"PATH": f"{programs}:{os.environ['PATH']}"}
        command = [port if part == "8000" else part for part in command]
        log = tmp_path / f"{name}.log"
        if name == "migrate":
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
            assert (done.returncode, "may do all but change the past" in done.stdout) == (0, True), (
                done.stderr
            )
            continue

        def ready(name: str = name, log: Path = log) -> bool:
            if name != "web":
                return ("beat: Starting" if name == "beat" else " ready.") in log.read_text()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/readyz", headers={"Host": "cim.example.org"}
            )
            try:
                return urllib.request.urlopen(request, timeout=5).status == 200
            except OSError:
                return False

        if name != "web":
            command = [*command, "--loglevel=INFO"]
        with processes.running(command, ready, log, env=env, cwd=ROOT) as process:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
