"""From the events of a contact to what stands in the CRM: told through the intake, sent by the worker's code."""

import itertools
import re
from typing import Any

import pytest

from crm_mappings import delivering, memorising
from crm_mappings.models import Awaited, Configuration, Delivery
from interactions import recording
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import (
    PHONE,
    Call,
    ended,
    make_configuration,
    make_customer,
    make_mapping,
    make_skill,
    make_workflow,
    now,
    wrapped,
)

pytestmark = pytest.mark.django_db

# What the agent has yet to say when the customer ends first, and what is known anyhow.
ROWS = {
    kind: [
        ("name", kind, "agent_name"),
        ("custom.statusStr", kind, "status"),
        ("custom.dispositionStr", kind, "disposition_name"),
        ("custom.notesTxt", kind, "disposition_notes"),
        ("custom.directionStr", kind, "direction"),
    ]
    for kind in ("voice", "digital")
}
KNOWN = {"name", "custom.directionStr"}
SAID = {"custom.statusStr", "custom.dispositionStr", "custom.notesTxt"}
UNASSIGNED, DISMISSED = "unassigned", "dismissed"
TRANSFERRED = ("transferred", {"agent": {"id": "bob", "name": "Bob Berg"}})
BY_BOB = {"agent": {"id": "bob", "name": "Bob Berg"}}


@pytest.fixture
def configuration(kustomer: Kustomer) -> Configuration:
    made = make_configuration()
    make_customer()
    return made


def send() -> None:
    for configuration in Configuration.objects.all():
        delivering.send_due(configuration.pk)


def made_so_far(call: Call) -> list[tuple[str, set[str]]]:
    rows = Delivery.objects.filter(interaction=call.row).order_by("place")
    return [(re.split("[:~]", row.moment)[0], set(row.fields)) for row in rows]


@pytest.mark.parametrize("after_call_work", [True, False])
@pytest.mark.parametrize(
    ("channel", "steps"),
    [
        # Each step with what it adds to what is written; None is a matter of after-call work.
        (
            "voice",
            [
                ("answered", []),
                (ended("agent"), None),
                (wrapped(), []),
                ("acw_ended", [("close", KNOWN | SAID)]),
            ],
        ),
        (
            "voice",
            [
                ("answered", []),
                (ended("customer"), [("end", KNOWN)]),
                (wrapped(), []),
                ("acw_ended", [("close", SAID)]),
            ],
        ),
        (
            "chat",
            [
                ("answered", []),
                (wrapped(), []),
                (UNASSIGNED, []),
                (DISMISSED, [("close", KNOWN | SAID)]),
                (ended("agent"), []),
            ],
        ),
        (
            "chat",
            [
                ("answered", []),
                (wrapped(), []),
                (TRANSFERRED, [("transfer", KNOWN | SAID)]),
                (("answered", BY_BOB), []),
                ((UNASSIGNED, BY_BOB), []),
                ((DISMISSED, BY_BOB), [("close", KNOWN | SAID)]),
            ],
        ),
        (
            "chat",
            [
                ("answered", []),
                (ended("customer"), [("end", KNOWN)]),
                (wrapped(), []),
                (UNASSIGNED, []),
                (DISMISSED, [("close", SAID)]),
            ],
        ),
        (
            "email",
            [("answered", []), (ended("system"), []), (UNASSIGNED, []), (DISMISSED, [("close", KNOWN)])],
        ),
    ],
)
def test_firing_table(
    configuration: Configuration, channel: str, steps: list[Any], after_call_work: bool
) -> None:
    make_skill(
        configuration,
        after_call_work=after_call_work,
        memorialisation_mapping=make_mapping(
            configuration, {"conversation": ROWS["voice"] + ROWS["digital"]}
        ).pk,
    )
    call = Call(channel)
    call.tell("offered")
    found: list[tuple[str, set[str]]] = []
    for event, added in steps:
        call.tell(event)
        if added is None:
            # Without after-call work the end of the call is the moment; what is said later is put right then.
            added = [] if after_call_work else [("close", KNOWN)]
        elif not after_call_work and channel == "voice" and ("close", KNOWN) in found:
            added = [("close", SAID)] if event == wrapped() else []
        found += added
        assert made_so_far(call) == found


def test_customer_first_is_dropped_where_the_skill_says_so(configuration: Configuration) -> None:
    mapping = make_mapping(configuration, {"conversation": ROWS["voice"]})
    make_skill(configuration, customer_first="drop", memorialisation_mapping=mapping.pk)

    call = Call().tell("offered", "answered", ended("customer"), wrapped(), "acw_ended")

    assert made_so_far(call) == [("end", KNOWN)]


def test_what_is_withheld_follows_into_the_same_record(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    make_mapping(configuration, {"conversation": ROWS["voice"]})
    call = Call().tell("offered", "answered", ended("customer"))
    send()
    (before,) = kustomer.attributes("conversation")

    call.tell(wrapped(), "acw_ended")
    send()

    (after,) = kustomer.attributes("conversation")
    assert (before["name"], set(before["custom"])) == ("Aylin Aksoy", {"directionStr"})
    assert after["custom"] == {
        "directionStr": "inbound",
        "statusStr": "solved",
        "dispositionStr": "Billing",
        "notesTxt": "Asked about March.",
    }


def test_any_order_of_events_writes_the_same(configuration: Configuration) -> None:
    make_mapping(configuration, {"conversation": ROWS["digital"]})
    events = ["answered", wrapped(), UNASSIGNED, DISMISSED]
    results = set()
    for order in itertools.permutations(range(4)):
        call = Call("chat")
        told = [
            call.event("offered"),
            *(call.event(it) if isinstance(it, str) else call.event(*it[:1], **it[1]) for it in events),
        ]
        for place in (0, *(place + 1 for place in order)):
            recording.record([told[place]], now())
        whole: dict[str, str] = {}
        for row in Delivery.objects.filter(interaction=call.row).order_by("place"):
            whole |= row.fields
        results.add(frozenset(whole.items()))

    assert len(results) == 1


def test_repeated_events_make_no_second_delivery(configuration: Configuration) -> None:
    make_mapping(configuration, {"conversation": ROWS["voice"]})
    call = Call()
    events = [call.event("offered"), call.event("answered"), call.event("ended"), call.event("acw_ended")]

    for _round in range(3):
        recording.record(events, now())

    assert Delivery.objects.count() == 1


def test_clock_closes_what_no_agent_closes(configuration: Configuration) -> None:
    make_mapping(configuration, {"conversation": ROWS["voice"]})
    call = Call().tell("offered", "answered", ended("agent"))
    assert made_so_far(call) == []

    memorising.close_by_clock(now())
    assert made_so_far(call) == []

    Awaited.objects.update(due_at=now())
    assert memorising.close_by_clock(now()) == [configuration.pk]
    assert [moment for moment, _fields in made_so_far(call)] == ["close"]
    assert not Awaited.objects.exists()


def test_call_that_nobody_answered_is_written_at_its_end(configuration: Configuration) -> None:
    make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})

    call = Call().tell("ivr_entered", ended("customer"))

    assert made_so_far(call) == [("close", {"name"})]


def test_script_variable_is_written_for_calls_of_a_skill_with_screen_pop(
    configuration: Configuration,
) -> None:
    make_mapping(configuration, {"conversation": [("custom.reasonStr", "script", "Reason")]})

    with_pop = Call(skill={"id": "1", "screen_pop": True}, data={"REASON": "Bill"}).tell(
        "offered", "answered", ended(), "acw_ended"
    )
    without = Call(skill={"id": "2", "screen_pop": False}, data={"reason": "Bill"}).tell(
        "offered", "answered", ended(), "acw_ended"
    )
    chat = Call("chat", data={"reason": "Bill"}).tell("offered", "answered", UNASSIGNED, DISMISSED)

    assert [made_so_far(it) for it in (with_pop, without, chat)] == [
        [("close", {"custom.reasonStr"})],
        [],
        [],
    ]
    assert Delivery.objects.get().fields == {"custom.reasonStr": "Bill"}


def test_skill_chooses_the_mapping(configuration: Configuration) -> None:
    billing = make_mapping(configuration, {"conversation": [("name", "voice", "skill_name")]})
    others = make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    make_skill(configuration, skill="Billing", memorialisation_mapping=billing.pk)
    make_skill(configuration, memorialisation_mapping=others.pk)
    make_skill(configuration, skill="quiet")

    for skill in ({"id": "7", "name": "billing"}, {"id": "8"}, {"id": "quiet"}):
        Call(skill=skill).tell("offered", "answered", ended(), "acw_ended")

    assert list(Delivery.objects.order_by("created_at", "id").values_list("mapping", "entity_type")) == [
        (billing.pk, "conversation"),
        (others.pk, "note"),
    ]


def test_configuration_that_is_switched_off_causes_nothing(configuration: Configuration) -> None:
    make_mapping(configuration, {"conversation": ROWS["voice"]})
    Configuration.objects.update(is_enabled=False)

    Call().tell("offered", "answered", ended(), "acw_ended")

    assert not Delivery.objects.exists()


def test_every_entity_is_written_in_order(configuration: Configuration, kustomer: Kustomer) -> None:
    make_mapping(
        configuration,
        {
            "customer": [("custom.lastCallStr", "voice", "interaction_id")],
            "conversation": [("name", "voice", "skill_name"), ("externalId", "voice", "interaction_id")],
            "message": [("preview", "voice", "disposition_notes"), ("direction", "voice", "direction")],
            "note": [("body", "voice", "disposition_notes")],
            "cim-call": [("title", "voice", "ani"), ("custom.tagsStr", "voice", "tags")],
        },
    )
    call = Call(skill={"id": "7", "name": "German billing"}).tell(
        "offered", "answered", ended("agent"), wrapped(), "acw_ended"
    )

    send()

    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    (customer,) = kustomer.records("customer")
    (conversation,) = kustomer.records("conversation")
    (message,), (note,), (record,) = (kustomer.attributes(kind) for kind in ("message", "note", "klass"))
    assert customer["attributes"]["name"] == "Ana Ruiz"
    assert customer["attributes"]["custom"] == {"lastCallStr": call.name}
    assert conversation["attributes"]["externalId"] == call.name
    assert conversation["attributes"]["name"] == "German billing"
    assert conversation["relationships"]["customer"]["data"]["id"] == customer["id"]
    assert (message["preview"], message["direction"]) == ("Asked about March.", "in")
    assert note["body"] == "Asked about March."
    assert (record["title"], record["custom"]["tagsStr"]) == (PHONE, "vip, bill")
    sent = Delivery.objects.order_by("place").values_list("record_url", flat=True)
    assert sent[1].endswith(f"/customers/{customer['id']}/event/{conversation['id']}")


def test_long_text_is_cut_with_a_mark_and_a_link(
    configuration: Configuration, kustomer: Kustomer, settings: Any
) -> None:
    settings.CIM_PUBLIC_ADDRESS = "https://cim.example"
    make_mapping(configuration, {"conversation": [("custom.textStr", "digital", "transcription_text")]})
    call = Call("chat").tell("offered", "answered")
    call.tell(*[("message", {"data": {"text": f"{number} " + "word " * 40}}) for number in range(10)])
    call.tell(UNASSIGNED, DISMISSED)

    send()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.cut) == ("delivered", "", ["custom.textStr"])
    (written,) = kustomer.attributes("conversation")
    text = written["custom"]["textStr"]
    assert len(text) == 1024
    assert text.endswith(f"cut, whole text: https://cim.example/crm/sent/{delivery.pk}/")
    assert len(delivery.fields["custom.textStr"]) > 2000


def test_times_are_those_of_the_system_user(configuration: Configuration) -> None:
    Configuration.objects.update(time_zone="Asia/Tokyo")
    make_mapping(configuration, {"conversation": [("custom.endedAt", "voice", "end_time")]})

    Call().tell("offered", "answered", ended(), "acw_ended")

    assert Delivery.objects.get().fields["custom.endedAt"].endswith("+09:00")


def test_customer_of_the_crm_is_found_rather_than_made(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    known = kustomer.add(name="Ana R.", phones=[{"type": "mobile", "phone": PHONE}])
    make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})

    Call().tell("offered", "answered", ended(), "acw_ended")
    send()

    assert [it["id"] for it in kustomer.records("customer")] == [known["id"]]


@pytest.mark.parametrize(
    ("rules", "state", "words", "customers"),
    [
        ({"on_none": "nothing"}, "skipped", "creates none", 0),
        ({"on_none": "create"}, "delivered", "", 1),
        (
            {"on_none": "create", "create_with": [{"crm_field": "name", "text": "From CIM"}]},
            "delivered",
            "",
            1,
        ),
    ],
)
def test_workflow_decides_about_nobody(
    configuration: Configuration, kustomer: Kustomer, rules: Any, state: str, words: str, customers: int
) -> None:
    mapping = make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    workflow = make_workflow(configuration, **rules)
    make_skill(configuration, memorialisation_mapping=mapping.pk, search_workflow=workflow.pk)

    Call().tell("offered", "answered", ended(), "acw_ended")
    send()

    delivery = Delivery.objects.get()
    assert (delivery.state, words in delivery.reason) == (state, True)
    assert len(kustomer.records("customer")) == customers
    if "create_with" in rules:
        assert kustomer.attributes("customer")[0]["name"] == "From CIM"


@pytest.mark.parametrize(("on_several", "state"), [("ask", "failed"), ("first", "delivered")])
def test_workflow_decides_about_several(
    configuration: Configuration, kustomer: Kustomer, on_several: str, state: str
) -> None:
    for name in ("Ana", "Luis"):
        kustomer.add(name=name, sharedPhones=[{"type": "home", "phone": PHONE}])
    mapping = make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    workflow = make_workflow(configuration, on_several=on_several)
    make_skill(configuration, memorialisation_mapping=mapping.pk, search_workflow=workflow.pk)

    Call().tell("offered", "answered", ended(), "acw_ended")
    send()

    assert Delivery.objects.get().state == state


def test_caller_without_a_customer_is_written_too(kustomer: Kustomer) -> None:
    configuration = make_configuration()
    make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})

    Call(address="+4930999888", customer_name="Mia Maier").tell("offered", "answered", ended(), "acw_ended")
    send()

    (customer,) = kustomer.attributes("customer")
    assert customer["name"] == "Mia Maier"
    assert customer["phones"][0]["phone"] == "+4930999888"
