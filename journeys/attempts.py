"""Outbound attempts: each becomes a permanent context, and so a point on the customer's journey (J5, J7)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from journeys import contexts, retrieval
from journeys.models import Attempt, ContactList, Context
from journeys.wire import LONGEST_ID, Body, Call

TOUCHPOINT: Final = "Outbound"


@dataclass(frozen=True)
class Made:
    """An attempt that was taken in: its work request, and the customer id or why there is none."""

    attempt: Attempt
    work_request_id: str
    customer_id: str
    found: str


def send(
    contact_list: ContactList,
    attributes: Mapping[str, str],
    attempted: str,
    phones: Sequence[str] | None,
    said: Mapping[str, Any],
    now: dt.datetime,
) -> Made:
    """Take in one attempt: find its customer id as its list says, and make its context (J5).

    `phones` are the numbers beside the attempted one; left out, they are those of the list's selected attributes.
    `said` holds what else the manager tells: campaign, topic, result, done … An attempt that is marked as done is as
    good as any other (J7, lifts). Raises what `retrieval.plan` raises.
    """
    if phones is None:
        phones = [attributes.get(name, "") for name in contact_list.selected]
        phones = [number for number in phones if number.strip() and number.strip() != attempted.strip()]
    named = contact_list.customer_id_attribute
    plan = retrieval.plan(
        contact_list.retrieval_mode,
        attributes.get(named, "") if named else "",
        attempted,
        phones,
        names_id=bool(named),
    )
    customer_id, found = plan.customer_id, "given" if plan.customer_id else ""
    if plan.is_asked:
        answer = retrieval.ask(plan.asks)
        customer_id, found = str(answer.customer or ""), answer.found
    with transaction.atomic():
        context = _context(contact_list, customer_id, attributes, attempted, said, now)
        attempt = Attempt.objects.create(
            contact_list=contact_list,
            context=context,
            work_request_id=context.context_id,
            customer_id=customer_id,
            asked=[list(pair) for pair in plan.asks],
            found=found,
            at=now,
        )
    return Made(attempt, context.context_id, customer_id, found)


def _context(
    contact_list: ContactList,
    customer_id: str,
    attributes: Mapping[str, str],
    attempted: str,
    said: Mapping[str, Any],
    now: dt.datetime,
) -> Context:
    data: dict[str, Any] = {"campaign": contact_list.name, "attemptAddress": attempted}
    data |= {
        name: value for name, value in said.items() if name not in ("topic", "data") and value is not None
    }
    data |= {"attributes": dict(attributes)} if attributes else {}
    data |= said.get("data") or {}
    body = Body(group_id=customer_id[:LONGEST_ID], topic=said.get("topic") or "", data=data, permanent=True)
    return contexts.create(body, Call(touchpoint=TOUCHPOINT), now)
