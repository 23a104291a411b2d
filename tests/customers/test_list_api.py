"""Labels and the layout of the list (6.1) as a client sees them."""

import pytest

from customers.models import Customer
from tests.factories import api_for

pytestmark = pytest.mark.django_db

LABELS = "/api/v1/labels/"
LAYOUT = "/api/v1/layout/"


def test_label_is_added_listed_renamed_and_deleted_from_customers() -> None:
    supervisor = api_for("Supervisor")
    made = supervisor.post(LABELS, {"name": "Renewal due", "color": "amber"})
    assert made.status_code == 201
    assert made.json()["color"] == "amber"
    supervisor.post(LABELS, {"name": "abroad"})

    customer = supervisor.post("/api/v1/customers/", {"first_name": "Ada", "labels": ["renewal DUE"]}).json()
    address = f"{LABELS}{made.json()['id']}/"
    renamed = supervisor.patch(address, {"name": "Renewal"})

    assert renamed.json()["name"] == "Renewal"
    assert [label["name"] for label in supervisor.get(LABELS).json()] == ["abroad", "Renewal"]
    assert supervisor.delete(address).status_code == 204
    assert supervisor.get(f"/api/v1/customers/{customer['id']}/").json()["labels"] == []
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "VIP"}, "There is already a label “VIP”."),
        ({"name": "A, B"}, "“A, B”: a label has no comma."),
        ({"color": "blue"}, "Give a name."),
    ],
)
def test_label_that_cannot_be_is_refused_with_its_name(body: dict[str, str], message: str) -> None:
    agent = api_for("Agent")
    agent.post(LABELS, {"name": "vip"})

    answer = agent.post(LABELS, body)

    assert answer.status_code == 400
    assert answer.json()["errors"]["name"] == [message]


def test_agents_do_not_delete_labels() -> None:
    label = api_for("Agent").post(LABELS, {"name": "VIP"}).json()

    assert api_for("Agent").delete(f"{LABELS}{label['id']}/").status_code == 403


def test_layout_is_each_users_own() -> None:
    agent, supervisor = api_for("Agent"), api_for("Supervisor")
    layout = {
        "columns": [{"key": "phones", "width": 180, "visible": True}, {"key": "address", "visible": False}]
    }

    kept = agent.put(LAYOUT, layout)

    assert kept.status_code == 200
    assert agent.get(LAYOUT).json() == {**layout, "page_size": None}
    assert supervisor.get(LAYOUT).json() == {"columns": [], "page_size": None}
    assert agent.delete(LAYOUT).status_code == 204
    assert agent.get(LAYOUT).json()["columns"] == []


def test_layout_names_a_column_once() -> None:
    answer = api_for("Agent").put(LAYOUT, {"columns": [{"key": "phones"}, {"key": "phones"}]})

    assert answer.json()["errors"] == {"columns": ["Each column may be named only once."]}
