"""What holds for every call of the API, whatever it is for (contract, 6)."""

from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from tests.factories import api_for

pytestmark = pytest.mark.django_db

_VALUES = {"string": "00000000-0000-4000-8000-000000000000", "integer": "999999"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the method, a path to nobody, and the description of every operation."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if not path.startswith("/api/v1/"):
                continue
            address = path
            for parameter in operation.get("parameters", ()):
                address = address.replace(
                    f"{{{parameter['name']}}}", _VALUES.get(parameter["schema"]["type"], "")
                )
            yield method, address, operation


@pytest.fixture
def admin() -> APIClient:
    return api_for("Admin")


def test_every_call_refuses_a_parameter_that_it_does_not_know(admin: APIClient) -> None:
    ignoring = []
    for method, path, _operation in operations():
        answer = getattr(admin, method)(
            f"{path}?zz=1&since=2026-01-01T00:00:00Z", {} if method != "get" else None
        )
        if answer.status_code != 400 or "zz" not in str(answer.json()):
            ignoring.append((method, path, answer.status_code))

    assert not ignoring, ignoring


@pytest.mark.parametrize(
    "body", [{"zz": 1}, [1], [], "x", False], ids=["object", "list", "empty list", "text", "no"]
)
def test_every_action_that_takes_nothing_refuses_a_body(admin: APIClient, body: Any) -> None:
    ignoring = []
    for method, path, operation in operations():
        if method == "post" and "requestBody" not in operation:
            answer = admin.post(path, body)
            if answer.status_code != 400 or not answer.json()["errors"]:
                ignoring.append((path, answer.status_code))

    assert not ignoring, ignoring


def test_an_error_is_json_whatever_the_view_answers_with() -> None:
    for path in ("/api/v1/schema/", "/api/v1/docs/"):
        answer = APIClient().get(path)

        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer.json()["title"] == "Unauthorized"


def test_unreadable_body_is_told_as_an_error_of_the_body(admin: APIClient) -> None:
    answer = admin.post("/api/v1/customers/", b"{bad", content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["body"]


def test_routes_of_operation_are_described_as_well() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    assert {"/healthz", "/readyz", "/metrics"} <= set(paths)


def test_a_refused_event_names_the_member(admin: APIClient) -> None:
    event = {
        "event_id": "1",
        "source": "pbx",
        "interaction_id": "1",
        "type": "offered",
        "occurred_at": "2026-11-22T10:00:00Z",
        "channel": "fax",
    }

    alone = admin.post("/api/v1/interactions/events/", event)
    several = admin.post("/api/v1/interactions/events/", {"events": [event]})

    assert list(alone.json()["errors"]) == ["channel"]
    assert "fax" in alone.json()["errors"]["channel"][0]
    assert list(several.json()["errors"]) == ["events.0.channel"]


def test_a_label_is_read_by_itself(admin: APIClient) -> None:
    made = admin.post("/api/v1/labels/", {"name": "VIP"}).json()

    assert admin.get(f"/api/v1/labels/{made['id']}/").json() == made


def test_the_same_key_with_another_identifier_is_a_conflict(admin: APIClient) -> None:
    customer = admin.post("/api/v1/customers/", {"first_name": "Ada"}).json()["id"]

    def identify(value: str) -> int:
        return admin.post(
            f"/api/v1/customers/{customer}/identifiers/",
            {"type": "web", "value": value},
            headers={"Idempotency-Key": "k"},
        ).status_code

    assert [identify("1"), identify("1"), identify("2")] == [200, 200, 409]


def test_a_number_means_its_owner_whoever_else_is_said_to_be_reached_by_it(admin: APIClient) -> None:
    owner = admin.post("/api/v1/customers/", {"phones": ["+4930901820"]}).json()["id"]
    other = admin.post("/api/v1/customers/", {"first_name": "Ada"}).json()["id"]
    for value in ("+4930901820", "+4930901821"):
        admin.post(f"/api/v1/customers/{other}/identifiers/", {"type": "phone", "value": value})

    def meant(number: str) -> str:
        return admin.post("/api/v1/customers/lookup/", {"phone": [number]}).json()["match"]["id"]

    assert meant("+4930901820") == owner
    assert meant("+4930901821") == other


@pytest.mark.parametrize(
    ("label", "key"), [("Phone", "attribute_phone"), ("Email 2", "attribute_email_2"), ("From", "from_2")]
)
def test_no_key_is_a_name_of_the_contract(admin: APIClient, label: str, key: str) -> None:
    made = admin.post("/api/v1/attributes/", {"label": label, "type": "text"})

    assert made.json()["key"] == key


def test_numbers_days_and_yes_or_no_are_any_of_several(admin: APIClient) -> None:
    for label, kind in (("Score", "number"), ("Born", "date"), ("Active", "boolean")):
        admin.post("/api/v1/attributes/", {"label": label, "type": kind})
    people = [(1.5, "2000-01-01", True), (2, "2001-01-01", False), (3, None, None)]
    for score, born, active in people:
        values = {"score": score, "born": born, "active": active}
        admin.post("/api/v1/customers/", {"first_name": "Ada", "attributes": values})

    def found(**asked: str) -> list[float]:
        rows = admin.get("/api/v1/customers/", {"ordering": "score", **asked}).json()["results"]
        return [row["attributes"]["score"] for row in rows]

    assert found(score__in="1.50, 3") == [1.5, 3]
    assert found(born__in="2001-01-01,1999-01-01") == [2]
    assert found(active__in="true,false") == [1.5, 2]
    assert admin.get("/api/v1/customers/", {"score__in": "1,x"}).json()["errors"]["score__in"]


@pytest.mark.parametrize("plus", ["%2B", "+"], ids=["escaped", "bare"])
def test_a_number_in_an_address_is_found_however_its_plus_is_written(admin: APIClient, plus: str) -> None:
    owner = admin.post("/api/v1/customers/", {"phones": ["+4930901820"]}).json()["id"]
    number = f"{plus}4930901820"

    looked_up = admin.get(f"/api/v1/customers/lookup/?phone={number}").json()
    listed = admin.get(f"/api/v1/customers/?phones={number}").json()
    routed = admin.get(f"/services/CustomerManagement/rest/customers/customerId?phone={number}").json()

    assert looked_up["match"]["id"] == owner
    assert [row["id"] for row in listed["results"]] == [owner]
    assert routed == {"customerId": owner}


def test_the_description_itself_refuses_a_parameter_that_it_does_not_know(admin: APIClient) -> None:
    assert admin.get("/api/v1/schema/?format=json").status_code == 200
    assert admin.get("/api/v1/schema/?zz=1").json()["errors"]["zz"]


def test_only_numbers_in_an_address_have_a_plus_for_a_space(admin: APIClient) -> None:
    owner = admin.post("/api/v1/customers/", {"first_name": "Ada", "crm_id": "4930901820"}).json()["id"]

    answer = admin.get("/services/CustomerManagement/rest/customers/customerId?crmId=+4930901820")

    assert answer.json() == {"customerId": owner}
