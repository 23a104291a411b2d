"""The state of a call is a function of the set of its events (I12)."""

import datetime as dt
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interactions.events import SENT_TYPES
from interactions.folding import Folded, Happening, Kind, State, fold

NOON = dt.datetime(2026, 11, 19, 12, 0, tzinfo=dt.UTC)


def at(seconds):
    return NOON + dt.timedelta(seconds=seconds)


def happening(kind, seconds, agent="", **said):
    if agent:
        said["agent"] = {"id": agent, "name": agent.title(), "team": "Berlin"}
    return Happening(f"{kind}-{seconds}-{agent}", kind, at(seconds), said)


def legs(folded: Folded):
    def seconds(text):
        return None if text is None else round((dt.datetime.fromisoformat(text) - NOON).total_seconds())

    return [
        (leg["kind"], leg["agent"], seconds(leg["started"]), seconds(leg["ended"]))
        for leg in folded.activities
    ]


WHOLE_CALL = [
    happening("ivr_entered", 0, channel="voice", direction="inbound", address="+4930123456"),
    happening("ivr_left", 10),
    happening("queued", 10, queue="Billing"),
    happening("offered", 30, "ann"),
    happening("answered", 35, "ann"),
    happening("wrapped_up", 90, "ann", code="moved"),
    happening("transferred", 100, "bob"),
    happening("answered", 105, "bob"),
    happening("ended", 200, ended_by="customer"),
    happening("wrapped_up", 230, "bob", code="renewed"),
    happening("wrapped_up", 240, "ann", code="late word"),
    happening("acw_ended", 235, "bob"),
]


def test_whole_call_becomes_its_legs():
    folded = fold(WHOLE_CALL)

    assert legs(folded) == [
        ("ivr", None, 0, 10),
        ("queue", None, 10, 35),
        ("agent", "ann", 35, 100),
        ("transfer", "bob", 100, 105),
        ("agent", "bob", 105, 200),
    ]
    assert (folded.state, folded.started, folded.ended, folded.ended_by) == (
        State.ENDED,
        at(0),
        at(200),
        "customer",
    )
    assert folded.transferred_from == "ann"


def test_recorded_wrap_up_is_the_latest_before_closing():
    folded = fold(WHOLE_CALL)

    assert folded.closes_at == at(235)
    assert [item["code"] for item in folded.wrap_ups] == ["moved", "renewed", "late word"]
    assert folded.wrap_up["code"] == "renewed"


def test_call_closes_ten_minutes_after_its_end_when_nobody_says_so():
    folded = fold([happening("answered", 0, "ann"), happening("ended", 60)])

    assert folded.closes_at == at(660)


def test_after_call_work_of_who_handed_the_call_on_does_not_close_it():
    events = [it for it in WHOLE_CALL if it.type != "acw_ended"]

    folded = fold([*events, happening("acw_ended", 150, "ann"), happening("acw_ended", 210, "ann")])

    assert folded.closes_at == at(800)


@pytest.mark.parametrize("cut", [slice(0, 7), slice(5, 12)])
def test_all_orders_with_repeats_of_seven_events_fold_to_one_state(cut):
    events = WHOLE_CALL[cut]
    expected = fold(events)

    for order in itertools.permutations(events):
        assert fold([*order, *order[::2]]) == expected


def test_orders_of_a_whole_call_with_repeats_fold_to_one_state():
    expected, shuffler = fold(WHOLE_CALL), random.Random(7)

    for _round in range(2000):
        order = shuffler.choices(WHOLE_CALL, k=6) + shuffler.sample(WHOLE_CALL, len(WHOLE_CALL))
        assert fold(order) == expected


AGENTS = st.sampled_from(["", "ann", "bob", "cem"])
EVENTS = st.builds(
    lambda kind, seconds, agent, number: Happening(
        f"e{number}",
        kind,
        at(seconds),
        {
            **({"agent": {"id": agent, "name": agent.title()}} if agent else {}),
            **({"code": f"code {number}"} if kind == "wrapped_up" else {}),
            **({"queue": f"queue {number % 3}"} if kind == "queued" else {}),
            "data": {f"key {number % 2}": number},
        },
    ),
    st.sampled_from(sorted(SENT_TYPES)),
    st.integers(0, 8),
    AGENTS,
    st.integers(0, 10_000),
)


@settings(deadline=None, max_examples=400)
@given(st.lists(EVENTS, max_size=12, unique_by=lambda it: it.event_id), st.randoms(use_true_random=False))
def test_any_order_of_any_events_folds_to_one_state(events, random):
    expected = fold(events) if events else None
    again = [*events, *random.choices(events, k=3)] if events else []
    random.shuffle(again)

    if events:
        assert fold(again) == expected


@settings(deadline=None, max_examples=400)
@given(st.lists(EVENTS, min_size=1, max_size=14, unique_by=lambda it: it.event_id))
def test_legs_hang_together_whatever_the_events(events):
    folded = fold(events)

    for leg in folded.activities:
        assert leg["ended"] is None or leg["started"] <= leg["ended"]
        assert leg["kind"] in set(Kind)
        if folded.ended:
            assert leg["ended"] is not None
    if folded.ended:
        assert folded.on_desks() == []
        assert folded.ended <= folded.closes_at <= folded.ended + dt.timedelta(minutes=10)


def test_call_that_nobody_took_is_tagged_with_whom_it_rang_at():
    folded = fold([happening("queued", 0), happening("offered", 5, "ann"), happening("no_answer", 25, "ann")])

    assert folded.state == State.QUEUED
    assert [(offer["agent"], offer["outcome"]) for offer in folded.offers] == [("ann", "no_answer")]
    assert folded.agents["ann"]["status"] == "done"


def test_ring_is_gone_once_another_answers():
    folded = fold(
        [happening("offered", 0, "ann"), happening("offered", 0, "bob"), happening("answered", 3, "bob")]
    )

    assert folded.on_desks() == ["bob"]


def test_consult_that_becomes_a_transfer_needs_no_second_answer():
    folded = fold(
        [
            happening("answered", 0, "ann"),
            happening("held", 10, "ann"),
            happening("consult_started", 12, "bob"),
            happening("transferred", 40, "bob"),
        ]
    )

    assert legs(folded) == [
        ("agent", "ann", 0, 40),
        ("hold", "ann", 10, 40),
        ("consult", "bob", 12, 40),
        ("transfer", "bob", 40, 40),
        ("agent", "bob", 40, None),
    ]
    assert folded.on_desks() == ["bob"]


def test_conference_barge_in_and_monitor_end_with_their_agents_leaving():
    folded = fold(
        [
            happening("answered", 0, "ann"),
            happening("conference_joined", 10, "bob"),
            happening("monitor_started", 12, "sue"),
            happening("barged_in", 15, "sue"),
            happening("left", 20, "sue"),
            happening("left", 30, "bob"),
        ]
    )

    assert legs(folded)[1:] == [
        ("conference", "bob", 10, 30),
        ("silent_monitor", "sue", 12, 20),
        ("barge_in", "sue", 15, 20),
    ]
    assert folded.state == State.ACTIVE


def test_failed_dial_says_why():
    folded = fold([happening("dialled", 0, "ann"), happening("dial_failed", 4, "ann", reason="BUSY")])

    assert (folded.state, folded.reason, folded.ended) == (State.FAILED, "BUSY", at(4))


def test_later_word_on_the_whole_overrules_the_earlier():
    folded = fold(
        [
            happening("data", 5, queue="Renewals", data={"tariff": "Green", "b": 2}),
            happening("queued", 0, queue="Billing", data={"tariff": "Blue", "a": 1}),
        ]
    )

    assert folded.queue == "Renewals"
    assert folded.data == {"tariff": "Green", "a": 1, "b": 2}


def test_topic_that_a_person_set_stays():
    by_hand = Happening("t", "topic", at(3), {"topic": "Moving"}, by_hand=True)

    folded = fold(
        [happening("queued", 0, topic="Bill"), by_hand, happening("answered", 9, "ann", topic="Bill")]
    )

    assert folded.topic == "Moving"
