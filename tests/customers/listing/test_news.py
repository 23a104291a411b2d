"""A list that is open hears how many have come and changed since, narrowed as the list is (C25)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from customers import listing
from customers.models import Customer
from tests.factories import api_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> APIClient:
    return api_for("Agent")


def make(**values: Any) -> str:
    answer = api_for("Supervisor").post("/api/v1/customers/", values, format="json")
    assert answer.status_code == 201, answer.data
    return str(answer.data["id"])


def at(client: APIClient, query: str = "") -> str:
    return str(client.get(f"/api/v1/customers/{query}").data["at"])


def test_new_and_changed_customers_are_told_apart(agent: APIClient) -> None:
    old = make(first_name="Clara")
    make(first_name="Linnea")
    since = at(agent)
    make(first_name="Zoë")
    agent.patch(f"/api/v1/customers/{old}/", {"last_name": "Weiß"}, format="json")

    found = agent.get("/api/v1/customers/news/", {"since": since})

    assert found.data == {"created": 1, "changed": 1, "is_exact": True}


def test_only_who_matches_is_news(agent: APIClient) -> None:
    since = at(agent)
    make(first_name="Zoë")
    make(first_name="Clara")
    gone = make(first_name="Zoë")
    api_for("Supervisor").delete(f"/api/v1/customers/{gone}/")

    found = agent.get("/api/v1/customers/news/", {"since": since, "first_name": "zoe"})
    either = agent.get(
        "/api/v1/customers/news/",
        {"since": since, "first_name": "zoe", "last_name__isempty": "false", "match": "any"},
    )

    assert found.data == either.data == {"created": 1, "changed": 0, "is_exact": True}


def test_many_changes_are_only_said_to_be_many(agent: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_NEWS", 2)
    since = at(agent)
    for name in ("Zoë", "Clara", "Linnea", "Anna"):
        make(first_name=name)

    assert agent.get("/api/v1/customers/news/", {"since": since}).data == {
        "created": 3,
        "changed": 0,
        "is_exact": False,
    }


@pytest.mark.parametrize("since", [None, "yesterday"])
def test_a_moment_is_needed(agent: APIClient, since: str | None) -> None:
    answer = agent.get("/api/v1/customers/news/", {} if since is None else {"since": since})

    assert answer.status_code == 400
    assert "since" in answer.data["errors"] if "errors" in answer.data else "since" in str(answer.data)


def test_the_index_of_changes_bounds_the_work(agent: APIClient) -> None:
    make(first_name="Clara")
    Customer.objects.update(updated_at=timezone.now() - timedelta(days=1))

    assert agent.get("/api/v1/customers/news/", {"since": at(agent)}).data["changed"] == 0
