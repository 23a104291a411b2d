"""What pages say while CIM does not answer, and how one goes on: the rest of the page keeps working."""

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from customers.models import Customer
from tests.browser.stories import add_people, count_says, opened
from tests.factories import make_user


def refuse(route: Route) -> None:
    route.fulfill(status=503, content_type="text/html", body="<h1>Service unavailable</h1>")


def test_profile_that_did_not_load_is_tried_again(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    juergen = Customer.objects.get(last_name="Weiß")
    sign_in(make_user("Agent"))
    page.route("**/api/v1/customers/**", refuse)
    opened(page, f"/customers/{juergen.pk}/")

    expect(page.get_by_role("heading", name="The profile could not be loaded")).to_be_visible()
    expect(page.get_by_text("try again in a moment")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Jürgen Weiß")


def test_lost_connection_is_told_and_covers_nothing(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    sign_in(make_user("Agent"))
    opened(page, "/customers/")
    page.route("**/api/v1/customers/?**", lambda route: route.abort())
    page.get_by_label("Search names, phones and emails in this list").fill("Weiß")

    expect(page.get_by_role("alert").filter(has_text="No connection since")).to_be_visible()
    expect(page.get_by_role("heading", name="The list could not be loaded")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.keyboard.press("Escape")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()

    count_says(page, "1 of 2")
    expect(page.get_by_text("No connection since")).to_have_count(0)


def test_field_to_put_right_is_shown_with_what_is_wrong(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    juergen = Customer.objects.get(last_name="Weiß")
    sign_in(make_user("Agent"))
    page.set_viewport_size({"width": 1280, "height": 560})
    opened(page, f"/customers/{juergen.pk}/")
    page.keyboard.press("e")
    page.get_by_label("Monthly").fill("abc")
    page.get_by_label("First name").focus()
    page.keyboard.press("Control+Enter")

    expect(page.get_by_label("Monthly")).to_be_focused()
    expect(page.get_by_text("“abc” is not a number.")).to_be_in_viewport(ratio=1)
