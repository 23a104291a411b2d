"""The journey of a customer as a client of the contract sees it."""

import datetime as dt

import pytest

from customers.models import Customer
from interactions.models import Interaction
from journeys.models import Element, TopicCorrection
from tests.factories import api_for
from tests.journeys.making import NOON, a_call, fill, link, make_context, make_customer, tell

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def clara() -> Customer:
    return make_customer()


@pytest.fixture
def agent():
    return api_for("Agent")


def journey(client, customer, query=""):
    response = client.get(f"/api/v1/customers/{customer.id}/journey/{query}")
    assert response.status_code == 200, response.json()
    return response.json()


def test_contexts_and_interactions_are_one_journey(agent, clara):
    make_context(clara, NOON - 3 * DAY, data={"channel": "Web", "Language": "German", "Service": "Billing"})
    a_call("call-1", clara, NOON - 2 * DAY, topic="German Billing", account="DE-204")
    make_context(
        clara, NOON - DAY, data={"campaign": "Renewals", "attemptAddress": "+4915112345678", "result": "Busy"}
    )

    found = journey(agent, clara)

    assert found["interactions"] == 3
    assert found["points"] == [{"channel": "voice", "count": 2}, {"channel": "web", "count": 1}]
    assert found["start"] == "2026-11-16T12:00:00Z"
    assert found["end"] == "2026-11-18T12:00:00Z"
    assert [
        (one["channel"], one["direction"], one["topic"], one["account"], one["status"])
        for one in found["elements"]
    ] == [
        ("web", None, "German Billing", None, None),
        ("voice", "inbound", "German Billing", "DE-204", "closed"),
        ("voice", "outbound", None, None, "Busy"),
    ]
    assert found["elements"][1]["end"] == "2026-11-17T12:08:48Z"


def test_journey_of_nobody_known_is_missing(agent):
    response = agent.get("/api/v1/customers/019a0000-0000-7000-8000-000000000000/journey/")

    assert response.status_code == 404


def test_empty_journey_is_an_answer(agent, clara):
    assert journey(agent, clara) == {
        "start": None,
        "end": None,
        "interactions": 0,
        "points": [],
        "truncated": False,
        "elements": [],
    }


def test_default_view_shows_a_work_request_once_and_topic_view_its_elements(agent, clara):
    context = make_context(clara, NOON, topic="German Billing")
    a_call("call-1", clara, NOON + dt.timedelta(minutes=1), work_request_id=context.context_id)
    a_call(
        "call-2",
        clara,
        NOON + dt.timedelta(hours=1),
        work_request_id=context.context_id,
        topic="German Billing",
    )

    default = journey(agent, clara)
    topic = journey(agent, clara, "?view=topic&topic=German Billing")

    (one,) = default["elements"]
    assert (one["work_request_id"], one["start"], one["topic"]) == (
        context.context_id,
        "2026-11-19T12:00:00Z",
        "German Billing",
    )
    assert one["end"] == "2026-11-19T13:08:48Z"
    assert default["interactions"] == 1
    assert [item["start"] for item in topic["elements"]] == ["2026-11-19T12:00:00Z", "2026-11-19T13:00:00Z"]


def test_account_view_shows_its_elements_only(agent, clara):
    a_call("one", clara, account="A")
    a_call("two", clara, NOON + DAY, account="B")

    assert len(journey(agent, clara, "?view=account&account=A")["elements"]) == 1
    assert len(journey(agent, clara, "?view=account&account=A&account=B")["elements"]) == 2
    assert journey(agent, clara, "?view=account&account=C")["interactions"] == 0


def test_time_range_narrows_every_view_and_keeps_what_was_going_on(agent, clara):
    make_context(clara, NOON - 10 * DAY, data={"channel": "email", "status": "open"}, topic="T")
    a_call("old", clara, NOON - 5 * DAY, topic="T")
    a_call("new", clara, NOON, topic="T")

    assert len(journey(agent, clara, "?from=2026-11-19")["elements"]) == 2
    assert len(journey(agent, clara, "?from=2026-11-14T12:05:00Z&to=2026-11-14T12:06:00Z")["elements"]) == 2
    assert len(journey(agent, clara, "?to=2026-11-14")["elements"]) == 2
    assert len(journey(agent, clara, "?view=topic&topic=T&from=2026-11-19&to=2026-11-19")["elements"]) == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?view=sideways", "view"),
        ("?view=topic", "topic"),
        ("?view=account&account=", "account"),
        ("?from=yesterday", "from"),
        ("?from=2026-11-20&to=2026-11-18", "to"),
        ("?colour=blue", "colour"),
    ],
)
def test_query_that_makes_no_sense_is_refused(agent, clara, query, field):
    response = agent.get(f"/api/v1/customers/{clara.id}/journey/{query}")

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {field}


def test_journey_of_a_merged_customer_is_one(agent, clara):
    other = make_customer("C. Oberländer")
    a_call("hers", clara)
    a_call("others", other, NOON + DAY)
    Customer.objects.filter(pk=other.pk).update(merged_into=clara)

    assert journey(agent, clara)["interactions"] == 2
    assert journey(agent, other)["interactions"] == 2


def test_element_follows_its_interaction(agent, clara):
    tell("mail-1", ("queued", 0, {"channel": "email", "direction": "inbound", "topic": "German Billing"}))
    link("mail-1", clara)
    (waiting,) = journey(agent, clara)["elements"]
    assert (waiting["status"], waiting["open"], waiting["end"]) == ("queued", True, None)

    tell(
        "mail-1",
        ("offered", 0, {"agent": {"id": "p"}}),
        ("ended", 90, {"ended_by": "agent"}),
        at=NOON + DAY,
    )

    (over,) = journey(agent, clara)["elements"]
    assert (over["id"], over["open"], over["end"]) == (waiting["id"], False, "2026-11-20T12:01:30Z")


@pytest.mark.parametrize("number", [1, 3])
def test_journey_takes_the_same_queries_however_long_it_is(agent, clara, number, django_assert_num_queries):
    for place in range(number):
        a_call(f"call-{place}", clara, NOON + place * DAY)
    url = f"/api/v1/customers/{clara.id}/journey/"
    agent.get(url)

    # The family, that it stands, the elements, the attributes; the key is asked for by a prepared statement.
    with django_assert_num_queries(4):
        agent.get(url)


# Drill-down


def detail(client, customer):
    element = journey(client, customer)["elements"][0]["id"]
    return client.get(f"/api/v1/journeys/elements/{element}/").json()


def test_drill_down_tells_every_status_change_newest_first(agent, clara):
    a_call("call-1", clara, topic="German Billing", recording_url="https://rec.example/1", data={"rating": 8})

    found = detail(agent, clara)

    assert [(change["status"], change["agent"], change["detail"]) for change in found["changes"]] == [
        ("acw_ended", "Priya Raman", None),
        ("wrapped_up", "Priya Raman", "Bill corrected"),
        ("ended", None, "by the customer"),
        ("resumed", "Priya Raman", None),
        ("held", "Priya Raman", None),
        ("answered", "Priya Raman", None),
        ("offered", "Priya Raman", None),
        ("queued", None, "Billing"),
        ("ivr_entered", None, None),
    ]
    assert found["changes"][1]["note"] == "Meter reading checked"
    assert found["rating"] == {"value": 8, "symbol": "smile"}
    assert found["links"] == [
        {
            "kind": "recording",
            "label": "Recording",
            "url": "https://rec.example/1",
            "at": "2026-11-19T12:00:00Z",
        }
    ]
    assert found["data"] == {"queue": "Billing", "rating": 8}


def test_drill_down_of_a_context_tells_its_touches(agent, clara):
    integration = api_for("Integration")
    made = integration.post(
        "/services/ContextStoreRest/cs/contexts/?touchpoint=POM",
        {"groupId": str(clara.id), "persistToEDM": True, "data": {"channel": "chat", "status": "waiting"}},
    )
    context_id = made.json()["data"]["contextId"]
    place = f"/services/ContextStoreRest/cs/contexts/{context_id}"
    integration.get(f"{place}?touchpoint=AGENT")
    integration.get(place)
    integration.put(
        f"/services/ContextStoreRest/cs/contexts/upsert/{context_id}?touchpoint=CHAT",
        {
            "data": {
                "status": "closed",
                "note": "Sent the price",
                "rating": 42,
                "page": "https://example.org/p",
            }
        },
    )

    found = detail(agent, clara)

    assert [(change["label"], change["touchpoint"], change["note"]) for change in found["changes"]] == [
        ("closed", "CHAT", "Sent the price"),
        ("Context read", "AGENT", None),
        ("waiting", "POM", None),
    ]
    assert (found["rating"], found["open"]) == ({"value": 42, "symbol": None}, False)
    assert found["links"] == [{"kind": "link", "label": "page", "url": "https://example.org/p", "at": ""}]


def test_who_listened_in_is_shown_to_supervisors_only(agent, clara):
    sunniva = {"id": "sunniva", "name": "Sunniva Strand"}
    tell(
        "call-1",
        ("answered", 0, {"agent": {"id": "p"}, "channel": "voice", "direction": "inbound"}),
        ("monitor_started", 5, {"agent": sunniva}),
        ("left", 9, {"agent": sunniva}),
        ("ended", 20, {}),
    )
    link("call-1", clara)

    assert [change["status"] for change in detail(agent, clara)["changes"]] == ["ended", "answered"]
    assert [change["status"] for change in detail(api_for("Supervisor"), clara)["changes"]] == [
        "ended",
        "left",
        "monitor_started",
        "answered",
    ]


def test_addresses_are_masked_for_who_may_not_see_them(agent, clara):
    api_for("Admin").patch("/api/v1/attributes/phones/", {"pii": True})
    make_context(clara, data={"attemptAddress": "+4915112345678", "order": "4711", "mail": "a@example.org"})

    shown = detail(agent, clara)["data"]

    assert shown == {"attemptAddress": "••••••", "order": "4711", "mail": "a@example.org"}
    assert detail(api_for("Supervisor"), clara)["data"]["attemptAddress"] == "+4915112345678"


# Topics


def test_corrected_topic_is_recorded_and_stays(agent, clara):
    context = make_context(clara, topic="English Billing")
    element = Element.objects.get()

    response = agent.post(f"/api/v1/journeys/elements/{element.id}/topic/", {"topic": " English Renewal "})

    assert response.status_code == 200
    assert (response.json()["topic"], response.json()["topic_source"]) == ("English Renewal", "corrected")
    assert [(item["before"], item["after"], item["by"]) for item in response.json()["corrections"]] == [
        ("English Billing", "English Renewal", "Aylin Aksoy")
    ]
    api_for("Integration").put(
        f"/services/CSRest/cs/contexts/upsert/{context.context_id}",
        {"topic": "English Billing", "data": {"a": 1}},
    )
    element.refresh_from_db()
    assert element.topic == "English Renewal"


def test_corrected_topic_of_an_interaction_is_told_to_the_interaction(agent, clara):
    a_call("call-1", clara, topic="English Billing")
    element = Element.objects.get()

    agent.post(f"/api/v1/journeys/elements/{element.id}/topic/", {"topic": "English Renewal"})

    assert Interaction.objects.get().topic == "English Renewal"
    assert Element.objects.get().topic == "English Renewal"
    assert TopicCorrection.objects.get().before == "English Billing"
    assert journey(agent, clara, "?view=topic&topic=English Renewal")["interactions"] == 1


def test_topic_may_be_taken_away(agent, clara):
    a_call("call-1", clara, topic="English Billing")
    element = Element.objects.get()

    agent.post(f"/api/v1/journeys/elements/{element.id}/topic/", {"topic": ""})
    tell("call-1", ("message", 700, {"event_id": "late"}))

    assert Element.objects.get().topic == ""


def test_importer_may_not_correct_a_topic(clara):
    make_context(clara)

    response = api_for("Importer").post(
        f"/api/v1/journeys/elements/{Element.objects.get().id}/topic/", {"topic": "x"}
    )

    assert response.status_code == 403


# The page's own answers


def test_picture_stays_small_however_long_the_journey(agent, clara):
    fill(clara, 10_000)

    response = agent.get(f"/api/v1/customers/{clara.id}/journey/picture/")

    found = response.json()
    assert len(response.content) < 100_000
    assert found["interactions"] == 10_000
    assert sum(mark[2] for lane in found["lanes"] for mark in lane["marks"]) == 10_000
    assert all(lane["bundled"] and len(lane["marks"]) <= 161 for lane in found["lanes"])
    assert sum(found["overview"]["counts"]) == 10_000


def test_picture_of_a_short_range_shows_every_point(agent, clara):
    fill(clara, 5_000)

    response = agent.get(
        f"/api/v1/customers/{clara.id}/journey/picture/?only=lanes&from=2026-11-19&to=2026-11-19"
    )

    lanes = response.json()["lanes"]
    assert not any(lane["bundled"] for lane in lanes)
    assert all(mark[6] for lane in lanes for mark in lane["marks"])


def test_list_goes_through_the_whole_journey_newest_first(agent, clara):
    fill(clara, 120)
    url = f"/api/v1/customers/{clara.id}/journey/list/"

    pages, before = [], ""
    while before is not None:
        answer = agent.get(url, {"before": before} if before else {}).json()
        pages.append([one["id"] for one in answer["results"]])
        before = answer["next"]

    assert [len(page) for page in pages] == [50, 50, 20]
    everything = [one["id"] for one in journey(agent, clara)["elements"]]
    assert [one for page in pages for one in page] == everything[::-1]
    assert agent.get(url, {"before": "nowhere"}).status_code == 400


def test_news_tell_what_changed_since(agent, clara):
    url = f"/api/v1/customers/{clara.id}/journey/news/"
    now = agent.get(url).json()["now"]
    a_call("call-1", clara)

    (news,) = agent.get(url, {"since": now}).json()["changed"]

    assert (news["channel"], news["open"]) == ("voice", False)
