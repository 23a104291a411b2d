"""The made-up customers are sound, always the same, and leave the numbers free that tests of others use."""

import pytest
from django.core.management import call_command

from customers import seeding
from customers.integrity import problems
from customers.models import Attribute, Customer, Phone
from customers.phones import normalize
from customers.schema import dialplan
from customers.values import LISTS, Kind

pytestmark = pytest.mark.django_db


def test_demo_fills_an_empty_database_once() -> None:
    call_command("seed_demo")
    call_command("seed_demo")

    customs = Attribute.objects.custom()
    assert Customer.objects.count() == 2000
    assert {item.kind for item in customs} == set(Kind) - LISTS
    assert customs.count() == 15
    assert not customs.filter(required=True).exists()
    assert not customs.exclude(default=None).exists()
    assert list(problems()) == []


def test_made_up_numbers_are_normal_and_spare_the_reserved_ones() -> None:
    seeding.demo_schema(seeding.audit.system_actor("command"))
    seeding.seed(500, seeding.audit.system_actor("command"))

    numbers = list(Phone.objects.values_list("number", flat=True))
    assert [number for number in numbers if normalize(number, dialplan()) != number] == []
    assert [number for number in numbers if number.startswith("+4915")] == []


def test_the_same_seed_makes_the_same_people() -> None:
    first, again = (list(seeding.people(10, 5, 7)) for _round in range(2))

    assert first == again
    assert list(seeding.people(12, 1, 7)) == first[2:3]
