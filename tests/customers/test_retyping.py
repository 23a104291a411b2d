"""The change of an attribute's type, and the filling in of its default (C2, C7): nothing is ever lost."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cim.access.audit import system_actor
from cim.access.models import AuditEntry
from customers import integrity, profiles, retyping, values
from customers import schema as schemas
from customers.history import profile_at, versions_of
from customers.importing import leasing
from customers.models import Attribute, AttributeJob, Customer, ImportRun, Phone, SlotLease
from customers.phones import Dialplan
from customers.schema import Converting, Definition, InvalidAttribute, InvalidProfile, Schema, SchemaMoved
from customers.values import BadValue, Kind, Reading, Rules
from tests.factories import api_for

ACTOR = system_actor("page")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
State = AttributeJob.State

pytestmark = pytest.mark.django_db


def add(label: str = "Tariff", type: str = "text", **more: Any) -> Attribute:
    fields = {"label": label, "type": type, **more}
    return schemas.add(Definition(**fields, given=frozenset(fields)), ACTOR)


def customer(**given: Any) -> Customer:
    schema = Schema.current()
    return profiles.create(schema.read_json({"first_name": "Ada", **given}), ACTOR, schema=schema).customer


def edit(one: Customer, schema: Schema | None = None, **given: Any) -> None:
    schema = schema or Schema.current()
    profiles.edit(one.pk, schema.read_json(given), ACTOR, schema=schema)


def ask(attribute: Attribute, type: str, *, dry_run: bool = False, **more: Any) -> AttributeJob:
    fields = {"type": type, **more}
    wanted = Definition(**fields, given=frozenset(fields))
    return retyping.ask(attribute, wanted, ACTOR, dry_run=dry_run, now=NOON)


def convert(attribute: Attribute, type: str, **more: Any) -> AttributeJob:
    job = ask(attribute, type, **more)
    retyping.work()
    job.refresh_from_db()
    return job


def value(one: Customer, key: str = "tariff") -> Any:
    return Customer.objects.get(pk=one.pk).value_of(Attribute.objects.get(key=key))


def begun(attribute: Attribute, type: str, **more: Any) -> AttributeJob:
    """A conversion that has begun and has not looked at a value yet."""
    job = ask(attribute, type, **more)
    while job.state != State.CONVERTING:
        retyping._step(job)
        job.refresh_from_db()
    return job


def test_values_are_there_in_the_new_type() -> None:
    tariff = add()
    ada, bert, nobody = customer(tariff="12.50"), customer(tariff="-3"), customer()

    job = convert(tariff, "number")

    assert (job.state, job.done, job.wrong) == (State.DONE, 2, 0)
    assert [value(one) for one in (ada, bert, nobody)] == [Decimal("12.5"), Decimal(-3), None]
    assert Attribute.objects.get(key="tariff").converting is None
    assert not Customer.objects.exclude(text_1=None).exists()


def test_one_value_that_does_not_convert_refuses_all_and_changes_nothing() -> None:
    tariff = add()
    ada, bert = customer(tariff="12"), customer(tariff="cheap")
    customer(tariff="cheap")
    before = Attribute.objects.values().get(key="tariff")

    job = convert(tariff, "number")

    assert (job.state, job.wrong) == (State.REFUSED, 2)
    assert [(item["value"], item["customers"]) for item in job.examples] == [("cheap", 2)]
    assert "“cheap” is not a number" in job.examples[0]["reason"]
    assert Attribute.objects.values().get(key="tariff") == before
    assert [value(ada), value(bert)] == ["12", "cheap"]
    assert SlotLease.objects.filter(until=None).count() == 1


def test_dry_run_says_what_would_not_convert_and_changes_nothing() -> None:
    tariff = add()
    ada = customer(tariff="12")

    job = convert(tariff, "number", dry_run=True)

    assert (job.state, job.wrong) == (State.READY, 0)
    assert value(ada) == "12"


@pytest.mark.django_db(transaction=True)
def test_conversion_leaves_no_version_and_old_versions_stay_readable() -> None:
    tariff = add()
    ada = customer(tariff="12")
    edit(ada, tariff="13")

    convert(tariff, "number")
    edit(ada, tariff=14)

    schema, now = Schema.current(), Customer.objects.get(pk=ada.pk)
    assert [profile_at(now, version, schema)["tariff"] for version in (1, 2, 3)] == [12, 13, 14]
    assert [change.changes["tariff"] for change in versions_of(now, schema)] == [
        (13, 14), (12, 13), (None, 12),
    ]  # fmt: skip


def test_saves_during_the_conversion_are_kept_in_both_types() -> None:
    tariff = add()
    ada, bert = customer(tariff="12"), customer(tariff="13")
    begun(tariff, "number")

    edit(ada, tariff="20")
    edit(bert, tariff=None)
    carl = customer(tariff="30")
    assert value(ada) == "20"
    retyping.work()

    assert [value(ada), value(bert), value(carl)] == [20, None, 30]


def test_value_that_the_new_type_does_not_take_is_refused_during_the_conversion() -> None:
    tariff = add()
    ada = customer(tariff="12")
    begun(tariff, "number")

    with pytest.raises(InvalidProfile, match="cheap"):
        edit(ada, tariff="cheap")

    retyping.work()
    assert value(ada) == 12


def test_save_that_knows_the_attribute_as_it_was_is_refused() -> None:
    tariff = add()
    ada = customer(tariff="12")
    stale = Schema.current()
    convert(tariff, "number")

    with pytest.raises(SchemaMoved):
        edit(ada, stale, tariff="cheap")

    assert value(ada) == 12


def test_value_written_behind_the_check_refuses_the_conversion_and_stays() -> None:
    tariff = add()
    ada = customer(tariff="12")
    job = ask(tariff, "number")
    while job.state != State.WAITING:
        retyping._step(job)
        job.refresh_from_db()
    bert = customer(tariff="cheap")

    retyping.work()

    job.refresh_from_db()
    assert (job.state, job.examples[0]["value"]) == (State.REFUSED, "cheap")
    assert [value(ada), value(bert)] == ["12", "cheap"]
    assert not Customer.objects.exclude(number_2=None).exists()
    assert Attribute.objects.converting().count() == 0


def test_cancelled_conversion_leaves_everything_as_it_was() -> None:
    tariff = add()
    ada = customer(tariff="12")
    job = begun(tariff, "number")
    retyping._step(job)
    assert Customer.objects.exclude(number_2=None).exists()

    retyping.cancel(job)
    retyping.work()

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert value(ada) == "12"
    assert not Customer.objects.exclude(number_2=None).exists()
    assert SlotLease.objects.filter(until=None).count() == 1


def test_conversion_waits_for_the_import_that_is_at_work_and_imports_wait_for_it() -> None:
    tariff = add()
    customer(tariff="12")
    now = timezone.now()
    run = ImportRun.objects.create(
        file_name="a.csv", created_at=now, state="running", leased_until=now + timedelta(minutes=1)
    )
    job = convert(tariff, "number")
    assert job.state == State.WAITING

    ImportRun.objects.filter(pk=run.pk).update(leased_until=None)
    begun_job = AttributeJob.objects.get(pk=job.pk)
    retyping._step(begun_job)
    assert leasing.take(now) is None
    retyping.work()

    assert leasing.take(now) is not None


def test_options_of_a_choice_must_cover_every_value() -> None:
    tariff = add()
    ada = customer(tariff="green")

    assert convert(tariff, "choice", options=["Blue"]).state == State.REFUSED
    assert convert(tariff, "choice", options=["Blue", "Green"]).state == State.DONE
    assert value(ada) == "Green"


def test_numbers_get_their_owners_with_the_type_and_lose_them_with_it() -> None:
    mobile = add("Mobile")
    ada = customer(mobile="0171 3920142")
    gone = customer(mobile="0171 3920142")
    profiles.delete(gone.pk, ACTOR)

    assert convert(mobile, "phone").state == State.DONE
    assert value(ada, "mobile") == "+491713920142"
    assert list(Phone.objects.current().values_list("number", "customer", "used_in")) == [
        ("+491713920142", ada.pk, ["mobile"])
    ]
    assert list(integrity.problems()) == []

    assert convert(Attribute.objects.get(key="mobile"), "text").state == State.DONE
    assert value(ada, "mobile") == "+491713920142"
    assert not Phone.objects.current().exists()
    assert list(integrity.problems()) == []


@pytest.mark.parametrize("elsewhere", ["phones", "mobile"])
def test_number_of_another_customer_does_not_convert(elsewhere: str) -> None:
    mobile = add("Mobile")
    given: Any = ["+491713920142"] if elsewhere == "phones" else "0171 3920142"
    customer(**{elsewhere: given})
    customer(mobile="+491713920142")

    job = convert(mobile, "phone")

    assert (job.state, job.wrong) == (State.REFUSED, 1)
    assert "belongs to another customer" in job.examples[0]["reason"]


def test_number_saved_during_the_conversion_has_its_owner() -> None:
    mobile = add("Mobile")
    customer(mobile="+491713920142")
    begun(mobile, "phone")

    customer(mobile="+491713920143")
    assert list(integrity.problems()) == []
    retyping.work()

    assert set(Phone.objects.current().values_list("number", flat=True)) == {"+491713920142", "+491713920143"}
    assert list(integrity.problems()) == []


def test_default_is_converted_too_or_refuses() -> None:
    tariff = add(default="7")

    with pytest.raises(InvalidAttribute, match="new customers"):
        ask(tariff, "date")
    convert(tariff, "number")

    assert value(customer()) == 7


@pytest.mark.parametrize(
    ("key", "type", "message"),
    [
        ("first_name", "number", "predefined"),
        ("tariff", "text", "already"),
        ("tariff", "phones", "not a type"),
    ],
)
def test_what_cannot_be_converted_is_said(key: str, type: str, message: str) -> None:
    add()

    with pytest.raises(InvalidAttribute, match=message):
        ask(Attribute.objects.get(key=key), type)


def test_attribute_is_not_archived_nor_asked_twice_during_a_conversion() -> None:
    tariff = add()
    customer(tariff="12")
    begun(tariff, "number")

    with pytest.raises(Converting):
        schemas.archive(tariff, ACTOR)
    with pytest.raises(Converting):
        schemas.change(tariff, Definition(max_length=5, given=frozenset(["max_length"])), ACTOR)
    with pytest.raises((Converting, retyping.AtWork)):
        ask(Attribute.objects.get(pk=tariff.pk), "date")


def test_audit_trail_says_from_which_type_to_which() -> None:
    convert(add(), "number")

    entry = AuditEntry.objects.get(action="attribute.convert")
    assert (entry.data["before"]["type"], entry.data["after"]["type"]) == ("text", "number")


def test_filling_puts_the_default_in_where_nothing_stands_as_a_version() -> None:
    tariff = add()
    ada, bert = customer(), customer(tariff="Red")
    with pytest.raises(InvalidAttribute):
        retyping.ask_to_fill(tariff, ACTOR, now=NOON)
    tariff = schemas.change(tariff, Definition(default="Green", given=frozenset(["default"])), ACTOR)

    retyping.ask_to_fill(tariff, ACTOR, now=NOON)
    retyping.work()

    assert [value(ada), value(bert)] == ["Green", "Red"]
    change = versions_of(Customer.objects.get(pk=ada.pk), Schema.current())[0]
    assert change.changes == {"tariff": (None, "Green")}
    assert change.entry is not None
    assert change.entry.action == "attribute.fill"
    assert Customer.objects.get(pk=bert.pk).version == 1


def test_api_converts_shows_and_cancels() -> None:
    admin = api_for("Admin")
    add()
    customer(tariff="cheap")

    assert admin.get("/api/v1/attributes/tariff/conversion/").json() == {"state": "none"}
    asked = admin.post("/api/v1/attributes/tariff/conversion/", {"type": "number"}, format="json")
    assert (asked.status_code, asked.json()["state"]) == (202, "checking")
    again = admin.post("/api/v1/attributes/tariff/conversion/", {"type": "date"}, format="json")
    assert again.status_code == 409
    retyping.work()
    told = admin.get("/api/v1/attributes/tariff/conversion/").json()
    assert (told["state"], told["wrong"], told["examples"][0]["value"]) == ("refused", 1, "cheap")
    assert admin.delete("/api/v1/attributes/tariff/conversion/").status_code == 204
    bad = admin.post("/api/v1/attributes/tariff/conversion/", {"type": "choice"}, format="json")
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["options"])
    assert admin.get("/api/v1/attributes/").json()[-1]["state"] == "active"


SINGLE = [kind for kind in Kind if kind not in values.LISTS]
READING = Reading(Dialplan("DE", 3, 6))


def stored(kind: Kind) -> st.SearchStrategy[values.Value]:
    match kind:
        case Kind.NUMBER:
            return st.decimals(
                allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12
            )
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.DATE:
            return st.dates()
        case Kind.DATETIME:
            return st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1))  # noqa: DTZ001
        case Kind.CHOICE:
            return st.sampled_from(["Green", "7", "true"])
    return st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).map(
        str.strip
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_value_converts_to_one_that_its_type_reads_back_or_is_refused(data: st.DataObject) -> None:
    old = data.draw(st.sampled_from(SINGLE))
    new = data.draw(st.sampled_from(SINGLE))
    value = data.draw(stored(old))
    rules = Rules(new, ("Green", "7", "true") if new is Kind.CHOICE else ())

    try:
        found = values.converted(value, rules, READING)
    except BadValue:
        assert new is not Kind.TEXT or len(values.to_text(value)) > values.LONGEST_TEXT
        return

    assert found is not None or not values.to_text(value)
    assert values.from_text(values.to_text(found), rules, READING) == found


@pytest.mark.parametrize(
    ("value", "kind", "found"),
    [
        (datetime(2026, 11, 20, tzinfo=UTC), Kind.DATE, date(2026, 11, 20)),
        (date(2026, 11, 20), Kind.DATETIME, datetime(2026, 11, 20, tzinfo=UTC)),
        (True, Kind.NUMBER, Decimal(1)),
        (Decimal(0), Kind.BOOLEAN, False),
        (Decimal("1200.50"), Kind.TEXT, "1200.5"),
    ],
)
def test_types_meet_in_the_middle(value: values.Value, kind: Kind, found: values.Value) -> None:
    assert values.converted(value, Rules(kind), READING) == found


def test_time_of_day_is_not_dropped() -> None:
    with pytest.raises(BadValue, match="time of day"):
        values.converted(NOON, Rules(Kind.DATE), READING)
