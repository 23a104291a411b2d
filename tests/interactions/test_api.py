"""What people do with interactions: read, link, note, wrap up, dial (contract 6.3, C42–C48, I30–I32)."""

import datetime as dt

import pytest
from django.utils import timezone

from customers.models import Attribute, Customer, Identifier, Phone
from interactions.models import AgentProfile, DoNotCall, Interaction, Link
from interactions.recording import record
from tests.factories import api_for, make_user
from tests.interactions.calls import ANI, NOON, event, now_event, voice
from tests.interactions.people import make_customer

pytestmark = pytest.mark.django_db

BASE = "/api/v1/interactions/"


def ring(agent="aylin", **said):
    record(
        [now_event("offered", -9, agent=agent, **voice(**said)), now_event("answered", -8, agent=agent)],
        timezone.now(),
    )
    return Interaction.objects.get()


def test_interaction_has_the_members_of_the_contract():
    interaction = ring(queue="Billing", skill={"id": "7", "name": "Billing", "screen_pop": True})

    shown = api_for("Agent").get(f"{BASE}{interaction.id}/").json()

    contract = (
        "id source interaction_id state channel direction address dialled customer link started ended wrap_up "
        "wrap_ups activities topic account work_request_id queue skill recording_url transcript_url notes data"
    )
    assert set(contract.split()) <= set(shown)
    assert (shown["source"], shown["interaction_id"], shown["state"]) == ("pbx", "c-1", "active")
    assert shown["skill"] == {"id": "7", "name": "Billing", "screen_pop": True}


def test_link_by_hand_is_never_undone_by_a_later_event():
    make_customer(phones=[ANI])
    other = make_customer(first_name="Jürgen")
    interaction = ring()
    client = api_for("Agent")

    answer = client.post(f"{BASE}{interaction.id}/link/", {"customer": str(other.id)})
    record([now_event("data", 0, identifiers=[{"type": "phone", "value": "+4930777"}])], timezone.now())

    assert answer.json()["customer"] == str(other.id)
    assert (answer.json()["link"]["by"], answer.json()["link"]["how"]) == ("aylin", "by_hand")
    interaction.refresh_from_db()
    assert interaction.customer_id == other.id
    assert list(Link.objects.order_by("id").values_list("how", "by__username")) == [
        ("automatic", None),
        ("by_hand", "aylin"),
    ]


def test_unlinked_stays_unlinked():
    make_customer(phones=[ANI])
    interaction = ring()

    answer = api_for("Agent").post(f"{BASE}{interaction.id}/unlink/")
    record([now_event("data", 0, identifiers=[{"type": "phone", "value": ANI}])], timezone.now())

    assert (answer.json()["customer"], answer.json()["link"]["how"]) == (None, "unlinked")
    interaction.refresh_from_db()
    assert interaction.customer_id is None


def test_remembered_identifier_is_the_customers_from_then_on():
    other = make_customer(first_name="Jürgen", phones=["+4930555"])
    interaction = ring()

    api_for("Agent").post(f"{BASE}{interaction.id}/link/", {"customer": str(other.id), "remember": True})

    assert Customer.objects.get(id=other.id).phones == ["+4930555", ANI]
    assert Phone.objects.current().get(number=ANI).customer_id == other.id


def test_whatsapp_number_is_remembered_as_an_identifier():
    other = make_customer(first_name="Jürgen")
    interaction = ring(channel="messaging")

    api_for("Agent").post(f"{BASE}{interaction.id}/link/", {"customer": str(other.id), "remember": True})

    assert Identifier.objects.get(customer=other).type == "whatsapp"


def test_number_of_another_is_not_remembered():
    owner = make_customer(phones=[ANI])
    other = make_customer(first_name="Jürgen")
    interaction = ring()

    answer = api_for("Agent").post(
        f"{BASE}{interaction.id}/link/", {"customer": str(other.id), "remember": True}
    )

    assert (answer.status_code, answer.json()["customers"]) == (409, [str(owner.id)])
    interaction.refresh_from_db()
    assert interaction.customer_id == owner.id


def test_nobody_links_to_a_deleted_customer():
    gone = make_customer(phones=[])
    api_for("Admin").delete(f"/api/v1/customers/{gone.id}/")
    interaction = ring()

    answer = api_for("Agent").post(f"{BASE}{interaction.id}/link/", {"customer": str(gone.id)})

    assert answer.status_code == 400
    assert str(gone.id) in answer.json()["errors"]["customer"][0]


@pytest.mark.parametrize(
    ("path", "body"),
    [("unlink/", {}), ("notes/", {"text": "x"}), ("wrap-ups/", {"code": "x"}), ("topic/", {"topic": "x"})],
)
def test_call_of_another_agent_is_not_touched(path, body):
    interaction = ring(agent="somebody else")

    assert api_for("Agent").post(f"{BASE}{interaction.id}/{path}", body).status_code == 403
    assert api_for("Supervisor").post(f"{BASE}{interaction.id}/{path}", body).status_code == 200


def test_caller_is_added_to_the_contacts():
    interaction = ring(customer_name="Ada Lovelace")
    suggestion = api_for("Agent").get(f"{BASE}{interaction.id}/").json()["suggestion"]

    answer = api_for("Agent").post(
        f"{BASE}{interaction.id}/contact/",
        {"first_name": "Ada", "last_name": "King", "emails": ["ada@example.org"]},
    )

    assert suggestion == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phones": [ANI],
        "emails": [],
        "identifiers": [],
    }
    assert answer.status_code == 201
    made = Customer.objects.get(id=answer.json()["customer"])
    assert (made.first_name, made.last_name, made.phones, made.emails) == (
        "Ada",
        "King",
        [ANI],
        ["ada@example.org"],
    )
    assert (made.stage, answer.json()["link"]["how"]) == ("curated", "promoted")


def test_contact_needs_both_names():
    interaction = ring()

    answer = api_for("Agent").post(f"{BASE}{interaction.id}/contact/", {"last_name": "King"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["first_name"])


def test_masked_number_can_be_added_to_the_contacts():
    Attribute.objects.filter(key="phones").update(pii=True)
    interaction = ring()
    client = api_for("Agent")
    suggestion = client.get(f"{BASE}{interaction.id}/").json()["suggestion"]

    answer = client.post(
        f"{BASE}{interaction.id}/contact/",
        {"first_name": "Ada", "last_name": "King", "phones": suggestion["phones"]},
    )

    assert ANI not in str(suggestion)
    assert ANI not in str(answer.json())
    assert Customer.objects.get().phones == [ANI]


def test_name_of_a_mails_sender_is_suggested():
    record(
        [event("offered", agent="aylin", channel="email", address='"Ada Lovelace" <ada@example.org>')], NOON
    )

    shown = api_for("Agent").get(BASE).json()["results"][0]

    assert (shown["suggestion"]["first_name"], shown["suggestion"]["last_name"]) == ("Ada", "Lovelace")
    assert shown["suggestion"]["emails"] == ["ada@example.org"]


def test_mail_with_a_display_name_finds_its_sender():
    ada = make_customer(emails=["ada@example.org"])

    record([event("offered", agent="aylin", channel="email", address="Ada <ada@example.org>")], NOON)

    assert Interaction.objects.get().customer_id == ada.id


def test_notes_wrap_ups_and_topic_are_told():
    interaction = ring()
    client = api_for("Agent")

    client.post(f"{BASE}{interaction.id}/notes/", {"text": "Wants Green Fix"})
    client.post(f"{BASE}{interaction.id}/topic/", {"topic": "Renewal"})
    shown = client.post(f"{BASE}{interaction.id}/wrap-ups/", {"code": "undecided"}).json()

    (note,) = shown["notes"]
    assert (note["text"], note["agent"], note["name"]) == ("Wants Green Fix", "aylin", "Aylin Aksoy")
    assert (shown["topic"], shown["wrap_up"]["code"]) == ("Renewal", "undecided")


def test_wrap_up_sent_twice_under_one_key_is_applied_once():
    interaction = ring()
    client = api_for("Agent")

    for _time in range(2):
        client.post(
            f"{BASE}{interaction.id}/wrap-ups/", {"code": "undecided"}, headers={"Idempotency-Key": "k"}
        )

    interaction.refresh_from_db()
    assert len(interaction.wrap_ups) == 1


def test_legs_of_listeners_are_shown_to_supervisors_only():
    interaction = ring()
    record(
        [now_event("monitor_started", -3, agent="sue"), now_event("barged_in", -2, agent="sue")],
        timezone.now(),
    )

    def kinds(role):
        shown = api_for(role).get(f"{BASE}{interaction.id}/").json()
        return [leg["kind"] for leg in shown["activities"]], [agent["id"] for agent in shown["agents"]]

    assert kinds("Agent") == (["agent"], ["aylin"])
    assert kinds("Supervisor") == (["agent", "silent_monitor", "barge_in"], ["aylin", "sue"])


# Lists


@pytest.fixture
def history():
    customer = make_customer(phones=[ANI], valid_from=NOON - dt.timedelta(days=1))
    events = []
    for number in range(7):
        call, second = f"h-{number}", number * 60
        agent = ("aylin", "bob")[number % 2]
        events += [
            event("offered", second, call=call, agent=agent, **voice(topic=("Bill", "Move")[number % 2])),
            event("answered", second + 5, call=call, agent=agent),
            event("ended", second + 50, call=call),
        ]
    events.append(
        event("queued", 900, call="mail", channel="email", address="x@example.org", notes="Green Fix")
    )
    record(events, NOON)
    return customer


def names(answer):
    return [item["interaction_id"] for item in answer["results"]]


def test_pages_neither_repeat_nor_skip_in_both_directions(history):
    client = api_for("Agent")
    pages = [client.get(f"{BASE}?page_size=3").json()]
    while pages[-1]["next"]:
        pages.append(client.get(pages[-1]["next"]).json())
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(client.get(back[-1]["previous"]).json())

    expected = [["mail", "h-6", "h-5"], ["h-4", "h-3", "h-2"], ["h-1", "h-0"]]
    assert [names(page) for page in pages] == expected
    assert [names(page) for page in back] == expected[::-1]
    assert (pages[0]["previous"], pages[-1]["next"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=email", ["mail"]),
        ("agent=bob", ["h-5", "h-3", "h-1"]),
        ("topic=move&agent=bob&page_size=1", ["h-5"]),
        ("direction=outbound", []),
        ("q=green+fix", ["mail"]),
        ("q=Bob&page_size=1", ["h-5"]),
        ("q=%2B4930123456&page_size=1", ["h-6"]),
        ("from=2026-11-19T12:05:00Z&channel=voice", ["h-6", "h-5"]),
        ("to=2026-11-19T12:01:00Z", ["h-0"]),
        ("to=2026-11-18", []),
        ("from=2026-11-19&to=2026-11-19&channel=email", ["mail"]),
        ("state=queued", ["mail"]),
        ("state=closed&page_size=1", ["h-6"]),
        ("state=active", []),
    ],
)
def test_conditions(history, query, expected):
    assert names(api_for("Agent").get(f"{BASE}?{query}").json()) == expected


def test_condition_on_the_customer(history):
    client = api_for("Agent")

    assert len(names(client.get(f"{BASE}?customer={history.id}").json())) == 7
    assert names(client.get(f"{BASE}?customer=019a0000-0000-7000-8000-000000000000").json()) == []


def test_customer_has_the_interactions_of_those_merged_into_it(history):
    survivor = make_customer(first_name="Survivor")
    Customer.objects.filter(id=history.id).update(merged_into=survivor.id)
    record([event("queued", 30, call="own", channel="email", address="y@example.org")], NOON)
    Interaction.objects.filter(external_id="own").update(customer=survivor)
    client = api_for("Agent")

    answers = [client.get(f"{BASE}?customer={one}&page_size=2").json() for one in (survivor.id, history.id)]

    assert [names(answer) for answer in answers] == [["h-6", "h-5"]] * 2
    assert {item["customer"] for item in answers[0]["results"]} == {str(survivor.id)}
    everything = client.get(f"{BASE}?customer={survivor.id}").json()
    assert names(everything) == ["h-6", "h-5", "h-4", "h-3", "h-2", "h-1", "own", "h-0"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("channel=telepathy", "telepathy"),
        ("from=yesterday", "yesterday"),
        ("customer=7", "7"),
        ("cursor=abc", "abc"),
        ("page_size=0", "0"),
        ("colour=red", "colour"),
        ("state=asleep", "asleep"),
        ("to=9999-12-31", "9999"),
    ],
)
def test_condition_that_cannot_be_read_is_named(query, word):
    answer = api_for("Agent").get(f"{BASE}?{query}")

    assert answer.status_code == 400
    assert word in str(answer.json()["errors"])


def test_text_is_not_looked_for_in_masked_addresses(history):
    Attribute.objects.filter(key="phones").update(pii=True)

    assert names(api_for("Agent").get(f"{BASE}?q=4930123").json()) == []
    assert len(names(api_for("Supervisor").get(f"{BASE}?q=4930123").json())) == 7
    assert ANI not in str(api_for("Agent").get(BASE).json())


@pytest.mark.parametrize("number", [1, 3])
def test_list_takes_as_many_queries_for_one_as_for_three(history, number, django_assert_num_queries):
    client = api_for("Agent")

    with django_assert_num_queries(3):
        assert len(client.get(f"{BASE}?channel=voice&page_size={number}").json()["results"]) == number


# Dialling


def test_dial_is_in_the_history_at_once():
    customer = make_customer(phones=[ANI])
    phone = Phone.objects.get()

    answer = api_for("Agent").post("/api/v1/dial/", {"customer": str(customer.id), "phone": phone.pk})

    assert (answer.status_code, answer.json()["action"]) == (202, {"dialler": "tel", "uri": f"tel:{ANI}"})
    shown = api_for("Agent").get(f"{BASE}{answer.json()['interaction']}/").json()
    assert (shown["customer"], shown["direction"], shown["manual"], shown["state"]) == (
        str(customer.id),
        "outbound",
        True,
        "dialling",
    )


def test_failed_dial_is_shown_with_its_reason():
    customer = make_customer(phones=[ANI])
    client = api_for("Agent")
    interaction = client.post("/api/v1/dial/", {"customer": str(customer.id), "phone": ANI}).json()[
        "interaction"
    ]

    shown = client.post(
        f"/api/v1/dial/{interaction}/outcome/", {"outcome": "failed", "reason": "BUSY"}
    ).json()

    assert (shown["state"], shown["reason"]) == ("failed", "BUSY")


def test_call_that_was_dialled_goes_on_under_the_telephonys_name():
    client = api_for("Agent")
    interaction = client.post("/api/v1/dial/", {"phone": ANI}).json()["interaction"]

    name = {"source": "finesse", "interaction_id": "32458"}
    client.post(f"/api/v1/dial/{interaction}/outcome/", {"outcome": "connected", **name})
    record([now_event("ended", 1, source="finesse", call="32458")], timezone.now())

    assert Interaction.objects.get().state == "ended"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"phone": "nothing"}, "nothing"),
        ({"phone": 999_999}, "999999"),
        ({"phone": True}, "phone"),
        ({"phone": ANI, "customer": "019a0000-0000-7000-8000-000000000000"}, "019a0000"),
        ({}, "empty"),
    ],
)
def test_dial_that_makes_no_sense_is_refused(body, word):
    answer = api_for("Agent").post("/api/v1/dial/", body)

    assert answer.status_code == 400
    assert word in str(answer.json())
    assert Interaction.objects.count() == 0


def test_phone_of_another_customer_is_not_dialled():
    make_customer(phones=[ANI])
    other = make_customer(first_name="Jürgen")

    answer = api_for("Agent").post(
        "/api/v1/dial/", {"customer": str(other.id), "phone": Phone.objects.get().pk}
    )

    assert answer.status_code == 400


def test_number_on_the_do_not_call_list_is_not_dialled():
    client = api_for("Agent")
    assert (
        client.post("/api/v1/do-not-call/", {"number": "030 123456", "reason": "asked us"}).status_code == 201
    )

    refused = client.post("/api/v1/dial/", {"phone": ANI})
    allowed = api_for("Admin").post("/api/v1/dial/", {"phone": ANI})

    assert refused.status_code == 403
    assert "asked us" in refused.json()["detail"]
    assert allowed.status_code == 202


def test_do_not_call_list_is_kept_by_who_may():
    client = api_for("Agent")
    entry = client.post("/api/v1/do-not-call/", {"number": ANI}).json()
    again = client.post("/api/v1/do-not-call/", {"number": "030123456"})

    assert (again.status_code, again.json()["id"]) == (200, entry["id"])
    assert [item["number"] for item in client.get("/api/v1/do-not-call/?q=123").json()["results"]] == [ANI]
    assert client.delete(f"/api/v1/do-not-call/{entry['id']}/").status_code == 403
    assert api_for("Admin").delete(f"/api/v1/do-not-call/{entry['id']}/").status_code == 204
    assert DoNotCall.objects.count() == 0
    assert client.post("/api/v1/do-not-call/", {"number": "tomorrow"}).status_code == 400


def test_masked_phone_is_dialled_by_its_id():
    Attribute.objects.filter(key="phones").update(pii=True)
    customer = make_customer(phones=[ANI])

    phones = api_for("Agent").get(f"/api/v1/customers/{customer.id}/phones/").json()["results"]

    assert ANI not in str(phones)
    answer = api_for("Agent").post("/api/v1/dial/", {"customer": str(customer.id), "phone": phones[0]["id"]})
    assert answer.status_code == 202


def test_dialler_of_the_user_comes_before_the_installations():
    AgentProfile.objects.create(user=make_user("Agent"), dialler="finesse")

    answer = api_for("Agent").post("/api/v1/dial/", {"phone": ANI})

    assert answer.json()["action"] == {"dialler": "finesse", "number": ANI}


# Wrap-up reasons


def test_reasons_are_kept_by_admins_per_queue():
    admin = api_for("Admin")
    for queue, code in (("", "general"), ("Billing", "refund"), ("Renewals", "renewed")):
        assert admin.post("/api/v1/wrap-up-reasons/", {"queue": queue, "code": code}).status_code == 201

    offered = api_for("Agent").get("/api/v1/wrap-up-reasons/?queue=Billing").json()

    assert [reason["code"] for reason in offered] == ["refund", "general"]
    assert admin.post("/api/v1/wrap-up-reasons/", {"code": "General"}).status_code == 409
    assert (
        admin.patch(f"/api/v1/wrap-up-reasons/{offered[0]['id']}/", {"label": "Refunded"}).json()["label"]
        == "Refunded"
    )
    assert admin.delete(f"/api/v1/wrap-up-reasons/{offered[0]['id']}/").status_code == 204
    assert api_for("Agent").post("/api/v1/wrap-up-reasons/", {"code": "x"}).status_code == 403
