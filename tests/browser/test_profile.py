from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from customers import profiles
from customers.models import Customer
from customers.schema import Schema
from tests.browser.stories import ACTOR, add_attribute, add_people, opened, ready
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def juergen() -> Customer:
    add_people()
    return Customer.objects.get(last_name="Weiß")


def test_profile_is_edited_in_place_and_versions_bring_it_back(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, assert_accessible: Accessible
) -> None:
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")
    assert_accessible(page)

    page.keyboard.press("e")
    page.get_by_label("Postal code").fill("10965")
    page.get_by_label("Monthly").fill("twelve")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-field=monthly]")).to_contain_text("“twelve” is not a number")
    expect(page.get_by_text("1 field to put right")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Monthly").fill("84.20")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.locator("[data-attribute=monthly]")).to_contain_text("84.2")

    page.keyboard.press("h")
    expect(page.get_by_role("complementary")).to_contain_text("2 versions")
    assert_accessible(page)
    page.get_by_role("button", name="Restore version 1").click()
    assert_accessible(page)
    page.get_by_role("dialog").get_by_role("button", name="Restore version 1").click()
    expect(page.locator("[data-attribute=monthly]")).to_have_count(0)
    expect(page.locator("[data-part=history-count]")).to_have_text("3")


def test_two_people_editing_see_both_values(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, assert_accessible: Accessible
) -> None:
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")
    page.keyboard.press("e")
    page.get_by_label("Postal code").fill("10965")
    page.get_by_label("Address").fill("Musterstraße 14")
    current = Schema.current()
    profiles.edit(juergen.id, current.read_json({"postal_code": "12435"}), ACTOR, schema=current)

    page.keyboard.press("Control+Enter")

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Somebody else changed this customer")
    expect(dialog).to_contain_text("12435")
    expect(dialog).to_contain_text("Also saved: Address")
    assert_accessible(page)
    dialog.get_by_label("10965").check()
    dialog.get_by_role("button", name="Save this choice").click()
    expect(page.locator("[data-attribute=postal_code]")).to_contain_text("10965")
    expect(page.locator("[data-attribute=address]")).to_contain_text("Musterstraße 14")


def test_phone_of_another_customer_is_never_taken_by_an_edit(
    page: Page, sign_in: Callable[..., Page], juergen: Customer
) -> None:
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")

    page.get_by_role("button", name="Edit Phones").click()
    page.get_by_role("button", name="Add a phone").click()
    page.locator("[data-field=phones] input").last.fill("+46 70 174 06 12")
    page.keyboard.press("Control+Enter")

    expect(page.locator("[data-field=phones]").get_by_role("link", name="Open that customer")).to_be_visible()
    juergen.refresh_from_db()
    assert juergen.phones == ["+491713920142"]


def test_labels_are_put_on_and_taken_off(page: Page, sign_in: Callable[..., Page], juergen: Customer) -> None:
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")

    page.get_by_role("button", name="Label", exact=True).click()
    page.get_by_role("menuitem", name="VIP").click()
    expect(page.locator("[data-part=labels]")).to_contain_text("VIP")
    page.get_by_role("button", name="Remove the label VIP").click()
    expect(page.locator("[data-part=labels]")).not_to_contain_text("VIP")


def test_personal_data_is_masked_and_a_reveal_is_a_click(
    page: Page, sign_in: Callable[..., Page], juergen: Customer
) -> None:
    add_attribute("IBAN", pii=True)
    current = Schema.current()
    profiles.edit(juergen.id, current.read_json({"iban": "DE89370400440532013000"}), ACTOR, schema=current)
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")
    iban = page.locator("[data-attribute=iban]")
    expect(iban).to_contain_text("••••••")
    expect(iban.get_by_role("button", name="Reveal")).to_have_count(0)

    page.context.clear_cookies()
    sign_in(make_user("Supervisor"))
    opened(page, f"/customers/{juergen.id}/")
    expect(iban).to_contain_text("••••••")
    iban.get_by_role("button", name="Reveal").click()

    expect(iban).to_contain_text("DE89370400440532013000")


def test_delete_can_be_taken_back(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, assert_accessible: Accessible
) -> None:
    sign_in(make_user("Supervisor"))
    opened(page, f"/customers/{juergen.id}/")

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete this customer").click()
    page.get_by_role("button", name="Delete customer").click()
    expect(page.get_by_role("heading", name="Jürgen Weiß is deleted")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Restore").click()

    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jürgen Weiß")
