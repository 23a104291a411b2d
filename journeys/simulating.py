"""A simulated outbound manager: it speaks to this server as the real ones do, over HTTP and with a key (J2, J5)."""

import json
import random
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

CONTEXTS: Final = "/services/ContextStoreRest/cs/contexts/"
MANAGEMENT: Final = "/services/CustomerManagement/rest/customers/customerId"
RESULTS: Final = ("Answer_Human", "Answer_Human", "No_Answer", "Busy", "Answer_Machine")
LANGUAGES: Final = ("German", "English")
SERVICES: Final = ("Renewal", "Billing")


class Refused(Exception):
    """The server did not answer as a Context Store does."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt: its work request, and the customer id that was found, if any."""

    work_request_id: str
    customer_id: str
    result: str


class Manager:
    """Runs a campaign over some numbers: look up, create a context, later upsert its result."""

    def __init__(self, address: str, key: str, campaign: str, seed: int = 7) -> None:
        self.address, self.key, self.campaign = address.rstrip("/"), key, campaign
        self.chance = random.Random(seed)  # noqa: S311 - made-up results are no secret

    def run(self, numbers: Sequence[str]) -> Iterator[Outcome]:
        """Attempt each number once. Raises Refused."""
        for number in numbers:
            yield self.attempt(number)

    def attempt(self, number: str) -> Outcome:
        status, found = self._ask("GET", f"{MANAGEMENT}?{urllib.parse.urlencode({'phone': number})}")
        customer_id = str(found["customerId"]) if status == 200 else ""
        query = "lease=7200&sid=Not%20Specified&rid=0&rules=false&shortid=false&touchpoint=POM"
        body: dict[str, Any] = {
            "persistToEDM": True,
            "data": {
                "campaign": self.campaign,
                "attemptAddress": number,
                "Language": self.chance.choice(LANGUAGES),
                "Service": self.chance.choice(SERVICES),
            },
        }
        if customer_id:
            body["groupId"] = customer_id
        status, made = self._ask("POST", f"{CONTEXTS}?{query}", body)
        if status != 200:
            raise Refused(f"creating a context was answered with {status}: {made}")
        context_id = str(made["data"]["contextId"])
        result = self.chance.choice(RESULTS)
        status, answer = self._ask(
            "PUT", f"{CONTEXTS}upsert/{context_id}?touchpoint=POM&rid=0", {"data": {"result": result}}
        )
        if status != 200:
            raise Refused(f"changing context {context_id} was answered with {status}: {answer}")
        return Outcome(context_id, customer_id, result)

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is the caller's own server
            f"{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                content = answer.read()
                return answer.status, json.loads(content) if content else {}
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(errors="replace")[:500]
        except OSError as unreachable:
            raise Refused(f"{self.address} does not answer: {unreachable}") from None
