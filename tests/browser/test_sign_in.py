from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stories import ready
from tests.factories import make_user

Accessible = Callable[[Page], None]


def test_sign_in_leads_back_to_the_page_that_was_asked_for(page: Page, assert_accessible: Accessible) -> None:
    user = make_user("Agent")
    user.set_password("correct horse battery")
    user.save()

    page.goto("/customers/?q=weiss")
    assert_accessible(page)
    page.get_by_label("User name").fill("aylin")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert_accessible(page)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url("**/customers/?q=weiss")
    ready(page)
    page.get_by_role("button", name="You, Aylin Aksoy").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/login/")


def test_account_changes_theme_and_language(
    page: Page, sign_in: Callable[..., Page], assert_accessible: Accessible
) -> None:
    sign_in(make_user("Agent"))
    page.goto("/account/")

    page.get_by_label("Theme").select_option("dark")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("status")).to_contain_text("saved")
    assert_accessible(page)


@pytest.mark.parametrize(
    ("role", "start"),
    [
        ("Admin", "/customers/"),
        ("Supervisor", "/customers/"),
        ("Agent", "/customers/"),
        ("Importer", "/imports/"),
    ],
)
def test_start_page_leads_each_role_to_its_job(
    page: Page, sign_in: Callable[..., Page], role: str, start: str
) -> None:
    sign_in(make_user(role))

    page.goto("/welcome/")
    page.get_by_role("button", name="Skip").click()

    page.wait_for_url(f"**{start}")
    page.goto("/")
    page.wait_for_url(f"**{start}")
    schema_link = page.get_by_role("link", name="Schema")
    expect(schema_link).to_have_count(1 if role == "Admin" else 0)


def test_admin_adds_a_user_with_a_role(
    page: Page, sign_in: Callable[..., Page], assert_accessible: Accessible
) -> None:
    sign_in(make_user("Admin"))
    page.goto("/users/")
    assert_accessible(page)

    page.get_by_role("link", name="New user").click()
    page.get_by_label("First name").fill("Tomás")
    page.get_by_label("User name").fill("tomas")
    page.get_by_label("Role").select_option("Supervisor")
    page.get_by_label("Password").fill("123")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".error")).to_contain_text("too short")
    assert_accessible(page)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("row", name="tomas")).to_contain_text("Supervisor")
