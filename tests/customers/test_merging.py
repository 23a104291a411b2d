"""Several customers become one, and several again (C49, C10b)."""

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from cim.access import audit
from customers import archiving, integrity, labelling, merging, profiles
from customers import schema as schemas
from customers.merging import AlreadyUndone, NotMergeable, Picked
from customers.models import Customer, CustomerLabel, Identifier, Label, Merge, Never, Phone, Stage
from customers.profiles import NumberTaken
from customers.resolving import resolve
from customers.schema import Definition, Schema
from customers.signals import customers_merged, customers_unmerged
from tests.identity_model import without_empty

ACTOR = audit.system_actor("api")

pytestmark = pytest.mark.django_db


def add_attribute(label: str, kind: str = "text", **more: Any) -> str:
    fields = {"label": label, "type": kind, **more}
    return schemas.add(Definition(**fields, given=frozenset(fields)), ACTOR).key


def make(**raw: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json(raw), ACTOR, schema=schema).customer


def edit(customer: Customer, **raw: Any) -> None:
    schema = Schema.current()
    profiles.edit(customer.id, schema.read_json(raw), ACTOR, schema=schema)


def merge(into: Customer, *parts: Customer, values: Any = None, **picked: Any) -> Merge:
    schema = Schema.current()
    wanted = Picked(given=schema.read_json(values or {}), **picked)
    return merging.merge(into.id, [part.id for part in parts], ACTOR, schema=schema, picked=wanted).merge


def undo(made: Merge) -> merging.Unmerged:
    return merging.undo(made.id, ACTOR, schema=Schema.current())


def shown(customer: Customer) -> dict[str, Any]:
    schema = Schema.current()
    return without_empty(profiles.profile_of(Customer.objects.get(pk=customer.pk), schema))


def owners() -> dict[str, UUID]:
    return dict(Phone.objects.current().values_list("number", "customer_id"))


@pytest.fixture(autouse=True)
def _nothing_contradicts_itself() -> Any:
    yield
    assert list(integrity.problems()) == []


@pytest.fixture
def ada() -> Customer:
    return make(first_name="Ada", address="Old street", phones=["+4930100001"], emails=["ada@example.org"])


@pytest.fixture
def grace() -> Customer:
    return make(first_name="Grace", postal_code="10115", phones=["+4930100002"], emails=["grace@example.org"])


@pytest.fixture
def edith() -> Customer:
    return make(first_name="Edith", address="New street", phones=["+4930100003"])


def test_parts_count_for_the_survivor(ada: Customer, grace: Customer) -> None:
    merge(ada, grace)

    assert shown(ada) == {
        "first_name": "Grace",
        "address": "Old street",
        "postal_code": "10115",
        "phones": ["+4930100001", "+4930100002"],
        "emails": ["ada@example.org", "grace@example.org"],
    }
    assert owners() == {"+4930100001": ada.id, "+4930100002": ada.id}
    assert Customer.objects.get(id=grace.id).merged_into_id == ada.id
    assert resolve([("phone", "+4930100002")]).match == ada.id
    assert resolve([("email", "grace@example.org")]).match == ada.id


def test_the_most_recently_changed_value_is_taken_unless_another_is_picked(
    ada: Customer, grace: Customer, edith: Customer
) -> None:
    edit(ada, language="de")
    edit(grace, language="en")

    merge(
        ada, grace, edith, values={"postal_code": "20095"}, choices={"first_name": ada.id, "language": ada.id}
    )

    found = shown(ada)
    assert (found["first_name"], found["address"], found["language"], found["postal_code"]) == (
        "Ada",
        "New street",
        "de",
        "20095",
    )


def test_undoing_gives_everything_back(ada: Customer, grace: Customer) -> None:
    before = (shown(ada), shown(grace), list(Phone.objects.order_by("id").values()))

    unmerged = undo(merge(ada, grace))

    assert (shown(ada), shown(grace), list(Phone.objects.order_by("id").values())) == before
    assert owners() == {"+4930100001": ada.id, "+4930100002": grace.id}
    assert ([one.id for one in unmerged.separated], unmerged.not_returned) == ([grace.id], [])


def test_labels_and_identifiers_count_for_the_survivor_and_go_back(ada: Customer, grace: Customer) -> None:
    vip, late = Label.objects.create(name="VIP"), Label.objects.create(name="Late")
    labelling.relabel(ada, ACTOR, add=[vip])
    labelling.relabel(grace, ACTOR, add=[vip, late])
    Identifier.objects.create(customer=grace, type="line", value="gr ace", created_at=grace.created_at)

    made = merge(ada, grace)

    assert labelling.carried_by(ada) == [late, vip]
    assert Identifier.objects.filter(customer=ada).values_list("type", "value").get() == ("line", "gr ace")
    assert resolve([("line", "gr ace")]).match == ada.id
    undo(made)
    assert labelling.carried_by(ada) == [vip]
    assert labelling.carried_by(grace) == [late, vip]
    assert not Identifier.objects.filter(customer=ada).exists()
    assert resolve([("line", "gr ace")]).match == grace.id


def test_what_is_edited_after_the_merge_stays_after_undoing(ada: Customer, grace: Customer) -> None:
    made = merge(ada, grace)
    edit(ada, first_name="Augusta", postal_code=None, phones=["+4930100002", "+4930100009"])

    unmerged = undo(made)

    assert shown(ada) == {
        "first_name": "Augusta",
        "address": "Old street",
        "phones": ["+4930100009"],
        "emails": ["ada@example.org"],
    }
    assert shown(grace)["phones"] == ["+4930100002"]
    assert unmerged.not_returned == []


def test_a_value_edited_away_and_back_is_an_edit(ada: Customer, grace: Customer) -> None:
    made = merge(ada, grace)
    edit(ada, first_name="Augusta", phones=["+4930100001"])
    edit(ada, first_name="Grace", phones=["+4930100001", "+4930100002"])

    unmerged = undo(made)

    assert (shown(ada)["first_name"], shown(ada)["phones"]) == ("Grace", ["+4930100001", "+4930100002"])
    assert "phones" not in shown(grace)
    assert unmerged.not_returned == [{"number": "+4930100002", "owner": str(ada.id)}]


def test_a_number_taken_since_is_answered_and_stays(ada: Customer, grace: Customer) -> None:
    made = merge(ada, grace)
    edit(ada, phones=["+4930100001"])
    edith = make(first_name="Edith", phones=["+4930100002"])

    unmerged = undo(made)

    assert unmerged.not_returned == [{"number": "+4930100002", "owner": str(edith.id)}]
    assert shown(grace) == {"first_name": "Grace", "postal_code": "10115", "emails": ["grace@example.org"]}
    assert owners()["+4930100002"] == edith.id


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_chains_of_merges_are_undone_in_any_order(
    ada: Customer, grace: Customer, edith: Customer, order: tuple[int, ...]
) -> None:
    mary = make(first_name="Mary", phones=["+4930100004"])
    people = [ada, grace, edith, mary]
    before = [shown(one) for one in people]
    made = [merge(grace, mary), merge(ada, grace), merge(ada, edith)]

    for place in order:
        undo(made[place])

    assert [shown(one) for one in people] == before
    assert owners() == {f"+493010000{place}": one.id for place, one in enumerate(people, 1)}


def test_a_part_of_a_part_takes_its_values_along(ada: Customer, grace: Customer) -> None:
    mary = make(first_name="Mary", language="fr", phones=["+4930100004"])
    inner = merge(grace, mary)
    merge(ada, grace)
    assert (shown(ada)["language"], shown(ada)["first_name"]) == ("fr", "Mary")

    unmerged = undo(inner)

    assert unmerged.survivor.id == ada.id
    assert shown(ada) == {
        "first_name": "Grace",
        "address": "Old street",
        "postal_code": "10115",
        "phones": ["+4930100001", "+4930100002"],
        "emails": ["ada@example.org", "grace@example.org"],
    }
    assert shown(mary) == {"first_name": "Mary", "language": "fr", "phones": ["+4930100004"]}


def test_a_number_that_its_field_loses_is_kept_among_the_phones() -> None:
    add_attribute("Mobile", "phone")
    ada = make(first_name="Ada", mobile="+4915111111111")
    grace = make(first_name="Grace", mobile="+4915122222222")

    made = merge(ada, grace, choices={"mobile": grace.id})

    assert (shown(ada)["mobile"], shown(ada)["phones"]) == ("+4915122222222", ["+4915111111111"])
    undo(made)
    assert shown(ada) == {"first_name": "Ada", "mobile": "+4915111111111"}
    assert owners() == {"+4915111111111": ada.id, "+4915122222222": grace.id}


def test_phones_given_to_a_merge_are_all_there_are(ada: Customer, grace: Customer) -> None:
    made = merge(ada, grace, values={"phones": ["+4930100002", "+4930100007"]})

    assert shown(ada)["phones"] == ["+4930100002", "+4930100007"]
    assert owners() == {"+4930100002": ada.id, "+4930100007": ada.id}
    undo(made)
    assert owners() == {"+4930100001": ada.id, "+4930100002": grace.id}


def test_a_number_of_a_third_customer_is_refused(ada: Customer, grace: Customer, edith: Customer) -> None:
    with pytest.raises(NumberTaken) as refusal:
        merge(ada, grace, values={"phones": ["+4930100003"]})

    assert refusal.value.customers == [edith.id]
    assert not Merge.objects.exists()


def test_the_best_known_stage_counts(ada: Customer) -> None:
    Customer.objects.filter(id=ada.id).update(stage=Stage.IDENTIFIED)
    curated = make(first_name="Grace")

    made = merge(ada, curated)

    assert Customer.objects.get(id=ada.id).stage == Stage.CURATED
    undo(made)
    assert Customer.objects.get(id=ada.id).stage == Stage.IDENTIFIED


def test_who_cannot_be_merged(ada: Customer, grace: Customer, edith: Customer) -> None:
    profiles.delete(edith.id, ACTOR)
    with pytest.raises(Customer.DoesNotExist):
        merge(ada, edith)
    with pytest.raises(NotMergeable):
        merge(ada, ada)
    with pytest.raises(NotMergeable):
        merge(ada)
    made = merge(ada, grace)
    with pytest.raises(Customer.DoesNotExist):
        merge(ada, grace)
    undo(made)
    with pytest.raises(AlreadyUndone):
        undo(made)


def test_never_this_person_is_respected_also_of_those_merged_before(
    ada: Customer, grace: Customer, edith: Customer
) -> None:
    low, high = sorted([grace.id, edith.id])
    Never.objects.create(customer_id=low, other_id=high, created_at=ada.created_at)
    merge(ada, grace)

    with pytest.raises(NotMergeable, match="different people") as refusal:
        merge(edith, ada)

    assert refusal.value.customers == sorted([ada.id, edith.id])


def test_undoing_after_the_survivor_was_deleted(ada: Customer, grace: Customer) -> None:
    made = merge(ada, grace)
    profiles.delete(ada.id, ACTOR)

    undo(made)

    assert owners() == {"+4930100002": grace.id}
    restored = profiles.undelete(ada.id, ACTOR, schema=Schema.current())
    assert restored.not_returned == []
    assert shown(ada)["phones"] == ["+4930100001"]


def test_undoing_keeps_the_values_of_attributes_archived_since(ada: Customer, grace: Customer) -> None:
    key = add_attribute("Tariff")
    edit(ada, tariff="basic")
    edit(grace, tariff="gold")
    made = merge(ada, grace)
    attribute = schemas.Attribute.objects.get(key=key)
    schemas.archive(attribute, ACTOR)

    undo(made)

    schemas.restore(attribute, ACTOR)
    archiving.tidy(attribute.pk, timezone.now())
    assert (shown(ada)["tariff"], shown(grace)["tariff"]) == ("basic", "gold")


def test_others_are_told_inside_the_transaction(ada: Customer, grace: Customer) -> None:
    told: list[tuple[Any, ...]] = []

    def listen(sender: Any, signal: Any, **news: Any) -> None:
        told.append((signal, news["merge"].id, news["survivor"], news.get("merged") or news.get("separated")))

    customers_merged.connect(listen)
    customers_unmerged.connect(listen)
    try:
        made = merge(ada, grace)
        undo(made)
    finally:
        customers_merged.disconnect(listen)
        customers_unmerged.disconnect(listen)

    assert told == [
        (customers_merged, made.id, ada.id, [grace.id]),
        (customers_unmerged, made.id, ada.id, [grace.id]),
    ]


def test_removed_label_stays_removed(ada: Customer, grace: Customer) -> None:
    vip = Label.objects.create(name="VIP")
    labelling.relabel(grace, ACTOR, add=[vip])
    made = merge(ada, grace)
    labelling.relabel(ada, ACTOR, remove=[vip])

    undo(made)

    assert CustomerLabel.objects.values_list("customer_id", flat=True).get() == grace.id
