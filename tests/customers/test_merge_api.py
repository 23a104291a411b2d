"""The contract of merging, the story of a customer and duplicates as a client sees it (6.1)."""

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cim.access.models import AuditEntry
from customers import duplicates
from customers.models import Customer, Label, Merge
from tests.factories import api_for

URL = "/api/v1/customers/"
MERGE = f"{URL}merge/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def supervisor() -> APIClient:
    return api_for("Supervisor")


@pytest.fixture
def people(supervisor: APIClient) -> list[dict[str, Any]]:
    Label.objects.create(name="VIP")
    return [
        supervisor.post(URL, body).json()
        for body in (
            {
                "first_name": "Ada",
                "address": "Old street",
                "phones": ["+4930100001"],
                "emails": ["a@example.org"],
            },
            {
                "first_name": "Grace",
                "phones": ["+4930220002"],
                "emails": ["g@example.org"],
                "labels": ["VIP"],
            },
            {"first_name": "Edith", "language": "fr", "phones": ["+4930330003"]},
        )
    ]


def without_version(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in {"version", "updated_at", "outcome"}}


def test_merge_and_its_undoing_as_the_contract_says(supervisor: APIClient, people: list[Any]) -> None:
    ada, grace, edith = people

    merged = supervisor.post(MERGE, {"into": ada["id"], "from": [grace["id"], edith["id"]], "values": {}})

    body = merged.json()
    assert (merged.status_code, set(body)) == (200, {"merge", "customer"})
    assert body["customer"]["phones"] == ["+4930100001", "+4930220002", "+4930330003"]
    assert (body["customer"]["first_name"], body["customer"]["labels"]) == ("Edith", ["VIP"])
    assert supervisor.get(f"{URL}{grace['id']}/").json() == body["customer"]
    assert supervisor.get(URL).json()["count"] == 1
    found = supervisor.post(f"{URL}lookup/", {"phone": "+49 30 330003"}).json()
    assert found["match"]["id"] == ada["id"]

    undone = supervisor.post(f"/api/v1/merges/{body['merge']}/undo/")

    answer = undone.json()
    assert (undone.status_code, answer["not_returned"]) == (200, [])
    assert [without_version(item) for item in answer["customers"]] == [
        without_version(item) for item in people
    ]
    assert supervisor.post(f"/api/v1/merges/{body['merge']}/undo/").status_code == 409
    entries = AuditEntry.objects.filter(action__in=["customer.merge", "customer.unmerge"])
    assert [(item.action, item.object_id) for item in entries.order_by("id")] == [
        ("customer.merge", ada["id"]),
        ("customer.unmerge", ada["id"]),
    ]


def test_values_and_choices_decide(supervisor: APIClient, people: list[Any]) -> None:
    ada, grace, edith = people

    merged = supervisor.post(
        MERGE,
        {
            "into": ada["id"],
            "from": [grace["id"], edith["id"]],
            "values": {"language": "de", "attributes": {}},
            "choices": {"first_name": grace["id"]},
            "without": {"phones": ["+4930220002"], "labels": ["VIP"]},
        },
    ).json()["customer"]

    assert (merged["first_name"], merged["language"], merged["labels"]) == ("Grace", "de", [])
    assert merged["phones"] == ["+4930100001", "+4930330003"]
    assert supervisor.post(f"{URL}lookup/", {"phone": "+4930220002"}).json() == {
        "match": None,
        "candidates": [],
    }


def test_preview_says_what_would_be_and_writes_nothing(supervisor: APIClient, people: list[Any]) -> None:
    ada, grace, _edith = people

    answer = supervisor.post(f"{MERGE}preview/", {"into": ada["id"], "from": [grace["id"]]}).json()

    assert [item["id"] for item in answer["customers"]] == [ada["id"], grace["id"]]
    fields = {item["key"]: item for item in answer["fields"]}
    assert fields["first_name"] == {
        "key": "first_name",
        "from": grace["id"],
        "before": "Ada",
        "after": "Grace",
        "changes": True,
    }
    assert (fields["address"]["from"], fields["address"]["changes"]) == (ada["id"], False)
    assert fields["phones"]["after"] == ["+4930100001", "+4930220002"]
    assert answer["labels"] == ["VIP"]
    assert not Merge.objects.exists()


def test_merged_ids_mean_their_survivor(supervisor: APIClient, people: list[Any]) -> None:
    ada, grace, edith = people
    supervisor.post(MERGE, {"into": ada["id"], "from": [grace["id"]]})

    again = supervisor.post(MERGE, {"into": grace["id"], "from": [edith["id"]]})
    itself = supervisor.post(MERGE, {"into": ada["id"], "from": [grace["id"]]})

    assert (again.status_code, again.json()["customer"]["id"]) == (200, ada["id"])
    assert (itself.status_code, itself.json()["customers"]) == (409, [ada["id"]])


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"from": []}, 400, "from"),
        ({"from": None}, 400, "from"),
        ({"into": "nobody"}, 400, "nobody"),
        ({"from": ["019a0000-0000-7000-8000-000000000000"]}, 404, ""),
        ({"values": {"shoe_size": 42}}, 400, "shoe_size"),
        ({"values": {"phones": ["12"]}}, 400, "12"),
        ({"values": {"labels": ["Nope"]}}, 400, "Nope"),
        ({"values": {"labels": "VIP"}}, 400, "labels"),
        ({"values": {"attributes": 5}}, 400, "attributes"),
        ({"choices": {"phones": "019a0000-0000-7000-8000-000000000000"}}, 400, "phones"),
        ({"choices": {"address": "019a0000-0000-7000-8000-000000000000"}}, 400, "019a0000"),
        ({"without": {"address": ["x"]}}, 400, "address"),
        ({"surprise": 1}, 400, "surprise"),
    ],
)
def test_bad_input_is_named(
    supervisor: APIClient, people: list[Any], change: dict[str, Any], status: int, named: str
) -> None:
    answer = supervisor.post(MERGE, {"into": people[0]["id"], "from": [people[1]["id"]], **change})

    assert (answer.status_code, named in str(answer.json())) == (status, True), answer.json()
    assert not Merge.objects.exists()


def test_only_who_may_merge_merges(people: list[Any]) -> None:
    question = {"into": people[0]["id"], "from": [people[1]["id"]]}
    agent = api_for("Agent")

    refused = [
        agent.post(MERGE, question),
        agent.post(f"{MERGE}preview/", question),
        agent.post(f"/api/v1/merges/{uuid4()}/undo/"),
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert api_for("Supervisor").post(f"/api/v1/merges/{uuid4()}/undo/").status_code == 404


def test_merging_under_a_key_happens_once(supervisor: APIClient, people: list[Any]) -> None:
    question = {"into": people[0]["id"], "from": [people[1]["id"]]}

    answers = [supervisor.post(MERGE, question, HTTP_IDEMPOTENCY_KEY="once") for _time in range(2)]

    assert answers[0].json() == answers[1].json()
    assert Merge.objects.count() == 1


def test_never_this_person_stands_in_the_way_until_it_is_taken_back(
    supervisor: APIClient, people: list[Any]
) -> None:
    ada, grace, _edith = people
    supervisor.post(f"{URL}{ada['id']}/never/", {"customer": grace["id"]})
    question = {"into": ada["id"], "from": [grace["id"]]}

    refused = supervisor.post(MERGE, question)

    assert (refused.status_code, refused.json()["customers"]) == (409, sorted([ada["id"], grace["id"]]))
    story = supervisor.get(f"{URL}{grace['id']}/identity/").json()
    assert [item["customer"] for item in story["never"]] == [ada["id"]]
    assert supervisor.delete(f"{URL}{grace['id']}/never/{ada['id']}/").status_code == 204
    assert supervisor.delete(f"{URL}{grace['id']}/never/{ada['id']}/").status_code == 404
    assert supervisor.post(MERGE, question).status_code == 200


def test_masked_values_are_hidden_in_preview_and_story_and_can_still_be_chosen(people: list[Any]) -> None:
    api_for("Admin").patch("/api/v1/attributes/phones/", {"pii": True})
    api_for("Admin").patch("/api/v1/attributes/address/", {"pii": True})
    blind = api_for("Supervisor", scopes=["merge", "see_customers"])
    ada, grace, _edith = people

    answer = blind.post(f"{MERGE}preview/", {"into": grace["id"], "from": [ada["id"]]})

    text = answer.content.decode()
    assert "+4930" not in text
    assert "Old street" not in text
    story = blind.get(f"{URL}{ada['id']}/identity/").content.decode()
    assert "+4930" not in story
    merged = blind.post(MERGE, {"into": grace["id"], "from": [ada["id"]], "choices": {"address": ada["id"]}})
    assert "Old street" not in merged.content.decode()
    assert Customer.objects.get(id=grace["id"]).address == "Old street"


def test_story_tells_since_when_and_through_whom(supervisor: APIClient, people: list[Any]) -> None:
    ada, grace, _edith = people
    merge = supervisor.post(MERGE, {"into": ada["id"], "from": [grace["id"]]}).json()["merge"]
    supervisor.patch(f"{URL}{ada['id']}/", {"phones": ["+4930220002"], "emails": ["a@example.org"]})

    story = supervisor.get(f"{URL}{ada['id']}/identity/").json()

    known = {item["value"]: item for item in story["known_by"]}
    created = {item["value"]: item["since"][:10] for item in story["known_by"]}
    assert set(known) == {"+4930100001", "+4930220002", "a@example.org", "g@example.org"}
    assert set(created.values()) == {ada["created_at"][:10]}
    assert (known["+4930100001"]["until"] is None, known["+4930220002"]["until"]) == (False, None)
    assert (known["+4930220002"]["merge"], known["+4930100001"]["merge"]) == (merge, None)
    assert (known["a@example.org"]["until"], known["g@example.org"]["until"] is None) == (None, False)
    assert (known["+4930220002"]["from"], known["+4930220002"]["by"]) == ("Grace", "Sunniva Strand")
    assert (known["a@example.org"]["from"], known["a@example.org"]["by"]) == (None, "Sunniva Strand")
    assert (known["g@example.org"]["from"], known["g@example.org"]["merge"]) == ("Grace", merge)
    (told,) = story["merges"]
    assert (told["id"], told["by"], told["undone_at"]) == (merge, "Sunniva Strand", None)
    assert [item["name"] for item in told["merged"]] == ["Grace"]
    assert supervisor.get(f"/api/v1/merges/{merge}/").json() == told


def test_duplicates_are_listed_and_dismissed(
    supervisor: APIClient, people: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "SETTLED", dt.timedelta(0))
    supervisor.post(URL, {"first_name": "Adah", "emails": ["A@example.org"]})
    assert supervisor.get("/api/v1/duplicates/").json()["searched_at"] is None
    duplicates.find(timezone.now())

    answer = supervisor.get("/api/v1/duplicates/").json()

    (pair,) = answer["results"]
    assert (answer["count"], answer["page"], answer["pages"]) == (1, 1, 1)
    assert [item["first_name"] for item in pair["customers"]] == ["Ada", "Adah"]
    assert pair["evidence"] == [{"kind": "email", "values": ["a@example.org"]}]
    assert api_for("Agent").post(f"/api/v1/duplicates/{pair['id']}/dismiss/").status_code == 403
    assert supervisor.post(f"/api/v1/duplicates/{pair['id']}/dismiss/").status_code == 204
    assert supervisor.post(f"/api/v1/duplicates/{pair['id']}/dismiss/").status_code == 404
    assert supervisor.get("/api/v1/duplicates/").json()["count"] == 0
    assert supervisor.get("/api/v1/duplicates/?page=2").status_code == 404
    assert supervisor.get("/api/v1/duplicates/?page=x").status_code == 400
