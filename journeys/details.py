"""The drill-down of an element: everything that happened in its work request, the newest on top (J13)."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.policy import MASK
from interactions.families import family_of, survivors
from interactions.folding import moment
from interactions.models import Event, Interaction
from interactions.presenting import Eye
from journeys import meaning
from journeys.models import ContextVersion, Element, Operation, TopicCorrection
from journeys.wire import UNDEFINED

MOST_CHANGES: Final = 500
HIGHEST_SYMBOL: Final = 11
"""Ratings from 0 to this are shown as a symbol, others as the number (J13)."""

_WORDS: Final = {
    "dialled": gettext_lazy("Dialled"),
    "offered": gettext_lazy("Ringing"),
    "answered": gettext_lazy("Connected"),
    "no_answer": gettext_lazy("No answer"),
    "ivr_entered": gettext_lazy("Menu"),
    "ivr_left": gettext_lazy("Menu left"),
    "queued": gettext_lazy("Waiting"),
    "transferred": gettext_lazy("Transferred"),
    "conference_joined": gettext_lazy("Joined"),
    "consult_started": gettext_lazy("Asked for help"),
    "barged_in": gettext_lazy("Barged in"),
    "monitor_started": gettext_lazy("Listening in"),
    "held": gettext_lazy("On hold"),
    "resumed": gettext_lazy("Connected"),
    "left": gettext_lazy("Left"),
    "wrapped_up": gettext_lazy("Wrap-up"),
    "acw_ended": gettext_lazy("After-call work done"),
    "unassigned": gettext_lazy("Unassigned"),
    "dismissed": gettext_lazy("Put away"),
    "dial_failed": gettext_lazy("Failed"),
    "ended": gettext_lazy("Ended"),
    "note": gettext_lazy("Note"),
    "topic": gettext_lazy("Topic corrected"),
    "message": gettext_lazy("Message"),
    "data": gettext_lazy("Data added"),
}
_ENDERS: Final = {
    "customer": gettext_lazy("by the customer"),
    "agent": gettext_lazy("by the agent"),
    "system": gettext_lazy("by the system"),
}
_MONITORING: Final = frozenset({"barged_in", "monitor_started"})
_JOINING: Final = frozenset({"offered", "answered", "transferred", "conference_joined", "consult_started"})
_OPERATIONS: Final = {
    Operation.CREATE: gettext_lazy("Context made"),
    Operation.READ: gettext_lazy("Context read"),
    Operation.UPDATE: gettext_lazy("Context changed"),
    Operation.DELETE: gettext_lazy("Context deleted"),
}


@dataclass(frozen=True)
class Change:
    """One line of the drill-down."""

    at: dt.datetime
    order: int
    status: str
    label: str
    element: UUID
    touchpoint: str = ""
    agent: str = ""
    note: str = ""
    detail: str = ""


def detail_json(element_id: UUID, eye: Eye, now: dt.datetime) -> dict[str, Any]:
    """Return all that is known of an element and of its work request. Raises Element.DoesNotExist.

    A handful of queries, however much happened; addresses are masked by the one policy (C36).
    """
    element = Element.objects.standing(now).select_related("context", "interaction").get(pk=element_id)
    members = _members(element, now)
    changes = sorted(_changes(members, eye), key=lambda change: (change.at, change.order), reverse=True)
    customer = survivors([element.customer_id]).get(element.customer_id) if element.customer_id else None
    said = _said(members)
    rating = meaning.rating_in(said)
    is_open = any(member.is_open for member in members)
    topics = next((member for member in (element, *members) if member.topic), element)
    return {
        "id": str(element.pk),
        "work_request_id": element.work_request_id,
        "customer": str(customer) if customer else None,
        "channel": element.channel or None,
        "direction": element.direction or None,
        "topic": topics.topic or None,
        "topic_source": topics.topic_source or None,
        "account": next((member.account for member in (element, *members) if member.account), None),
        "start": moment(min(member.started for member in members)),
        "end": None if is_open else moment(max(_last(member) for member in members)),
        "status": element.status or None,
        "open": is_open,
        "missed": element.is_missed,
        "changes": [_change_json(change) for change in changes[:MOST_CHANGES]],
        "rating": _rating(rating),
        "data": {str(key): _masked(value, eye) for key, value in said.items()},
        "links": list(_links(members, said)),
        "corrections": _corrections(members),
        "elements": [_member_json(member) for member in members],
    }


def _members(element: Element, now: dt.datetime) -> list[Element]:
    if element.customer_id is None:
        return [element]
    found = Element.objects.of(family_of(element.customer_id)).standing(now)
    rows = found.filter(work_request_id=element.work_request_id).select_related("context", "interaction")
    return list(rows.order_by("started", "id")) or [element]


def _last(member: Element) -> dt.datetime:
    return max(member.started, member.ended or member.started)


def _changes(members: Sequence[Element], eye: Eye) -> Iterator[Change]:
    by_interaction = {member.interaction_id: member for member in members if member.interaction_id}
    by_context = {member.context_id: member for member in members if member.context_id}
    if by_interaction:
        events = Event.objects.filter(interaction_id__in=list(by_interaction)).select_related("user")
        heard: dict[UUID, list[Event]] = {}
        for event in events.order_by("occurred_at", "id"):
            heard.setdefault(event.interaction_id, []).append(event)
        for key, told in heard.items():
            yield from _of_interaction(told, by_interaction[key], eye)
    if by_context:
        versions = ContextVersion.objects.filter(context_id__in=list(by_context)).order_by(
            "context_id", "version"
        )
        before: dict[UUID, Mapping[str, Any]] = {}
        for version in versions:
            change = _of_context(version, by_context[version.context_id], before.get(version.context_id), eye)
            if version.state is not None:
                before[version.context_id] = version.state
            if change is not None:
                yield change


def _of_interaction(events: Iterable[Event], element: Element, eye: Eye) -> Iterator[Change]:
    told = list(events)
    # Who only listened in is not shown to those who may not know, nor is when they left.
    hidden = {
        _agent_id(event) for event in told if event.type in _MONITORING and not eye.sees_monitor_legs
    } - {_agent_id(event) for event in told if event.type in _JOINING}
    messages = 0
    for event in told:
        if event.type == "message":
            messages += 1
            continue
        if event.type == "data" or (not eye.sees_monitor_legs and event.type in _MONITORING):
            continue
        if event.type == "left" and _agent_id(event) in hidden:
            continue
        said = event.said
        yield Change(
            event.occurred_at,
            event.pk,
            event.type,
            str(_WORDS.get(event.type, event.type)),
            element.pk,
            agent=_agent(event),
            note=_note(said, eye),
            detail=_detail(event.type, said),
        )
    interaction = element.interaction
    if interaction is not None and interaction.settled_at and interaction.closes_at:
        code = (interaction.wrap_up or {}).get("code", "")
        detail = _("Wrap-up saved: %(code)s") % {"code": code} if code else ""
        yield Change(interaction.closes_at, 2**62, "closed", _("Closed"), element.pk, detail=detail)


def _of_context(
    version: ContextVersion, element: Element, before: Mapping[str, Any] | None, eye: Eye
) -> Change | None:
    named = version.touchpoint != UNDEFINED
    if version.operation == Operation.READ and not named:
        return None
    state = version.state or {}
    data = state.get("data") or {}
    earlier = (before or {}).get("data") or {}
    changed = [key for key in data if key not in earlier or data[key] != earlier[key]]
    status = meaning.status_in(data) if state else ""
    told = status if status and (before is None or status != meaning.status_in(earlier)) else ""
    note = meaning.note_in(data) if meaning.note_in(data) != meaning.note_in(earlier) else ""
    return Change(
        version.at,
        version.version,
        told or version.operation.lower(),
        told or str(_OPERATIONS[Operation(version.operation)]),
        element.pk,
        touchpoint=version.touchpoint if named else "",
        agent=meaning.agent_in(data) if state else "",
        note=str(_masked(note, eye)),
        detail=", ".join(str(key) for key in changed[:8]) if before is not None and version.state else "",
    )


def _agent_id(event: Event) -> str:
    return str((event.said.get("agent") or {}).get("id") or "")


def _agent(event: Event) -> str:
    agent = event.said.get("agent") or {}
    if event.user is not None:
        return event.user.get_full_name() or event.user.get_username()
    return str(agent.get("name") or agent.get("id") or "")


def _note(said: Mapping[str, Any], eye: Eye) -> str:
    return str(_masked(_text(said.get("notes")), eye))


def _detail(kind: str, said: Mapping[str, Any]) -> str:
    match kind:
        case "wrapped_up":
            return _text(said.get("code"))
        case "ended":
            ender = _ENDERS.get(_text(said.get("ended_by")))
            return str(ender) if ender else _text(said.get("reason"))
        case "topic":
            return _text(said.get("topic"))
        case "queued":
            return _text(said.get("queue"))
    return _text(said.get("reason"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _said(members: Sequence[Element]) -> dict[str, Any]:
    """Put together what contexts and interactions of a work request carry, the latest word on each key."""
    said: dict[str, Any] = {}
    for member in members:
        if member.context is not None:
            said |= member.context.data
        elif member.interaction is not None:
            said |= {
                name: value
                for name in ("queue", "campaign", "team")
                if (value := getattr(member.interaction, name))
            }
            said |= member.interaction.data
    return said


def _masked(value: Any, eye: Eye) -> Any:
    if eye.sees_addresses:
        return value
    match value:
        case Mapping():
            return {key: _masked(item, eye) for key, item in value.items()}
        case list():
            return [_masked(item, eye) for item in value]
    text = str(value)
    return MASK if meaning.looks_personal(value) and eye.hides("email" if "@" in text else "phone") else value


def _rating(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    symbol = isinstance(value, int) and 0 <= value <= HIGHEST_SYMBOL
    return {"value": value, "symbol": _symbol(value) if symbol else None}


def _symbol(value: int) -> str:
    """Name the face that a rating from 0 to 11 is shown as."""
    return "frown" if value <= 3 else "meh" if value <= 7 else "smile"


def _links(members: Sequence[Element], said: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for member in members:
        interaction: Interaction | None = member.interaction
        if interaction is None:
            continue
        for kind, url, words in (
            ("recording", interaction.recording_url, _("Recording")),
            ("transcript", interaction.transcript_url, _("Transcript")),
        ):
            if url:
                yield {"kind": kind, "label": words, "url": url, "at": moment(interaction.started)}
    for name, url in meaning.links_in(said):
        yield {"kind": "link", "label": name, "url": url, "at": ""}


def _corrections(members: Sequence[Element]) -> list[dict[str, Any]]:
    rows = TopicCorrection.objects.filter(element__in=[member.pk for member in members]).select_related("by")
    return [
        {
            "at": moment(row.at),
            "by": (row.by.get_full_name() or row.by.get_username()) if row.by else "",
            "before": row.before or None,
            "after": row.after or None,
        }
        for row in rows.order_by("-id")
    ]


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "at": moment(change.at),
        "status": change.status,
        "label": change.label,
        "touchpoint": change.touchpoint or None,
        "agent": change.agent or None,
        "note": change.note or None,
        "detail": change.detail or None,
        "element": str(change.element),
    }


def _member_json(member: Element) -> dict[str, Any]:
    return {
        "id": str(member.pk),
        "interaction": str(member.interaction_id) if member.interaction_id else None,
        "channel": member.channel or None,
        "direction": member.direction or None,
        "start": moment(member.started),
        "end": moment(member.ended) if member.ended else None,
        "status": member.status or None,
    }


__all__ = ["MOST_CHANGES", "detail_json"]
