"""A Kustomer of our own: a process on loopback that is as strict as the vendor, and fails when it is told to.

    python -m tests.doubles.kustomer --port 9009

Everything a client of ours may do wrong is refused here: an envelope around a body, a plus sign that was not encoded,
a page too large, a number twice, a note without a conversation, a custom field of the wrong type. Below `/_double/`
tests read what arrived and order faults. What the vendor's pages leave open is decided in `Assumptions`.
"""

import argparse
import itertools
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote

JSON = dict[str, Any]


class Assumptions:
    """What the vendor's pages do not settle; our choice, not the vendor's word."""

    DUPLICATE = 409  # older versions answer 400
    TEXT_LIMIT = 20_000  # characters of a `Txt` field
    EXTERNAL_IDS_ARE_UNIQUE = frozenset(
        {"customer", "conversation", "klass"}
    )  # messages and notes may repeat one
    SEARCH_OPERATORS = frozenset({"equals", "gte", "lte", "gt", "lt", "contains"})


SUFFIXES: Mapping[str, Callable[[Any], bool]] = {
    "Str": lambda value: isinstance(value, str) and len(value) <= 1024,
    "Txt": lambda value: isinstance(value, str) and len(value) <= Assumptions.TEXT_LIMIT,
    "Num": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "At": lambda value: isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value)),
    "Bool": lambda value: isinstance(value, bool),
    "Url": lambda value: isinstance(value, str) and bool(re.match(r"https?://", value)),
    "Id": lambda value: isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{24}", value)),
    "Tree": lambda value: isinstance(value, str),
}
WRITABLE = {
    "customer": {
        *("name", "company", "externalId", "externalIds", "username", "emails", "phones", "sharedEmails"),
        *("sharedPhones", "sharedExternalIds", "whatsapps", "facebookIds", "instagramIds", "socials", "urls"),
        *("locations", "locale", "timeZone", "tags", "sentiment", "gender", "birthdayAt", "signedUpAt"),
        *(
            "lastActivityAt",
            "lastSeenAt",
            "avatarUrl",
            "custom",
            "createdAt",
            "importedAt",
            "rev",
            "defaultLang",
        ),
    },
    "conversation": {
        *("customer", "name", "externalId", "status", "priority", "direction", "replyChannel", "tags"),
        *("assignedUsers", "assignedTeams", "custom", "queue", "importedAt"),
    },
    "message": {
        *(
            "channel",
            "app",
            "direction",
            "preview",
            "subject",
            "status",
            "sentAt",
            "conversation",
            "customer",
        ),
        *("externalId", "meta", "importedAt", "custom"),
    },
    "note": {"body", "externalId", "userMentions"},
    "klass": {
        *("title", "externalId", "description", "icon", "images", "custom", "data", "tags", "customer"),
        "company",
    },
}
LARGEST_BODY = 100_000


class Refusal(Exception):
    """An error answer; `plain` chooses the second of the two shapes that there are."""

    def __init__(self, status: int, code: str, detail: str, *, plain: bool = False) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.plain = status, code, detail, plain

    @property
    def body(self) -> JSON:
        if self.plain:
            return {"errors": [{"code": self.code, "message": self.detail, "meta": {}}]}
        return {
            "errors": [
                {
                    "status": self.status,
                    "code": self.code,
                    "title": self.code,
                    "detail": self.detail,
                    "source": {"pointer": "/data"},
                    "meta": {},
                }
            ]
        }


class Fault:
    """What goes wrong with the next requests: before they have an effect, or after it."""

    def __init__(self, order: JSON) -> None:
        self.kind: str = order["kind"]  # down, hang, error, busy, garbage, renew
        self.left: int = order.get("times", 1_000_000)
        self.seconds: float = order.get("seconds", 1.0)
        self.after_effect: bool = order.get("after_effect", False)
        self.only: str = order.get("only", "")  # part of "METHOD path"


class Store:
    """The records of one organisation, and what was asked of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.records: dict[str, dict[str, JSON]] = {
            kind: {} for kind in ("customer", "conversation", "message", "note", "klass")
        }
        self.numbers = itertools.count(1)
        self.requests: list[JSON] = []
        self.faults: list[Fault] = []
        self.keys = {"k-double"}
        self.limit = 100_000
        self.search_limit = 100_000
        self.recent: deque[float] = deque()
        self.recent_searches: deque[float] = deque()
        self.metadata: dict[str, JSON] = {
            "customer": {
                "tierStr": {"displayName": "Tier", "type": "string"},
                "vipBool": {"type": "boolean"},
            },
            "conversation": {
                "callReasonStr": {"displayName": "Call reason", "type": "string"},
                "transcriptTxt": {"displayName": "Transcript", "type": "text"},
            },
        }
        self.renewing_until = 0.0

    def fresh_id(self) -> str:
        return f"65f4{next(self.numbers):020x}"


def now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


class Api:
    """The vendor's API over a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        for verbs, pattern, handle in self.routes:
            found = re.fullmatch(pattern, path)
            if found and method in verbs.split("|"):
                return getattr(self, handle)(method, found, query, body)
        raise Refusal(404, "not_found", f"No route {method} {path}")

    routes = (
        ("GET", r"/v1/auth/tokens/current", "token"),
        ("GET", r"/v1/metadata/([\w-]+)", "describe"),
        ("POST", r"/v1/customers/search", "search"),
        ("GET", r"/v1/customers/(phone|email|externalId)=(.+)", "customer_by"),
        ("GET", r"/v1/conversations/externalId=(.+)", "conversation_by"),
        ("GET", r"/v1/klasses/([\w-]+)/externalId=(.+)", "klass_by"),
        ("POST", r"/v1/customers", "create_customer"),
        ("GET|PATCH|PUT|DELETE", r"/v1/(customer|conversation)s/([0-9a-f]{24})", "one"),
        ("GET", r"/v1/(message)s/([0-9a-f]{24})", "one"),
        ("GET|PUT|DELETE", r"/v1/klasses/([\w-]+)/([0-9a-f]{24})", "one_klass"),
        ("GET", r"/v1/customers/([0-9a-f]{24})/(conversation|message|note)s", "of_customer"),
        ("GET", r"/v1/customers/([0-9a-f]{24})/klasses/([\w-]+)", "klasses_of_customer"),
        ("POST", r"/v1/conversations", "create_conversation"),
        ("POST", r"/v1/conversations/([0-9a-f]{24})/(message|note)s", "create_inside"),
        ("POST", r"/v1/klasses/([\w-]+)", "create_klass"),
    )

    # Reading

    def token(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        attributes = {"name": "CIM system user", "timeZone": "Europe/Berlin", "roles": ["org.admin"]}
        return 200, {"data": {"type": "token", "id": "65f400000000000000000000", "attributes": attributes}}

    def describe(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        if found[1] not in self.store.metadata:
            raise Refusal(404, "not_found", f"No metadata of {found[1]}")
        attributes = {"properties": self.store.metadata[found[1]]}
        return 200, {"data": {"type": "metadata", "id": found[1], "attributes": attributes}}

    def customer_by(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        name, value = found[1], found[2]
        for record in self.store.records["customer"].values():
            if value in owned(record, name):
                return 200, {"data": record}
        raise Refusal(404, "not_found", f"No customer with this {name}")

    def conversation_by(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        return 200, {"data": self._by_external_id("conversation", found[1])}

    def klass_by(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        return 200, {"data": self._by_external_id("klass", found[2], found[1])}

    def _by_external_id(self, kind: str, value: str, name: str = "") -> JSON:
        for record in self.store.records[kind].values():
            if record["attributes"].get("externalId") == value and name in ("", record["type"]):
                return record
        raise Refusal(404, "not_found", f"No {kind} with this externalId")

    def _get(self, kind: str, key: str) -> JSON:
        if key not in self.store.records[kind]:
            raise Refusal(404, "not_found", f"No {kind} {key}")
        return self.store.records[kind][key]

    def of_customer(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        self._get("customer", found[1])
        items = [it for it in self.store.records[found[2]].values() if customer_of(it) == found[1]]
        return 200, page_of(items, query, found[0])

    def klasses_of_customer(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        self._get("customer", found[1])
        items = [
            it
            for it in self.store.records["klass"].values()
            if customer_of(it) == found[1] and it["type"] == found[2]
        ]
        return 200, page_of(items, query, found[0])

    def search(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        criteria = plain(body)
        unknown = set(criteria) - {
            *("and", "or", "not", "sort", "queryContext", "timeZone", "includeDeleted"),
        }
        if unknown:
            raise Refusal(400, "bad_request", f"Unknown members {sorted(unknown)}", plain=True)
        customers = list(self.store.records["customer"].values())
        for item in criteria.get("and", []):
            customers = [it for it in customers if fits(it, item)]
        if criteria.get("or"):
            customers = [it for it in customers if any(fits(it, item) for item in criteria["or"])]
        whole = page_of(customers, query, found[0], most_pages=100)
        whole["meta"] |= {
            "total": len(customers),
            "totalPages": -(-len(customers) // whole["meta"]["pageSize"]),
        }
        return 200, whole

    # Writing

    def create_customer(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        given = self._checked("customer", body)
        self._refuse_taken(given, "")
        return 201, {"data": self._make("customer", "customer", given)}

    def create_conversation(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        given = self._checked("conversation", body)
        if "customer" not in given:
            raise Refusal(400, "bad_request", "customer is required", plain=True)
        self._get("customer", given["customer"])
        self._refuse_known_external_id("conversation", given)
        return 201, {"data": self._make("conversation", "conversation", {"status": "open", **given})}

    def create_inside(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        conversation, kind = self._get("conversation", found[1]), found[2]
        given = self._checked(kind, body)
        required = ("channel", "app") if kind == "message" else ("body",)
        missing = [name for name in required if not given.get(name)]
        if missing:
            raise Refusal(400, "bad_request", f"{missing} are required", plain=True)
        if given.get("direction", "in") not in ("in", "out"):
            raise Refusal(400, "bad_request", "direction is in or out", plain=True)
        channels = {
            "email",
            "sms",
            "chat",
            "facebook",
            "twitter-dm",
            "twitter-tweet",
            "voice",
            "instagram",
            "whatsapp",
        }
        if kind == "message" and given["channel"] not in channels:
            raise Refusal(400, "bad_request", f"channel is one of {sorted(channels)}", plain=True)
        owner = {"customer": customer_of(conversation), "conversation": conversation["id"]}
        return 201, {"data": self._make(kind, kind, {**given, **owner})}

    def create_klass(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        given = self._checked("klass", body)
        if not given.get("title"):
            raise Refusal(400, "bad_request", "title is required", plain=True)
        self._refuse_known_external_id("klass", given, found[1])
        return 201, {"data": self._make("klass", found[1], given)}

    def one(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        return self._one(method, found[1], found[1], found[2], body)

    def one_klass(self, method: str, found: Any, query: Any, body: Any) -> tuple[int, Any]:
        return self._one(method, "klass", found[1], found[2], body)

    def _one(self, method: str, kind: str, name: str, key: str, body: Any) -> tuple[int, Any]:
        record = self._get(kind, key)
        if method == "GET":
            return 200, {"data": record}
        if method == "DELETE":
            del self.store.records[kind][key]
            return 204, None
        given = self._checked(kind, body)
        if kind == "customer":
            self._refuse_taken(given, key)
            # Leaving the company out takes it away, as the vendor's pages say of both verbs.
            record["relationships"].pop("company", None)
        custom = {**record["attributes"].get("custom", {}), **given.pop("custom", {})}
        if method == "PUT" and kind == "klass":
            record["attributes"] = {
                "createdAt": record["attributes"]["createdAt"],
                "rev": record["attributes"]["rev"],
            }
        relate(record, given)
        record["attributes"] |= given
        record["attributes"]["custom"] = {name: value for name, value in custom.items() if value is not None}
        record["attributes"]["rev"] += 1
        record["attributes"]["updatedAt"] = now_text()
        return 200, {"data": record}

    def _make(self, kind: str, name: str, given: JSON) -> JSON:
        key = self.store.fresh_id()
        record: JSON = {
            "type": name,
            "id": key,
            "attributes": {},
            "relationships": {
                "org": {"links": {"self": "/v1/orgs/5f00"}, "data": {"type": "org", "id": "5f00"}}
            },
            "links": {"self": f"/v1/{kind}s/{key}"},
        }
        relate(record, given)
        record["attributes"] = {
            "custom": {},
            **given,
            "rev": 1,
            "createdAt": now_text(),
            "updatedAt": now_text(),
        }
        if kind == "customer":
            record["attributes"]["displayName"] = given.get("name")
        self.store.records[kind][key] = record
        return record

    def _checked(self, kind: str, body: Any) -> JSON:
        given = dict(plain(body))
        if unknown := set(given) - WRITABLE[kind]:
            raise Refusal(400, "bad_request", f"{sorted(unknown)} are no attributes of a {kind}", plain=True)
        for name, value in (given.get("custom") or {}).items():
            suffix = next((it for it in SUFFIXES if name.endswith(it) and name != it), None)
            if suffix is None:
                raise Refusal(
                    400, "bad_request", f"custom.{name}: a custom field ends in its type", plain=True
                )
            if value is not None and not SUFFIXES[suffix](value):
                raise Refusal(400, "bad_request", f"custom.{name}: not a value of {suffix}", plain=True)
        for name in ("name", "title", "preview", "subject", "externalId", "body", "description"):
            if name in given and not isinstance(given[name], str):
                raise Refusal(400, "bad_request", f"{name} must be a string", plain=True)
        for name, step in (("phones", "phone"), ("emails", "email")):
            for item in given.get(name) or []:
                if (
                    not isinstance(item, dict)
                    or set(item) - {"type", step, "verified", "id"}
                    or step not in item
                ):
                    raise Refusal(400, "bad_request", f"{name}: a list of {{type, {step}}}", plain=True)
                if step == "phone" and not re.fullmatch(r"\+?[1-9]\d{1,14}", item["phone"]):
                    raise Refusal(400, "bad_request", "phone: not a number", plain=True)
        if "tags" in given and not (
            isinstance(given["tags"], list) and all(isinstance(tag, str) for tag in given["tags"])
        ):
            raise Refusal(400, "bad_request", "tags: a list of strings", plain=True)
        return given

    def _refuse_taken(self, given: JSON, own: str) -> None:
        candidate = {"attributes": given}
        for key, record in self.store.records["customer"].items():
            if key == own:
                continue
            for name in ("phone", "email", "externalId"):
                if set(owned(candidate, name)) & set(owned(record, name)):
                    raise Refusal(Assumptions.DUPLICATE, "conflict", f"{name} is another customer's")

    def _refuse_known_external_id(self, kind: str, given: JSON, name: str = "") -> None:
        wanted = given.get("externalId")
        if kind not in Assumptions.EXTERNAL_IDS_ARE_UNIQUE or wanted is None:
            return
        for record in self.store.records[kind].values():
            if record["attributes"].get("externalId") == wanted and name in ("", record["type"]):
                raise Refusal(Assumptions.DUPLICATE, "conflict", "externalId is taken")


def plain(body: Any) -> JSON:
    if not isinstance(body, dict):
        raise Refusal(400, "bad_request", "The body must be an object", plain=True)
    if "data" in body and set(body) <= {"data", "links", "meta"}:
        raise Refusal(400, "bad_request", "The body is sent without an envelope", plain=True)
    return body


def owned(record: JSON, name: str) -> list[str]:
    attributes = record["attributes"]
    if name == "externalId":
        listed = [item["externalId"] for item in attributes.get("externalIds") or []]
        return [*listed, *([attributes["externalId"]] if attributes.get("externalId") else [])]
    return [item[name] for item in attributes.get(f"{name}s") or []]


def relate(record: JSON, given: JSON) -> None:
    for name in ("customer", "conversation", "company"):
        if given.get(name):
            key = given.pop(name)
            record["relationships"][name] = {
                "links": {"self": f"/v1/{name}s/{key}"},
                "data": {"type": name, "id": key},
            }


def customer_of(record: JSON) -> str:
    return str(record["relationships"].get("customer", {}).get("data", {}).get("id", ""))


def fits(record: JSON, criterion: JSON) -> bool:
    ((field, condition),) = criterion.items()
    ((operator, wanted),) = condition.items()
    if operator not in Assumptions.SEARCH_OPERATORS:
        raise Refusal(400, "bad_request", f"{operator} is no operator", plain=True)
    attributes = record["attributes"]
    bare = field.removeprefix("customer_")
    if bare == field:
        raise Refusal(400, "bad_request", f"{field} is no field of this context", plain=True)
    match bare:
        case "phone" | "email":
            values = [item[bare] for item in attributes.get(f"{bare}s") or []]
        case "shared_phone":
            values = [item["phone"] for item in attributes.get("sharedPhones") or []]
        case "shared_email":
            values = [item["email"] for item in attributes.get("sharedEmails") or []]
        case _ if bare.startswith("custom_"):
            values = [attributes.get("custom", {}).get(bare.removeprefix("custom_"))]
        case _:
            values = [attributes.get(bare)]
    if operator == "contains":
        return any(isinstance(it, str) and str(wanted).lower() in it.lower() for it in values)
    return wanted in values


def page_of(items: list[JSON], query: Mapping[str, str], path: str, *, most_pages: int = 10_000) -> JSON:
    page, size = int(query.get("page", 1)), int(query.get("pageSize", 25))
    if not 1 <= size <= 100:
        raise Refusal(400, "bad_request", "pageSize is 1 to 100", plain=True)
    if not 1 <= page <= most_pages:
        raise Refusal(400, "bad_request", f"page is 1 to {most_pages}", plain=True)
    part = items[(page - 1) * size : page * size]
    more = page * size < len(items)
    links = {
        "self": f"{path}?page={page}&pageSize={size}",
        "next": f"{path}?page={page + 1}&pageSize={size}" if more else None,
        "prev": f"{path}?page={page - 1}&pageSize={size}" if page > 1 else None,
    }
    return {"data": part, "meta": {"page": page, "pageSize": size}, "links": links}


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP, keeps the limits, and does the faults."""

    protocol_version = "HTTP/1.1"
    store: Store
    api: Api

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read `/_double/requests`."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the library

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path, _mark, query_text = self.path.partition("?")
        if path.startswith("/_double/"):
            return self._control(path.removeprefix("/_double/"), raw)
        fault = self._fault(path)
        if fault and not fault.after_effect and self._fail(fault):
            return None
        with self.store.lock:
            self.store.requests.append(
                {
                    "method": self.command,
                    "path": self.path,
                    "body": raw.decode("utf-8", "replace"),
                    "at": time.time(),
                }
            )
            try:
                status, body = self._answer(path, query_text, raw)
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
            except (ValueError, TypeError, KeyError) as broken:
                status, body = 500, Refusal(500, "internal", repr(broken)).body
            # Under the lock: a record that another thread changes is not half of one, half of the other.
            content = b"" if body is None else json.dumps(body).encode()
        if fault and fault.after_effect and self._fail(fault):
            return None
        return self._send(status, content)

    def _answer(self, path: str, query_text: str, raw: bytes) -> tuple[int, Any]:
        scheme, _space, key = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in self.store.keys:
            raise Refusal(401, "unauthorized", f"Invalid key {key}")
        self._limit(path)
        if len(raw) > LARGEST_BODY:
            raise Refusal(413, "payload_too_large", "The body is larger than 100 kB", plain=True)
        body = None
        if raw:
            if "application/json" not in self.headers.get("Content-Type", ""):
                raise Refusal(400, "bad_request", "The body must be application/json", plain=True)
            body = json.loads(raw)
        # In a path a plus sign that is not encoded is a space.
        decoded = unquote(path.replace("+", " "))
        return self.api.answer(self.command, decoded, dict(parse_qsl(query_text)), body)

    def _limit(self, path: str) -> None:
        now = time.monotonic()
        for recent, limit, counts in (
            (self.store.recent, self.store.limit, True),
            (self.store.recent_searches, self.store.search_limit, path.endswith("/search")),
        ):
            while recent and now - recent[0] > 60:
                recent.popleft()
            if counts and len(recent) >= limit:
                raise Refusal(429, "too_many_requests", "Rate limit exceeded")
            if counts:
                recent.append(now)

    def _fault(self, path: str) -> Fault | None:
        with self.store.lock:
            for fault in self.store.faults:
                if fault.left > 0 and fault.only in f"{self.command} {path}":
                    fault.left -= 1
                    return fault
        return None

    def _fail(self, fault: Fault) -> bool:
        """Do the fault; false when the request goes on, only late."""
        match fault.kind:
            case "down":
                # Reset rather than closed: nothing was said.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case "hang":
                time.sleep(fault.seconds)
                self.close_connection = True
            case "error":
                self._send(500, json.dumps(Refusal(500, "internal", "Something broke").body).encode())
            case "busy":
                body = Refusal(429, "too_many_requests", "Slow down").body
                self._send(429, json.dumps(body).encode(), {"Retry-After": str(fault.seconds)})
            case "garbage":
                self._send(200, b"<html>Welcome to the proxy</html>", {"Content-Type": "text/html"})
            case "renew":
                # The first request after a token has expired takes long, and those that come meanwhile wait with it.
                with self.store.lock:
                    if self.store.renewing_until < time.monotonic():
                        self.store.renewing_until = time.monotonic() + fault.seconds
                    wait = self.store.renewing_until - time.monotonic()
                time.sleep(max(0, wait))
                return False
        return True

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        remaining = max(0, self.store.limit - len(self.store.recent))
        try:
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "x-ratelimit-limit": str(self.store.limit),
                "x-ratelimit-remaining": str(remaining),
                "x-ratelimit-reset": "2",
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The client has gone.
            self.close_connection = True

    def _control(self, what: str, raw: bytes) -> None:
        order = json.loads(raw) if raw else {}
        answer: Any = {}
        with self.store.lock:
            match what:
                case "reset":
                    self.store.reset()
                case "state":
                    answer = {kind: list(records.values()) for kind, records in self.store.records.items()}
                case "requests":
                    answer = self.store.requests
                case "faults":
                    self.store.faults = [Fault(item) for item in order["faults"]]
                case "settings":
                    for name, value in order.items():
                        setattr(self.store, name, set(value) if name == "keys" else value)
                case "add":
                    answer = self.api._make(
                        order["kind"], order.get("type", order["kind"]), order["attributes"]
                    )
            content = json.dumps(answer).encode()
        self._send(200, content)


def server(port: int) -> ThreadingHTTPServer:
    store = Store()
    handler = type("Bound", (Handler,), {"store": store, "api": Api(store)})
    made = ThreadingHTTPServer(("127.0.0.1", port), handler)
    made.daemon_threads = True
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="A double of Kustomer on loopback.")
    parser.add_argument("--port", type=int, default=0)
    made = server(parser.parse_args().port)
    sys.stdout.write(f"127.0.0.1:{made.server_address[1]}\n")
    sys.stdout.flush()
    made.serve_forever()


if __name__ == "__main__":
    main()
