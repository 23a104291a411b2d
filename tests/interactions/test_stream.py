"""What a desk is told, by a real web server (I20–I22)."""

import urllib.error
import urllib.request
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from cim.access.models import ApiKey
from customers.models import Attribute
from interactions.models import AgentProfile, Interaction
from interactions.recording import record, tell
from tests.factories import api_for, make_user
from tests.interactions.calls import ANI, now_event, voice
from tests.interactions.listening import Listener
from tests.interactions.people import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def key_of(user):
    return ApiKey.objects.issue(user)[1]


def send(*events):
    outcome = record(events, timezone.now())
    assert outcome.rejected == []
    return outcome


@pytest.fixture
def ann(web_address):
    user = make_user("Agent", username="ann")
    with Listener(web_address, key_of(user)) as listener:
        assert listener.next().event == "hello"
        yield listener


def make_bob():
    user, _made = User.objects.get_or_create(username="bob")
    user.groups.set(make_user("Agent").groups.all())
    return user


def test_offer_pops_with_the_customer(ann):
    customer = make_customer(phones=[ANI])

    send(now_event("offered", -1, agent="ann", queue="Billing", **voice()))

    pop = ann.next()
    assert pop.event == "pop"
    assert pop.id
    assert pop.data["customer"] == str(customer.id)
    assert {"interaction", "candidates", "suggestion", "address", "direction", "campaign"} <= set(pop.data)
    assert {"transferred_from", "wrap_ups", "notes", "draft"} <= set(pop.data)
    assert (pop.data["address"], pop.data["direction"]) == (ANI, "inbound")


def test_answer_updates_and_end_ends(ann):
    send(now_event("offered", -3, agent="ann", **voice()))
    send(now_event("answered", -2, agent="ann"))
    send(now_event("ended", -1))

    assert [ann.next().event for _ in range(3)] == ["pop", "update", "end"]


@pytest.mark.parametrize(
    "events",
    [
        [("offered", -90, {"agent": "ann", **voice()})],
        [("offered", -5, {"agent": "ann", **voice()}), ("answered", -3, {"agent": "bob"})],
        [("offered", -5, {"agent": "ann", **voice()}), ("ended", -3, {})],
        [("offered", -1, {"agent": "ann", "manual": True, **voice(direction="outbound")}), ("ended", 0, {})],
        [("offered", -1, {"agent": "nobody we know", **voice()})],
    ],
    ids=["too old", "answered by another", "over", "dialled by hand", "unknown agent"],
)
def test_what_does_not_pop(ann, events):
    send(*[now_event(kind, seconds, **said) for kind, seconds, said in events])

    assert ann.is_quiet()


def test_campaign_call_pops(ann):
    send(now_event("offered", -1, agent="ann", campaign="Renewals", **voice(direction="outbound")))

    assert ann.next().data["campaign"] == "Renewals"


def test_transfer_carries_customer_notes_wrap_ups_and_the_half_typed(ann, web_address):
    make_customer(phones=[ANI])
    other = make_customer(first_name="Jürgen")
    send(now_event("offered", -9, agent="ann", **voice()), now_event("answered", -8, agent="ann"))
    interaction = Interaction.objects.get()
    api = api_for(None)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {key_of(User.objects.get(username='ann'))}")
    base = f"/api/v1/interactions/{interaction.id}"
    assert api.post(f"{base}/link/", {"customer": str(other.id)}).status_code == 200
    assert api.post(f"{base}/notes/", {"text": "Cut off this morning"}).status_code == 200
    assert api.post(f"{base}/wrap-ups/", {"code": "undecided"}).status_code == 200
    assert api.put(f"{base}/draft/", {"text": "Offer as disc"}).status_code == 200

    with Listener(web_address, key_of(make_bob())) as bob:
        bob.until("hello")
        send(now_event("transferred", 0, agent="bob"))
        pop = bob.next()

    assert pop.event == "pop"
    assert pop.data["customer"] == str(other.id)
    assert pop.data["transferred_from"] == "ann"
    assert [note["text"] for note in pop.data["notes"]] == ["Cut off this morning"]
    assert [item["code"] for item in pop.data["wrap_ups"]] == ["undecided"]
    assert pop.data["draft"] == "Offer as disc"
    assert ann.until("end").data["interaction"] == str(interaction.id)


def test_offer_after_a_transfer_is_no_second_pop(ann):
    send(now_event("answered", -9, agent="carl", **voice()))
    send(now_event("transferred", -2, agent="ann"))
    send(now_event("offered", -1, agent="ann"))

    assert [ann.next().event, ann.next().event] == ["pop", "update"]


def test_reader_that_was_cut_off_is_told_what_it_missed(ann, web_address):
    send(now_event("offered", -9, agent="ann", **voice()))
    seen = ann.until("pop").id
    ann.close()
    send(now_event("answered", -8, agent="ann"))
    send(now_event("ended", -7), now_event("offered", -1, agent="ann", call="c-2", **voice()))

    with Listener(web_address, key_of(User.objects.get(username="ann")), last=seen) as again:
        messages = [again.next() for _ in range(4)]

    assert sorted(message.event for message in messages) == ["end", "hello", "pop", "update"]


def test_fresh_stream_begins_with_what_lies_on_the_desk(ann, web_address):
    send(now_event("answered", -9, agent="ann", **voice()))
    send(now_event("answered", -9, agent="ann", call="over"), now_event("ended", -1, call="over"))
    running = Interaction.objects.get(external_id="c-1")

    with Listener(web_address, key_of(User.objects.get(username="ann"))) as fresh:
        hello, pop = fresh.next(), fresh.next()
        assert fresh.is_quiet()

    assert hello.data["interactions"] == [str(running.id)]
    assert (pop.event, pop.data["interaction"]) == ("pop", str(running.id))


def test_fresh_stream_shows_a_call_dialled_by_hand_without_popping_it(ann, web_address):
    send(now_event("offered", -2, agent="ann", manual=True, **voice(direction="outbound")))

    with Listener(web_address, key_of(User.objects.get(username="ann"))) as fresh:
        assert [fresh.next().event, fresh.next().event] == ["hello", "update"]


def test_two_streams_of_one_agent_are_told_alike(ann, web_address):
    with Listener(web_address, key_of(User.objects.get(username="ann"))) as second:
        second.until("hello")
        send(now_event("offered", -1, agent="ann", **voice()))

        assert ann.next() == second.next()


def test_agent_id_that_is_not_the_user_name(ann):
    AgentProfile.objects.create(user=User.objects.get(username="ann"), agent_id="4711")

    send(now_event("offered", -1, agent="ann", **voice()))
    send(now_event("offered", -1, agent="4711", call="hers", **voice()))

    assert ann.next().data["interaction"] == str(Interaction.objects.get(external_id="hers").id)


def test_masked_number_never_reaches_the_desk(ann):
    Attribute.objects.filter(key="phones").update(pii=True)
    make_customer(phones=["+4930999"], emails=["shared@example.org"])
    shared = {"type": "email", "value": "shared@example.org"}
    make_customer(phones=[ANI])

    send(now_event("offered", -1, agent="ann", identifiers=[shared], **voice()))

    pop = ann.next()
    assert ANI not in str(pop.data)
    assert len(pop.data["candidates"]) == 2


def test_desk_act_reaches_the_other_desks(ann):
    send(now_event("answered", -9, agent="ann", **voice()))
    ann.next()
    interaction = Interaction.objects.get()

    tell(interaction.id, "note", {"notes": "Hello"}, make_bob(), timezone.now())

    assert ann.next().data["notes"][0]["text"] == "Hello"


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("Importer", 403), ("Integration", 403)])
def test_stream_is_for_agents(web_address, role, status):
    headers = {"Authorization": f"Bearer {key_of(make_user(role))}"} if role else {}

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{web_address}/desk/stream/", headers=headers))

    refused.value.close()
    assert refused.value.code == status
    assert refused.value.headers["Content-Type"] == "application/problem+json"


def test_wall_shows_who_is_on_what(web_address):
    supervisor = make_user("Supervisor")
    customer = make_customer(phones=[ANI])
    send(now_event("queued", -9, call="waits", queue="Billing", **voice()))

    with Listener(web_address, key_of(supervisor), path="/wall/stream/") as wall:
        first = wall.until("wall")
        send(now_event("answered", -5, agent="ann", queue="Billing", **voice()))
        second = wall.until("wall")

    assert first.data["queues"][0]["waiting"] == 1
    (card,) = [card for card in second.data["agents"] if card["interactions"]]
    assert (card["id"], card["status"]) == ("ann", "active")
    assert card["interactions"][0]["customer"] == str(customer.id)


def test_simulator_plays_calls_to_the_desks(ann, web_address):
    make_user("Integration", username="integration")

    call_command(
        "simulate_calls", agents=1, rate=600, talk=0.5, seconds=6, address=web_address, stdout=StringIO()
    )

    assert Interaction.objects.exists()
    assert ann.next().event in {"pop", "update", "end"}
