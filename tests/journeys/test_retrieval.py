"""How the customer id of an attempt is come by: the whole table of modes, and what goes over the wire for it."""

import pytest

from journeys.models import Attempt, Context, Element
from journeys.retrieval import IdIsMandatory, Plan, TooManyPhones, plan
from tests.factories import api_for

ATTEMPTED = "+15550100"
MORE = ["+15550101", "+15550102", "+15550103", "+15550104"]

LISTS = "/api/v1/contact-lists/"
ATTEMPTS = "/api/v1/attempts/"
MANAGEMENT = "/services/CustomerManagement/rest/customers/customerId"


@pytest.mark.parametrize(
    ("mode", "value", "phones", "asked", "identifiers", "numbers", "group_id"),
    [
        ("always", "A1", [], True, ["A1"], [ATTEMPTED], ""),
        ("always", "", [], True, [], [ATTEMPTED], ""),
        ("always", "A1", MORE, True, ["A1"], [ATTEMPTED, *MORE], ""),
        ("always", "", MORE, True, [], [ATTEMPTED, *MORE], ""),
        ("never", "A1", [], False, [], [], "A1"),
        ("never", "A1", MORE, False, [], [], "A1"),
        ("never", "", [], False, [], [], ""),
        ("blank", "A1", [], False, [], [], "A1"),
        ("blank", "A1", MORE, False, [], [], "A1"),
        ("blank", "", [], True, [], [ATTEMPTED], ""),
        # The product that this follows sends the attempted number only; here all are tried (J5, lifts).
        ("blank", "", MORE, True, [], [ATTEMPTED, *MORE], ""),
        ("blank", "   ", [], True, [], [ATTEMPTED], ""),
    ],
)
def test_every_row_of_the_table(mode, value, phones, asked, identifiers, numbers, group_id):
    decided = plan(mode, value, ATTEMPTED, phones)

    assert decided.is_asked is asked
    assert [value for kind, value in decided.asks if kind == "id"] == identifiers
    assert decided.numbers == numbers
    assert decided.customer_id == group_id


@pytest.mark.parametrize("mode", ["always", "never", "blank"])
def test_fifth_number_and_numbers_without_an_id_are_refused(mode):
    with pytest.raises(TooManyPhones, match="5 phone numbers"):
        plan(mode, "A1", ATTEMPTED, [*MORE, "+15550105"])
    with pytest.raises(IdIsMandatory, match="mandatory"):
        plan(mode, "", ATTEMPTED, MORE, names_id=False)


def test_same_number_is_asked_once():
    assert plan("always", "", ATTEMPTED, [ATTEMPTED, "", "+15550101"]) == Plan(
        asks=(("phone", ATTEMPTED), ("phone", "+15550101"))
    )


@pytest.fixture
def people(db) -> dict[str, str]:
    """Ada with a number, an id and an address; Bo with another number; Cem shares Bo's account."""
    admin = api_for("Admin")
    found = {}
    for name, more in {
        "Ada": {
            "phones": ["+49301234567"],
            "emails": ["ada@example.org"],
            "crm_id": "CRM-7",
            "account_id": "ACC-1",
        },
        "Bo": {
            "phones": ["+49307654321"],
            "account_id": "ACC-2",
            "identifiers": [{"type": "facebook", "value": "bo.f"}],
        },
        "Cem": {"phones": ["+49305555555"], "account_id": "ACC-2", "emails": ["ada@example.org"]},
    }.items():
        response = admin.post("/api/v1/customers/", {"first_name": name, **more})
        assert response.status_code == 201, response.json()
        found[name] = response.json()["id"]
    return found


# Customer management (J6)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("phone=%2B49301234567", "Ada"),
        ("phone=030%201234567", "Ada"),
        ("phone=%2B49301234567&phone=%2B15550100", "Ada"),
        ("crmId=CRM-7", "Ada"),
        ("accountId=ACC-1", "Ada"),
        ("socialId=bo.f", "Bo"),
        ("customerId=CRM-7&phone=%2B49301234567", "Ada"),
        ("email=ada@example.org&phone=%2B15550100", None),
        ("accountId=ACC-2", None),
        ("phone=%2B49301234567&phone=%2B49307654321", None),
        ("customerId=CRM-7&phone=%2B49307654321", None),
    ],
)
def test_customer_management_names_one_or_says_that_several_are_meant(people, query, name):
    response = api_for("Integration").get(f"{MANAGEMENT}?{query}")

    if name:
        assert (response.status_code, response.json()) == (200, {"customerId": people[name]})
    else:
        assert response.status_code == 409
        assert response.json()["errors"][0]["type"] == "Conflict"
        assert "several customers" in response.json()["errors"][0]["message"]


def test_customer_management_knows_our_own_ids(people):
    response = api_for("Integration").get(f"{MANAGEMENT}?customerId={people['Bo']}")

    assert response.json() == {"customerId": people["Bo"]}


@pytest.mark.parametrize(
    "query", ["phone=%2B15550199", "email=nobody@example.org", "phone=anonymous", "email=x"]
)
def test_customer_management_says_that_nobody_is_meant(people, query):
    response = api_for("Integration").get(f"{MANAGEMENT}?{query}")

    assert response.status_code == 404
    assert response.json()["errors"][0]["type"] == "NotFound"


@pytest.mark.parametrize("query", ["", "?phone=", "?name=Ada"])
def test_customer_management_wants_to_be_asked_by_something(people, query):
    response = api_for("Integration").get(f"{MANAGEMENT}{query}")

    assert response.status_code == 400
    assert "phone, email, socialId, crmId, accountId, customerId" in response.json()["errors"][0]["message"]


# Contact lists (J5b)


def contact_list(client, **changes):
    body = {
        "name": "Renewals",
        "available": ["Phone 3"],
        "selected": ["Phone 1", "Phone 2"],
        "customer_id_attribute": "Customer no",
        "retrieval_mode": "always",
    }
    return client.post(LISTS, {**body, **changes})


def test_contact_list_is_made_changed_and_deleted(db):
    admin = api_for("Admin")

    made = contact_list(admin)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in ("name", "available", "selected", "retrieval_mode")} == {
        "name": "Renewals",
        "available": ["Phone 3"],
        "selected": ["Phone 1", "Phone 2"],
        "retrieval_mode": "always",
    }
    place = f"{LISTS}{made.json()['id']}/"
    changed = admin.patch(
        place, {"selected": ["Phone 2", "Phone 3", "Phone 1"], "available": ["Phone 1", "Fax"]}
    )
    assert (changed.json()["selected"], changed.json()["available"]) == (
        ["Phone 2", "Phone 3", "Phone 1"],
        ["Fax"],
    )
    assert admin.get(LISTS).json() == [changed.json()]
    assert contact_list(admin, name="RENEWALS").status_code == 409
    assert admin.delete(place).status_code == 204
    assert admin.get(place).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_id_attribute": None}, "customer_id_attribute"),
        ({"customer_id_attribute": "", "selected": [], "retrieval_mode": "never"}, "customer_id_attribute"),
        ({"customer_id_attribute": "", "selected": [], "retrieval_mode": "blank"}, "customer_id_attribute"),
        ({"selected": ["a", "b", "c", "d", "e"]}, "selected"),
        ({"selected": ["a", "a"]}, "selected"),
        ({"retrieval_mode": "sometimes"}, "retrieval_mode"),
        ({"phones": []}, "phones"),
        ({"name": ""}, "name"),
    ],
)
def test_contact_list_that_cannot_work_is_refused(db, changes, field):
    response = contact_list(api_for("Admin"), **changes)

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {field}


def test_single_phone_needs_no_customer_id(db):
    response = contact_list(api_for("Admin"), selected=["Phone 1"], customer_id_attribute=None)

    assert response.status_code == 201
    assert response.json()["customer_id_attribute"] is None


# Attempts (J5b, J7)


@pytest.mark.parametrize(
    ("mode", "attributes", "attempted", "phones", "expected"),
    [
        ("always", {"Customer no": "CRM-7"}, "+49301234567", None, "Ada"),
        ("always", {"Customer no": ""}, "+49301234567", None, "Ada"),
        ("always", {"Customer no": "CRM-7"}, "+15550100", None, "Ada"),
        ("always", {"Customer no": "stranger"}, "+15550100", ["+49307654321"], "Bo"),
        ("always", {"Customer no": "stranger", "Phone 2": "+49307654321"}, "+15550100", None, "Bo"),
        ("always", {"Customer no": "CRM-7"}, "+49307654321", None, None),
        ("always", {}, "+15550100", None, None),
        ("never", {"Customer no": "A1"}, "+49301234567", None, "A1"),
        ("never", {"Customer no": ""}, "+49301234567", None, None),
        ("blank", {"Customer no": "A1"}, "+49301234567", MORE, "A1"),
        ("blank", {"Customer no": ""}, "+49301234567", None, "Ada"),
        ("blank", {}, "+15550100", ["+49305555555"], "Cem"),
    ],
)
def test_attempt_gets_its_customer_id_by_the_mode(people, mode, attributes, attempted, phones, expected):
    client = api_for("Integration")
    made = contact_list(client, retrieval_mode=mode).json()
    body = {"list": made["id"], "attributes": attributes, "attempted": attempted}

    response = client.post(ATTEMPTS, body if phones is None else {**body, "phones": phones})

    assert response.status_code == 201, response.json()
    answer = response.json()
    assert answer["customer_id"] == people.get(expected, expected)
    context = Context.objects.get(context_id=answer["work_request_id"])
    assert (context.permanent, context.group_id) == (True, answer["customer_id"] or "")


def test_attempt_says_why_it_names_nobody(people):
    client = api_for("Integration")
    contact_list(client)

    several = client.post(
        ATTEMPTS, {"list": "renewals", "attributes": {"Customer no": "CRM-7"}, "attempted": "+49307654321"}
    )
    nobody = client.post(ATTEMPTS, {"list": "Renewals", "attributes": {}, "attempted": "+15550100"})

    assert several.json()["found"] == "several"
    assert several.json()["asked"] == ["CRM-7", "+49307654321"]
    assert nobody.json()["found"] == "none"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"list": "nothing"}, "list"),
        ({"list": 999}, "list"),
        ({"list": True}, "list"),
        ({"phones": [*MORE, "+15550105"]}, "phones"),
        ({"attributes": {"a": {}}}, "attributes.a"),
        ({"attempted": ""}, "attempted"),
        ({"colour": "blue"}, "colour"),
        ({"data": [1]}, "data"),
    ],
)
def test_attempt_that_makes_no_sense_is_refused(people, changes, field):
    client = api_for("Integration")
    contact_list(client)

    response = client.post(ATTEMPTS, {"list": "Renewals", "attempted": ATTEMPTED, **changes})

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {field}
    assert not Attempt.objects.exists()


def test_phones_beside_the_attempted_one_need_the_customer_id(people):
    client = api_for("Integration")
    contact_list(client, name="Plain", selected=[], customer_id_attribute=None)

    response = client.post(ATTEMPTS, {"list": "Plain", "attempted": ATTEMPTED, "phones": MORE[:1]})

    assert response.status_code == 400
    assert "mandatory" in response.json()["errors"]["phones"][0]


def test_attempt_marked_as_done_still_shows_in_the_journey(people):
    client = api_for("Integration")
    contact_list(client)

    client.post(
        ATTEMPTS,
        {
            "list": "Renewals",
            "attempted": "+49301234567",
            "done": True,
            "result": "No answer",
            "topic": "English Renewal",
        },
    )

    element = Element.objects.get()
    assert str(element.customer_id) == people["Ada"]
    assert (element.channel, element.direction, element.topic, element.status, element.is_missed) == (
        "voice",
        "outbound",
        "English Renewal",
        "No answer",
        True,
    )


def test_repeated_attempt_with_its_key_is_one_attempt(people):
    client = api_for("Integration")
    contact_list(client)
    body = {"list": "Renewals", "attempted": "+49301234567"}

    answers = [
        client.post(ATTEMPTS, body, headers={"Idempotency-Key": "attempt-1"}).json() for _time in range(2)
    ]

    assert answers[0] == answers[1]
    assert Attempt.objects.count() == 1
