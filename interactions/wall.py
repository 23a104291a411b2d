"""The live wall: who is on which interaction, and how many wait in each queue (I25)."""

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Customer
from customers.policy import MASK
from interactions import presenting
from interactions.families import survivors
from interactions.folding import ON_DESK, Status
from interactions.models import AgentProfile, DeskPresence, Interaction
from interactions.popping import PRESENT_FOR
from interactions.presenting import Eye

# The agent's most pressing status stands on the card, where somebody has several interactions.
_PRESSING = (Status.HELD, Status.ACTIVE, Status.RINGING, Status.WRAP_UP)


def picture(eye: Eye, now: dt.datetime) -> dict[str, Any]:
    """Return the agents and queues as they stand. Five queries, however many there are."""
    shown = list(Interaction.objects.live(now)) + list(
        Interaction.objects.unsettled(now + dt.timedelta(minutes=30)).filter(closes_at__gt=now)
    )
    live = survivors({it.customer_id for it in shown if it.customer_id})
    names = {
        customer.id: MASK if eye.hides_names else customer.display_name
        for customer in Customer.objects.filter(id__in=set(live.values())).only("first_name", "last_name")
    }
    agents: dict[str, dict[str, Any]] = {}
    for interaction in shown:
        customer = live.get(interaction.customer_id) if interaction.customer_id else None
        for agent, about in interaction.agents.items():
            if about["status"] in ON_DESK | {Status.WRAP_UP}:
                card = agents.setdefault(
                    agent, {"id": agent, "name": about["name"] or agent, "interactions": []}
                )
                card["interactions"].append(
                    {
                        "id": str(interaction.id),
                        "status": about["status"],
                        "since": about["since"],
                        "channel": interaction.channel or None,
                        "direction": interaction.direction or None,
                        "queue": interaction.queue or None,
                        "customer": str(customer) if customer else None,
                        "customer_name": names.get(customer, "") if customer else "",
                        "address": presenting.address(interaction, eye),
                    }
                )
    for card in agents.values():
        card["interactions"].sort(key=lambda item: (_PRESSING.index(Status(item["status"])), item["since"]))
        card["status"], card["since"] = card["interactions"][0]["status"], card["interactions"][0]["since"]
    for agent, name, since in _at_desks(now):
        agents.setdefault(
            agent, {"id": agent, "name": name, "interactions": [], "status": "free", "since": since}
        )
        agents[agent]["name"] = name
    return {
        "at": presenting.moment(now),
        "agents": sorted(agents.values(), key=lambda card: card["name"].casefold()),
        "queues": _queues(shown),
    }


def _at_desks(now: dt.datetime) -> list[tuple[str, str, str | None]]:
    """List the users whose desk is open: agent id, name, and nothing about since when."""
    open_desks = DeskPresence.objects.filter(seen_at__gt=now - PRESENT_FOR).values("user_id")
    ids = dict(AgentProfile.objects.exclude(agent_id="").values_list("user_id", "agent_id"))
    return [
        (ids.get(user.pk, user.get_username()), user.get_full_name() or user.get_username(), None)
        for user in User.objects.filter(pk__in=open_desks)
    ]


def _queues(shown: list[Interaction]) -> list[dict[str, Any]]:
    """Count what waits: in a queue, and ringing counts, since nobody has answered yet."""
    queues: dict[str, dict[str, Any]] = {}
    for interaction in shown:
        name = interaction.queue or str(_("No queue"))
        waits = interaction.state in ("queued", "ringing") and interaction.direction != "outbound"
        if not interaction.queue and not waits:
            continue
        queue = queues.setdefault(name, {"name": name, "waiting": 0, "longest": None, "talking": 0})
        if waits:
            queue["waiting"] += 1
            since = _waiting_since(interaction)
            queue["longest"] = min(filter(None, (queue["longest"], since)))
        elif interaction.state in ("active", "held"):
            queue["talking"] += 1
    return sorted(
        queues.values(), key=lambda queue: (queue["longest"] is None, queue["longest"] or "", queue["name"])
    )


def _waiting_since(interaction: Interaction) -> str:
    waits = [leg["started"] for leg in interaction.activities if leg["kind"] == "queue" and not leg["ended"]]
    return waits[0] if waits else presenting.moment(interaction.started)
