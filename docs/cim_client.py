"""A small client of CIM's API, in the standard library alone: copy it and go on from there.

    cim = Cim("http://localhost:8000", key="cim_…")
    clara = cim.create({"first_name": "Clara", "phones": ["+4930901820"]})
    caller = cim.lookup(phone="+4930901820")

Make a key at `/users/keys/`; it may do what its user may do, or less.
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """CIM said no; `problem` is its answer by RFC 9457, with messages by field under `errors`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail', problem.get('title', ''))}")
        self.status = status
        self.problem = dict(problem)


@dataclass(frozen=True)
class Customer:
    """A customer as it was when it was read."""

    id: str
    version: int
    values: Mapping[str, Any] = field(compare=False)
    outcome: str = field(default="", compare=False)


class Cim:
    def __init__(self, address: str, key: str, timeout: float = 10) -> None:
        self.address, self.key, self.timeout = address.rstrip("/"), key, timeout

    def create(self, values: Mapping[str, Any], on_conflict: str = "overwrite") -> Customer:
        """Create a customer, or overwrite, update or refuse to touch the one that has its number.

        Safe to repeat after a lost answer: the same Idempotency-Key has one effect.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return _customer(self._send("POST", f"customers/?on_conflict={on_conflict}", values, headers))

    def update(self, customer: Customer, values: Mapping[str, Any]) -> Customer:
        """Change the given values. Raises Refused with 412 where somebody changed the customer in between."""
        headers = {"If-Match": f'"{customer.version}"'}
        return _customer(self._send("PATCH", f"customers/{customer.id}/", values, headers))

    def lookup(self, **identifiers: str) -> Customer | None:
        """Find the one customer with a phone or an email, sent in the body so that no log keeps it."""
        found = self._send("POST", "customers/lookup/", identifiers)
        return _customer(found["match"]) if found["match"] else None

    def customers(self, **conditions: str) -> Iterator[Customer]:
        """Yield all customers that meet the conditions, page by page: `last_name__startswith="O"`."""
        page = 1
        while True:
            query = urllib.parse.urlencode({**conditions, "page": page, "page_size": 200})
            found = self._send("GET", f"customers/?{query}")
            yield from map(_customer, found["results"])
            if not found["has_next"]:
                return
            page += 1

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise Refused(refused.code, json.load(refused)) from None


def _customer(found: Mapping[str, Any]) -> Customer:
    return Customer(found["id"], found["version"], found, found.get("outcome", ""))


if __name__ == "__main__":
    # python docs/cim_client.py http://localhost:8000 KEY PHONE
    sys.stdout.write(f"{Cim(sys.argv[1], sys.argv[2]).lookup(phone=sys.argv[3])}\n")
