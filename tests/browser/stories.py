"""What the stories begin with: attributes, customers and labels that are there before the browser opens."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cim.access import audit
from customers import labelling, profiles, schema
from customers.models import Attribute, Customer, Label
from customers.schema import Definition, Schema

ACTOR = audit.system_actor("command")


def add_attribute(label: str, type: str = "text", **changes: Any) -> Attribute:
    given = {"label": label, "type": type, **changes}
    return schema.add(Definition(**given, given=frozenset(given)), ACTOR)


def add_customer(*, labels: tuple[str, ...] = (), **values: Any) -> Customer:
    current = Schema.current()
    customer = profiles.create(current.read_json(values), ACTOR, schema=current).customer
    if labels:
        labelling.relabel(customer, ACTOR, add=list(Label.objects.filter(name__in=labels)))
    return customer


def edit(customer: Customer, **values: Any) -> None:
    current = Schema.current()
    profiles.edit(customer.pk, current.read_json(values), ACTOR, schema=current)


def add_people() -> None:
    """Two customers with names, a tariff and a label; the attributes and the label are there for others too."""
    add_attribute("Tariff", "choice", options=["Green 24", "Green Fix"])
    add_attribute("Monthly", "number")
    add_attribute("Contract end", "date")
    Label.objects.create(name="VIP", color="violet")
    add_customer(
        first_name="Jürgen",
        last_name="Weiß",
        phones=["+491713920142"],
        emails=["j.weiss@example.org"],
        tariff="Green 24",
    )
    add_customer(
        first_name="Linnea",
        last_name="Sjöberg",
        phones=["+46701740612", "+4684650481"],
        tariff="Green Fix",
        labels=("VIP",),
    )


def add_crowd() -> None:
    """Sixty customers who differ in number, tariff and monthly payment, and then the two with names."""
    add_people()
    for number in range(60):
        add_customer(
            first_name="Priya",
            last_name=f"Raman {number:02}",
            phones=[f"+4930231250{number:02}"],
            tariff="Green 24" if number % 2 else "Green Fix",
            monthly=40 + number,
            contract_end=f"2026-12-{number % 28 + 1:02}",
        )


def ready(page: Page) -> None:
    """Wait until the script of the page has shown what it has to show."""
    page.locator("[data-ready=true]").first.wait_for()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the button or link of that name has the focus."""
    script = (
        "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || ''"
    )
    for _step in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(script).strip().startswith(name):
            return
    pytest.fail(f"Tab never comes to {name}.")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    ready(page)
    return page


def names(page: Page) -> list[str]:
    """The last names that the list shows, from the top."""
    return page.locator(".tabulator-row [tabulator-field=last_name]").all_inner_texts()


def count_says(page: Page, text: str) -> None:
    expect(page.locator("[data-part=count]")).to_have_text(text)
