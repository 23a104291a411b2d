"""Journeys for tests and benchmarks, made quickly: interactions by events, many elements by COPY."""

import datetime as dt
from typing import Any

from django.db import connection
from django.utils import timezone

from customers.models import Customer
from interactions.models import Interaction
from interactions.recording import record
from journeys import contexts, elements
from journeys.models import Context
from journeys.wire import Body, Call

NOON = dt.datetime(2026, 11, 19, 12, 0, tzinfo=dt.UTC)


def make_customer(name: str = "Clara Oberländer", **more: Any) -> Customer:
    first, _space, last = name.partition(" ")
    return Customer.objects.create(first_name=first, last_name=last, created_at=NOON, updated_at=NOON, **more)


def make_context(customer: Customer | None = None, at: dt.datetime = NOON, **more: Any) -> Context:
    body = {
        "group_id": str(customer.id) if customer else None,
        "permanent": True,
        "data": {"channel": "Voice"},
        **more,
    }
    call = Call(touchpoint=body.pop("touchpoint", "POM"))
    return contexts.create(Body(**body), call, at)


def tell(call: str, *events: tuple[str, int, dict[str, Any]], at: dt.datetime = NOON) -> None:
    """Tell events of an interaction: the type, seconds after `at`, what else they say."""
    raw = [
        {
            "event_id": f"{call}-{kind}-{after}-{at:%d%H%M}",
            "source": "pbx",
            "interaction_id": call,
            "type": kind,
            "occurred_at": (at + dt.timedelta(seconds=after)).isoformat(),
            **said,
        }
        for kind, after, said in events
    ]
    recorded = record(raw, timezone.now())
    assert not recorded.rejected, recorded.rejected


def link(call: str, customer: Customer) -> None:
    interaction = Interaction.objects.get(external_id=call)
    interaction.customer = customer
    interaction.linked_how = "by_hand"
    interaction.save()
    elements.place_interactions([interaction], timezone.now())


PRIYA = {"id": "priya", "name": "Priya Raman"}


def a_call(name: str, customer: Customer, at: dt.datetime = NOON, **said: Any) -> None:
    """A call from menu to after-call work, linked to the customer."""
    first = {"channel": "voice", "direction": "inbound", "address": "+4915112345678", **said}
    tell(
        name,
        ("ivr_entered", 0, first),
        ("queued", 31, {"queue": "Billing"}),
        ("offered", 100, {"agent": PRIYA}),
        ("answered", 126, {"agent": PRIYA}),
        ("held", 202, {"agent": PRIYA}),
        ("resumed", 240, {"agent": PRIYA}),
        ("ended", 528, {"ended_by": "customer"}),
        ("wrapped_up", 550, {"agent": PRIYA, "code": "Bill corrected", "notes": "Meter reading checked"}),
        ("acw_ended", 605, {"agent": PRIYA}),
        at=at,
    )
    link(name, customer)


def fill(customer: Customer, number: int, *, until: dt.datetime = NOON, minutes: int = 37) -> None:
    """Give a customer a journey of many elements, one every so many minutes up to a moment, by two statements."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with made as (
                insert into journeys_context (id, rid, context_id, group_id, alias_ids, tenant_id, topic, data,
                    permanent, lease, version, revision, created_at, updated_at)
                select gen_random_uuid(), '0', %(customer)s || '-' || place, '', '{}', '', '', '{}', true, 7200, 1, 1,
                    at, at
                from generate_series(0, %(number)s - 1) place
                cross join lateral (select %(until)s::timestamptz - make_interval(mins => place * %(minutes)s) as at) t
                returning id, context_id, created_at, split_part(context_id, '-', 6)::int as place
            )
            insert into journeys_element (id, context_id, customer_id, work_request_id, channel, direction, topic,
                topic_source, account, status, started, ended, is_open, is_missed, changed_at)
            select gen_random_uuid(), id, %(customer)s::uuid, context_id,
                (array['voice', 'email', 'chat', 'web', 'voice', 'sms', 'email', 'web', 'messaging', 'social'])
                    [place %% 10 + 1],
                case when place %% 3 = 1 then 'outbound' else 'inbound' end,
                (array['German Billing', 'German Renewal', 'English Billing', '', 'German Meter reading'])
                    [place %% 5 + 1],
                'given', (array['DE-204 418', 'DE-204 976', ''])[place %% 3 + 1],
                case when place in (2, 6) then 'waiting' when place %% 13 = 4 then 'No answer' else 'closed' end,
                created_at, case when place in (2, 6) then null else created_at + interval '7 minutes' end,
                place in (2, 6), place %% 13 = 4, created_at
            from made
            """,
            {"customer": str(customer.id), "number": number, "until": until, "minutes": minutes},
        )
