"""When a contact is written, as a table (M13): by hand from the rule, not from the code."""

from itertools import permutations
from typing import Any

import pytest

from crm_mappings.datafields import Kind
from crm_mappings.firing import Closing, Moment, Part, Story, Transfer, moments

VOICE, DIGITAL = Kind.VOICE, Kind.DIGITAL
WHOLE, EARLY, LATE = Part.WHOLE, Part.EARLY, Part.LATE


def fired(
    story: Story, *made: str, after_call_work: bool = True, follow: bool = True
) -> list[tuple[str, Part]]:
    """Say what is written now that was not written before."""
    found = moments(story, made, after_call_work=after_call_work, follow=follow)
    return [(moment.name, moment.part) for moment in found if moment.name not in made]


def call(**told: Any) -> Story:
    return Story(VOICE, **{"is_over": True, **told})


def chat(*closings: Closing, **told: Any) -> Story:
    return Story(DIGITAL, **{"is_over": True, "closings": closings, "closed_by_last": bool(closings), **told})


AYLIN = Closing("aylin", 1)


@pytest.mark.parametrize(
    ("story", "after_call_work", "expected"),
    [
        # A call: when it has ended and the after-call work is done, if there is any.
        (call(is_over=False), True, []),
        (call(is_over=False, work_done=True), True, []),
        (call(), True, []),
        (call(work_done=True), True, [("close", WHOLE)]),
        (call(clock=True), True, [("close", WHOLE)]),
        (call(), False, [("close", WHOLE)]),
        # The customer ends it first: what the agent has yet to say is left out.
        (call(customer_first=True), True, [("end", EARLY)]),
        (call(customer_first=True), False, [("end", EARLY)]),
        (call(customer_first=True, work_done=True), True, [("close", WHOLE)]),
        # A digital contact: on transfer, or when unassigned and dismissed.
        (chat(is_over=False), True, []),
        (chat(), True, []),
        (chat(is_over=False, transfers=[Transfer("t1", "aylin")]), True, [("transfer:t1", WHOLE)]),
        (chat(AYLIN, is_over=False), True, [("close:aylin:1", WHOLE)]),
        (chat(AYLIN), True, [("close:aylin:1", WHOLE)]),
        (chat(clock=True), True, [("close:clock", WHOLE)]),
        (chat(customer_first=True), True, [("end", EARLY)]),
        (chat(AYLIN, customer_first=True), True, [("close:aylin:1", WHOLE)]),
        (
            chat(Closing("bob", 1), transfers=[Transfer("t1", "aylin")]),
            True,
            [("transfer:t1", WHOLE), ("close:bob:1", WHOLE)],
        ),
        # Put away by one agent, taken up by another who has not closed it.
        (chat(AYLIN, closed_by_last=False), True, [("close:aylin:1", WHOLE)]),
    ],
)
def test_contact_is_written(story: Story, after_call_work: bool, expected: list[tuple[str, Part]]) -> None:
    assert fired(story, after_call_work=after_call_work) == expected


@pytest.mark.parametrize(
    ("story", "made", "expected"),
    [
        # What was withheld follows once the agent closes the contact.
        (call(customer_first=True, work_done=True), "end", [("close", LATE)]),
        (call(customer_first=True, clock=True), "end", [("close", LATE)]),
        (chat(AYLIN, customer_first=True), "end", [("close:aylin:1", LATE)]),
        (chat(customer_first=True, clock=True), "end", [("close:clock", LATE)]),
        # The clock closed it; the agent closes it after all.
        (chat(AYLIN), "close:clock", [("close:aylin:1", LATE)]),
        # Nothing twice.
        (call(work_done=True), "close", []),
        (call(customer_first=True), "end", []),
        (call(customer_first=True, work_done=True), "close", []),
        (chat(AYLIN), "close:aylin:1", []),
    ],
)
def test_rest_follows(story: Story, made: str, expected: list[tuple[str, Part]]) -> None:
    assert fired(story, made) == expected


@pytest.mark.parametrize(
    ("story", "made", "expected"),
    [
        (call(customer_first=True), (), [("end", EARLY)]),
        (call(customer_first=True, work_done=True), (), [("end", EARLY)]),
        (call(customer_first=True, work_done=True), ("end",), []),
        (chat(AYLIN, customer_first=True), (), [("end", EARLY)]),
        (chat(AYLIN, customer_first=True), ("end",), []),
        (chat(customer_first=True, clock=True), ("end",), []),
        # The setting is about customers who end first, and about nothing else.
        (call(work_done=True), (), [("close", WHOLE)]),
        (chat(AYLIN), (), [("close:aylin:1", WHOLE)]),
    ],
)
def test_rest_is_dropped_where_the_setting_says_so(
    story: Story, made: tuple[str, ...], expected: list[tuple[str, Part]]
) -> None:
    assert fired(story, *made, follow=False) == expected


@pytest.mark.parametrize("order", permutations(range(3)))
def test_every_way_to_the_end_of_a_chat_writes_every_row_once(order: tuple[int, ...]) -> None:
    """Transfer, the customer's end, the agent's closing: whatever is heard of first, nothing is lost or doubled."""
    made: list[str] = []
    parts: list[Moment] = []
    known: set[int] = set()
    for step in order:
        known.add(step)
        story = chat(
            *([AYLIN] if 2 in known else []),
            is_over=1 in known,
            customer_first=1 in known and 2 not in known,
            transfers=[Transfer("t1", "bob")] if 0 in known else [],
        )
        for moment in moments(story, made, after_call_work=True, follow=True):
            if moment.name not in made:
                made.append(moment.name)
                parts.append(moment)

    after_transfer = [moment.part for moment in parts if not moment.name.startswith("transfer")]
    assert after_transfer in ([WHOLE], [EARLY, LATE])
    assert [moment.agent for moment in parts if moment.name.startswith("transfer")] == ["bob"]


@pytest.mark.parametrize(
    ("field", "early"),
    [
        ("status", False),
        ("disposition_name", False),
        ("disposition_notes", False),
        ("tags", False),
        ("agent_name", True),
    ],
)
def test_withheld_rows_are_those_of_the_agent(field: str, early: bool) -> None:
    assert (EARLY.covers(VOICE, field), LATE.covers(VOICE, field), WHOLE.covers(VOICE, field)) == (
        early,
        not early,
        True,
    )


def test_script_variable_is_never_withheld() -> None:
    assert EARLY.covers(Kind.SCRIPT, "status")
    assert not LATE.covers(Kind.SCRIPT, "status")
