"""Looking up a whole masked value is noted and limited (C36)."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from cim.access.audit import system_actor
from cim.access.models import AuditEntry
from customers import filters, schema
from customers.models import Attribute

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> APIClient:
    """Amara, an agent, for whom last names are masked."""
    user = User.objects.create_user("amara")
    user.groups.add(Group.objects.get(name="Agent"))
    schema.change(
        Attribute.objects.get(key="last_name"),
        schema.Definition(pii=True, given=frozenset({"pii"})),
        system_actor("api"),
    )
    client = APIClient()
    client.force_authenticate(user)
    return client


def ask(client: APIClient, **parameters: Any) -> Any:
    return client.get("/api/v1/customers/", parameters)


def test_a_look_up_is_noted_without_the_value(agent: APIClient) -> None:
    assert ask(agent, last_name="Okonkwo").status_code == 200

    entry = AuditEntry.objects.get(action="customer.look_up")
    assert (entry.object_id, entry.actor_name) == ("last_name", "amara")
    assert "Okonkwo" not in str(entry.data)


def test_other_searches_are_not_noted(agent: APIClient) -> None:
    assert ask(agent, first_name="Clara", q="clara").status_code == 200

    assert not AuditEntry.objects.filter(action="customer.look_up").exists()


def test_trying_values_is_stopped(agent: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "LOOK_UPS", 2)

    assert [ask(agent, last_name=f"A{n}").status_code for n in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("name", ["last_name__contains", "last_name__isempty"])
def test_pieces_of_a_masked_value_are_forbidden(agent: APIClient, name: str) -> None:
    answer = ask(agent, **{name: "true"})

    assert answer.status_code == 403
    assert "masked" in answer.json()["detail"]
