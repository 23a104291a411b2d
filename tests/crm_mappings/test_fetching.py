"""What agents see of a CRM: at once and with its age, while a worker asks (M20, M21, M30–M35)."""

import datetime as dt
import time
from typing import Any

import pytest

from crm_mappings import fetching, tasks
from crm_mappings.models import Configuration, CrmAnswer, CrmSearch
from customers.models import Attribute, Customer
from interactions.models import Interaction
from tests.browser.stories import add_attribute
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import (
    PHONE,
    Call,
    make_configuration,
    make_customer,
    make_dynamic,
    make_skill,
    now,
)
from tests.factories import api_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def configuration(kustomer: Kustomer) -> Configuration:
    return make_configuration()


def add_ana(kustomer: Kustomer, **changes: Any) -> str:
    record = kustomer.add(
        **{
            "name": "Ana Ruiz",
            "phones": [{"type": "mobile", "phone": PHONE}, {"type": "work", "phone": "+4930777"}],
            "emails": [{"type": "work", "email": "ana@example.com"}],
            "custom": {"tierStr": "Gold", "vipBool": True, "balanceNum": 12.5},
            **changes,
        }
    )
    return str(record["id"])


def fetch_all(at: dt.datetime | None = None) -> list[str]:
    return [fetching.fetch(answer.pk, at or now()) for answer in CrmAnswer.objects.all()]


def crm_of(customer: Customer, role: str = "Agent", query: str = "") -> dict[str, Any]:
    answer = api_for(role).get(f"/api/v1/customers/{customer.pk}/crm/{query}")
    assert answer.status_code == 200
    (one,) = answer.json()["results"]
    return one


def test_profile_shows_nothing_first_then_what_the_crm_says(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    customer = make_customer()
    record = add_ana(kustomer)
    make_dynamic(
        configuration,
        customer=[
            ("name", "string"),
            ("custom.tierStr", "string"),
            ("balanceNum", "number"),
            ("phones", "string"),
        ],
    )

    first = crm_of(customer)
    assert fetch_all() == ["one"]
    then = crm_of(customer)

    assert (first["fetching"], first["records"], first["age_seconds"]) == (True, [], None)
    assert (then["fetching"], then["outcome"]) == (False, "one")
    assert then["age_seconds"] < 10
    (shown,) = then["records"]
    assert [(it["crm_field"], it["value"], it["alternatives"]) for it in shown["fields"]] == [
        ("name", "Ana Ruiz", []),
        ("custom.tierStr", "Gold", []),
        ("balanceNum", 12.5, []),
        ("phones", PHONE, ["+4930777"]),
    ]
    assert shown["url"] == f"https://acme.kustomerapp.com/app/customers/{record}"


def test_old_values_stay_with_their_age_when_the_crm_fails(
    configuration: Configuration, kustomer: Kustomer, settings: Any
) -> None:
    customer = make_customer()
    add_ana(kustomer)
    make_dynamic(configuration, customer=[("name", "string")])
    crm_of(customer)
    fetch_all()
    CrmAnswer.objects.update(
        fetched_at=now() - dt.timedelta(hours=2),
        asked_at=now() - dt.timedelta(hours=2),
        answered_at=now() - dt.timedelta(hours=2),
    )
    kustomer.fail({"kind": "error"})

    asked = crm_of(customer)
    assert fetch_all() == ["failed"]
    then = crm_of(customer)

    assert asked["fetching"] is True
    assert then["records"][0]["fields"][0]["value"] == "Ana Ruiz"
    assert then["age_seconds"] >= 7200
    assert "500" in then["reason"]
    # Nobody hammers a CRM that is down.
    assert then["fetching"] is False


def test_fresh_values_are_not_asked_for_again_unless_wanted(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    customer = make_customer()
    add_ana(kustomer)
    make_dynamic(configuration, customer=[("name", "string")])
    crm_of(customer)
    fetch_all()

    assert crm_of(customer)["fetching"] is False
    assert crm_of(customer, query="?refresh=true")["fetching"] is True


def test_hanging_crm_delays_neither_profile_nor_pop(
    configuration: Configuration, kustomer: Kustomer, settings: Any
) -> None:
    customer = make_customer()
    make_dynamic(configuration, customer=[("name", "string")])
    Configuration.objects.update(is_gateway=True)
    kustomer.fail({"kind": "hang", "seconds": 5})
    api = api_for("Agent")

    def measured() -> float:
        began = time.perf_counter()
        Call().tell("offered")
        api.get(f"/api/v1/customers/{customer.pk}/")
        api.get(f"/api/v1/customers/{customer.pk}/crm/")
        return time.perf_counter() - began

    measured()
    hanging = sorted(measured() for _round in range(5))[2]
    Configuration.objects.update(is_enabled=False)
    without = sorted(measured() for _round in range(5))[2]

    assert hanging < without + 0.5
    assert kustomer.requests() == []


def test_other_record_types_show_the_newest_record(configuration: Configuration, kustomer: Kustomer) -> None:
    customer = make_customer()
    owner = add_ana(kustomer)
    kustomer.add("conversation", customer=owner, name="Old")
    kustomer.add("klass", type="order", customer=owner, title="Order 7", custom={"stateStr": "sent"})
    make_dynamic(
        configuration,
        conversation=[("name", "string")],
        order=[("title", "string"), ("custom.stateStr", "string")],
    )
    crm_of(customer)
    fetch_all()

    found = {
        record["record_type"]: [it["value"] for it in record["fields"]]
        for record in crm_of(customer)["records"]
    }

    assert found == {"customer": [], "conversation": ["Old"], "order": ["Order 7", "sent"]}


def test_skill_chooses_what_the_pop_shows(configuration: Configuration, kustomer: Kustomer) -> None:
    customer = make_customer()
    add_ana(kustomer)
    tier = make_dynamic(configuration, customer=[("custom.tierStr", "string")])
    make_dynamic(configuration, customer=[("name", "string")])
    make_skill(configuration, skill="billing", dynamic_data_mapping=tier.pk)
    call = Call(skill={"id": "billing"}).tell("offered")
    crm_of(customer)
    fetch_all()

    fields = [
        it["crm_field"]
        for it in crm_of(customer, query=f"?interaction={call.row.pk}")["records"][0]["fields"]
    ]

    assert fields == ["custom.tierStr"]


def test_masked_attribute_is_masked_in_crm_data_too(configuration: Configuration, kustomer: Kustomer) -> None:
    Attribute.objects.filter(key="emails").update(pii=True)
    customer = make_customer()
    add_ana(kustomer)
    make_dynamic(configuration, customer=[("emails", "string"), ("custom.tierStr", "string")])
    crm_of(customer)
    fetch_all()

    agent, admin = crm_of(customer), crm_of(customer, role="Admin")

    assert [it["value"] for it in agent["records"][0]["fields"]] == ["••••••", "Gold"]
    assert admin["records"][0]["fields"][0]["value"] == "ana@example.com"


def test_gateway_makes_the_only_match_a_customer_and_links_the_call(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    add_attribute("Tier")
    Configuration.objects.update(
        is_gateway=True,
        gateway_fields=[{"crm_field": "custom.tierStr", "attribute": "tier"}],
    )
    record = add_ana(kustomer, locations=[{"address": "Calle 1", "zipCode": "11001"}, {"address": "Calle 2"}])
    call = Call().tell("offered")

    tasks.ask_for_pop(str(call.row.pk))
    assert fetch_all() == ["one"]

    customer = Customer.objects.get()
    assert (customer.first_name, customer.last_name) == ("Ana", "Ruiz")
    assert customer.phones == [PHONE, "+4930777"]
    assert (customer.address, customer.postal_code, customer.crm_id) == ("Calle 1", "11001", record)
    assert call.row.customer_id == customer.pk
    shown = api_for("Agent").get(f"/api/v1/customers/{customer.pk}/").json()
    assert shown["attributes"]["tier"] == "Gold"
    # The second address is kept, not stored (M31).
    (answer,) = api_for("Agent").get(f"/api/v1/customers/{customer.pk}/crm/").json()["results"]
    assert answer["records"][0]["alternatives"] == {"address": ["Calle 2"]}
    versions = api_for("Agent").get(f"/api/v1/customers/{customer.pk}/versions/").json()
    assert versions[0]["via"] == "crm"


def test_several_matches_are_candidates_and_nothing_is_stored(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    Configuration.objects.update(is_gateway=True)
    for name in ("Ana Ruiz", "Luis Ruiz"):
        kustomer.add(name=name, sharedPhones=[{"type": "home", "phone": PHONE}])
    call = Call().tell("offered")
    tasks.ask_for_pop(str(call.row.pk))

    assert fetch_all() == ["several"]

    (answer,) = api_for("Agent").get(f"/api/v1/interactions/{call.row.pk}/crm/").json()["results"]
    assert [it["name"] for it in answer["candidates"]] == ["Ana Ruiz", "Luis Ruiz"]
    assert answer["records"] == []
    assert not Customer.objects.exists()
    assert call.row.customer_id is None


def test_gateway_that_finds_nobody_says_so(configuration: Configuration) -> None:
    Configuration.objects.update(is_gateway=True)
    call = Call().tell("offered")
    tasks.ask_for_pop(str(call.row.pk))

    assert fetch_all() == ["none"]
    (answer,) = api_for("Agent").get(f"/api/v1/interactions/{call.row.pk}/crm/").json()["results"]
    assert (answer["outcome"], answer["candidates"]) == ("none", [])


def test_gateway_brings_a_stale_customer_up_to_date(configuration: Configuration, kustomer: Kustomer) -> None:
    Configuration.objects.update(is_gateway=True)
    customer = make_customer(last_name="Old")
    add_ana(kustomer)
    crm_of(customer)

    fetch_all()

    customer.refresh_from_db()
    assert (customer.last_name, customer.emails) == ("Ruiz", ["ana@example.com"])


def test_number_of_somebody_else_keeps_the_gateway_from_storing(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    Configuration.objects.update(is_gateway=True)
    make_customer(first_name="Olga", phones=["+4930777"])
    add_ana(kustomer)
    call = Call().tell("offered")
    tasks.ask_for_pop(str(call.row.pk))

    assert fetch_all() == ["one"]

    assert Customer.objects.count() == 1
    assert call.row.customer_id is None


def test_search_finds_in_the_background_and_a_result_is_taken_over(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    record = add_ana(kustomer)
    call = Call(address="+49301111").tell("offered", "answered")
    api = api_for("Agent")

    first = api.get("/api/v1/crm/search/?q=ruiz").json()["results"][0]
    fetching.look_for(CrmSearch.objects.get().pk, now())
    then = api.get("/api/v1/crm/search/?q=ruiz").json()["results"][0]
    taken = api.post(
        "/api/v1/crm/take-over/",
        {"configuration": str(configuration.pk), "record": record, "interaction": str(call.row.pk)},
    )
    later = api.get("/api/v1/crm/search/?q=ruiz").json()["results"][0]

    assert (first["pending"], first["results"]) == (True, [])
    assert (then["pending"], then["results"][0]["name"], then["results"][0]["customer"]) == (
        False,
        "Ana Ruiz",
        None,
    )
    assert taken.status_code == 201
    assert Interaction.objects.get().customer_id == Customer.objects.get(crm_id=record).pk
    assert later["results"][0]["customer"] == taken.json()["customer"]
    again = api.post("/api/v1/crm/take-over/", {"configuration": str(configuration.pk), "record": record})
    assert (again.status_code, again.json()["customers"]) == (409, [taken.json()["customer"]])
    unseen = api.post("/api/v1/crm/take-over/", {"configuration": str(configuration.pk), "record": "x"})
    assert unseen.status_code == 404


def test_search_of_a_crm_that_is_down_says_so(configuration: Configuration, kustomer: Kustomer) -> None:
    kustomer.fail({"kind": "down"})
    api = api_for("Agent")
    api.get("/api/v1/crm/search/?q=ruiz")
    fetching.look_for(CrmSearch.objects.get().pk, now())

    (found,) = api.get("/api/v1/crm/search/?q=ruiz").json()["results"]

    assert found["pending"] is False
    assert "No connection" in found["problem"]


@pytest.mark.parametrize("text", ["", "x", "y" * 201])
def test_search_needs_something_to_look_for(text: str) -> None:
    assert api_for("Agent").get(f"/api/v1/crm/search/?q={text}").status_code == 400


def test_answer_is_fetched_once_however_often_it_is_asked_for(
    configuration: Configuration, kustomer: Kustomer
) -> None:
    customer = make_customer()
    make_dynamic(configuration, customer=[("name", "string")])
    for _round in range(3):
        crm_of(customer)
    answer = CrmAnswer.objects.get()

    assert [fetching.fetch(answer.pk, now()) for _round in range(3)] == ["none", "", ""]


def test_lost_message_is_found_by_the_clock(configuration: Configuration) -> None:
    make_dynamic(configuration, customer=[("name", "string")])
    crm_of(make_customer())

    assert fetching.wanted(now()) == []
    assert len(fetching.wanted(now() + dt.timedelta(seconds=30))) == 1


def test_merged_customer_whose_survivor_was_deleted_shows_nothing() -> None:
    supervisor = api_for("Supervisor")
    people = [
        {"first_name": "Ana", "last_name": "Ruiz", "phones": ["+4930100001"]},
        {"first_name": "Anna", "last_name": "Ruiz", "phones": ["+4930100002"]},
    ]
    survivor, merged = (supervisor.post("/api/v1/customers/", body).json()["id"] for body in people)
    supervisor.post("/api/v1/customers/merge/", {"into": survivor, "from": [merged]})
    assert supervisor.get(f"/api/v1/customers/{merged}/crm/").status_code == 200

    assert supervisor.delete(f"/api/v1/customers/{survivor}/").status_code == 204

    answers = [supervisor.get(f"/api/v1/customers/{one}/crm/").status_code for one in (survivor, merged)]
    assert answers == [404, 404]
