"""An adapter of a third party: the example of the documentation, shipped as a package with an entry point (M33)."""

import http.server
import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.management import call_command

from crm_mappings import adapters, configuring, delivering
from crm_mappings.adapters import Kind, Unavailable, UnknownType, adapter_of, types
from crm_mappings.adapters.kustomer import Kustomer
from crm_mappings.connecting import Resting, asking
from crm_mappings.models import Configuration, Delivery
from crm_mappings.outgoing import patient
from tests.crm_mappings.making import Call, ended, make_configuration, make_mapping, now
from tests.factories import api_for

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parent.parent.parent / "docs" / "write-an-adapter.md"


class LedgerServer(http.server.BaseHTTPRequestHandler):
    """The CRM of the example: people, and records under a key."""

    records: dict[str, dict[str, Any]] = {}

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        if self.headers.get("X-Token") != "t-1":
            return self.send(401, {"why": "token"})
        address = urlsplit(self.path)
        if address.path == "/me":
            return self.send(200, {"name": "CIM"})
        if address.path == "/people":
            ((name, (value,)),) = parse_qs(address.query).items()
            return self.send(200, [it for it in self.records.values() if it.get(name) == value])
        key = unquote(address.path.removeprefix("/records/"))
        if self.command == "PUT":
            self.records[key] = {**self.records.get(key, {}), **body, "id": key}
        return self.send(200, self.records[key]) if key in self.records else self.send(404, {})

    do_PUT = do_GET  # noqa: N815 - a name of the library

    def send(self, status: int, data: Any) -> None:
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def ledger(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, dict[str, Any]]]:
    """The package of the page is installed, and its CRM runs."""
    text = PAGE.read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (declared,) = re.findall(r'"(cim\.[\w.]+)"\]\n(.*?)\n```', text, re.DOTALL)
    (tmp_path / "cim_ledger.py").write_text(example)
    metadata = tmp_path / "cim_ledger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: cim-ledger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{declared[0]}]\n{declared[1].replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    adapters._registered.cache_clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LedgerServer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.CIM_CRM_LOCAL_ADDRESS = f"127.0.0.1:{server.server_address[1]}"
    LedgerServer.records.clear()
    yield LedgerServer.records
    server.shutdown()
    thread.join()
    server.server_close()
    sys.modules.pop("cim_ledger", None)
    adapters._registered.cache_clear()


def test_adapter_of_a_package_writes_contacts(ledger: dict[str, dict[str, Any]]) -> None:
    made = api_for("Admin").post(
        "/api/v1/crm/configurations/",
        {
            "name": "Books",
            "type": "ledger",
            "region": "APAC",
            "credentials": {"token": "t-1"},
            "base_url": "https://acme.ledger.example",
            "screenpop_url": "https://acme.ledger.example",
        },
    )
    assert made.status_code == 201, made.json()
    configuration = Configuration.objects.get()
    make_mapping(configuration, {"entry": [("text", "voice", "agent_name")]})
    ledger["p1"] = {"id": "p1", "name": "Ana Ruiz", "phone": "+4930123456"}

    assert configuring.check(configuration.pk, now()) == "active"
    call = Call().tell("offered", "answered", ended(), "acw_ended")
    delivering.send_due(configuration.pk)

    assert Delivery.objects.get().state == "delivered"
    assert ledger[f"cim-{call.row.pk}"] == {
        "id": f"cim-{call.row.pk}",
        "text": "Aylin Aksoy",
        "owner": "p1",
        "type": "entry",
    }
    refused = api_for("Admin").patch(
        f"/api/v1/crm/configurations/{configuration.pk}/", {"base_url": "https://acme.example"}
    )
    assert "https://{org}.ledger.example" in refused.json()["errors"]["base_url"][0]


def test_types_are_those_that_are_installed(ledger: object) -> None:
    assert set(types()) == {"kustomer", "ledger"}
    assert adapter_of("kustomer") is Kustomer
    with pytest.raises(UnknownType):
        adapter_of("nothing")


def test_adapter_that_breaks_its_promise_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    configuration = make_configuration()

    with pytest.raises(Unavailable, match="KeyError"), asking(configuration, patient(), now()):
        raise KeyError("the secret of a person")

    assert "the secret of a person" not in caplog.text


def test_configuration_whose_adapter_is_gone_says_so() -> None:
    configuration = make_configuration()
    Configuration.objects.update(type="gone")

    assert configuring.check(configuration.pk, now()) == "failed"

    configuration.refresh_from_db()
    assert "gone" in configuration.status_detail


def test_resting_crm_is_not_asked() -> None:
    configuration = make_configuration()
    for _round in range(4):
        with pytest.raises(Unavailable), asking(configuration, patient(), now()):
            raise Unavailable("down")

    with pytest.raises(Resting), asking(configuration, patient(), now()):
        pass


def test_every_kind_has_its_word() -> None:
    assert {kind.value for kind in Kind} == {"string", "number", "boolean", "datetime"}


def test_demonstration_connects_once(kustomer: object) -> None:
    outputs = []
    for _round in range(2):
        output = io.StringIO()
        call_command("connect_demo_crm", stdout=output)
        outputs.append(output.getvalue().strip())

    assert outputs == ["Connected the demonstration CRM (active).", "A CRM is connected already."]
    assert Configuration.objects.get().memorialisation_mappings.count() == 2
