from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cim.access.audit import system_actor
from customers import erasing
from customers.models import Customer
from customers.schema import Schema
from tests.browser.stories import add_people, opened, ready
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def form(page: Page, sign_in: Callable[..., Page]) -> Page:
    add_people()
    sign_in(make_user("Agent"))
    return opened(page, "/customers/new/")


def fill_in(page: Page, **values: str) -> None:
    for label, value in values.items():
        page.get_by_label(label.replace("_", " ")).first.fill(value)


def test_new_customer_is_added(form: Page, assert_accessible: Accessible) -> None:
    assert_accessible(form)
    fill_in(form, First_name="Amara", Last_name="Okonkwo", Phones="+44 7700 900461")
    form.get_by_label("Tariff").select_option("Green 24")

    form.keyboard.press("Control+Enter")

    form.wait_for_url("**/customers/*-*/")
    ready(form)
    expect(form.get_by_role("heading", level=1)).to_have_text("Amara Okonkwo")
    expect(form.get_by_role("status").filter(has_text="Amara Okonkwo was added.")).to_be_visible()


def test_wrong_values_are_said_beside_their_fields(form: Page, assert_accessible: Accessible) -> None:
    fill_in(form, First_name="Amara", Phones="12", Emails="amara@")

    form.keyboard.press("Control+Enter")

    expect(form.locator("[data-field=phones]")).to_contain_text("12")
    expect(form.locator("[data-field=emails]")).to_contain_text("amara@")
    assert form.get_by_label("First name").input_value() == "Amara"
    assert_accessible(form)


def test_replacing_a_profile_is_shown_before_it_happens(form: Page, assert_accessible: Accessible) -> None:
    old = Customer.objects.get(last_name="Weiß")
    fill_in(form, First_name="Juergen", Last_name="Weiss", Phones="0171 3920142")

    form.keyboard.press("Control+Enter")

    dialog = form.get_by_role("dialog")
    expect(dialog).to_contain_text("Jürgen Weiß already has a profile")
    expect(dialog.locator("tr", has_text="Emails")).to_contain_text("Removed")
    expect(dialog.locator("tr", has_text="First name")).to_contain_text("Changed")
    assert_accessible(form)
    form.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert form.get_by_label("First name").input_value() == "Juergen"
    assert Customer.objects.get(id=old.id).last_name == "Weiß"

    form.get_by_role("button", name="Save customer").click()
    dialog.get_by_role("button", name="Replace profile").click()
    form.wait_for_url(f"**/customers/{old.id}/")
    ready(form)
    expect(form.get_by_role("heading", level=1)).to_have_text("Juergen Weiss")
    expect(form.locator("[data-part=history-count]")).to_have_text("2")


def test_the_existing_profile_can_be_opened_instead(form: Page) -> None:
    old = Customer.objects.get(last_name="Weiß")
    fill_in(form, First_name="Juergen", Phones="+491713920142")

    form.keyboard.press("Control+Enter")
    form.get_by_role("dialog").get_by_role("button", name="Open existing").click()

    form.wait_for_url(f"**/customers/{old.id}/")
    ready(form)
    expect(form.get_by_role("heading", level=1)).to_have_text("Jürgen Weiß")


def test_numbers_of_two_customers_are_refused_and_both_are_named(
    form: Page, assert_accessible: Accessible
) -> None:
    fill_in(form, First_name="Somebody", Phones="+491713920142")
    form.get_by_role("button", name="Add a phone").click()
    form.locator("[data-field=phones] input").last.fill("+46701740612")

    form.keyboard.press("Control+Enter")

    dialog = form.get_by_role("dialog")
    expect(dialog).to_contain_text("These numbers belong to 2 customers")
    expect(dialog.get_by_role("link", name="Jürgen Weiß")).to_be_visible()
    expect(dialog.get_by_role("link", name="Linnea Sjöberg")).to_be_visible()
    assert_accessible(form)
    assert not Customer.objects.filter(first_name="Somebody").exists()


def test_number_of_an_erased_person_is_confirmed_before_it_is_saved(
    form: Page, assert_accessible: Accessible
) -> None:
    erasing.erase(
        Customer.objects.get(last_name="Weiß").pk,
        system_actor("command"),
        schema=Schema.current(),
        now=timezone.now(),
    )
    fill_in(form, First_name="Amara", Last_name="Okonkwo", Phones="0171 3920142")

    form.keyboard.press("Control+Enter")

    dialog = form.get_by_role("dialog", name="Is this somebody else?")
    expect(dialog).to_contain_text("+491713920142 belonged to a person who was erased")
    assert_accessible(form)
    assert not Customer.objects.filter(last_name="Okonkwo").exists()
    dialog.get_by_role("button", name="It is somebody else").click()
    form.wait_for_url("**/customers/*-*/")
    assert Customer.objects.get(last_name="Okonkwo").phones == ["+491713920142"]
