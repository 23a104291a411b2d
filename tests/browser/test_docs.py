from collections.abc import Callable

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.factories import make_user


def test_docs_show_the_api_under_the_content_policy(sign_in: Callable[[User], Page]) -> None:
    page = sign_in(make_user("Agent"))

    page.goto("/api/v1/docs/")
    # The page shows operations as they are scrolled into view; these are among the first.
    attributes = page.locator(".opblock-get").filter(has=page.locator('[data-path="/api/v1/attributes/"]'))
    attributes.get_by_role("button").first.click()

    expect(attributes.get_by_role("heading", name="Responses")).to_be_visible()
