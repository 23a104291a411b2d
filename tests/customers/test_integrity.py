"""The integrity check finds what it is there to find (Q20)."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cim.access.audit import system_actor
from customers import profiles
from customers.integrity import problems
from customers.models import Customer, Phone
from customers.schema import Schema

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Customer:
    schema = Schema.current()
    given = schema.read_json({"first_name": "Ada", "phones": ["+493023125077"]})
    customer = profiles.create(given, system_actor("api"), schema=schema).customer
    return profiles.edit(
        customer.pk, schema.read_json({"address": "Here"}), system_actor("api"), schema=schema
    )


def test_a_sound_database_has_no_problems(ada: Customer) -> None:
    assert list(problems()) == []
    call_command("check_integrity")


def test_a_number_shown_but_not_owned_is_found(ada: Customer) -> None:
    Phone.objects.update(valid_to="2026-11-20T12:00:00Z")

    assert [item for item in problems() if "without owning it" in item]
    with pytest.raises(CommandError, match="1 contradiction"):
        call_command("check_integrity")


def test_a_number_owned_but_not_shown_is_found(ada: Customer) -> None:
    Customer.objects.update(phones=[])

    assert [item for item in problems() if "without showing it" in item]


def test_a_gap_in_the_history_is_found(ada: Customer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_forget_versions(array_agg(id)) FROM customers_customer")

    assert [item for item in problems() if "history" in item]
