"""Flows between channels against a plain oracle, counted at once and prepared."""

import datetime as dt
import math
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from customers.models import Customer
from journeys import flows
from journeys.flows import REACH, Question
from journeys.models import Context, Element, FlowDay
from tests.factories import api_for
from tests.journeys.making import NOON, a_call, make_context, make_customer

DAY = dt.timedelta(days=1)
WHOLE = Question(NOON.date() - 100 * DAY, NOON.date())

points = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["voice", "email", ""]),
        st.sampled_from(["A", "B", ""]),
        st.integers(0, 90 * 24),
        st.sampled_from(["", "same"]),
    ),
    max_size=25,
)


def oracle(rows, question):
    """Count as the specification says it, one element after another."""
    chains = defaultdict(list)
    for person, channel, topic, hours, request in rows:
        chains[person, topic].append((NOON - 90 * DAY + dt.timedelta(hours=hours), channel, request))
    pairs = defaultdict(list)
    beginnings = defaultdict(int)
    for (_person, topic), chain in chains.items():
        before = None
        for at, channel, request in sorted(chain, key=lambda item: item[0]):
            near = before is not None and at - before[0] <= REACH
            same = near and request and request == before[2]
            if (
                question.first <= at.date() <= question.last
                and not same
                and (not question.topics or topic in question.topics)
            ):
                if near:
                    pairs[before[1] or None, channel or None].append((at - before[0]).total_seconds())
                else:
                    beginnings[channel or None] += 1
            before = (at, channel, request)
    typical = {
        key: (len(waits), round(math.exp(sum(math.log(max(wait, 1)) for wait in waits) / len(waits))))
        for key, waits in pairs.items()
    }
    return typical, dict(beginnings)


def told(answer):
    return (
        {(one["from"], one["to"]): (one["count"], one["seconds"]) for one in answer["flows"]},
        {one["channel"]: one["count"] for one in answer["beginnings"]},
    )


class FlowsAgainstTheOracle(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        rows=points, first=st.integers(0, 90), length=st.integers(0, 90), topics=st.sampled_from([(), ("A",)])
    )
    def test_both_ways_of_counting_agree_with_it(self, rows, first, length, topics):
        # Two points of one person, topic and moment have no order that the oracle could know.
        rows = list({(row[0], row[2], row[3]): row for row in rows}.values())
        people = [make_customer(f"Person {number}") for number in range(3)]
        for place, (person, channel, topic, hours, request) in enumerate(rows):
            at = NOON - 90 * DAY + dt.timedelta(hours=hours)
            context = Context.objects.create(
                context_id=str(place), permanent=True, lease=1, created_at=at, updated_at=at
            )
            Element.objects.create(
                context=context, customer=people[person],
                work_request_id=(request and f"{request}{person}") or str(place),
                channel=channel, topic=topic, started=at, changed_at=at,
            )  # fmt: skip
        start = NOON.date() - 90 * DAY + first * DAY
        question = Question(start, start + length * DAY, topics)
        # A work request spans topics and people only by mistake: the oracle keeps to one person as well.
        expected = oracle([(*row[:4], row[4] and f"{row[4]}{row[0]}") for row in rows], question)

        assert told(flows.flows(question, NOON)) == expected
        flows.prepare(NOON, wholly=True)
        large, flows.COUNTED_AT_ONCE = flows.COUNTED_AT_ONCE, -1
        try:
            assert told(flows.flows(question, NOON)) == expected
        finally:
            flows.COUNTED_AT_ONCE = large


pytestmark = pytest.mark.django_db


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(flows, "COUNTED_AT_ONCE", -1)


def test_preparing_what_changed_comes_to_the_same_as_preparing_all(large):
    clara = make_customer()
    for number, channel in enumerate(["web", "voice", "email", "voice"]):
        make_context(clara, NOON - (40 - 8 * number) * DAY, data={"channel": channel}, topic="T")
    flows.prepare(NOON)
    later = NOON + dt.timedelta(hours=1)
    make_context(clara, NOON - 20 * DAY, data={"channel": "chat"}, topic="T")
    Element.objects.filter(channel="chat").update(changed_at=later)

    assert 0 < flows.prepare(later) < 60

    changed = sorted(
        FlowDay.objects.values_list("day", "topic", "channel_before", "channel", "count"), key=str
    )
    flows.prepare(later, wholly=True)
    assert changed == sorted(
        FlowDay.objects.values_list("day", "topic", "channel_before", "channel", "count"), key=str
    )
    steps = [("web", "voice"), ("voice", "email"), ("email", "chat"), ("chat", "voice")]
    assert set(told(flows.flows(WHOLE, later))[0]) == set(steps)


def test_preparing_twice_is_as_good_as_once(large):
    a_call("one", make_customer(), topic="T")

    answers = []
    for _time in range(2):
        flows.prepare(NOON, wholly=True)
        answers.append(told(flows.flows(WHOLE, NOON)))

    assert answers[0] == answers[1] == ({}, {"voice": 1})


def test_merged_customers_are_one_person():
    clara, other = make_customer(), make_customer("C. Oberländer")
    make_context(clara, NOON - 2 * DAY, data={"channel": "web"}, topic="T")
    make_context(other, NOON - DAY, data={"channel": "voice"}, topic="T")
    assert told(flows.flows(WHOLE, NOON))[0] == {}

    Customer.objects.filter(pk=other.pk).update(merged_into=clara)

    assert told(flows.flows(WHOLE, NOON)) == ({("web", "voice"): (1, 24 * 3600)}, {"web": 1})


def test_supervisor_asks_by_day_topic_and_channel():
    clara = make_customer()
    make_context(clara, NOON - 3 * DAY, data={"channel": "web"}, topic="T")
    make_context(clara, NOON - 2 * DAY, data={"channel": "voice"}, topic="T")
    make_context(clara, NOON - DAY, data={"channel": "email"}, topic="U")
    client = api_for("Supervisor")

    def ask(query):
        response = client.get(f"/api/v1/journeys/flows/?from=2026-11-01&to=2026-11-19{query}")
        assert response.status_code == 200, response.json()
        return response.json()

    assert [(one["from"], one["to"], one["count"]) for one in ask("")["flows"]] == [("web", "voice", 1)]
    assert ask("&topic=U")["flows"] == []
    assert ask("&channel=email")["beginnings"] == [{"channel": "email", "count": 1}]
    assert ask("&channel=voice")["steps"] == 1
    assert ask("")["topics"] == [{"topic": "T", "count": 2}, {"topic": "U", "count": 1}]
    assert client.get("/api/v1/journeys/flows/?from=soon").status_code == 400
    assert client.get("/api/v1/journeys/flows/?channel=pigeon").status_code == 400
    assert client.get("/api/v1/journeys/flows/?from=2026-11-19&to=2026-11-01").status_code == 400


def test_agent_sees_no_flows():
    assert api_for("Agent").get("/api/v1/journeys/flows/").status_code == 403
