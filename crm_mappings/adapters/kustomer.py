"""Kustomer: customers, conversations, messages, notes and custom objects over its REST API, version 1.

A body is sent plain and answered in an envelope. Records that CIM makes carry its key as `externalId`, and are looked
up by it before a repeated write. Facts that the vendor's pages leave open are marked as assumptions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_mappings.adapters import (
    AddressForm,
    Busy,
    Connection,
    Field,
    Kind,
    Locked,
    Person,
    Record,
    RecordType,
    Refused,
    SystemUser,
    Unavailable,
)
from crm_mappings.outgoing import Answer, NoAnswer, NotAllowed

_KLASS = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 100
_LARGEST_BODY: Final = 100_000

# What the suffix of a custom field says about it.
_SUFFIXES: Final = {
    "Str": (Kind.TEXT, 1024),
    "Txt": (Kind.TEXT, None),
    "Num": (Kind.NUMBER, None),
    "At": (Kind.DATETIME, None),
    "Bool": (Kind.BOOLEAN, None),
    "Url": (Kind.TEXT, 2048),
    "Id": (Kind.TEXT, 24),
    "Tree": (Kind.TEXT, 1024),
}
_SUFFIX = re.compile(rf"[a-z]\w*({'|'.join(_SUFFIXES)})")

_STANDARD: Final[Mapping[str, Mapping[str, Kind]]] = {
    "customer": {
        **dict.fromkeys(
            ("name", "externalId", "username", "locale", "timeZone", "gender", "avatarUrl", "defaultLang"),
            Kind.TEXT,
        ),
        **dict.fromkeys(("phones", "emails", "tags", "urls", "locations", "company"), Kind.TEXT),
        **dict.fromkeys(("displayName", "firstName", "lastName"), Kind.TEXT),
        **dict.fromkeys(
            ("birthdayAt", "signedUpAt", "lastActivityAt", "lastSeenAt", "createdAt", "updatedAt"),
            Kind.DATETIME,
        ),
        "verified": Kind.BOOLEAN,
    },
    "conversation": {
        **dict.fromkeys(("name", "externalId", "status", "direction", "replyChannel", "tags"), Kind.TEXT),
        "priority": Kind.NUMBER,
        "createdAt": Kind.DATETIME,
    },
    "message": {
        **dict.fromkeys(
            ("externalId", "channel", "app", "direction", "preview", "subject", "status"), Kind.TEXT
        ),
        "sentAt": Kind.DATETIME,
    },
    "note": dict.fromkeys(("body", "externalId"), Kind.TEXT),
}
_STANDARD_OF_KLASSES: Final = dict.fromkeys(("title", "externalId", "description", "icon", "tags"), Kind.TEXT)
# Lists of objects whose values lie one step further in.
_INSIDE: Final = {"phones": "phone", "emails": "email", "urls": "url", "locations": "address"}
_READ_ONLY: Final = frozenset({"displayName", "firstName", "lastName", "createdAt", "updatedAt", "verified"})


class Kustomer:
    """The adapter for Kustomer."""

    label: ClassVar[str] = "Kustomer"
    credentials: ClassVar[Sequence[str]] = ("api_key",)
    base_url: ClassVar[AddressForm] = AddressForm(
        re.compile(r"https://[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.api\.kustomerapp\.com"),
        "https://{org}.api.kustomerapp.com",
    )
    screenpop_url: ClassVar[AddressForm] = AddressForm(
        re.compile(r"https://[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.kustomerapp\.com/app/customers"),
        "https://{org}.kustomerapp.com/app/customers",
    )
    hosts: ClassVar[Sequence[re.Pattern[str]]] = (re.compile(r"[a-z0-9-]+\.api\.kustomerapp\.com"),)
    record_types: ClassVar[Sequence[RecordType]] = (
        RecordType("customer", gettext_lazy("Customer")),
        RecordType("conversation", gettext_lazy("Conversation")),
        RecordType("message", gettext_lazy("Message"), appends=True),
        RecordType("note", gettext_lazy("Note"), appends=True),
    )

    def __init__(self, connection: Connection) -> None:
        self._outgoing = connection.outgoing
        self._authorization = {"Authorization": f"Bearer {connection.credentials.get('api_key', '')}"}
        self._pages = connection.screenpop_url

    @classmethod
    def record_type(cls, name: str) -> RecordType | None:
        wanted = name.strip().lower()
        for known in cls.record_types:
            if known.name == wanted:
                return known
        klass = wanted.removeprefix("klass:").removeprefix("kobject:")
        return RecordType(klass, klass) if _KLASS.fullmatch(klass) else None

    @classmethod
    def field(cls, record_type: str, name: str) -> Field:
        standard = _STANDARD.get(record_type, _STANDARD_OF_KLASSES)
        bare = name.removeprefix("custom.")
        if bare == name and name in standard:
            return Field(name, standard[name])
        if found := _SUFFIX.fullmatch(bare):
            kind, limit = _SUFFIXES[found[1]]
            if found[1] == "Txt":
                limit = settings.CIM_CRM_TEXT_LIMIT
            return Field(name, kind, limit)
        return Field(name, known=False)

    # What is read

    def check(self) -> SystemUser:
        data = self._call("GET", "/auth/tokens/current")
        attributes = data.get("attributes", {}) if isinstance(data, Mapping) else {}
        return SystemUser(str(attributes.get("name") or ""), str(attributes.get("timeZone") or ""))

    def fields(self, record_type: str) -> Sequence[Field]:
        known = {
            name: Field(name, kind)
            for name, kind in _STANDARD.get(record_type, _STANDARD_OF_KLASSES).items()
            if name not in _READ_ONLY
        }
        data = self._call("GET", f"/metadata/{quote(record_type, safe='')}", missing=None) or {}
        described = data.get("attributes", {}).get("properties", {})
        for name, entry in described.items() if isinstance(described, Mapping) else ():
            told = self.field(record_type, f"custom.{name}")
            label = str(entry.get("displayName") or "") if isinstance(entry, Mapping) else ""
            known[told.name] = Field(told.name, told.kind, told.limit, label)
        return list(known.values())

    def find(self, record_type: str, name: str, value: str) -> Sequence[Record]:
        if record_type != "customer":
            if name != "externalId":
                raise Refused(
                    _("Kustomer finds a %(type)s by its externalId only, not by %(field)s.")
                    % {"type": record_type, "field": name}
                )
            found = self._by_key(record_type, value)
            return [found] if found else []
        path = {"phones": "phone", "emails": "email"}.get(name, name)
        if path in {"phone", "email", "externalId"}:
            data = self._call("GET", f"/customers/{path}={quote(value, safe='')}", missing=None)
            if data is not None:
                return [self._record(data)]
            if path == "externalId":
                return []
            # Household numbers are in lists of their own, and may be of several customers.
            return self._searched({"or": [{f"customer_shared_{path}": {"equals": value}}]})
        bare = name.removeprefix("custom.")
        criterion = f"customer_custom_{bare}" if _SUFFIX.fullmatch(bare) else f"customer_{name}"
        return self._searched({"and": [{criterion: {"equals": value}}]})

    def search(self, text: str) -> Sequence[Record]:
        if "@" in text:
            return self.find("customer", "email", text)
        if text.startswith("+") and text[1:].isdigit():
            return self.find("customer", "phone", text)
        # Assumption: `contains` is an operator of names.
        return self._searched({"and": [{"customer_name": {"contains": text}}]}, pages=1, size=20)

    def fetch(self, record_type: str, record_id: str) -> Record | None:
        data = self._call("GET", f"{_place(record_type)}/{quote(record_id, safe='')}", missing=None)
        return None if data is None else self._record(data, record_type)

    def related(self, customer: Record, record_type: str) -> Sequence[Record]:
        path = f"/customers/{quote(customer.id, safe='')}{_place(record_type)}"
        found = [self._record(item, record_type) for item in self._listed(path)]
        return sorted(found, key=lambda record: str(record.values.get("createdAt") or ""), reverse=True)

    # What is written

    def write(
        self,
        record_type: str,
        values: Mapping[str, str],
        *,
        key: str,
        customer: Record | None,
        parent_key: str,
        repeated: bool,
    ) -> Record:
        if record_type in {"message", "note"}:
            return self._append(
                record_type, values, key=key, customer=customer, parent_key=parent_key, repeated=repeated
            )
        found = self._by_key(record_type, key)
        if found is None:
            body = {**self._body(record_type, values), "externalId": key}
            if record_type == "conversation":
                body |= {"customer": _owner(customer)}
                body.setdefault("name", _("Contact"))
            elif record_type != "customer":
                body |= {"customer": _owner(customer)}
                body.setdefault("title", key)
            try:
                return self._record(self._call("POST", _place(record_type), body), record_type)
            except Refused as refusal:
                # Somebody else, or an earlier try of ours, has made it in between.
                if refusal.status != 409 or (found := self._by_key(record_type, key)) is None:
                    raise
        return self.update(found, values) if values else found

    def _append(
        self,
        record_type: str,
        values: Mapping[str, str],
        *,
        key: str,
        customer: Record | None,
        parent_key: str,
        repeated: bool,
    ) -> Record:
        conversation = self.write(
            "conversation", {}, key=parent_key, customer=customer, parent_key="", repeated=repeated
        )
        if repeated:
            path = f"/customers/{quote(_owner(customer), safe='')}/{record_type}s"
            for item in self._listed(path):
                if item.get("attributes", {}).get("externalId") == key:
                    return self._record(item, record_type)
        body = {**self._body(record_type, values), "externalId": key}
        if record_type == "message":
            body.setdefault("channel", "voice")
            body.setdefault("app", "cim")
            body.setdefault("direction", "in")
            body["direction"] = {"inbound": "in", "outbound": "out"}.get(body["direction"], body["direction"])
        else:
            body.setdefault("body", "–")
        data = self._call("POST", f"/conversations/{quote(conversation.id, safe='')}/{record_type}s", body)
        return self._record(data, record_type)

    def update(self, record: Record, values: Mapping[str, str]) -> Record:
        path = f"{_place(record.type)}/{quote(record.id, safe='')}"
        current = self._call("GET", path)
        body = self._body(record.type, values, current.get("attributes", {}))
        if record.type == "customer":
            # Leaving the company out would take it away.
            company = (current.get("relationships", {}).get("company") or {}).get("data")
            if company and "company" not in body:
                body["company"] = company["id"]
        method = "PATCH" if record.type in {"customer", "conversation"} else "PUT"
        if method == "PUT":
            # There is no partial update of custom objects: what is left out would be lost.
            attributes = current.get("attributes", {})
            kept = {name: attributes[name] for name in (*_STANDARD_OF_KLASSES, "data") if name in attributes}
            custom = {**(attributes.get("custom") or {}), **body.get("custom", {})}
            body = {**kept, **body, "custom": custom}
        return self._record(self._call(method, path, body), record.type)

    def _body(
        self, record_type: str, values: Mapping[str, str], current: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Turn texts by field name into a body: custom fields in their place, lists added to, not replaced."""
        body: dict[str, Any] = {}
        custom: dict[str, Any] = {}
        for name, text in values.items():
            told = self.field(record_type, name)
            bare = name.removeprefix("custom.")
            value: Any = text
            if told.kind is Kind.BOOLEAN:
                value = text == "true"
            if name == "tags":
                known = list((current or {}).get("tags") or [])
                value = known + [tag for tag in re.split(r"\s*,\s*", text) if tag and tag not in known]
            elif name in {"phones", "emails"}:
                step = _INSIDE[name]
                known = list((current or {}).get(name) or [])
                known_values = {item.get(step) for item in known}
                given = [item for item in re.split(r"\s*,\s*", text) if item and item not in known_values]
                value = known + [{"type": "other", step: item} for item in given]
            if bare != name or name not in _STANDARD.get(record_type, _STANDARD_OF_KLASSES):
                custom[bare] = value
            else:
                body[name] = value
        if custom:
            body["custom"] = custom
        return body

    # Records

    def person(self, record: Record) -> Person:
        values = record.values
        first, _space, last = str(values.get("name") or values.get("displayName") or "").rpartition(" ")
        locations = [item for item in values.get("locations") or [] if isinstance(item, Mapping)]
        company = values.get("company")
        return Person(
            first_name=str(values.get("firstName") or first),
            last_name=str(values.get("lastName") or last),
            phones=_inside(values, "phones") + _inside(values, "sharedPhones", "phone"),
            emails=_inside(values, "emails") + _inside(values, "sharedEmails", "email"),
            addresses=[text for item in locations if (text := _street(item))],
            postal_codes=[str(item["zipCode"]) for item in locations if item.get("zipCode")],
            crm_id=record.id,
            account_id=str(company or ""),
        )

    def url_of(self, record_type: str, record_id: str, customer_id: str = "") -> str:
        if record_type == "customer":
            return f"{self._pages}/{quote(record_id, safe='')}"
        if record_type == "conversation" and customer_id:
            return f"{self._pages}/{quote(customer_id, safe='')}/event/{quote(record_id, safe='')}"
        return f"{self._pages}/{quote(customer_id, safe='')}" if customer_id else ""

    def _record(self, data: Any, record_type: str = "") -> Record:
        if not isinstance(data, Mapping) or not isinstance(data.get("id"), str):
            raise Unavailable(_("Its answer is no record."))
        attributes = data.get("attributes")
        values = dict(attributes) if isinstance(attributes, Mapping) else {}
        custom = values.get("custom")
        for name, value in custom.items() if isinstance(custom, Mapping) else ():
            values[f"custom.{name}"] = value
            values.setdefault(name, value)
        relationships = data.get("relationships")
        owners = relationships if isinstance(relationships, Mapping) else {}
        related = {
            name: link["data"]["id"]
            for name, link in owners.items()
            if isinstance(link, Mapping) and isinstance(link.get("data"), Mapping) and "id" in link["data"]
        }
        kind = record_type or str(data.get("type") or "customer")
        url = self.url_of(kind, data["id"], str(related.get("customer") or ""))
        return Record(kind, data["id"], {**related, **values}, url)

    def _by_key(self, record_type: str, key: str) -> Record | None:
        data = self._call("GET", f"{_place(record_type)}/externalId={quote(key, safe='')}", missing=None)
        return None if data is None else self._record(data, record_type)

    # Requests

    def _searched(
        self, criteria: Mapping[str, Any], *, pages: int = 2, size: int = _PAGE_SIZE
    ) -> list[Record]:
        body = {**criteria, "queryContext": "customer", "timeZone": "GMT", "includeDeleted": False}
        found: list[Record] = []
        for page in range(1, pages + 1):
            whole = self._whole("POST", f"/customers/search?page={page}&pageSize={size}", body)
            found += [self._record(item, "customer") for item in _items(whole)]
            if not _next(whole):
                break
        return found

    def _listed(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Walk the pages of a list; the vendor stops at the hundredth."""
        for page in range(1, _MOST_PAGES + 1):
            whole = self._whole("GET", f"{path}?page={page}&pageSize={_PAGE_SIZE}", missing={"data": []})
            yield from _items(whole)
            if not _next(whole):
                return

    def _call(self, method: str, path: str, body: Any = None, *, missing: Any = ...) -> Any:
        whole = self._whole(method, path, body, missing=missing)
        return whole["data"] if isinstance(whole, Mapping) else whole

    def _whole(self, method: str, path: str, body: Any = None, *, missing: Any = ...) -> Any:
        try:
            answer = self._outgoing.send(method, f"/v1{path}", body=body, headers=self._authorization)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except NotAllowed as refusal:
            raise Refused(str(refusal)) from None
        if answer.status in {200, 201, 204}:
            if answer.status == 204:
                return {"data": None}
            if not isinstance(answer.data, Mapping) or "data" not in answer.data:
                raise Unavailable(_("Its answer is not the JSON that was expected."))
            return answer.data
        reason = self._outgoing.without_secrets(_reason(answer))
        if answer.status == 404 and answer.is_json and missing is not ...:
            return missing
        _raise(answer, reason)
        return None


def _raise(answer: Answer, reason: str) -> None:
    match answer.status:
        case 429:
            raise Busy(
                _("It is busy: %(reason)s") % {"reason": reason},
                _wait(answer.headers, "retry-after", "x-ratelimit-reset"),
            )
        case 401:
            raise Locked(_("It does not accept the key: %(reason)s") % {"reason": reason})
        case status if status >= 500 or status == 408 or not answer.is_json:
            raise Unavailable(
                _("It answered %(status)d: %(reason)s") % {"status": status, "reason": reason},
                _wait(answer.headers, "retry-after"),
            )
    raise Refused(reason, answer.status)


def _reason(answer: Answer) -> str:
    """Read the two shapes of error that there are."""
    errors = answer.data.get("errors") if isinstance(answer.data, Mapping) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        first = errors[0]
        said = next((first[name] for name in ("detail", "message", "title") if first.get(name)), "")
        if said:
            return str(said)[:500]
    return _("status %(status)d without a reason") % {"status": answer.status}


def _wait(headers: Mapping[str, str], *names: str) -> float | None:
    """Return the seconds to wait that the first of these headers tells."""
    for name in names:
        try:
            seconds = float(headers[name])
        except (KeyError, ValueError):
            continue
        if 0 <= seconds <= 86_400:
            return seconds
    return None


def _place(record_type: str) -> str:
    if record_type in _STANDARD:
        return f"/{record_type}s"
    return f"/klasses/{quote(record_type, safe='')}"


def _owner(customer: Record | None) -> str:
    if customer is None:
        raise Refused(_("It has no customer in Kustomer."))
    return customer.id


def _items(whole: Any) -> list[Any]:
    data = whole.get("data")
    if not isinstance(data, list):
        raise Unavailable(_("Its answer is not the list that was expected."))
    return data


def _next(whole: Mapping[str, Any]) -> bool:
    links = whole.get("links")
    return bool(isinstance(links, Mapping) and links.get("next"))


def _inside(values: Mapping[str, Any], name: str, step: str = "") -> list[str]:
    items = values.get(name) or []
    key = step or _INSIDE[name]
    return [str(item[key]) for item in items if isinstance(item, Mapping) and item.get(key)]


def _street(location: Mapping[str, Any]) -> str:
    parts = [
        str(location[name]) for name in ("address", "address2", "address3", "cityName") if location.get(name)
    ]
    return ", ".join(parts)
