"""The way out: only where it is allowed, never to private addresses, never along a redirect."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from crm_mappings.adapters.kustomer import Kustomer as Adapter
from crm_mappings.outgoing import NoAnswer, NotAllowed, Outgoing, Timeouts, is_public

BASE = "https://acme.api.kustomerapp.com"


def outgoing(base: str = BASE, seconds: float = 1.0) -> Outgoing:
    return Outgoing(
        base, Adapter.hosts, secrets=("k-secret",), timeouts=Timeouts(seconds, seconds, seconds * 1.5)
    )


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("nonsense", False),
    ],
)
def test_address_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "base", ["https://evil.example", "https://acme.api.kustomerapp.com.evil.example", "https://10.0.0.1"]
)
def test_other_host_is_not_asked(base: str) -> None:
    with pytest.raises(NotAllowed, match="not allowed"):
        outgoing(base).send("GET", "/v1/x")


def test_host_of_the_setting_is_allowed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CIM_CRM_HOSTS = frozenset({"crm.example"})
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: [(0, 0, 0, "", ("10.0.0.7", 443))])

    with pytest.raises(NotAllowed, match=r"10\.0\.0\.7"):
        outgoing("https://crm.example").send("GET", "/x")


def test_name_that_leads_inside_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One private address among public ones is enough: which one is taken would be chance."""
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: found)

    with pytest.raises(NotAllowed, match=r"127\.0\.0\.1"):
        outgoing().send("GET", "/v1/x")


def test_request_without_tls_is_not_sent() -> None:
    with pytest.raises(NotAllowed, match="TLS"):
        outgoing("http://acme.api.kustomerapp.com").send("GET", "/v1/x")


def test_unknown_name_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_named: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(NoAnswer, match="No connection"):
        outgoing().send("GET", "/v1/x")


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """A server that leads elsewhere, dribbles or never ends."""

    asked: list[str] = []

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        stop = threading.Event()
        if self.path.endswith("redirect"):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/inside")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            for _step in range(400):
                self.wfile.write(b"x" * (100_000 if self.path.endswith("endless") else 1))
                self.wfile.flush()
                if self.path.endswith("dribble"):
                    stop.wait(0.1)
        except OSError:
            return


@pytest.fixture
def misbehaving(settings: Any) -> Iterator[type[Misbehaving]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.CIM_CRM_LOCAL_ADDRESS = f"127.0.0.1:{server.server_address[1]}"
    Misbehaving.asked.clear()
    yield Misbehaving
    server.shutdown()
    thread.join()
    server.server_close()


def test_redirect_is_not_followed(misbehaving: type[Misbehaving]) -> None:
    answer = outgoing().send("GET", "/redirect")

    assert (answer.status, misbehaving.asked) == (302, ["/redirect"])


@pytest.mark.parametrize(("path", "words"), [("/dribble", "in time"), ("/endless", "larger than")])
def test_answer_without_end_is_given_up(misbehaving: type[Misbehaving], path: str, words: str) -> None:
    with pytest.raises(NoAnswer, match=words):
        outgoing(seconds=0.4).send("GET", path)


def test_development_address_is_refused_outside_debug(tmp_path: Any) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "cim.settings",
        "CIM_SECRET_KEY": "x",
        "CIM_DATA_DIR": str(tmp_path),
        "CIM_CRM_LOCAL_ADDRESS": "127.0.0.1:9009",
    }
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    found = [
        subprocess.run(command, env=environment | extra, capture_output=True, text=True)
        for extra in ({}, {"CIM_DEBUG": "true"}, {"CIM_CRM_LOCAL_ADDRESS": "", "CIM_CRM_KEYS": "short"})
    ]

    assert [it.returncode for it in found] == [1, 0, 1]
    assert "CIM_CRM_LOCAL_ADDRESS is for development only" in found[0].stderr
    assert "no Fernet key" in found[2].stderr
    assert "short" not in found[2].stderr.splitlines()[-1]
