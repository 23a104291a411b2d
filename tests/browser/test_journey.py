"""The picture of a journey in a real browser: few points, some, ten thousand; keys, list, details, what is new."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from customers.models import Customer, CustomerLabel, Label
from journeys.models import Element
from tests.factories import make_user
from tests.journeys.making import PRIYA, a_call, fill, link, make_context, make_customer, tell

SignIn = Callable[[User], Page]
SHOTS = os.environ.get("CIM_TEST_SCREENSHOTS")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"journey-{name}.png")


@pytest.fixture
def clara() -> Customer:
    return make_customer(phones=["+493023125077"])


def open_journey(page: Page, customer: Customer, query: str = "") -> None:
    page.goto(f"/customers/{customer.id}/journey/{query}")
    expect(page.locator("[data-journey][data-ready]")).to_be_attached(timeout=20_000)


def three_points(customer: Customer) -> None:
    now = timezone.now().replace(microsecond=0)
    make_context(
        customer,
        now - dt.timedelta(days=9),
        topic="German Billing",
        data={"channel": "Web", "page": "Prices"},
    )
    a_call(
        "call-1",
        customer,
        now - dt.timedelta(days=6),
        topic="German Billing",
        account="DE-204 418",
        recording_url="https://rec.example/1",
        data={"rating": 9},
    )
    tell(
        "mail-1",
        (
            "queued",
            0,
            {"channel": "email", "direction": "inbound", "topic": "German Billing", "queue": "Billing mail"},
        ),
        at=now - dt.timedelta(hours=3),
    )
    link("mail-1", customer)


def test_three_points_tell_what_was_last_and_what_is_open(
    sign_in: SignIn, clara: Customer, assert_accessible
) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))

    open_journey(page, clara)

    lately = page.locator("[data-part=lately]")
    expect(lately).to_contain_text("Email in German Billing Waiting, ")
    expect(lately).to_contain_text("1 still open")
    expect(page.locator("[data-part=summary]")).to_contain_text("3 interactions in 3 channels")
    expect(page.locator("[data-part=lanes] li")).to_have_text([r"Voice1 point", "Email1 point", "Web1 point"])
    shot(page, "3")
    assert_accessible(page)


def test_details_open_by_key_and_step_on(sign_in: SignIn, clara: Customer, assert_accessible) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))
    open_journey(page, clara)

    page.keyboard.press("j")
    expect(page.locator("[data-part=announce]")).to_contain_text("Web")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    panel = page.locator(".panel.detail")
    expect(panel.get_by_role("heading", name="Call in: German Billing")).to_be_visible()
    expect(panel.locator(".change").first).to_contain_text("After-call work done")
    expect(panel.locator(".change")).to_have_count(9)
    expect(panel).to_contain_text("9 of 11")
    expect(panel.get_by_role("link", name="Recording")).to_have_attribute("href", "https://rec.example/1")
    assert page.url.endswith(str(Element.objects.get(interaction__external_id="call-1").id))
    shot(page, "details")
    assert_accessible(page)

    page.keyboard.press("j")
    expect(panel.get_by_role("heading", name="Email in: German Billing")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_a_bundle_is_taken_apart_by_key(sign_in: SignIn, clara: Customer) -> None:
    monday = dt.datetime(2025, 3, 10, 12, 0, tzinfo=dt.UTC)
    make_context(clara, monday - dt.timedelta(days=6), data={"channel": "Web"}, topic="German Billing")
    for minutes in (0, 20, 40):
        make_context(
            clara, monday + dt.timedelta(minutes=minutes), data={"channel": "Email"}, topic="German Renewal"
        )
    page = sign_in(make_user("Agent"))
    open_journey(page, clara, "?from=2025-03-01T00:00:00Z&to=2025-03-15T00:00:00Z")
    announce = page.locator("[data-part=announce]")

    page.keyboard.press("j")
    expect(announce).to_contain_text("Web")
    page.keyboard.press("j")
    expect(announce).to_contain_text("3")
    expect(announce).to_contain_text("Enter shows them apart.")
    page.keyboard.press("Enter")

    expect(page.locator("[data-part=summary]")).to_contain_text("3 in view")
    page.keyboard.press("j")
    expect(announce).not_to_contain_text("Enter shows them apart.")
    page.keyboard.press("Enter")
    expect(page.locator(".panel.detail")).to_contain_text("German Renewal")


def test_topic_is_corrected_in_the_details(sign_in: SignIn, clara: Customer) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))
    open_journey(page, clara)

    page.locator("[data-part=lately] button").first.click()
    panel = page.locator(".panel.detail")
    panel.get_by_role("button", name="Correct").click()
    panel.get_by_label("Topic", exact=True).fill("German Renewal")
    panel.get_by_role("button", name="Save").click()

    expect(panel.get_by_role("heading", name="Email in: German Renewal")).to_be_visible()
    expect(panel).to_contain_text("German Billing became German Renewal, Aylin Aksoy")
    assert Element.objects.get(channel="email").topic == "German Renewal"


def test_forty_points_by_topic_account_and_range(sign_in: SignIn, clara: Customer, assert_accessible) -> None:
    fill(clara, 40, until=timezone.now(), minutes=3000)
    page = sign_in(make_user("Agent"))
    open_journey(page, clara)
    expect(page.locator("[data-part=summary]")).to_contain_text("40 interactions")
    expect(page.locator("[data-part=lately]")).to_contain_text("2 still open")
    shot(page, "40")

    page.get_by_role("radio", name="DE-204 418").check(force=True)
    expect(page.locator("[data-part=summary]")).to_contain_text("14 interactions")
    page.keyboard.press("f")
    page.get_by_role("menuitem", name="German Billing").click()
    expect(page.locator("[data-part=summary]")).to_contain_text("3 interactions")
    assert "account=DE-204" in page.url
    assert "topic=German+Billing" in page.url
    page.reload()
    expect(page.locator("[data-part=summary]")).to_contain_text("3 interactions")
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator("[data-part=summary]")).to_contain_text("40 interactions")
    page.locator("[data-part=ranges] label", has_text="30 days").click()
    expect(page.locator("[data-part=summary]")).to_contain_text("in view")

    page.locator("label", has_text="List").click()
    rows = page.locator("[data-part=rows] li")
    expect(rows).to_have_count(15)
    expect(rows.nth(2)).to_contain_text("Still open")
    shot(page, "list")
    assert_accessible(page)
    rows.nth(2).get_by_role("button").click()
    expect(page.locator(".panel.detail")).to_be_visible()


def test_ten_thousand_points_are_drawn_at_once_and_zoom_smoothly(sign_in: SignIn, clara: Customer) -> None:
    fill(clara, 10_000, until=timezone.now())
    page = sign_in(make_user("Agent"))
    page.add_init_script(
        "window.longTasks = []; new PerformanceObserver((list) => list.getEntries()"
        ".forEach((entry) => window.longTasks.push(entry.duration))).observe({type: 'longtask', buffered: true})"
    )
    sizes: dict[str, int] = {}
    page.on(
        "response",
        lambda response: (
            sizes.update({response.url: len(response.body())}) if "/journey/" in response.url else None
        ),
    )

    open_journey(page, clara)

    expect(page.locator("[data-part=summary]")).to_contain_text("10,000 interactions")
    shot(page, "10000")
    data = sum(size for url, size in sizes.items() if "/api/" in url)
    assert data < 300_000
    page.evaluate("window.longTasks = []")
    canvas = page.locator("[data-part=canvas]")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 100)
    for _turn in range(12):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(40)
    page.wait_for_timeout(600)
    shot(page, "10000-closer")
    longest = max([0, *page.evaluate("window.longTasks")])
    if SHOTS:
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        Path(SHOTS, "journey-figures.txt").write_text(
            f"data {data} B, longest task {longest} ms, paint {paint} ms\n"
        )
    expect(page.locator("[data-part=summary]")).to_contain_text("in view")


def test_what_is_new_arrives_by_itself(sign_in: SignIn, clara: Customer) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))
    with page.expect_request("**/journey/stream/?customer=*"):
        open_journey(page, clara)

    tell(
        "call-2",
        (
            "answered",
            0,
            {"agent": PRIYA, "channel": "voice", "direction": "inbound", "topic": "German Renewal"},
        ),
        at=timezone.now(),
    )
    link("call-2", clara)

    expect(page.locator("[data-part=lately]")).to_contain_text(
        "Call in German Renewal In conversation", timeout=12_000
    )
    expect(page.locator("[data-part=announce]")).to_contain_text("Call, German Renewal")
    expect(page.locator("[data-part=summary]")).to_contain_text("4 interactions")


def test_printed_the_journey_is_picture_and_list_without_controls(sign_in: SignIn, clara: Customer) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))
    open_journey(page, clara)
    expect(page.locator("[data-part=list]")).to_be_hidden()
    expect(page.locator(".rail [aria-current=page]")).to_have_text("Journeys")

    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print")

    expect(page.locator("[data-part=canvas]")).to_be_visible()
    expect(page.locator("[data-part=lately]")).to_contain_text("1 still open")
    expect(page.locator("[data-part=list]")).to_be_visible()
    expect(page.locator("[data-part=list]")).to_contain_text("German Billing")
    expect(page.locator("[data-part=lanes]")).to_contain_text("Voice")
    for controls in (".rail", ".top", ".zoom-buttons", ".journey-filters", ".journey .actions"):
        for control in page.locator(controls).all():
            expect(control).to_be_hidden()
    # Nothing is cut off at the side of the sheet.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "print")


def test_empty_journey_says_so(sign_in: SignIn, clara: Customer, assert_accessible) -> None:
    page = sign_in(make_user("Agent"))

    open_journey(page, clara)

    expect(page.locator(".journey-empty")).to_contain_text("Nothing on the journey yet.")
    assert_accessible(page)


def test_head_tells_who_it_is_as_the_profile_does(sign_in: SignIn, clara: Customer) -> None:
    CustomerLabel.objects.create(customer=clara, label=Label.objects.create(name="VIP", color="red"))
    page = sign_in(make_user("Agent"))

    open_journey(page, clara)

    expect(page.locator(".journey-head .pill .tone-red")).to_be_visible()
    gap = (
        page.locator(".journey-head .phone > span")
        .nth(1)
        .evaluate("(group) => parseFloat(getComputedStyle(group).marginInlineStart)")
    )
    assert gap > 0
    expect(page.get_by_text("List", exact=True)).to_be_hidden()


def test_journeys_that_moved_lately(sign_in: SignIn, clara: Customer, assert_accessible) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))

    page.goto("/journeys/")

    expect(page.get_by_role("row", name="Clara Oberländer")).to_contain_text("1 open")
    assert_accessible(page)
    page.get_by_role("link", name="Clara Oberländer").click()
    expect(page.locator("h1")).to_have_text("Clara Oberländer")


def test_profile_shows_a_strip_of_the_journey(sign_in: SignIn, clara: Customer, assert_accessible) -> None:
    three_points(clara)
    page = sign_in(make_user("Agent"))

    page.goto(f"/customers/{clara.id}/")

    strip = page.locator(".journey-strip")
    expect(strip).to_contain_text("3 points since")
    expect(strip).to_contain_text("1 still open")
    expect(strip.locator("li")).to_have_count(3)
    shot(page, "strip")
    assert_accessible(page)
    strip.locator("li a").last.click()
    expect(page.get_by_role("heading", name="Email in: German Billing")).to_be_visible(timeout=20_000)
