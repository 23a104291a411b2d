"""The one way out to CRMs: only to hosts that are allowed, never to private addresses, never along a redirect.

Every request has a deadline and every answer a largest size. Error texts come back without the secrets that the request
carried.
"""

import ipaddress
import json
import re
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

LARGEST_ANSWER: Final = 2_000_000
_HIDDEN: Final = "•••"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class NotAllowed(Exception):
    """The request would leave for a place that is not allowed; it was not sent."""


class NoAnswer(Exception):
    """No whole answer came: no connection, a time-out, a cut or endless answer."""


@dataclass(frozen=True)
class Answer:
    """What came back; `data` is the JSON of the body, None where the body is none (`is_json` tells)."""

    status: int
    headers: Mapping[str, str]
    data: Any
    is_json: bool


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, to wait for the next byte, and for the whole exchange."""

    connect: float
    read: float
    whole: float


def patient() -> Timeouts:
    """For workers that write: a CRM may take 15 s to renew a token (M4)."""
    return Timeouts(5, settings.CIM_CRM_TIMEOUT, settings.CIM_CRM_TIMEOUT + 5)


def brisk() -> Timeouts:
    """For what somebody waits to see on a page; a token renewal is sat out here as well."""
    return Timeouts(3, min(20, settings.CIM_CRM_TIMEOUT), min(22, settings.CIM_CRM_TIMEOUT + 2))


@dataclass
class Outgoing:
    """Sends requests to one CRM.

    `hosts` are the patterns of hosts that the adapter knows, `secrets` what must never be shown, `before` is called
    before every request and may refuse it (the rate limit).
    """

    base: str
    hosts: Collection[re.Pattern[str]]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Collection[str] = field(default=(), repr=False)
    timeouts: Timeouts = field(default_factory=patient)
    before: Callable[[], None] = lambda: None

    def send(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request to `path` below the base and return the answer, whatever its status.

        `path` is sent as it is: its parts are percent-encoded by the caller. Raises NotAllowed, NoAnswer.
        """
        url = httpx.URL(self.base + path)
        self._refuse_other_hosts(url.host)
        self.before()
        deadline = time.monotonic() + self.timeouts.whole
        limits = httpx.Timeout(self.timeouts.read, connect=self.timeouts.connect)
        try:
            with (
                httpx.Client(
                    transport=_Guarded(), follow_redirects=False, trust_env=False, timeout=limits
                ) as client,
                client.stream(
                    method,
                    url,
                    json=body,
                    headers={
                        "Accept": "application/json",
                        "User-Agent": "CIM",
                        **self.headers,
                        **(headers or {}),
                    },
                ) as response,
            ):
                content = _whole(response, deadline)
        except httpx.TimeoutException:
            raise NoAnswer(_("It did not answer in time.")) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as failure:
            raise NoAnswer(
                _("No connection: %(reason)s") % {"reason": self.without_secrets(str(failure))}
            ) from None
        data, is_json = _parsed(content)
        return Answer(response.status_code, dict(response.headers), data, is_json)

    def without_secrets(self, text: str) -> str:
        """Return the text with every secret blotted out, for reasons that people read."""
        for secret in self.secrets:
            if len(secret) >= 4:
                text = text.replace(secret, _HIDDEN)
        return text

    def _refuse_other_hosts(self, host: str) -> None:
        if host in settings.CIM_CRM_HOSTS or any(pattern.fullmatch(host) for pattern in self.hosts):
            return
        raise NotAllowed(_("Requests to “%(host)s” are not allowed.") % {"host": host})


class _Guarded(httpx.BaseTransport):
    """Connects to the very address that was checked, so that a name cannot change its mind in between."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if local := settings.CIM_CRM_LOCAL_ADDRESS:
            name, _colon, port = local.partition(":")
            request.url = request.url.copy_with(scheme="http", host=name, port=int(port))
            return self._inner.handle_request(request)
        if request.url.scheme != "https":
            raise NotAllowed(_("Requests without TLS are not allowed."))
        request.url = request.url.copy_with(host=_public_address(host, request.url.port or 443))
        # The certificate must still be that of the name.
        request.extensions["sni_hostname"] = host
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _public_address(host: str, port: int) -> str:
    """Resolve a host to an address of the public internet. Raises NotAllowed where it has another one as well."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as failure:
        raise httpx.ConnectError(f"{host}: {failure.strerror or failure}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_public(address):
            raise NotAllowed(
                _("“%(host)s” leads to %(address)s, which is not an address of the public internet.")
                % {"host": host, "address": address}
            )
    return addresses[0]


def is_public(address: str) -> bool:
    """Tell whether an IP address, also one wrapped into another, is one of the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _whole(response: httpx.Response, deadline: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise NoAnswer(_("Its answer is larger than %(limit)d bytes.") % {"limit": LARGEST_ANSWER})
        if time.monotonic() > deadline:
            raise NoAnswer(_("It did not answer in time."))
    return bytes(content)


def _parsed(content: bytes) -> tuple[Any, bool]:
    if not content:
        return None, False
    try:
        return json.loads(content), True
    except (ValueError, RecursionError):
        return None, False
