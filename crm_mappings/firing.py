"""When a contact is written to the CRM, and how much of it (M13). No database, no clock.

A function of the set of what has happened, as the state of the contact is: the same for any order of events.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crm_mappings.datafields import WITHHELD, Kind

END: Final = "end"
CLOSE: Final = "close"
CLOCK: Final = "close:clock"


class Part(StrEnum):
    """Which rows of a mapping are written at a moment."""

    WHOLE = "whole"
    EARLY = "early"
    LATE = "late"

    def covers(self, kind: Kind, data_field: str) -> bool:
        """Tell whether a row belongs to the part: what the agent has yet to say comes late, the rest early."""
        is_late = kind is not Kind.SCRIPT and data_field in WITHHELD
        return self is Part.WHOLE or (self is Part.LATE) == is_late


@dataclass(frozen=True)
class Transfer:
    """That an agent handed a digital contact on."""

    event_id: str
    agent: str


@dataclass(frozen=True)
class Closing:
    """That an agent put a digital contact away: unassigned it and dismissed it, for the n-th time."""

    agent: str
    number: int


@dataclass(frozen=True)
class Story:
    """What has happened to a contact, as far as it matters here.

    `work_done` says that the agent of a call has finished the after-call work, or that nobody ever had it; `clock` that
    the time for closing is over. `closings` are in order; `closed_by_last` says that the last agent is among them.
    """

    kind: Kind
    is_over: bool
    customer_first: bool = False
    work_done: bool = False
    clock: bool = False
    transfers: Sequence[Transfer] = ()
    closings: Sequence[Closing] = ()
    closed_by_last: bool = False


@dataclass(frozen=True)
class Moment:
    """Something that causes deliveries: its name, which is theirs, the rows it writes, and the agent it is about."""

    name: str
    part: Part
    agent: str = ""
    corrects: bool = False


def correction(found: Collection[Moment], made: Collection[str]) -> list[Moment]:
    """Return the moment at which what was written is put right: something was heard of late that belongs to it.

    None before the contact was written for its end, or while more is to be written anyway.
    """
    last = [it for it in found if not it.name.startswith("transfer:")][-1:]
    if not last or last[0].name not in made:
        return []
    part = Part.WHOLE if last[0].part is Part.LATE else last[0].part
    return [Moment(last[0].name, part, last[0].agent, corrects=True)]


def moments(story: Story, made: Collection[str], *, after_call_work: bool, follow: bool) -> list[Moment]:
    """Return every moment there has been so far, in order; `made` names those that were acted on before.

    `after_call_work` says that calls of this skill have it; `follow` that what was withheld when the customer ended
    first is written once the agent closes the contact.
    """
    if story.kind is Kind.VOICE:
        return _of_call(story, made, after_call_work=after_call_work, follow=follow)
    return _of_digital(story, made, follow=follow)


def is_settled(story: Story) -> bool:
    """Tell whether nothing is waited for: the contact goes on, or its agent has closed it."""
    if not story.is_over:
        return True
    return story.work_done if story.kind is Kind.VOICE else story.closed_by_last


def _of_call(story: Story, made: Collection[str], *, after_call_work: bool, follow: bool) -> list[Moment]:
    if not story.is_over:
        return []
    closed = story.work_done or story.clock
    early = END in made or (story.customer_first and CLOSE not in made and not (closed and follow))
    if not early:
        return [Moment(CLOSE, Part.WHOLE)] if closed or not after_call_work else []
    late = [Moment(CLOSE, Part.LATE)] if closed and follow else []
    return [Moment(END, Part.EARLY), *late]


def _of_digital(story: Story, made: Collection[str], *, follow: bool) -> list[Moment]:
    closings = [(f"close:{it.agent}:{it.number}", it.agent) for it in story.closings]
    closed = bool(closings) and story.closed_by_last
    earlier, last = (closings[:-1], closings[-1:]) if closed else (closings, [])
    found = [Moment(f"transfer:{it.event_id}", Part.WHOLE, it.agent) for it in story.transfers]
    found += [Moment(name, Part.WHOLE, agent) for name, agent in earlier]
    early = END in made or (
        story.is_over and story.customer_first and CLOCK not in made and not (closed and follow)
    )
    follows = follow or not story.customer_first
    if early:
        found.append(Moment(END, Part.EARLY))
    if story.is_over and story.clock and not closed:
        # What nobody closed is closed by the clock, so that nothing is lost.
        if not early:
            found.append(Moment(CLOCK, Part.WHOLE))
        elif follows:
            found.append(Moment(CLOCK, Part.LATE))
    for name, agent in last:
        if not (early or CLOCK in made):
            found.append(Moment(name, Part.WHOLE, agent))
        elif follows:
            found.append(Moment(name, Part.LATE, agent))
    return found
