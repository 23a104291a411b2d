"""Examples of requests, shown in the description of the API and sent by a test, in this order (Q35).

They tell one story: a customer is created, found, called, linked, merged, exported, erased. What an answer is kept as
stands in later examples between braces.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Example:
    """One request: what it shows, as which role it is sent, and the status that it is answered with."""

    operation: str
    summary: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    status: int = 200
    role: str = "Admin"
    keep: Mapping[str, str] = field(default_factory=dict)


_CALL: Final = {
    "source": "pbx-berlin",
    "interaction_id": "call-1001",
    "channel": "voice",
    "direction": "inbound",
    "address": "+4930901820",
}

EXAMPLES: Final = (
    Example("attributes_list", "All attributes", "GET", "attributes/"),
    Example(
        "attributes_create",
        "A choice of three tariffs, indexed",
        "POST",
        "attributes/",
        {"label": "Tariff", "type": "choice", "options": ["Basic", "Plus", "Pro"], "fast": True},
        status=201,
    ),
    Example("labels_create", "A label", "POST", "labels/", {"name": "VIP", "color": "amber"}, status=201),
    Example(
        "customers_create",
        "A customer with a number, an email and a custom attribute",
        "POST",
        "customers/",
        {
            "first_name": "Clara",
            "last_name": "Oberländer",
            "phones": ["030 901820"],
            "emails": ["clara@example.org"],
            "labels": ["VIP"],
            "attributes": {"tariff": "Plus"},
        },
        status=201,
        keep={"customer": "id"},
    ),
    Example(
        "customers_create",
        "The same number again, refused instead of overwriting: 409 names the owner",
        "POST",
        "customers/?on_conflict=reject",
        {"first_name": "Klara", "phones": ["+4930901820"]},
        status=409,
    ),
    Example(
        "customers_create",
        "Another customer, to be merged below",
        "POST",
        "customers/",
        {"first_name": "C.", "last_name": "Oberlaender", "emails": ["clara.o@example.org"]},
        status=201,
        keep={"other": "id"},
    ),
    Example(
        "customers_list", "All with one tariff, by name", "GET", "customers/?tariff=Plus&ordering=last_name"
    ),
    Example("customers_count", "How many have an email", "GET", "customers/count/?emails__isempty=false"),
    Example("customers_retrieve", "One customer", "GET", "customers/{customer}/"),
    Example(
        "customers_partial_update",
        "Change one value; If-Match guards against others' changes",
        "PATCH",
        "customers/{customer}/",
        {"address": "Gartenweg 12, Berlin"},
    ),
    Example("customers_versions", "What was changed by whom", "GET", "customers/{customer}/versions/"),
    Example(
        "customers_lookup", "Who calls", "GET", "customers/lookup/?phone=%2B4930901820", role="Integration"
    ),
    Example(
        "customers_lookup_by_body",
        "Who calls, with the number kept out of the address",
        "POST",
        "customers/lookup/",
        {"phone": ["+4930901820"], "email": "clara@example.org"},
        role="Integration",
    ),
    Example(
        "customers_identify",
        "A further identifier",
        "POST",
        "customers/{customer}/identifiers/",
        {"type": "whatsapp", "value": "+491711234567"},
    ),
    Example(
        "customers_label", "Take a label off", "POST", "customers/{customer}/labels/", {"remove": ["VIP"]}
    ),
    Example(
        "customers_reveal",
        "A masked value, recorded in the audit trail",
        "POST",
        "customers/{customer}/reveal/",
        {"attribute": "last_name"},
    ),
    Example(
        "interactions_events",
        "A call rings at an agent",
        "POST",
        "interactions/events/",
        {
            **_CALL,
            "event_id": "call-1001-1",
            "type": "offered",
            "occurred_at": "2026-11-19T08:30:00Z",
            "agent": {"id": "aylin", "name": "Aylin Aksoy", "team": "Billing"},
            "queue": "Billing",
        },
        role="Integration",
    ),
    Example(
        "interactions_events",
        "Several events at once",
        "POST",
        "interactions/events/",
        {
            "events": [
                {
                    "source": "pbx-berlin",
                    "interaction_id": "call-1001",
                    "event_id": f"call-1001-{number}",
                    "type": kind,
                    "occurred_at": f"2026-11-19T08:3{number}:00Z",
                    **more,
                }
                for number, kind, more in (
                    (2, "answered", {"agent": {"id": "aylin"}}),
                    (3, "ended", {"ended_by": "customer"}),
                    (4, "wrapped_up", {"agent": {"id": "aylin"}, "code": "Bill corrected"}),
                )
            ]
        },
        role="Integration",
    ),
    Example(
        "interactions_list",
        "The calls of a customer",
        "GET",
        "interactions/?customer={customer}",
        keep={"interaction": "results.0.id"},
    ),
    Example(
        "interactions_note",
        "A note",
        "POST",
        "interactions/{interaction}/notes/",
        {"text": "Asked about the bill of March."},
    ),
    Example("journey", "The journey of a customer", "GET", "customers/{customer}/journey/"),
    Example(
        "customers_merge",
        "Two customers are one person",
        "POST",
        "customers/merge/",
        {"into": "{customer}", "from": ["{other}"]},
        keep={"merge": "merge"},
    ),
    Example("merges_undo", "They are not", "POST", "merges/{merge}/undo/"),
    Example(
        "exports_create",
        "A file of all with one tariff",
        "POST",
        "exports/",
        {"format": "csv", "query": {"tariff": ["Plus"]}, "columns": ["first_name", "last_name", "tariff"]},
        status=201,
    ),
    Example("customers_export", "All that is kept of a person", "GET", "customers/{customer}/export/"),
    Example("customers_looks", "Who looked at a customer", "GET", "customers/{customer}/looks/"),
    Example("customers_erase", "Erase a person for good", "POST", "customers/{customer}/erase/", status=204),
)


def add_examples(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Put the examples into the OpenAPI document, each where its operation is; a document may be of a part only."""
    operations = {
        operation["operationId"]: operation
        for path in result["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    for example in EXAMPLES:
        operation = operations.get(example.operation)
        if operation is None:
            continue
        request = f"{example.method} /api/v1/{example.path}"
        if example.body is not None:
            content = operation["requestBody"]["content"]["application/json"]
            shown = content.setdefault("examples", {})
            shown[f"{len(shown) + 1}"] = {
                "summary": example.summary,
                "description": f"`{request}` answers {example.status}",
                "value": json.loads(json.dumps(example.body)),
            }
        else:
            told = operation.get("description", "")
            operation["description"] = f"{told}\n\nExample: {example.summary}: `{request}`".strip()
    return result
