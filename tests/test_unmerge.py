"""Attacks on the promise that a merge can be taken back exactly, in any order (C49, C10b)."""

import itertools
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from cim.access import audit
from customers import erasing, integrity, labelling, merging, profiles
from customers.models import Customer, CustomerLabel, Identifier, Label, Merge, Phone
from customers.retention import expire_contacts
from customers.schema import Schema
from interactions import linking
from interactions.models import Interaction
from interactions.recording import record
from journeys.models import Element
from tests.customers.test_merging import ACTOR, add_attribute, edit, make, merge, owners, shown, undo
from tests.factories import make_user
from tests.interactions.calls import now_event
from tests.journeys.making import make_context

pytestmark = pytest.mark.django_db

NUMBERS = [f"+493010000{number}" for number in range(1, 5)]


@pytest.fixture(autouse=True)
def _nothing_contradicts_itself() -> Any:
    yield
    assert list(integrity.problems()) == []


@pytest.fixture
def people() -> list[Customer]:
    names = ("Ada", "Grace", "Edith", "Mary")
    return [
        make(first_name=name, phones=[number], emails=[f"{name.lower()}@example.org"])
        for name, number in zip(names, NUMBERS, strict=True)
    ]


def call(name: str, number: str) -> Interaction:
    record([now_event("queued", call=name, channel="voice", address=number)], timezone.now())
    return Interaction.objects.get(external_id=name)


def whose() -> dict[str, UUID | None]:
    return dict(Interaction.objects.values_list("external_id", "customer_id"))


def carried(customer: Customer) -> set[str]:
    return set(CustomerLabel.objects.filter(customer=customer).values_list("label__name", flat=True))


def identifiers(customer: Customer) -> list[tuple[str, str]]:
    return sorted(Identifier.objects.filter(customer=customer).values_list("type", "value"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_calls_of_every_moment_end_with_whose_number_they_came_from(
    people: list[Customer], order: tuple[int, ...]
) -> None:
    ada, grace, edith, mary = people
    merges = []
    for number, (into, part) in enumerate([(ada, grace), (edith, ada), (mary, edith)]):
        for place in range(4):
            call(f"{number} {place}", NUMBERS[place])
        merges.append(merge(into, part))
    for place in range(4):
        call(f"3 {place}", NUMBERS[place])

    for place in order:
        undo(merges[place])

    assert whose() == {f"{turn} {place}": people[place].id for turn in range(4) for place in range(4)}
    assert owners() == {number: person.id for number, person in zip(NUMBERS, people, strict=True)}
    elements = dict(Element.objects.values_list("interaction__external_id", "customer_id"))
    assert elements == whose()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_contexts_of_a_journey_go_back_from_wherever_they_lie(
    people: list[Customer], order: tuple[int, ...]
) -> None:
    ada, grace, edith, _mary = people
    made = [merge(ada, grace)]
    context = make_context(at=timezone.now(), data={"channel": "Voice", "phone": NUMBERS[1]})
    made.append(merge(edith, ada))
    assert Element.objects.get(context=context).customer_id == ada.id

    for place in order:
        undo(made[place])

    assert Element.objects.get(context=context).customer_id == grace.id


def test_what_was_linked_by_hand_since_stays_with_the_survivor(people: list[Customer]) -> None:
    ada, grace, *_others = people
    before = call("before", NUMBERS[1])
    user = make_user("Supervisor")
    made = merge(ada, grace)
    since = call("since", NUMBERS[1])
    linking.unlink(since.id, user, ACTOR, timezone.now())
    linking.link(since.id, ada.id, user, ACTOR, timezone.now())

    undo(made)

    assert whose() == {"before": grace.id, "since": ada.id}
    assert before.customer_id == grace.id


def test_what_was_taken_off_stays_off(people: list[Customer]) -> None:
    ada, grace, *_others = people
    made = merge(ada, grace)
    since = call("since", NUMBERS[1])
    linking.unlink(since.id, make_user("Supervisor"), ACTOR, timezone.now())

    undo(made)

    assert whose() == {"since": None}


def test_labels_put_on_and_taken_off_since_stay_so(people: list[Customer]) -> None:
    ada, grace, *_others = people
    labels = {
        name: Label.objects.create(name=name) for name in ("of both", "of Grace", "later", "gone", "dropped")
    }
    for person, names in ((ada, ["of both", "gone"]), (grace, ["of both", "of Grace", "dropped"])):
        labelling.relabel(person, ACTOR, add=[labels[name] for name in names])
    made = merge(ada, grace)
    assert carried(ada) == {"of both", "of Grace", "gone", "dropped"}
    labelling.relabel(ada, ACTOR, add=[labels["later"]], remove=[labels["gone"], labels["dropped"]])
    labelling.delete_label(labels["of Grace"], ACTOR)

    undo(made)

    assert carried(ada) == {"of both", "later"}
    assert carried(grace) == {"of both", "dropped"}


def test_identifiers_learned_since_stay_with_the_survivor_and_keep_their_age(people: list[Customer]) -> None:
    ada, grace, *_others = people
    now = timezone.now()
    labelling.identify(grace, "whatsapp", NUMBERS[1], ACTOR, now)
    labelling.identify(ada, "line", "ada", ACTOR, now)
    made = merge(ada, grace)
    labelling.identify(ada, "x", "countess", ACTOR, timezone.now())
    assert identifiers(ada) == [("line", "ada"), ("whatsapp", NUMBERS[1]), ("x", "countess")]

    undo(made)

    assert identifiers(ada) == [("line", "ada"), ("x", "countess")]
    assert identifiers(grace) == [("whatsapp", NUMBERS[1])]
    assert Identifier.objects.get(customer=grace).created_at == now


def test_the_ids_of_a_crm_mean_their_own_again(people: list[Customer]) -> None:
    ada, grace, *_others = people
    edit(ada, crm_id="K-1")
    edit(grace, crm_id="K-2", account_id="A-2")
    made = merge(ada, grace)
    assert shown(ada)["crm_id"] == "K-2"
    edit(ada, account_id="A-3")

    undo(made)

    assert (shown(ada)["crm_id"], shown(ada)["account_id"]) == ("K-1", "A-3")
    assert (shown(grace)["crm_id"], shown(grace)["account_id"]) == ("K-2", "A-2")


def test_a_survivor_overwritten_since_keeps_its_new_name_and_no_number_of_the_part(
    people: list[Customer],
) -> None:
    ada, grace, *_others = people
    made = merge(ada, grace)
    schema = Schema.current()
    given = schema.read_json({"first_name": "Augusta", "phones": [NUMBERS[1]]})
    assert profiles.create(given, ACTOR, schema=schema).customer.id == ada.id

    undo(made)

    assert shown(ada) == {"first_name": "Augusta"}
    assert shown(grace) == {
        "first_name": "Grace",
        "phones": [NUMBERS[1]],
        "emails": ["grace@example.org"],
    }
    assert owners()[NUMBERS[1]] == grace.id
    assert NUMBERS[0] not in owners()


def test_a_version_restored_since_is_an_edit(people: list[Customer]) -> None:
    ada, grace, *_others = people
    edit(ada, address="Old street")
    made = merge(ada, grace)
    edit(ada, address="New street")
    schema = Schema.current()
    profiles.restore(ada.id, 2, ACTOR, schema=schema)

    undo(made)

    assert shown(ada)["address"] == "Old street"
    assert owners()[NUMBERS[1]] == grace.id


def test_merged_again_after_undoing_is_undone_again(people: list[Customer]) -> None:
    ada, grace, *_others = people
    before = (shown(ada), shown(grace), list(Phone.objects.order_by("id").values()))
    for _turn in range(3):
        undo(merge(ada, grace))
        undo(merge(grace, ada))

    assert (shown(ada), shown(grace), list(Phone.objects.order_by("id").values())) == before


def test_an_attribute_that_came_after_the_merge_is_the_survivors(people: list[Customer]) -> None:
    ada, grace, *_others = people
    made = merge(ada, grace)
    key = add_attribute("Tariff")
    edit(ada, **{key: "Green"})

    undo(made)

    assert shown(ada)[key] == "Green"
    assert key not in shown(grace)


def test_a_visitor_merged_into_a_contact_is_not_forgotten_with_it(people: list[Customer]) -> None:
    ada, *_others = people
    record([now_event("queued", call="visit", channel="chat", address="cookie-1")], timezone.now())
    visitor = Interaction.objects.get().customer
    assert visitor is not None
    made = merge(ada, visitor)
    assert expire_contacts(timezone.now() + timezone.timedelta(days=90)) == 0

    undo(made)

    visitor.refresh_from_db()
    assert (visitor.stage, whose()) == ("ephemeral", {"visit": visitor.id})


def test_a_merge_of_an_erased_person_cannot_be_undone(people: list[Customer]) -> None:
    ada, grace, *_others = people
    made = merge(ada, grace)
    erasing.erase(ada.id, ACTOR, schema=Schema.current(), now=timezone.now())

    with pytest.raises(Merge.DoesNotExist):
        merging.undo(made.id, audit.system_actor("api"), schema=Schema.current())
    assert not set(owners().values()) & {ada.id, grace.id}
