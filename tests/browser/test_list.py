import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.stories import add_attribute, add_crowd, add_customer, count_says, names, opened, ready
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def listed(page: Page, sign_in: Callable[..., Page]) -> Page:
    add_crowd()
    sign_in(make_user("Supervisor"))
    return opened(page, "/customers/")


def test_list_sorts_searches_and_keeps_it_in_the_address(listed: Page, assert_accessible: Accessible) -> None:
    page = listed
    count_says(page, "62")
    assert names(page)[0] == "Raman 59"
    assert_accessible(page)

    page.get_by_role("button", name="Monthly", exact=True).click()
    expect(page.locator(".tabulator-row").first).to_contain_text("Raman 00")
    page.get_by_role("button", name="Monthly", exact=True).click()
    expect(page.locator(".tabulator-row").first).to_contain_text("Raman 59")
    page.get_by_label("Search Last name").fill("aman 1")
    count_says(page, "10 of 62")
    page.locator("[data-filters=tariff] button").click()
    page.get_by_label("Green Fix").check()
    page.get_by_role("button", name="Apply").click()
    count_says(page, "5 of 62")
    assert names(page) == [f"Raman {number}" for number in (18, 16, 14, 12, 10)]
    assert_accessible(page)

    address = page.url
    assert "ordering=-monthly" in address
    assert "last_name__contains=aman+1" in address
    opened(page, "/customers/")
    opened(page, address)
    count_says(page, "5 of 62")
    page.get_by_text("Any", exact=True).click()
    count_says(page, "36 of 62")
    page.get_by_role("button", name="Clear all").click()
    count_says(page, "62")


def test_list_turns_pages(listed: Page) -> None:
    page = listed

    page.get_by_label("Rows on a page").select_option("25")
    expect(page.get_by_text("1–25 of 62")).to_be_visible()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("26–50 of 62")).to_be_visible()
    page.get_by_label("Go to page").fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("51–62 of 62")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("26–50 of 62")).to_be_visible()


def test_quick_search_finds_a_phone_in_any_format_and_the_row_opens_the_profile(listed: Page) -> None:
    page = listed

    page.get_by_label("Search names, phones and emails in this list").fill("0171 3920 142")
    count_says(page, "1 of 62")
    page.locator(".tabulator-row").click(position={"x": 600, "y": 15})

    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jürgen Weiß")
    expect(page.locator("[data-part=position]")).to_have_text("1 of 1")


def test_list_by_keyboard_alone(listed: Page, assert_accessible: Accessible) -> None:
    page = listed

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(page.locator(".tabulator-row.marked")).to_contain_text("Raman 58")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 selected")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next row")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("sjoberg")
    expect(
        page.get_by_role("listbox").get_by_role("option").filter(has_not_text="Search the CRM")
    ).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Linnea Sjöberg")


def test_columns_dialog_moves_and_hides_and_the_layout_stays(
    listed: Page, assert_accessible: Accessible
) -> None:
    page = listed

    page.keyboard.press("c")
    assert_accessible(page)
    row = page.locator("[data-key-of=emails]")
    row.focus()
    page.keyboard.press("Alt+ArrowUp")
    page.locator("[data-key-of=address]").focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Apply").click()

    def fields() -> list[str | None]:
        columns = page.locator(".tabulator-col[role=columnheader]").all()
        return [column.get_attribute("tabulator-field") for column in columns][:5]

    expect(page.locator(".tabulator-col[tabulator-field=address]")).to_have_count(0)
    assert fields() == ["_tick", "first_name", "last_name", "emails", "phones"]
    with page.expect_response(lambda answer: "layout" in answer.url and answer.request.method == "PUT"):
        pass
    opened(page, "/customers/")
    assert fields() == ["_tick", "first_name", "last_name", "emails", "phones"]


def test_columns_are_dragged_and_resized(listed: Page) -> None:
    page = listed
    head = page.locator(".tabulator-col[tabulator-field=emails] .head-text").bounding_box()
    target = page.locator(".tabulator-col[tabulator-field=phones] .head-text").bounding_box()
    assert head
    assert target

    page.mouse.move(head["x"] + 10, head["y"] + 8)
    page.mouse.down()
    page.wait_for_timeout(350)
    page.mouse.move(target["x"] + 60, head["y"] + 8, steps=12)
    page.mouse.move(target["x"] + 5, head["y"] + 8, steps=8)
    with page.expect_response(lambda answer: "layout" in answer.url and answer.request.method == "PUT"):
        page.mouse.up()

    order = [
        column.get_attribute("tabulator-field")
        for column in page.locator(".tabulator-col[role=columnheader]").all()
    ]
    assert order.index("emails") < order.index("phones")


def test_nothing_found_says_which_condition_is_to_blame(listed: Page, assert_accessible: Accessible) -> None:
    page = listed

    opened(page, "/customers/?last_name__contains=Raman&postal_code=99999")

    expect(page.get_by_role("heading", name="No customer meets these 2 conditions")).to_be_visible()
    expect(page.get_by_text("without it 60")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("listitem").filter(has_text="99999").get_by_role(
        "button", name="Remove", exact=True
    ).click()
    count_says(page, "60 of 62")


def test_view_is_saved_opened_shared_and_deleted(listed: Page, assert_accessible: Accessible) -> None:
    page = listed
    page.get_by_label("Search Last name").fill("Sjö")
    count_says(page, "1 of 62")

    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name", exact=True).fill("Sjöbergs")
    page.get_by_label("Share it with everybody").check()
    assert_accessible(page)
    page.get_by_role("dialog").get_by_role("button", name="Save view").click()

    tabs = page.get_by_role("navigation", name="Saved views")
    expect(tabs.get_by_role("link", name="Sjöbergs")).to_have_attribute("aria-current", "page")
    tabs.get_by_role("link", name="All customers").click()
    count_says(page, "62")
    tabs.get_by_role("link", name="Sjöbergs").click()
    count_says(page, "1 of 62")
    assert_accessible(page)
    opened(page, page.url)
    count_says(page, "1 of 62")
    page.get_by_role("button", name="Change the view Sjöbergs").click()
    page.get_by_role("menuitem", name="Delete this view").click()
    page.get_by_role("button", name="Delete view").click()
    expect(tabs.get_by_role("link", name="Sjöbergs")).to_have_count(0)


def test_all_matches_are_labelled_at_once(listed: Page, assert_accessible: Accessible) -> None:
    page = listed
    page.get_by_label("Search Last name").fill("Raman")
    count_says(page, "60 of 62")

    page.get_by_label("Select all rows of this page").check()
    page.get_by_role("button", name="Select all 60 matches").click()
    expect(page.get_by_text("60 selected")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Label", exact=True).click()
    page.get_by_role("menuitem", name="VIP").click()

    expect(page.get_by_role("status").filter(has_text="60 customers are labelled VIP.")).to_be_visible()
    opened(page, "/customers/?label=VIP")
    count_says(page, "61 of 62")


def test_who_is_new_is_said_and_nothing_jumps(
    page: Page, sign_in: Callable[..., Page], assert_accessible: Accessible
) -> None:
    add_crowd()
    sign_in(make_user("Agent"))
    page.clock.install()
    opened(page, "/customers/?last_name__contains=raman")
    count_says(page, "60 of 62")

    add_customer(first_name="Priya", last_name="Raman 99")
    add_customer(first_name="Somebody", last_name="Else")
    page.clock.fast_forward(31_000)

    chip = page.get_by_role("button", name="1 new")
    expect(chip).to_be_visible()
    assert names(page)[0] == "Raman 59"
    assert_accessible(page)
    chip.click()
    expect(page.locator(".tabulator-row").first).to_contain_text("Raman 99")
    expect(chip).to_have_count(0)


def test_back_from_a_profile_the_list_is_where_it_was(listed: Page) -> None:
    page = listed
    holder = page.locator(".tabulator-tableholder")
    holder.evaluate("element => element.scrollTo(120, 700)")
    row = page.locator(".tabulator-row", has_text="Raman 35")
    row.click(position={"x": 600, "y": 15})
    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Priya Raman 35")

    page.locator("[data-part=back]").click()

    ready(page)
    expect(page.locator(".tabulator-row.marked")).to_contain_text("Raman 35")
    assert holder.evaluate("element => [element.scrollLeft, element.scrollTop]") == [120, 700]
    # Another order is another list: it begins at its top.
    page.get_by_role("button", name="Monthly", exact=True).click()
    expect(page.locator(".tabulator-row").first).to_contain_text("Raman 00")
    assert holder.evaluate("element => element.scrollTop") == 0


def test_a_slow_search_says_so_and_can_be_given_up(page: Page, sign_in: Callable[..., Page]) -> None:
    add_crowd()
    sign_in(make_user("Agent"))
    page.clock.install()
    opened(page, "/customers/")
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.url))
    # The answer never comes.
    page.route("**/api/v1/customers/?*last_name*", lambda route: None)

    page.get_by_label("Search Last name").fill("aman 1")
    page.clock.run_for(400)
    page.clock.run_for(4_100)

    expect(page.get_by_text("every customer is looked at")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("every customer is looked at")).to_be_hidden()
    assert ["last_name__contains" in address for address in given_up] == [True]
    assert names(page)[0] == "Raman 59"


def test_an_exact_number_comes_a_moment_later(page: Page, sign_in: Callable[..., Page]) -> None:
    add_crowd()
    sign_in(make_user("Agent"))
    held: list[Route] = []

    def only_a_bound(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, json={**answer.json(), "count": 25, "count_is_exact": False, "pages": None}
        )

    page.route("**/api/v1/customers/?*", only_a_bound)
    page.route("**/api/v1/customers/count/?*", lambda route: held.append(route))
    opened(page, "/customers/?last_name__contains=raman&page_size=25")
    count = page.locator("[data-part=count]")

    expect(count).to_contain_text("more than 25")
    expect(page.get_by_role("button", name="Last page")).to_be_disabled()
    for route in held:
        route.continue_()

    expect(count).to_have_text("60 of 62")
    expect(page.get_by_role("button", name="Page 3")).to_be_visible()


def test_fifty_columns_scroll(page: Page, sign_in: Callable[..., Page]) -> None:
    """With CIM_TEST_SCREENSHOTS set, what Q16 limits is written beside the pictures."""
    for number in range(50):
        add_attribute(f"Field {number:02}", ("text", "number", "date")[number % 3])
    values = ("something to read", 12.5, "2026-02-03")
    for number in range(60):
        fields = {f"field_{place:02}": values[place % 3] for place in range(50)}
        add_customer(first_name="Priya", last_name=f"Raman {number:02}", **fields)
    sign_in(make_user("Agent"))
    page.add_init_script(
        "window.longTasks = []; new PerformanceObserver((list) => list.getEntries()"
        ".forEach((entry) => window.longTasks.push(entry.duration))).observe({type: 'longtask', buffered: true})"
    )
    opened(page, "/customers/")
    page.evaluate("window.longTasks = []")
    holder = page.locator(".tabulator-tableholder")

    for top in range(0, 1600, 200):
        holder.evaluate(
            "(element, top) => new Promise((done) => { element.scrollTo(top * 4, top);"
            " requestAnimationFrame(() => requestAnimationFrame(done)); })",
            top,
        )

    expect(page.locator(".tabulator-row", has_text="Raman 10")).to_be_visible()
    holder.evaluate("element => element.scrollTo(element.scrollWidth, 0)")
    expect(page.locator(".tabulator-row").first.locator("[tabulator-field=field_49]")).to_be_in_viewport()
    if shots := os.environ.get("CIM_TEST_SCREENSHOTS"):
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        longest = max([0, *page.evaluate("window.longTasks")])
        Path(shots, "list-figures.txt").write_text(f"paint {paint} ms, longest task {longest} ms\n")
        page.screenshot(path=Path(shots, "list-fifty-columns.png"))
