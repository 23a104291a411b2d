"""Believable calls, told as an adapter would tell them: for trying the desk, and for load."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

QUEUES: Final = ("Billing", "Renewals", "Moving home", "Faults")
TOPICS: Final = ("Bill", "Renewal", "Moving", "Meter reading", "Outage")
CODES: Final = ("Question answered", "Call back", "Renewed", "Complaint", "Wrong number")
FATES: Final = ("plain", "plain", "hold", "transfer", "conference", "no answer", "given up")
Agent = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """Something that is told so many seconds after the call began."""

    seconds: float
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Script:
    """One call from beginning to end; `busy` says which agents it takes and until when."""

    source: str
    call: str
    steps: Sequence[Step]

    def event(self, number: int, occurred_at: str) -> dict[str, Any]:
        return {
            "event_id": f"{self.call}-{number}",
            "source": self.source,
            "interaction_id": self.call,
            "occurred_at": occurred_at,
            **self.steps[number].said,
        }

    @property
    def seconds(self) -> float:
        return max(step.seconds for step in self.steps)


def script(
    caller: str, agents: Sequence[Agent], chance: random.Random, *, talk: float = 30, plain: bool = False
) -> Script:
    """Write a call from `caller` to the first of `agents`; the second takes a transfer or joins a conference.

    `plain` calls ring and are answered, with no surprises; others may be given up in the queue, go unanswered, be put
    on hold, transferred or become a conference. Times are drawn around `talk`, the seconds that a conversation takes.
    """
    queue, topic = chance.choice(QUEUES), chance.choice(TOPICS)
    steps: list[Step] = []
    at = 0.0

    def tell(kind: str, after: float = 0, agent: Agent | None = None, **said: Any) -> None:
        nonlocal at
        at += after
        if agent:
            said["agent"] = dict(agent)
        steps.append(Step(at, {"type": kind, **said}))

    first, others = agents[0], agents[1:]
    tell(
        "ivr_entered",
        channel="voice",
        direction="inbound",
        address=caller,
        dialled="+4930880000",
        topic=topic,
    )
    tell("data", 0.3, data={"pressed": str(chance.randint(1, 4))})
    tell("ivr_left", 0.5)
    tell(
        "queued",
        0,
        queue=queue,
        skill={"id": queue.lower().replace(" ", "-"), "name": queue, "screen_pop": True},
    )
    fate = (
        "plain"
        if plain
        else chance.choice(("plain", "plain", "hold", "transfer", "conference", "no answer", "given up"))
    )
    if fate == "given up":
        tell("ended", talk * chance.uniform(0.3, 0.8), ended_by="customer", reason="given up in the queue")
        return _script(steps)
    tell("offered", 0.4, first)
    if fate == "no answer" and others:
        tell("no_answer", talk * 0.3, first)
        first = others[0]
        tell("offered", 0.3, first)
    tell("answered", chance.uniform(2, 4), first)
    if fate == "hold":
        tell("held", talk * 0.3, first)
        tell("resumed", talk * 0.2, first)
    if fate == "conference" and others and others[0] != first:
        tell("conference_joined", talk * 0.3, others[0])
        tell("left", talk * 0.4, others[0])
    if fate == "transfer" and others:
        tell("wrapped_up", talk * 0.4, first, code=chance.choice(CODES))
        tell("transferred", 1, others[0])
        tell("answered", chance.uniform(1, 3), others[0])
        tell("acw_ended", 2, first)
        first = others[0]
    tell("ended", talk * chance.uniform(0.7, 1.4), ended_by=chance.choice(("customer", "agent")))
    if not plain:
        tell("wrapped_up", talk * 0.15, first, code=chance.choice(CODES))
        tell("acw_ended", 1, first)
    return _script(steps)


def _script(steps: Sequence[Step]) -> Script:
    return Script("simulator", f"sim-{uuid.uuid4()}", tuple(steps))
