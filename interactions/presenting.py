"""How interactions look outside: the JSON of the contract (6.3), masked by the one policy (C36)."""

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.policy import MASK, sight_of
from customers.presenting import hides_kind
from customers.schema import Schema
from customers.values import Kind
from interactions.families import survivors, unsaved
from interactions.folding import SUPERVISORS_ONLY, moment
from interactions.models import Interaction
from interactions.models.interaction import Channel

_NUMBER = re.compile(r"\+?[\d ()./-]{7,}")


@dataclass(frozen=True)
class Eye:
    """What one reader does not see of an interaction."""

    hides_phones: bool = False
    hides_emails: bool = False
    sees_monitor_legs: bool = False
    hides_names: bool = False
    hides_accounts: bool = False

    @property
    def sees_addresses(self) -> bool:
        return not (self.hides_phones or self.hides_emails)

    @property
    def sees_all(self) -> bool:
        return self.sees_addresses and not (self.hides_names or self.hides_accounts)

    def hides(self, kind: str) -> bool:
        return self.hides_emails if kind == "email" else self.hides_phones and kind in ("phone", "whatsapp")


def eye_of(user: User | Any, schema: Schema) -> Eye:
    """Say what a user sees (C36): addresses, names and accounts as the attributes that hold them, monitor legs (I2).

    Whoever is known by a number may call from it, so one masked attribute of phones hides every number.
    """
    sight = sight_of(user, schema)
    return Eye(
        hides_kind(schema, sight, Kind.PHONES, Kind.PHONE),
        hides_kind(schema, sight, Kind.EMAILS, Kind.EMAIL),
        user.has_perm("access.hear_monitor_legs"),
        hides_names=bool({"first_name", "last_name"} & sight.masked),
        hides_accounts="account_id" in sight.masked,
    )


def interaction_json(interactions: Sequence[Interaction], eye: Eye, now: dt.datetime) -> list[dict[str, Any]]:
    """Return the contract's object for each interaction, in order. Two queries at most, however many there are."""
    live = survivors({it.customer_id for it in interactions if it.customer_id})
    new = unsaved(interactions, live)
    return [
        _one(it, eye, live.get(it.customer_id) if it.customer_id else None, new, now) for it in interactions
    ]


def _one(
    it: Interaction, eye: Eye, customer: UUID | None, new: Collection[UUID], now: dt.datetime
) -> dict[str, Any]:
    return {
        "id": str(it.id),
        "source": it.source,
        "interaction_id": it.external_id,
        "state": it.state_at(now),
        "channel": it.channel or None,
        "direction": it.direction or None,
        "address": address(it, eye),
        "dialled": _dialled(it, eye),
        "customer": str(customer) if customer else None,
        "customer_name": _told(it.customer_name, hidden=eye.hides_names),
        "link": {
            "by": it.linked_by.get_username() if it.linked_by else None,
            "how": it.linked_how or None,
            "at": moment(it.linked_at) if it.linked_at else None,
            "why": _without_values(it.linked_why, eye) or None,
        },
        "candidates": candidates(it, eye),
        "suggestion": suggestion(it, eye) if customer is None or customer in new else None,
        "started": moment(it.started),
        "ended": moment(it.ended) if it.ended else None,
        "ended_by": it.ended_by or None,
        "reason": it.reason or None,
        "duration": _seconds(it.started, it.ended),
        "answered": it.was_answered,
        "wrap_up": it.wrap_up,
        "wrap_ups": it.wrap_ups,
        "activities": activities(it, eye),
        "offers": it.offers,
        "agents": [
            {"id": agent, **about}
            for agent, about in sorted(it.agents.items())
            if agent in _shown_agents(it, eye)
        ],
        "topic": it.topic or None,
        "account": _told(it.account, hidden=eye.hides_accounts),
        "work_request_id": it.work_request_id or None,
        "queue": it.queue or None,
        "skill": it.skill,
        "team": it.team or None,
        "campaign": it.campaign or None,
        "manual": it.manual,
        "status": it.status or None,
        "tags": it.tags,
        "master_id": it.master_id or None,
        "recording_url": it.recording_url or None,
        "transcript_url": it.transcript_url or None,
        "notes": it.notes,
        "messages": it.messages,
        "data": masked_data(it.data, eye),
    }


def desk_data(
    it: Interaction,
    agent: str,
    eye: Eye,
    customer: UUID | None,
    drafts: Sequence[Mapping[str, Any]],
    new: Collection[UUID] = (),
) -> dict[str, Any]:
    """Return what the desk of one agent is told: the members of the contract first, then what spares it a question.

    `drafts` are what others were typing; the latest goes along (I22). `new` are customers that nobody has saved yet:
    they are suggested like whoever is no customer (C43).
    """
    latest = max(drafts, key=lambda draft: str(draft["at"]), default=None)
    about = it.agents.get(agent, {})
    handed_on = it.transferred_from if it.transferred_from != agent else ""
    return {
        "interaction": str(it.id),
        "customer": str(customer) if customer else None,
        "candidates": candidates(it, eye),
        "suggestion": suggestion(it, eye) if customer is None or customer in new else None,
        "address": address(it, eye),
        "direction": it.direction or None,
        "campaign": it.campaign or None,
        "transferred_from": handed_on or None,
        "wrap_ups": it.wrap_ups,
        "notes": it.notes,
        "draft": latest["text"] if latest else None,
        "draft_by": latest["name"] if latest else None,
        "transferred_from_name": it.agents.get(handed_on, {}).get("name") or handed_on or None,
        "state": it.state,
        "status": about.get("status"),
        "since": about.get("since"),
        "channel": it.channel or None,
        "queue": it.queue or None,
        "manual": it.manual,
        "started": moment(it.started),
    }


def address(it: Interaction, eye: Eye) -> str | None:
    """Return the customer's address as the reader may see it. A web id is stored and never shown (C41)."""
    if not it.address:
        return None
    if it.channel in (Channel.WEB, Channel.CHAT) and "@" not in it.address:
        return None
    kind = "email" if "@" in it.address else "phone"
    return MASK if it.channel != Channel.SOCIAL and eye.hides(kind) else it.address


def masked_accounts(answer: Any, eye: Eye) -> Any:
    """Mask what stands under `account` anywhere in an answer, for who may not see accounts."""
    if not eye.hides_accounts:
        return answer
    match answer:
        case Mapping():
            return {
                key: MASK if key == "account" and value else masked_accounts(value, eye)
                for key, value in answer.items()
            }
        case list():
            return [masked_accounts(item, eye) for item in answer]
    return answer


def candidates(it: Interaction, eye: Eye) -> list[dict[str, str]]:
    return [{**item, "reason": _without_values(item["reason"], eye)} for item in it.candidates]


def _without_values(reason: str, eye: Eye) -> str:
    """Reasons quote identifiers: who may not see those learns only that there is a reason."""
    return reason if eye.sees_all or not reason else _("same identifier")


def _told(text: str, *, hidden: bool) -> str | None:
    return (MASK if hidden else text) if text else None


def _dialled(it: Interaction, eye: Eye) -> str | None:
    """Who was called out is the customer; who called in dialled a number of ours."""
    return _told(it.dialled, hidden=eye.hides_phones and it.direction != "inbound")


def masked_data(value: Any, eye: Eye) -> Any:
    """Mask what looks like a number or an address in data that a channel told, for who may not see those."""
    if eye.sees_addresses:
        return value
    match value:
        case Mapping():
            return {key: masked_data(item, eye) for key, item in value.items()}
        case list():
            return [masked_data(item, eye) for item in value]
    text = str(value)
    if "@" in text:
        return MASK if eye.hides_emails else value
    return MASK if eye.hides_phones and _NUMBER.fullmatch(text) else value


def suggestion(it: Interaction, eye: Eye) -> dict[str, Any] | None:
    """Return what is known of a person who is no contact yet, as the form that adds them takes it (C43)."""
    identity = it.identity()
    if not identity and not it.customer_name:
        return None
    name = it.customer_name
    if not name and it.channel == Channel.EMAIL:
        name = parseaddr(it.address)[0]
    first, _space, last = name.strip().rpartition(" ")
    shown = [
        {"type": kind, "value": MASK if eye.hides(kind) else value}
        for kind, value in identity
        if kind != "web"
        and (it.channel != Channel.SOCIAL or {"type": kind, "value": value} in it.identifiers)
    ]
    return {
        "first_name": _told(first, hidden=eye.hides_names),
        "last_name": _told(last, hidden=eye.hides_names),
        "phones": [item["value"] for item in shown if item["type"] in ("phone", "whatsapp")],
        "emails": [item["value"] for item in shown if item["type"] == "email"],
        "identifiers": [item for item in shown if item["type"] not in ("phone", "email")],
    }


def activities(it: Interaction, eye: Eye) -> list[dict[str, Any]]:
    """Return the legs with their durations and, where an agent applied codes, those at the agent's leg (I2)."""
    shown = []
    for leg in it.activities:
        if leg["kind"] in SUPERVISORS_ONLY and not eye.sees_monitor_legs:
            continue
        started, ended = _instant(leg["started"]), _instant(leg["ended"]) if leg["ended"] else None
        shown.append({**leg, "duration": _seconds(started, ended), "wrap_ups": []})
    for applied in it.wrap_ups:
        own = [leg for leg in shown if leg["kind"] == "agent" and leg["agent"] == applied["agent"]]
        earlier = [leg for leg in own if leg["started"] <= applied["at"]]
        for leg in (earlier or own)[-1:]:
            leg["wrap_ups"].append(applied["code"])
    return shown


def _shown_agents(it: Interaction, eye: Eye) -> set[str]:
    if eye.sees_monitor_legs:
        return set(it.agents)
    listening = {leg["agent"] for leg in it.activities if leg["kind"] in SUPERVISORS_ONLY}
    talking = {leg["agent"] for leg in it.activities if leg["kind"] not in SUPERVISORS_ONLY}
    return set(it.agents) - (listening - talking)


def _seconds(started: dt.datetime, ended: dt.datetime | None) -> float | None:
    return round((ended - started).total_seconds(), 3) if ended else None


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
