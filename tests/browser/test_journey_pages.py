"""The supervisor's flows and the contact lists, in a real browser."""

import datetime as dt
from collections.abc import Callable

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from journeys.models import ContactList
from tests.browser.test_journey import shot
from tests.factories import make_user
from tests.journeys.making import fill, make_context, make_customer

SignIn = Callable[[User], Page]


def test_flows_by_topic_as_picture_and_table(sign_in: SignIn, assert_accessible) -> None:
    now = timezone.now()
    for number in range(3):
        fill(make_customer(f"Person {number}"), 60, until=now, minutes=480)
    rare = make_customer("Clara Oberländer")
    make_context(rare, now - dt.timedelta(days=3), topic="Rare", data={"channel": "web"})
    make_context(rare, now - dt.timedelta(days=2), topic="Rare", data={"channel": "voice"})
    page = sign_in(make_user("Supervisor"))

    page.goto("/journeys/flows/")
    expect(page.locator("[data-journey-flows][data-ready]")).to_be_attached(timeout=20_000)

    expect(page.locator("[data-part=summary]")).to_contain_text("steps")
    shot(page, "flows")
    assert_accessible(page)
    page.get_by_label("Topic").select_option("Rare")
    expect(page.locator("[data-part=summary]")).to_have_text("1 step")
    expect(page.locator("[data-part=rows] tr").first).to_have_text("Web Voice1100 %24 h 0 min")
    assert "topic=Rare" in page.url


def test_contact_list_is_set_up_by_key(sign_in: SignIn, assert_accessible) -> None:
    page = sign_in(make_user("Admin"))
    page.goto("/journeys/contact-lists/")
    expect(page.locator("[data-contact-lists][data-ready]")).to_be_attached()

    page.keyboard.press("n")
    panel = page.locator(".panel")
    panel.get_by_label("Name").fill("Renewals")
    panel.get_by_role("button", name="Select Phone 1").click()
    panel.get_by_role("button", name="Select Phone 2").click()
    panel.get_by_role("button", name="Take Phone 2 away").press("Alt+ArrowUp")
    panel.get_by_role("button", name="Save list").click()
    expect(panel.get_by_role("alert")).to_contain_text("mandatory")
    shot(page, "contact-list")
    assert_accessible(page)
    panel.get_by_label("Attribute that is the customer id").fill("Customer no")
    panel.get_by_label("Retrieval mode of the customer id").select_option("blank")
    panel.get_by_role("button", name="Save list").click()

    expect(page.get_by_role("row", name="Renewals")).to_contain_text("Attribute value is blank")
    made = ContactList.objects.get()
    assert (made.selected, made.available) == (["Phone 2", "Phone 1"], ["Phone 3", "Phone 4"])
    assert (made.customer_id_attribute, made.retrieval_mode) == ("Customer no", "blank")
