"""Pages at 200 %: 1440 by 900 leaves 720 by 450, on which everything is still within reach (Q34)."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.stories import add_people, opened
from tests.factories import make_user

PAGES = (
    "/customers/",
    "/customers/duplicates/",
    "/schema/",
    "/imports/new/",
    "/audit/",
    "/wall/",
    "/journeys/flows/",
    "/do-not-call/",
)
# The rail stands below; whatever lies over it belongs to a page that runs out of its place.
_WHAT_IS_WRONG = """() => {
  const rail = document.querySelector('.rail').getBoundingClientRect();
  const over = [0.1, 0.5, 0.9].map((part) => document.elementFromPoint(rail.x + rail.width * part, rail.y + 4))
    .filter((found) => !found.closest('.rail')).map((found) => `over the rail: ${found.className}`);
  const wide = document.documentElement.scrollWidth > innerWidth ? ['wider than the window'] : [];
  return [...over, ...wide];
}"""


def test_pages_stay_in_their_place_at_twice_the_size(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    sign_in(make_user("Admin"))
    page.set_viewport_size({"width": 720, "height": 450})
    wrong = {}
    for address in PAGES:
        page.goto(address)
        page.locator("[data-ready=true], [data-part=live], main:not(:has([data-part]))").first.wait_for()
        if found := page.evaluate(_WHAT_IS_WRONG):
            wrong[address] = found

    assert wrong == {}


def test_list_shows_rows_enough_at_twice_the_size(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    sign_in(make_user("Agent"))
    page.set_viewport_size({"width": 720, "height": 450})
    opened(page, "/customers/")

    grid = page.locator("[data-part=grid]").bounding_box()

    assert grid is not None
    assert grid["height"] >= 250
