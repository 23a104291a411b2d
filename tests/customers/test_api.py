"""The contract of customers and attributes (6.1) as a client sees it."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from customers.models import Attribute, Customer, Label, Version
from tests.factories import api_for

URL = "/api/v1/customers/"
PHONE = "+493023125077"

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> APIClient:
    return api_for("Admin")


def attribute(admin: APIClient, label: str, kind: str = "text", **more: Any) -> str:
    answer = admin.post("/api/v1/attributes/", {"label": label, "type": kind, **more})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["key"])


def test_create_answers_the_whole_customer_with_its_version(admin: APIClient) -> None:
    monthly = attribute(admin, "Monthly", "number")

    answer = admin.post(
        URL,
        {
            "first_name": "Jürgen",
            "phones": ["030 23125077"],
            "emails": ["j@example.org"],
            "attributes": {monthly: 84.2},
        },
    )

    body = answer.json()
    assert (answer.status_code, answer["ETag"], body["outcome"]) == (201, '"1"', "created")
    assert (body["phones"], body["emails"], body["first_name"], body["last_name"]) == (
        [PHONE],
        ["j@example.org"],
        "Jürgen",
        None,
    )
    assert body["attributes"] == {monthly: 84.2}
    assert (body["version"], body["stage"], body["labels"], body["identifiers"]) == (1, "curated", [], [])
    assert body["created_at"].endswith("Z")
    assert admin.get(f"{URL}{body['id']}/").json() == {key: body[key] for key in body if key != "outcome"}


def test_conflict_on_create_is_answered_as_asked(admin: APIClient) -> None:
    first = admin.post(URL, {"first_name": "Ada", "address": "Old street", "phones": [PHONE]}).json()["id"]

    rejected = admin.post(f"{URL}?on_conflict=reject", {"first_name": "Grace", "phones": [PHONE]})
    updated = admin.post(f"{URL}?on_conflict=update", {"first_name": "Grace", "phones": [PHONE]})
    overwritten = admin.post(URL, {"last_name": "Hopper", "phones": [PHONE]})

    assert (rejected.status_code, rejected.json()["customers"]) == (409, [first])
    assert rejected["Content-Type"] == "application/problem+json"
    assert (updated.status_code, updated.json()["outcome"], updated.json()["address"]) == (
        200,
        "updated",
        "Old street",
    )
    assert (overwritten.status_code, overwritten.json()["outcome"], overwritten.json()["id"]) == (
        200,
        "overwritten",
        first,
    )
    assert (overwritten.json()["first_name"], overwritten.json()["address"]) == (None, None)


def test_patch_with_a_stale_version_is_refused(admin: APIClient) -> None:
    one = admin.post(URL, {"first_name": "Ada"}).json()

    good = admin.patch(f"{URL}{one['id']}/", {"first_name": "Augusta"}, headers={"If-Match": '"1"'})
    stale = admin.patch(f"{URL}{one['id']}/", {"first_name": "Adele"}, headers={"If-Match": '"1"'})

    assert (good.status_code, good["ETag"]) == (200, '"2"')
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert admin.get(f"{URL}{one['id']}/").json()["first_name"] == "Augusta"


def test_patch_to_another_customers_number_names_the_owner(admin: APIClient) -> None:
    owner = admin.post(URL, {"first_name": "Ada", "phones": [PHONE]}).json()["id"]
    other = admin.post(URL, {"first_name": "Grace"}).json()["id"]

    answer = admin.patch(f"{URL}{other}/", {"phones": [PHONE]})

    assert (answer.status_code, answer.json()["customers"]) == (409, [owner])


def test_put_replaces_the_profile_and_takes_back_what_was_read(admin: APIClient) -> None:
    one = admin.post(URL, {"first_name": "Ada", "address": "Old street"}).json()
    read = admin.get(f"{URL}{one['id']}/").json()

    same = admin.put(f"{URL}{one['id']}/", read)
    less = admin.put(f"{URL}{one['id']}/", {"first_name": "Ada"})

    assert (same.status_code, same.json()["version"]) == (200, 1)
    assert (less.json()["address"], less.json()["version"]) == (None, 2)


def test_delete_then_restore_says_which_numbers_did_not_return(admin: APIClient) -> None:
    one = admin.post(URL, {"first_name": "Ada", "phones": [PHONE, "4711"]}).json()["id"]
    assert admin.delete(f"{URL}{one}/").status_code == 204
    assert admin.get(f"{URL}{one}/").status_code == 404
    taker = admin.post(URL, {"first_name": "Grace", "phones": [PHONE]}).json()["id"]

    answer = admin.post(f"{URL}{one}/restore/").json()

    assert answer["not_returned"] == [{"number": PHONE, "owner": taker}]
    assert answer["customer"]["phones"] == ["4711"]


def test_versions_tell_who_changed_what_and_restore(admin: APIClient) -> None:
    one = admin.post(URL, {"first_name": "Ada", "address": "Old street"}).json()["id"]
    admin.patch(f"{URL}{one}/", {"address": "New street"})

    versions = admin.get(f"{URL}{one}/versions/").json()
    restored = admin.post(f"{URL}{one}/versions/1/restore/").json()

    assert [item["version"] for item in versions] == [2, 1]
    assert versions[0]["changes"] == {"address": {"before": "Old street", "after": "New street"}}
    assert (versions[0]["actor"], versions[0]["via"]) == ("Ada Amani", "api")
    assert (restored["customer"]["address"], restored["customer"]["version"]) == ("Old street", 3)
    assert admin.post(f"{URL}{one}/versions/9/restore/").status_code == 404


def test_lookup_answers_the_match_or_the_candidates(admin: APIClient) -> None:
    ada = admin.post(URL, {"first_name": "Ada", "phones": [PHONE], "emails": ["shared@example.org"]}).json()[
        "id"
    ]
    grace = admin.post(URL, {"first_name": "Grace", "emails": ["Shared@Example.org"]}).json()["id"]

    by_phone = admin.get(f"{URL}lookup/", {"phone": "030 23125077"}).json()
    by_email = admin.post(f"{URL}lookup/", {"email": "SHARED@example.org"}).json()
    nobody = admin.get(f"{URL}lookup/", {"phone": "+4930999999"}).json()

    assert (by_phone["match"]["id"], by_phone["candidates"]) == (ada, [])
    assert by_email["match"] is None
    assert {item["customer"]["id"] for item in by_email["candidates"]} == {ada, grace}
    assert "shared@example.org" in by_email["candidates"][0]["reason"]
    assert nobody == {"match": None, "candidates": []}
    assert admin.get(f"{URL}lookup/").status_code == 400
    assert admin.get(f"{URL}lookup/", {"type": "pigeon", "value": "7"}).status_code == 400


@pytest.mark.parametrize(
    ("body", "where", "says"),
    [
        ({}, "body", "empty"),
        ({"first_name": 5}, "first_name", "5"),
        ({"phones": "+4930"}, "phones", "+4930"),
        ({"phones": ["12"]}, "phones", "“12”"),
        ({"colour": "red"}, "colour", "colour"),
        ({"first_name": "Ada", "attributes": {"nothing": 1}}, "attributes.nothing", "nothing"),
        ({"first_name": "Ada", "attributes": []}, "attributes", "[]"),
        ({"first_name": "Ada", "attributes": {"monthly": "x"}}, "attributes.monthly", "“x”"),
        ({"first_name": "x" * 1001}, "first_name", "1000"),
        ({"first_name": "Ada", "labels": ["None such"]}, "labels", "None such"),
        (
            {"first_name": "Ada", "identifiers": [{"type": "pigeon", "value": "7"}]},
            "identifiers.0.type",
            "pigeon",
        ),
        ({"address": "Somewhere"}, "body", "at least one"),
        ([], "body", "object"),
    ],
)
def test_bad_input_names_the_field_quotes_the_value_and_writes_nothing(
    admin: APIClient, body: Any, where: str, says: str
) -> None:
    attribute(admin, "Monthly", "number")

    answer = admin.post(URL, body)

    assert answer.status_code == 400, answer.json()
    assert says in " ".join(answer.json()["errors"][where])
    assert not Customer.objects.exists()


def test_identical_overwrite_writes_no_version(admin: APIClient) -> None:
    admin.post(URL, {"first_name": "Ada", "phones": [PHONE]})

    answer = admin.post(URL, {"first_name": "Ada", "phones": [PHONE]})

    assert (answer.json()["outcome"], answer.json()["version"]) == ("overwritten", 1)
    assert not Version.objects.exists()


def test_overwriting_leaves_labels_and_identifiers(admin: APIClient) -> None:
    Label.objects.create(name="VIP")
    one = admin.post(
        URL,
        {
            "first_name": "Ada",
            "phones": [PHONE],
            "labels": ["vip"],
            "identifiers": [{"type": "line", "value": "ada"}],
        },
    ).json()

    after = admin.post(URL, {"last_name": "Hopper", "phones": [PHONE]}).json()

    assert (after["id"], after["labels"], after["identifiers"]) == (
        one["id"],
        ["VIP"],
        [{"type": "line", "value": "ada"}],
    )


def test_masked_values_are_hidden_from_who_may_not_reveal(admin: APIClient) -> None:
    iban = attribute(admin, "IBAN", pii=True)
    one = admin.post(URL, {"first_name": "Ada", "attributes": {iban: "DE89"}}).json()["id"]
    admin.patch(f"{URL}{one}/", {"attributes": {iban: "DE90"}})
    agent, supervisor = api_for("Agent"), api_for("Supervisor")

    shown = agent.get(f"{URL}{one}/").json()
    versions = agent.get(f"{URL}{one}/versions/")
    revealed = supervisor.post(f"{URL}{one}/reveal/", {"attribute": iban})

    assert (shown["attributes"][iban], shown["masked"]) == ("••••••", [iban])
    assert b"DE89" not in versions.content
    assert revealed.json() == {"attribute": iban, "value": "DE90"}
    assert agent.post(f"{URL}{one}/reveal/", {"attribute": iban}).status_code == 403
    assert agent.put(f"{URL}{one}/", shown).json()["version"] == 2


def test_read_only_attribute_is_refused_to_agents_and_survives_their_overwrite(admin: APIClient) -> None:
    tier = attribute(admin, "Tier", read_only_for_agents=True)
    one = admin.post(URL, {"first_name": "Ada", "phones": [PHONE], "attributes": {tier: "gold"}}).json()["id"]
    agent = api_for("Agent")

    refused = agent.patch(f"{URL}{one}/", {"attributes": {tier: "none"}})
    overwritten = agent.post(URL, {"last_name": "Hopper", "phones": [PHONE]})

    assert refused.status_code == 403
    assert overwritten.json()["attributes"] == {tier: "gold"}


def test_the_same_key_creates_once(admin: APIClient) -> None:
    headers = {"Idempotency-Key": "order-7"}

    first = admin.post(URL, {"first_name": "Ada"}, headers=headers)
    again = admin.post(URL, {"first_name": "Ada"}, headers=headers)
    other = admin.post(URL, {"first_name": "Grace"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.json() == again.json()
    assert Customer.objects.count() == 1


def test_the_51st_attribute_is_a_conflict_that_names_the_limit(admin: APIClient) -> None:
    for number in range(50):
        attribute(admin, f"Attribute no {number}")

    answer = admin.post("/api/v1/attributes/", {"label": "One too many", "type": "text"})

    assert answer.status_code == 409
    assert "50" in answer.json()["detail"]


def test_attribute_that_is_only_tried_is_judged_and_not_kept(admin: APIClient) -> None:
    tried = "/api/v1/attributes/?dry_run=true"
    assert admin.post(tried, {"label": "", "type": "choice"}, format="json").json()["errors"].keys() == {
        "label",
        "options",
    }
    answer = admin.post(tried, {"label": "Plan", "type": "text"}, format="json")
    assert (answer.status_code, answer.json()["key"]) == (200, "plan")
    assert not Attribute.objects.filter(key="plan").exists()

    admin.post("/api/v1/attributes/", {"label": "Plan", "type": "text"}, format="json")
    changed = admin.patch("/api/v1/attributes/plan/?dry_run=true", {"label": "Tariff"}, format="json")
    assert (changed.status_code, changed.json()["label"]) == (200, "Tariff")
    assert admin.get("/api/v1/attributes/plan/").json()["label"] == "Plan"


def test_attribute_lives_through_the_whole_contract(admin: APIClient) -> None:
    key = attribute(admin, "Tier", "choice", options=["gold", "silver"], default="gold")
    admin.post(URL, {"first_name": "Ada"})

    changed = admin.patch(f"/api/v1/attributes/{key}/", {"label": "Level", "pii": True}).json()
    ordered = admin.post("/api/v1/attributes/order/", {"keys": [key, "last_name"]}).json()
    archived = admin.delete(f"/api/v1/attributes/{key}/")
    restored = admin.post(f"/api/v1/attributes/{key}/restore/").json()
    wrong = admin.delete(f"/api/v1/attributes/{key}/?permanently=true&confirm=5")
    right = admin.delete(f"/api/v1/attributes/{key}/?permanently=true&confirm=1")

    assert (changed["key"], changed["label"], changed["pii"], changed["default"]) == (
        key,
        "Level",
        True,
        "gold",
    )
    assert [item["key"] for item in ordered][:2] == [key, "last_name"]
    assert (archived.status_code, restored["archived"]) == (204, False)
    assert (wrong.status_code, wrong.json()["holders"]) == (409, 1)
    assert right.status_code == 204
    assert key not in [item["key"] for item in admin.get("/api/v1/attributes/").json()]


@pytest.mark.parametrize("role", ["Supervisor", "Agent", "Importer"])
def test_only_the_schema_permission_may_change_the_schema(role: str) -> None:
    client = api_for(role)

    assert client.post("/api/v1/attributes/", {"label": "Tier", "type": "text"}).status_code == 403
    assert client.patch("/api/v1/attributes/first_name/", {"label": "Tier"}).status_code == 403
    assert client.delete("/api/v1/attributes/first_name/").status_code == 403
    assert client.get("/api/v1/attributes/").status_code == 200


def test_unknown_and_bad_parameters_are_named(admin: APIClient) -> None:
    answer = admin.post(f"{URL}?on_conflct=reject", {"first_name": "Ada"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["on_conflct"])
    assert admin.post(f"{URL}?on_conflict=maybe", {"first_name": "Ada"}).status_code == 400
    assert admin.get(f"{URL}{uuid4()}/").status_code == 404
    assert admin.get(f"{URL}not-an-id/").status_code == 404
