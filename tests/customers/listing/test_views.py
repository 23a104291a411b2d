"""Saved views: the own ones, and those that others share (C26)."""

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

NEW = {
    "name": "New in Köln",
    "query": {"address__contains": "Köln", "ordering": "-created_at", "label": ["VIP"]},
    "columns": [{"key": "first_name", "width": 120}, {"key": "labels", "visible": False}],
}


def client_of(role: str, name: str = "") -> APIClient:
    user = User.objects.create_user(name or role.lower(), first_name=name or role)
    user.groups.add(Group.objects.get(name=role))
    client = APIClient(headers={"Accept": "application/json"})
    client.force_authenticate(user)
    return client


@pytest.fixture
def supervisor() -> APIClient:
    client = client_of("Supervisor", "Sabine")
    client.post("/api/v1/labels/", {"name": "VIP"})
    return client


def made(client: APIClient, **more: object) -> dict[str, object]:
    answer = client.post("/api/v1/views/", {**NEW, **more}, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_view_is_kept_as_it_was_given(supervisor: APIClient) -> None:
    view = made(supervisor)

    assert view == {
        "id": view["id"],
        "name": "New in Köln",
        "owner": "Sabine",
        "is_mine": True,
        "is_shared": False,
        "query": {"address__contains": ["Köln"], "ordering": ["-created_at"], "label": ["VIP"]},
        "columns": NEW["columns"],
    }
    assert supervisor.get("/api/v1/views/").json() == [view]
    assert supervisor.get(f"/api/v1/views/{view['id']}/").json() == view


def test_only_shared_views_are_seen_by_others(supervisor: APIClient) -> None:
    own, shared = made(supervisor), made(supervisor, name="Everybody's", is_shared=True)
    agent = client_of("Agent")

    assert [(view["name"], view["is_mine"]) for view in agent.get("/api/v1/views/").json()] == [
        ("Everybody's", False)
    ]
    assert agent.get(f"/api/v1/views/{own['id']}/").status_code == 404
    assert agent.get(f"/api/v1/views/{shared['id']}/").status_code == 200


def test_sharing_and_changing_what_is_shared_needs_the_permission(supervisor: APIClient) -> None:
    shared = made(supervisor, is_shared=True)
    agent, other = client_of("Agent"), client_of("Supervisor", "Priya")
    address = f"/api/v1/views/{shared['id']}/"

    assert agent.post("/api/v1/views/", {**NEW, "is_shared": True}, format="json").status_code == 403
    assert agent.patch(address, {"name": "Mine"}, format="json").status_code == 403
    assert agent.delete(address).status_code == 403
    assert other.patch(address, {"name": "Ours"}, format="json").json()["name"] == "Ours"
    assert other.delete(address).status_code == 204


def test_names_are_unique_among_ones_own(supervisor: APIClient) -> None:
    made(supervisor)
    answer = supervisor.post("/api/v1/views/", {**NEW, "name": "NEW in köln"}, format="json")

    assert answer.status_code == 400
    assert "“NEW in köln”" in answer.json()["errors"]["name"][0]
    made(client_of("Supervisor", "Priya"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"frist_name": "a"}, "“frist_name”"),
        ({"page": "x"}, "“x”"),
        ({"first_name": 7}, "7"),
        ({"first_name": []}, "[]"),
    ],
)
def test_a_question_that_the_list_does_not_take_is_refused(
    supervisor: APIClient, query: object, words: str
) -> None:
    answer = supervisor.post("/api/v1/views/", {**NEW, "query": query}, format="json")

    assert answer.status_code == 400
    assert words in str(answer.json()["errors"])
