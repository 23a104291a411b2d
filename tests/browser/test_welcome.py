from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cim.access.models import UserPreference
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.mark.parametrize(
    ("role", "job", "address"),
    [
        ("Admin", "Open the schema", "/schema/"),
        ("Supervisor", "Open the live wall", "/wall/"),
        ("Agent", "Open the desk", "/desk/"),
        ("Importer", "Import a file", "/imports/new/"),
    ],
)
def test_first_visit_leads_each_role_to_its_main_job_by_one_key(
    page: Page, sign_in: Callable[..., Page], assert_accessible: Accessible, role: str, job: str, address: str
) -> None:
    user = make_user(role)
    sign_in(user)

    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Welcome, {user.get_full_name()}")
    expect(page.get_by_role("button", name=job)).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{address}")
    assert UserPreference.objects.get(user=user).welcomed_at is not None


def test_welcome_that_was_passed_by_stays_away_in_every_browser_and_can_be_found_again(
    page: Page, sign_in: Callable[..., Page]
) -> None:
    sign_in(make_user("Agent"))
    page.goto("/")
    page.get_by_role("button", name="Skip, do not show this again").click()
    page.wait_for_url("**/customers/")

    page.context.clear_cookies()
    sign_in(make_user("Agent"))
    page.goto("/")
    page.wait_for_url("**/customers/")
    page.get_by_role("button", name="You, Aylin Aksoy").click()
    page.get_by_role("menuitem", name="First steps").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
