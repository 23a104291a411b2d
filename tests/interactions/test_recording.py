"""Events in: once, whole, in any order, with clear refusals (I10–I13, I12b)."""

import datetime as dt
import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Phone
from interactions.models import Event, Interaction
from interactions.recording import record
from interactions.signals import interaction_changed
from tests.factories import api_for
from tests.interactions.calls import ANI, NOON, event, now_event, voice
from tests.interactions.people import make_customer

EVENTS = "/api/v1/interactions/events/"

WHOLE_CALL = [
    event("ivr_entered", 0, **voice()),
    event("queued", 10, queue="Billing"),
    event("offered", 30, agent="aylin"),
    event("answered", 35, agent="aylin"),
    event("transferred", 100, agent="bob"),
    event("answered", 105, agent="bob"),
    event("ended", 200, ended_by="customer"),
    event("wrapped_up", 230, agent="bob", code="renewed"),
]


STATE = (
    "state",
    "started",
    "ended",
    "activities",
    "wrap_up",
    "agents",
    "queue",
    "customer_id",
    "address",
    "linked_how",
)


@pytest.mark.django_db
def test_call_is_stored_and_shown():
    owner = make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))

    answer = api_for("Integration").post(EVENTS, {"events": WHOLE_CALL})

    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (200, 8, [])
    interaction = Interaction.objects.get()
    shown = api_for("Agent").get(f"/api/v1/interactions/{interaction.id}/").json()
    assert shown["customer"] == str(owner.id)
    assert shown["state"] == "closed"
    assert shown["wrap_up"] == {"code": "renewed", "agent": "bob", "at": "2026-11-19T12:03:50Z"}
    assert [leg["kind"] for leg in shown["activities"]] == ["ivr", "queue", "agent", "transfer", "agent"]
    assert shown["activities"][-1]["wrap_ups"] == ["renewed"]
    assert shown["duration"] == 200


@pytest.mark.django_db
def test_any_order_of_arrival_ends_in_one_state():
    make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))

    for seed in range(12):
        order = random.Random(seed).choices(WHOLE_CALL, k=4) + random.Random(seed).sample(WHOLE_CALL, 8)
        for item in order:
            record([{**item, "interaction_id": f"order {seed}"}], NOON)

    first, *others = Interaction.objects.values(*STATE)
    assert first["customer_id"] is not None
    assert others == [first] * 11


@pytest.mark.django_db
def test_same_event_again_changes_nothing():
    client = api_for("Integration")
    first = event("offered", agent="aylin")
    client.post(EVENTS, first)

    again = client.post(EVENTS, {**first, "queue": None})
    both = client.post(EVENTS, {"events": [first, first]})

    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (200, 0, 1)
    assert both.json()["duplicates"] == 2
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_same_id_with_another_body_is_rejected_by_index():
    client = api_for("Integration")
    first = event("offered", agent="aylin", event_id="e-same")
    client.post(EVENTS, first)

    answer = client.post(EVENTS, {"events": [event("queued"), {**first, "queue": "Other"}]}).json()

    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    assert [item["index"] for item in answer["rejected"]] == [1]
    assert "e-same" in answer["rejected"][0]["detail"]


@pytest.mark.django_db
def test_good_ones_of_a_batch_are_stored_and_each_bad_one_is_named():
    bad = [
        ({**event("offered", agent="aylin"), "type": "exploded"}, "exploded"),
        ({**event("queued"), "occurred_at": "yesterday"}, "yesterday"),
        ({**event("queued"), "occurred_at": "2099-01-01T00:00:00Z"}, "2099"),
        ({**event("queued"), "interaction_id": ""}, "interaction_id"),
        ({**event("queued"), "event_id": None}, "event_id"),
        ({**event("queued"), "channel": "telepathy"}, "telepathy"),
        ({**event("queued"), "colour": "red"}, "colour"),
        ({**event("queued"), "agent": {"id": 7}}, "7"),
        ({**event("queued"), "agent": {"name": "Ann"}}, "agent.id"),
        (event("offered"), "agent"),
        (event("wrapped_up", agent="aylin"), "code"),
        ({**event("queued"), "identifiers": [{"type": "aura", "value": "blue"}]}, "aura"),
        ({**event("queued"), "recording_url": "javascript:alert(1)"}, "javascript"),
        ("queued", "queued"),
        (None, "null"),
    ]

    answer = (
        api_for("Integration").post(EVENTS, {"events": [*(item for item, _ in bad), event("queued")]}).json()
    )

    assert answer["accepted"] == 1
    assert [item["index"] for item in answer["rejected"]] == list(range(len(bad)))
    for (_item, word), refused in zip(bad, answer["rejected"], strict=True):
        assert word in refused["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "empty"),
        ([], 400, "[]"),
        ({"events": "many"}, 400, "many"),
        ({"events": [], "more": 1}, 400, "more"),
        ({"events": [event("queued")] * 1001}, 413, "1001"),
        ({**event("queued"), "type": "exploded"}, 400, "exploded"),
    ],
)
def test_malformed_body_is_refused_in_words(body, status, word):
    answer = api_for("Integration").post(EVENTS, body)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert word in json.dumps(answer.json())
    assert Interaction.objects.count() == 0


@pytest.mark.django_db
def test_body_over_five_megabytes_is_too_large():
    batch = {"events": [event("data", data={"a": "x" * 60_000}) for _number in range(85)]}

    answer = api_for("Integration").post(EVENTS, batch)

    assert answer.status_code == 413
    assert Interaction.objects.count() == 0


@pytest.mark.django_db
def test_body_of_just_under_five_megabytes_is_stored():
    batch = {"events": [event("data", data={"a": "x" * 60_000}) for _number in range(80)]}

    assert api_for("Integration").post(EVENTS, batch).json()["accepted"] == 80


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["Agent", "Supervisor", "Importer"])
def test_only_adapters_send_events(role):
    assert api_for(role).post(EVENTS, event("queued")).status_code == 403


@pytest.mark.django_db
def test_clock_that_is_an_hour_behind_loses_nothing_and_is_told():
    late = now_event("offered", -3600, agent="aylin", **voice())

    answer = api_for("Integration").post(EVENTS, late).json()

    assert answer["accepted"] == 1
    assert "too old to pop" in answer["warnings"][0]["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [-1, 1])
def test_wrap_up_at_the_desk_counts_though_the_adapters_clock_is_off(hours):
    shift = hours * 3600 - 5
    calls = [
        now_event("answered", shift, agent="aylin", **voice()),
        now_event("wrapped_up", shift + 1, agent="aylin", code="by telephone"),
        now_event("ended", shift + 2),
    ]
    record(calls, timezone.now())
    interaction = Interaction.objects.get()

    answer = api_for("Agent").post(
        f"/api/v1/interactions/{interaction.id}/wrap-ups/", {"code": "at the desk"}
    )

    assert answer.status_code == 200
    assert [item["code"] for item in answer.json()["wrap_ups"]] == ["by telephone", "at the desk"]
    assert answer.json()["wrap_up"]["code"] == "at the desk"


@pytest.mark.django_db
def test_event_links_to_who_owned_the_number_then():
    earlier, later = make_customer(phones=[]), make_customer(phones=[ANI], valid_from=NOON)
    Phone.objects.create(
        number=ANI, customer=earlier, typed=ANI, valid_from=NOON - dt.timedelta(days=9), valid_to=NOON
    )

    record([event("queued", -60, call="then", **voice()), event("queued", 60, call="now", **voice())], NOON)

    assert dict(Interaction.objects.values_list("external_id", "customer_id")) == {
        "then": earlier.id,
        "now": later.id,
    }


@pytest.mark.django_db
def test_event_for_a_deleted_customer_is_stored_unlinked():
    gone = make_customer(phones=[ANI])
    assert api_for("Admin").delete(f"/api/v1/customers/{gone.id}/").status_code == 204

    answer = api_for("Integration").post(EVENTS, now_event("queued", 1, **voice()))

    assert answer.json()["accepted"] == 1
    shown = api_for("Agent").get("/api/v1/interactions/").json()["results"][0]
    assert shown["customer"] is None
    assert shown["suggestion"]["phones"] == [ANI]


@pytest.mark.django_db
def test_several_matches_link_to_none_and_are_candidates():
    ann = make_customer(phones=["+4930111"], emails=["shared@example.org"], first_name="Ann")
    bob = make_customer(phones=["+4930222"], emails=["shared@example.org"], first_name="Bob")

    record([event("offered", agent="aylin", channel="email", address="Shared@example.org")], NOON)

    interaction = Interaction.objects.get()
    assert interaction.customer_id is None
    assert {item["customer"] for item in interaction.candidates} == {str(ann.id), str(bob.id)}
    assert all("shared@example.org" in item["reason"] for item in interaction.candidates)


@pytest.mark.django_db
def test_whatsapp_number_is_a_lower_candidate_as_a_phone():
    owner = make_customer(phones=[ANI])

    record([event("offered", agent="aylin", channel="messaging", address=ANI)], NOON)

    interaction = Interaction.objects.get()
    assert interaction.customer_id is None
    assert [item["customer"] for item in interaction.candidates] == [str(owner.id)]


@pytest.mark.django_db
def test_web_form_brings_identifiers_that_are_looked_up():
    owner = make_customer(phones=[], emails=["ada@example.org"])

    record(
        [
            event(
                "queued",
                channel="chat",
                address="web-7",
                identifiers=[{"type": "email", "value": "ada@example.org"}],
            )
        ],
        NOON,
    )

    assert Interaction.objects.get().customer_id == owner.id


@pytest.mark.django_db
def test_events_are_append_only():
    record([event("queued")], NOON)

    for change in (lambda: Event.objects.update(said={}), lambda: Event.objects.all().delete()):
        # The trigger says so, or before it the lack of a right.
        with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
            change()


@pytest.mark.django_db
def test_news_are_sent_once_per_batch_with_what_changed():
    heard = []

    def listen(sender, changes, **_):
        heard.append(
            [
                (change.state_before, str(change.interaction.state), len(change.happenings))
                for change in changes
            ]
        )

    interaction_changed.connect(listen)
    try:
        record([event("queued"), event("queued", call="c-2"), event("ended", 9, call="c-2")], NOON)
        record([event("ended", 5)], NOON)
    finally:
        interaction_changed.disconnect(listen)

    assert heard == [[("", "queued", 1), ("", "ended", 2)], [("queued", "ended", 1)]]


@pytest.mark.django_db(transaction=True)
def test_parallel_adapters_lose_nothing():
    make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))
    batches = [
        [{**item, "interaction_id": f"c-{number % 3}", "event_id": f"{item['event_id']}"}]
        for number, item in itertools.product(range(3), WHOLE_CALL)
    ]
    random.Random(3).shuffle(batches)

    def send(batch):
        try:
            return record([*batch, *batch], NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(send, batches * 2))

    assert sum(outcome.accepted for outcome in outcomes) == 24
    assert Interaction.objects.filter(state="ended", queue="Billing").count() == 3
    assert Event.objects.count() == 24


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_batch():
    make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))
    counts = []

    for calls in (1, 30):
        batch = [
            {**item, "interaction_id": f"n{calls}-{number}", "event_id": f"{item['event_id']}-{number}"}
            for number in range(calls)
            for item in WHOLE_CALL[:4]
        ]
        with CaptureQueriesContext(connection) as captured:
            record(batch, NOON)
        counts.append(len(captured))

    # What listens to the news of interactions has queries of its own, as many for thirty calls as for one.
    assert counts[0] == counts[1] <= 15
