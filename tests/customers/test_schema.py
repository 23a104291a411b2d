"""The attribute schema: seats, keys, what is refused, what is kept (C1–C8)."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from cim.access.audit import system_actor
from cim.access.models import AuditEntry
from customers import archiving, profiles
from customers import schema as schemas
from customers.history import versions_of
from customers.models import SEATS, Attribute, Customer, ImportMapping, Phone, SavedView
from customers.schema import Definition, InUse, InvalidAttribute, Schema, SchemaFull
from tests.factories import make_user

ACTOR = system_actor("api")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def add(label: str = "Tariff", type: str = "text", **more: Any) -> Attribute:
    fields = {"label": label, "type": type, **more}
    return schemas.add(Definition(**fields, given=frozenset(fields)), ACTOR)


def change(attribute: Attribute, **fields: Any) -> Attribute:
    return schemas.change(attribute, Definition(**fields, given=frozenset(fields)), ACTOR)


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Contract end", "contract_end"),
        ("Größe (cm)", "grosse_cm"),
        ("Page", "page_2"),
        ("First name 2", "first_name_2"),
        ("a__b", "a_b"),
        ("2nd tariff", "attribute_2nd_tariff"),
        ("x" * 60, "x" * 40),
    ],
)
def test_key_is_made_from_the_label(label: str, key: str) -> None:
    assert add(label).key == key


def test_label_without_latin_letters_gets_a_numbered_key() -> None:
    assert add("تعرفة").key.startswith("attribute_")


def test_the_51st_active_attribute_is_refused_until_one_is_archived() -> None:
    made = [add(f"Attribute no {number}") for number in range(SEATS)]

    with pytest.raises(SchemaFull, match="50"):
        add("One too many")

    schemas.archive(made[0], ACTOR)
    assert add("One too many").key == "one_too_many"
    with pytest.raises(SchemaFull):
        schemas.restore(made[0], ACTOR)


@pytest.mark.django_db(transaction=True)
def test_two_admins_racing_for_the_last_seat_get_one_refusal() -> None:
    for number in range(SEATS - 1):
        add(f"Attribute no {number}")
    results: list[str] = []
    barrier = threading.Barrier(2)

    def run(label: str) -> None:
        barrier.wait()
        try:
            add(label)
            results.append("added")
        except SchemaFull:
            results.append("full")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(label,)) for label in ("The 50th", "The 51st")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["added", "full"]
    assert Attribute.objects.active().custom().count() == SEATS


def test_archived_values_come_back_with_the_attribute() -> None:
    tariff = add()
    schema = Schema.current()
    customer = profiles.create(
        schema.read_json({"first_name": "Ada", "tariff": "Green"}), ACTOR, schema=schema
    ).customer

    schemas.archive(tariff, ACTOR)
    assert "tariff" not in Schema.current().by_key
    schemas.restore(tariff, ACTOR)

    assert Customer.objects.get(pk=customer.pk).value_of(Attribute.objects.get(key="tariff")) == "Green"


def test_deleting_for_good_needs_the_right_number() -> None:
    tariff = add()
    schema = Schema.current()
    profiles.create(schema.read_json({"first_name": "Ada", "tariff": "Green"}), ACTOR, schema=schema)

    with pytest.raises(InUse, match="1 customer"):
        schemas.delete_for_good(tariff, 0, ACTOR)
    schemas.delete_for_good(tariff, 1, ACTOR)

    assert not Attribute.objects.filter(key="tariff").exists()
    assert not Customer.objects.exclude(text_1=None).exists()


@pytest.mark.parametrize(
    ("fields", "where", "says"),
    [
        ({"label": ""}, "label", "Give a label"),
        ({"label": "FIRST NAME"}, "label", "FIRST NAME"),
        ({"type": "colour"}, "type", "colour"),
        ({"type": "choice"}, "options", "at least one"),
        ({"type": "choice", "options": ["a,b"]}, "options", "a,b"),
        ({"type": "choice", "options": ["a", "A"]}, "options", "only once"),
        ({"type": "choice", "options": [f"o{n}" for n in range(51)]}, "options", "51"),
        ({"type": "number", "max_length": 5}, "max_length", "Only a text"),
        ({"type": "number", "default": "x"}, "default", "“x”"),
        ({"type": "text", "max_length": 2, "default": "abc"}, "default", "“abc”"),
    ],
)
def test_a_bad_definition_names_its_field_and_value(fields: dict[str, Any], where: str, says: str) -> None:
    with pytest.raises(InvalidAttribute) as refusal:
        add(**{"label": "Tariff", **fields})

    assert says in " ".join(refusal.value.errors[where])
    assert not Attribute.objects.custom().exists()


def test_the_type_of_an_attribute_stays() -> None:
    with pytest.raises(InvalidAttribute, match="number"):
        change(add(), type="number")


def test_an_option_in_use_cannot_be_taken_away() -> None:
    choice = add("Tier", "choice", options=["gold", "silver"])
    schema = Schema.current()
    profiles.create(schema.read_json({"first_name": "Ada", "tier": "gold"}), ACTOR, schema=schema)

    with pytest.raises(InvalidAttribute, match="gold"):
        change(choice, options=["silver"])
    assert change(choice, options=["gold", "bronze"]).options == ["gold", "bronze"]


def test_a_default_is_applied_to_later_creates_and_required_binds() -> None:
    add("Tariff", default="basic")
    add("Contract", required=True)
    schema = Schema.current()

    with pytest.raises(schemas.InvalidProfile, match="Contract is required"):
        profiles.create(schema.read_json({"first_name": "Ada"}), ACTOR, schema=schema)
    customer = profiles.create(
        schema.read_json({"first_name": "Ada", "contract": "C1"}), ACTOR, schema=schema
    ).customer

    assert customer.value_of(schema.by_key["tariff"]) == "basic"
    with pytest.raises(schemas.InvalidProfile, match="Contract is required"):
        profiles.edit(customer.pk, schema.read_json({"contract": None}), ACTOR, schema=schema)


def test_every_change_of_the_schema_is_in_the_audit_trail() -> None:
    tariff = add()
    change(tariff, label="Price plan")
    schemas.reorder(["tariff"], ACTOR)
    schemas.archive(tariff, ACTOR)
    schemas.restore(tariff, ACTOR)

    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == [
        "attribute.create",
        "attribute.change",
        "attribute.reorder",
        "attribute.archive",
        "attribute.restore",
    ]
    changed = AuditEntry.objects.get(action="attribute.change")
    assert (changed.data["before"]["label"], changed.data["after"]["label"]) == ("Tariff", "Price plan")


def test_at_most_twelve_attributes_are_fast() -> None:
    for number in range(12):
        add(f"Fast {number}", fast=True)

    with pytest.raises(InvalidAttribute, match="12"):
        add("Fast too", fast=True)


def test_archived_values_leave_the_slot_and_come_back() -> None:
    mobile = add("Mobile", "phone")
    schema = Schema.current()
    ada = profiles.create(
        schema.read_json({"first_name": "Ada", "mobile": "+4930100001"}), ACTOR, schema=schema
    ).customer
    grace = profiles.create(
        schema.read_json({"first_name": "Grace", "mobile": "+4930100002"}), ACTOR, schema=schema
    ).customer

    schemas.archive(mobile, ACTOR)
    assert archiving.tidy(mobile.pk, NOON) == 2
    assert archiving.tidy(mobile.pk, NOON) == 0
    assert Attribute.objects.get(key="mobile").slot is None
    assert not Phone.objects.current().exists()

    taker = profiles.create(
        schemas.Schema.current().read_json({"phones": ["+4930100002"]}), ACTOR, schema=Schema.current()
    )
    assert taker.kind == "created"
    schemas.restore(mobile, ACTOR)
    archiving.tidy(mobile.pk, NOON)
    schema = Schema.current()
    mobile = schema.by_key["mobile"]
    assert Customer.objects.get(pk=ada.pk).value_of(mobile) == "+4930100001"
    assert Customer.objects.get(pk=grace.pk).value_of(mobile) is None
    assert dict(Phone.objects.current().values_list("number", "customer_id")) == {
        "+4930100001": ada.pk,
        "+4930100002": taker.customer.pk,
    }


def test_old_versions_are_read_as_the_attribute_they_were_written_for() -> None:
    tariff = add()
    schema = Schema.current()
    ada = profiles.create(
        schema.read_json({"first_name": "Ada", "tariff": "Green"}), ACTOR, schema=schema
    ).customer
    profiles.edit(ada.pk, schema.read_json({"tariff": "Blue"}), ACTOR, schema=schema)
    schemas.archive(tariff, ACTOR)
    archiving.tidy(tariff.pk, timezone.now())
    add("Segment")
    schema = Schema.current()

    changes = versions_of(Customer.objects.get(pk=ada.pk), schema)

    assert schema.by_key["segment"].slot == 1
    assert [dict(change.changes) for change in changes] == [{}, {"first_name": (None, "Ada")}]


def test_usage_counts_values_views_and_imports() -> None:
    add()
    add("Meter number")
    schema = Schema.current()
    profiles.create(
        schema.read_json({"first_name": "Ada", "emails": ["ada@example.org"], "tariff": "Green"}),
        ACTOR,
        schema=schema,
    )
    SavedView.objects.create(
        owner=make_user("Agent"),
        name="Green ones",
        query={"tariff__contains": ["green"]},
        columns=["first_name"],
    )
    ImportMapping.objects.create(headers="x", mapping={"T": "tariff", "X": None}, used_at=NOON)

    found = schemas.usage()

    assert (found["tariff"], found["meter_number"]) == (schemas.Usage(1, 1, 1), schemas.Usage(0, 0, 0))
    assert (found["emails"].filled, found["phones"].filled, found["first_name"].views) == (1, 0, 1)
