"""From the set of a call's events to its state (I12): no database, no clock, no order of arrival.

Events are taken in the order of (occurred_at, rank of the type, event_id). Each event that says something about the
whole interaction – its queue, its address – overrules the earlier ones; the others move legs and agents along.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

CLOSES_AFTER: Final = dt.timedelta(minutes=10)
"""How long after its end a call is closed when nobody says that the after-call work is done (I4)."""


class Kind(StrEnum):
    """The kinds of legs (I2)."""

    IVR = "ivr"
    QUEUE = "queue"
    AGENT = "agent"
    TRANSFER = "transfer"
    CONFERENCE = "conference"
    CONSULT = "consult"
    BARGE_IN = "barge_in"
    SILENT_MONITOR = "silent_monitor"
    HOLD = "hold"


SUPERVISORS_ONLY: Final = frozenset({Kind.BARGE_IN, Kind.SILENT_MONITOR})


class State(StrEnum):
    """Where an interaction stands. `closed` follows `ended` by the clock, so it is not folded but read."""

    OPEN = "open"
    DIALLING = "dialling"
    IVR = "ivr"
    QUEUED = "queued"
    RINGING = "ringing"
    ACTIVE = "active"
    HELD = "held"
    FAILED = "failed"
    ENDED = "ended"
    CLOSED = "closed"


class Status(StrEnum):
    """Where one agent stands with an interaction."""

    RINGING = "ringing"
    ACTIVE = "active"
    HELD = "held"
    WRAP_UP = "wrap_up"
    DONE = "done"


ON_DESK: Final = frozenset({Status.RINGING, Status.ACTIVE, Status.HELD})

# Of events at one instant the earlier in the life of a call comes first; the wrap-up rule (I4) has no such rank.
_RANKS: Final = {
    name: rank
    for rank, names in enumerate(
        (
            ("dialled", "ivr_entered", "data", "message", "topic", "note"),
            ("ivr_left", "queued"),
            ("offered",),
            ("no_answer", "dial_failed"),
            ("answered", "consult_started", "conference_joined", "barged_in", "monitor_started"),
            ("held",),
            ("resumed",),
            ("transferred",),
            ("left", "unassigned", "dismissed"),
            ("ended",),
            ("wrapped_up",),
            ("acw_ended",),
        )
    )
    for name in names
}

TYPES: Final = frozenset(_RANKS)
OF_THE_DESK: Final = frozenset({"dialled", "topic", "note"})
"""Events that people cause at the desk; adapters do not send them."""

TEXTS: Final = (
    "channel",
    "direction",
    "address",
    "dialled",
    "customer_name",
    "queue",
    "account",
    "work_request_id",
    "campaign",
    "status",
    "master_id",
    "recording_url",
    "transcript_url",
)
"""What an event says about the whole interaction, as text; the latest event that says it counts."""

_JOINED: Final = {
    "consult_started": Kind.CONSULT,
    "conference_joined": Kind.CONFERENCE,
    "barged_in": Kind.BARGE_IN,
    "monitor_started": Kind.SILENT_MONITOR,
}
_TALKING: Final = frozenset({Kind.AGENT, Kind.CONFERENCE})


@dataclass(frozen=True)
class Happening:
    """One event. `said` holds the members of its body that are not null, but for the five that every event has."""

    event_id: str
    type: str
    occurred_at: dt.datetime
    said: Mapping[str, Any] = field(default_factory=dict)
    by_hand: bool = False

    @property
    def agent(self) -> str:
        return str((self.said.get("agent") or {}).get("id") or "")


@dataclass
class Leg:
    """An activity while it is being folded."""

    kind: Kind
    started: dt.datetime
    agent: str = ""
    queue: str = ""
    ended: dt.datetime | None = None
    of: str = ""


@dataclass
class Folded:
    """The state that a set of events amounts to; times are datetimes, everything else is ready to be JSON."""

    state: State = State.OPEN
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    ended_by: str = ""
    reason: str = ""
    closes_at: dt.datetime | None = None
    channel: str = ""
    direction: str = ""
    address: str = ""
    dialled: str = ""
    customer_name: str = ""
    queue: str = ""
    account: str = ""
    work_request_id: str = ""
    campaign: str = ""
    status: str = ""
    master_id: str = ""
    recording_url: str = ""
    transcript_url: str = ""
    topic: str = ""
    team: str = ""
    manual: bool = False
    skill: dict[str, Any] | None = None
    identifiers: list[dict[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    wrap_ups: list[dict[str, Any]] = field(default_factory=list)
    wrap_up: dict[str, Any] | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    transferred_from: str = ""

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    def on_desks(self) -> list[str]:
        """Name the agents on whose desk the interaction lies: it rings there, or they are in it."""
        return sorted(agent for agent, about in self.agents.items() if about["status"] in ON_DESK)


def fold(happenings: Iterable[Happening]) -> Folded:
    """Return the state of the interaction with these events: the same for any order and any repetition (I12)."""
    unique = {happening.event_id: happening for happening in happenings}
    ordered = sorted(unique.values(), key=lambda it: (it.occurred_at, _RANKS[it.type], it.event_id))
    folding = _Folding()
    for happening in ordered:
        folding.take(happening)
    return folding.finish()


def moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class _Folding:
    def __init__(self) -> None:
        self.to = Folded()
        self.legs: list[Leg] = []
        self.open: list[Leg] = []
        self.ringing: dict[str, dict[str, Any]] = {}
        self.offers: list[dict[str, Any]] = []
        self.told: dict[str, dict[str, str]] = {}
        self.present: dict[str, dt.datetime] = {}
        self.parted: dict[str, dt.datetime] = {}
        self.worked: dict[str, dt.datetime] = {}
        self.applied: list[tuple[dt.datetime, str, dict[str, Any]]] = []
        self.topic_by_hand = ""
        self.ends: list[dt.datetime] = []
        self.failed = False
        self.dialling = False
        self.last_talker = ""

    def take(self, it: Happening) -> None:
        to = self.to
        if to.started is None or it.occurred_at < to.started:
            to.started = it.occurred_at
        self._note_what_it_says(it)
        if it.agent:
            known = self.told.setdefault(it.agent, {"name": "", "team": ""})
            for name in known:
                known[name] = str(it.said["agent"].get(name) or known[name])
        if not self.ends or it.type in {"ended", "wrapped_up", "acw_ended"}:
            getattr(self, f"_{it.type}", self._nothing)(it)

    def _note_what_it_says(self, it: Happening) -> None:
        to, said = self.to, it.said
        for name in TEXTS:
            if name in said:
                setattr(to, name, said[name])
        if "topic" in said:
            if it.by_hand:
                self.topic_by_hand = said["topic"]
            else:
                to.topic = said["topic"]
        if "skill" in said:
            to.skill = dict(said["skill"])
        if "tags" in said:
            to.tags = list(said["tags"])
        if said.get("manual") is not None:
            to.manual = bool(said["manual"])
        to.data.update(said.get("data") or {})
        for identifier in said.get("identifiers") or ():
            if identifier not in to.identifiers:
                to.identifiers.append(dict(identifier))
        if said.get("notes"):
            to.notes.append(
                {
                    "text": said["notes"],
                    "agent": it.agent or None,
                    "at": moment(it.occurred_at),
                    "id": it.event_id,
                }
            )

    def _nothing(self, it: Happening) -> None:
        """Some types say something, and move nothing."""

    # The way to an agent

    def _dialled(self, it: Happening) -> None:
        self.dialling = True

    def _ivr_entered(self, it: Happening) -> None:
        self._close({Kind.IVR}, it.occurred_at)
        self._begin(Leg(Kind.IVR, it.occurred_at))

    def _ivr_left(self, it: Happening) -> None:
        self._close({Kind.IVR}, it.occurred_at)

    def _queued(self, it: Happening) -> None:
        self._close({Kind.IVR, Kind.QUEUE}, it.occurred_at)
        self._begin(Leg(Kind.QUEUE, it.occurred_at, queue=self.to.queue))

    def _offered(self, it: Happening) -> None:
        if it.agent and not self._is_in(it.agent):
            self._ring(it)

    def _ring(self, it: Happening) -> None:
        self._stop_ringing(it.agent, "again", it.occurred_at)
        offer = {"agent": it.agent, "at": moment(it.occurred_at), "outcome": "ringing", "until": None}
        self.ringing[it.agent] = offer
        self.offers.append(offer)
        self.present[it.agent] = it.occurred_at

    def _stop_ringing(self, agent: str, outcome: str, at: dt.datetime) -> None:
        if offer := self.ringing.pop(agent, None):
            offer.update(outcome=outcome, until=moment(at))

    def _no_answer(self, it: Happening) -> None:
        if it.agent and it.agent not in self.ringing and not self._is_in(it.agent):
            # Rang unheard of: the adapter reports only that nobody took it (I3).
            self._ring(it)
        self._stop_ringing(it.agent, "no_answer", it.occurred_at)

    def _answered(self, it: Happening) -> None:
        self._close({Kind.IVR, Kind.QUEUE}, it.occurred_at)
        self._close({Kind.TRANSFER}, it.occurred_at, agent=it.agent)
        self.dialling = False
        for agent in list(self.ringing):
            self._stop_ringing(
                agent, "answered" if agent == it.agent else "answered_by_another", it.occurred_at
            )
        if it.agent and not self._is_in(it.agent, {Kind.AGENT}):
            self._close({Kind.CONSULT}, it.occurred_at, agent=it.agent)
            self._begin(Leg(Kind.AGENT, it.occurred_at, agent=it.agent))

    def _transferred(self, it: Happening) -> None:
        earlier = [leg.agent for leg in self.open if leg.kind is Kind.AGENT and leg.agent != it.agent]
        self.to.transferred_from = (
            earlier[-1] if earlier else self.last_talker if self.last_talker != it.agent else ""
        )
        for agent in earlier:
            self._part(agent, it.occurred_at, {Kind.AGENT, Kind.HOLD, Kind.CONSULT})
        self._close({Kind.QUEUE, Kind.IVR}, it.occurred_at)
        leg = self._begin(Leg(Kind.TRANSFER, it.occurred_at, agent=it.agent, of=self.to.transferred_from))
        if self._is_in(it.agent, {Kind.AGENT}):
            self._end(leg, it.occurred_at)
        elif self._is_in(it.agent, {Kind.CONSULT}):
            # Asked first, then given the call: the receiver is talking already, no further answer comes.
            self._end(leg, it.occurred_at)
            self._close({Kind.CONSULT}, it.occurred_at, agent=it.agent)
            self._begin(Leg(Kind.AGENT, it.occurred_at, agent=it.agent))
        elif it.agent and it.agent not in self.ringing:
            self._ring(it)

    # In the interaction

    def _join(self, it: Happening) -> None:
        kind = _JOINED[it.type]
        if not it.agent or self._is_in(it.agent, {kind}):
            return
        self._stop_ringing(it.agent, "answered", it.occurred_at)
        if kind is Kind.CONFERENCE:
            self._close({Kind.CONSULT, Kind.HOLD}, it.occurred_at, agent=it.agent)
        self._begin(Leg(kind, it.occurred_at, agent=it.agent))

    _consult_started = _conference_joined = _barged_in = _monitor_started = _join

    def _held(self, it: Happening) -> None:
        agent = it.agent or self._talking()
        if not any(leg.kind is Kind.HOLD and leg.agent == agent for leg in self.open):
            self._begin(Leg(Kind.HOLD, it.occurred_at, agent=agent))

    def _resumed(self, it: Happening) -> None:
        self._close({Kind.HOLD}, it.occurred_at, agent=it.agent or self._talking())

    def _left(self, it: Happening) -> None:
        self._part(it.agent or self._talking(), it.occurred_at)

    def _unassigned(self, it: Happening) -> None:
        self._stop_ringing(it.agent, "unassigned", it.occurred_at)
        self._part(it.agent, it.occurred_at)
        self.worked[it.agent] = it.occurred_at

    _dismissed = _unassigned

    def _message(self, it: Happening) -> None:
        self.to.messages += 1

    # The end, and what comes after it

    def _dial_failed(self, it: Happening) -> None:
        self.failed = True
        self._finish_at(it)

    def _ended(self, it: Happening) -> None:
        self.to.ended_by = it.said.get("ended_by") or self.to.ended_by
        self._finish_at(it)

    def _finish_at(self, it: Happening) -> None:
        self.to.reason = it.said.get("reason") or self.to.reason
        if self.ends:
            # Told twice: the first end stands, so that legs and end agree.
            return
        self.ends.append(it.occurred_at)
        self.dialling = False
        for agent in list(self.ringing):
            self._stop_ringing(agent, "gone", it.occurred_at)
        for leg in list(self.open):
            self._end(leg, it.occurred_at)
            if leg.agent and leg.kind in _TALKING | {Kind.CONSULT}:
                self.parted[leg.agent] = it.occurred_at

    def _wrapped_up(self, it: Happening) -> None:
        applied = {"code": it.said.get("code") or "", "agent": it.agent or None, "at": moment(it.occurred_at)}
        for name in ("notes", "reason"):
            if it.said.get(name):
                applied[name] = it.said[name]
        self.applied.append((it.occurred_at, it.event_id, applied))

    def _acw_ended(self, it: Happening) -> None:
        self.worked[it.agent] = it.occurred_at

    # Legs

    def _begin(self, leg: Leg) -> Leg:
        self.legs.append(leg)
        self.open.append(leg)
        if leg.agent:
            self.present[leg.agent] = leg.started
            self.parted.pop(leg.agent, None)
            if leg.kind is Kind.AGENT:
                self.last_talker = leg.agent
        return leg

    def _end(self, leg: Leg, at: dt.datetime) -> None:
        leg.ended = at
        self.open.remove(leg)

    def _close(self, kinds: Iterable[Kind], at: dt.datetime, *, agent: str | None = None) -> None:
        wanted = set(kinds)
        for leg in [leg for leg in self.open if leg.kind in wanted and agent in (None, leg.agent)]:
            self._end(leg, at)

    def _part(self, agent: str, at: dt.datetime, kinds: Iterable[Kind] = tuple(Kind)) -> None:
        if agent and self._is_in(agent):
            self.parted[agent] = at
        self._close(set(kinds) - {Kind.TRANSFER}, at, agent=agent)

    def _is_in(self, agent: str, kinds: Iterable[Kind] = frozenset(set(Kind) - {Kind.TRANSFER})) -> bool:
        return any(leg.agent == agent and leg.kind in kinds for leg in self.open)

    def _talking(self) -> str:
        return next((leg.agent for leg in reversed(self.open) if leg.kind in _TALKING), "")

    # Put together

    def finish(self) -> Folded:
        to = self.to
        to.topic = self.topic_by_hand or to.topic
        to.ended = self.ends[0] if self.ends else None
        to.closes_at = self._closing()
        to.state = self._state()
        to.activities = [self._activity(leg) for leg in self.legs]
        to.offers = [{**offer, "name": self._name(offer["agent"])} for offer in self.offers]
        to.notes = [{**note, "name": self._name(note["agent"])} for note in to.notes]
        to.agents = {
            agent: {"name": about["name"], "team": about["team"], **self._standing(agent)}
            for agent, about in self.told.items()
        }
        to.team = next(
            (self.told[leg.agent]["team"] for leg in reversed(self.legs) if leg.agent in self.told), ""
        )
        self._apply_wrap_ups()
        return to

    def _closing(self) -> dt.datetime | None:
        """Say when the last word on the interaction is spoken: the last agent's after-call work, ten minutes at most.

        The work of an agent who handed the call on does not close it, nor does an end of work before the call's.
        """
        if self.to.ended is None:
            return None
        latest = self.to.ended + CLOSES_AFTER
        last = max(
            (leg for leg in self.legs if leg.agent and leg.kind in _TALKING),
            key=lambda leg: (leg.ended or leg.started, leg.started, leg.agent),
            default=None,
        )
        done = [at for agent, at in self.worked.items() if last is None or agent in ("", last.agent)]
        return min([latest, *(max(at, self.to.ended) for at in done)])

    def _apply_wrap_ups(self) -> None:
        to = self.to
        self.applied.sort(key=lambda item: item[:2])
        to.wrap_ups = [
            {**applied, "name": self._name(applied["agent"])} for _at, _id, applied in self.applied
        ]
        in_time = [
            applied
            for (at, _id, _applied), applied in zip(self.applied, to.wrap_ups, strict=True)
            if to.closes_at is None or at <= to.closes_at
        ]
        # Codes that came too late for the record are better than none.
        counted = in_time or to.wrap_ups[:1]
        to.wrap_up = {name: counted[-1][name] for name in ("code", "agent", "at")} if counted else None

    def _state(self) -> State:
        kinds = {leg.kind for leg in self.open}
        if self.ends:
            return State.FAILED if self.failed else State.ENDED
        if kinds & _TALKING:
            return State.HELD if Kind.HOLD in kinds else State.ACTIVE
        for found, state in (
            (bool(self.ringing), State.RINGING),
            (Kind.QUEUE in kinds, State.QUEUED),
            (Kind.IVR in kinds, State.IVR),
            (self.dialling, State.DIALLING),
        ):
            if found:
                return state
        return State.OPEN

    def _standing(self, agent: str) -> dict[str, Any]:
        own = [leg for leg in self.open if leg.agent == agent and leg.kind is not Kind.TRANSFER]
        since = min((leg.started for leg in own), default=None)
        if hold := next((leg for leg in own if leg.kind is Kind.HOLD), None):
            return {"status": Status.HELD.value, "since": moment(hold.started)}
        if since is not None:
            return {"status": Status.ACTIVE.value, "since": moment(since)}
        if agent in self.ringing:
            return {"status": Status.RINGING.value, "since": self.ringing[agent]["at"]}
        parted = self.parted.get(agent)
        if parted is not None and self.worked.get(agent, dt.datetime.min.replace(tzinfo=dt.UTC)) < parted:
            return {"status": Status.WRAP_UP.value, "since": moment(parted)}
        if self.dialling and agent and self.to.started:
            return {"status": Status.ACTIVE.value, "since": moment(self.to.started)}
        return {"status": Status.DONE.value, "since": None}

    def _activity(self, leg: Leg) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "kind": leg.kind.value,
            "agent": leg.agent or None,
            "name": self._name(leg.agent),
            "team": self.told.get(leg.agent, {}).get("team", ""),
            "started": moment(leg.started),
            "ended": moment(leg.ended) if leg.ended else None,
        }
        if leg.queue:
            shown["queue"] = leg.queue
        if leg.of:
            shown["from"] = leg.of
        return shown

    def _name(self, agent: str | None) -> str:
        return self.told.get(agent or "", {}).get("name", "")
