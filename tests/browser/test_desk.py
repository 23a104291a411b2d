"""The agent's desk in real browsers: calls pop, are linked, noted, wrapped up, transferred (I20–I23)."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from customers.models import Customer, Label
from interactions.models import Interaction, WrapUpReason
from interactions.recording import record
from tests import processes
from tests.browser.stories import add_customer, opened
from tests.factories import make_user
from tests.interactions.calls import ANI, now_event, voice

Accessible = Callable[[Page], None]


def agent(username: str, name: str) -> User:
    user, _made = User.objects.get_or_create(
        username=username, defaults={"first_name": name, "last_name": "Raman"}
    )
    user.groups.add(Group.objects.get(name="Agent"))
    return user


def tell(*events: dict[str, object]) -> None:
    assert record(events, timezone.now()).rejected == []


@pytest.fixture
def desk_of(browser: Browser, base_url: str) -> Iterator[Callable[..., Page]]:
    """Open the desk of a user in a browser of their own."""
    contexts = []

    def open_desk(user: User, address: str = base_url) -> Page:
        client = Client()
        client.force_login(user, backend="cim.access.backends.ScopedBackend")
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        contexts.append(context)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": address}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{address}/desk/")
        page.locator("[data-desk][data-ready]").wait_for()
        return page

    yield open_desk
    for context in contexts:
        context.close()


@pytest.fixture
def people() -> dict[str, Customer]:
    Label.objects.create(name="VIP", color="violet")
    WrapUpReason.objects.create(queue="Billing", code="undecided", label="Renewal, undecided")
    WrapUpReason.objects.create(queue="", code="question", label="Question answered")
    return {
        "clara": add_customer(first_name="Clara", last_name="Oberländer", phones=[ANI], labels=("VIP",)),
        "juergen": add_customer(first_name="Jürgen", last_name="Weiß", phones=["+4930231250"]),
    }


def take_call_and_link_it_elsewhere(page: Page) -> None:
    """Priya takes a call that is matched to Clara, learns that it is Jürgen, and types."""
    tell(now_event("offered", -2, agent="priya", queue="Billing", **voice()))
    expect(page.locator(".call-head")).to_contain_text("Clara Oberländer")
    expect(page.locator(".call-head")).to_contain_text("Ringing")
    tell(now_event("answered", -1, agent="priya"))
    expect(page.locator(".call-head")).to_contain_text("On a call")
    page.keyboard.press("n")
    expect(page.get_by_label("Your note")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.type("weiss")
    page.get_by_role("button", name="Link to Jürgen Weiß").click()
    expect(page.locator(".call-head")).to_contain_text("Jürgen Weiß")
    page.get_by_role("button", name="Renewal, undecided").click()
    expect(page.locator(".applied")).to_contain_text("undecided")
    page.get_by_label("Your note").fill("Cut off this morning")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".notes")).to_contain_text("Cut off this morning")
    page.get_by_label("Your note").fill("Offer as discussed: Green 24, fee of")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def expect_what_priya_left(page: Page) -> None:
    expect(page.locator(".call-head")).to_contain_text("Jürgen Weiß")
    expect(page.locator(".call-head")).to_contain_text("Transfer from Priya")
    handed = page.get_by_label("From the colleague before you")
    expect(handed).to_contain_text("Cut off this morning")
    expect(handed).to_contain_text("undecided")
    expect(handed).to_contain_text("Offer as discussed: Green 24, fee of")


def test_transfer_carries_everything_to_the_next_desk(
    desk_of: Callable[..., Page], people: dict[str, Customer], assert_accessible: Accessible
) -> None:
    priya, tomas = desk_of(agent("priya", "Priya")), desk_of(agent("tomas", "Tomás"))
    assert_accessible(priya)
    take_call_and_link_it_elsewhere(priya)
    assert_accessible(priya)

    tell(now_event("transferred", 0, agent={"id": "tomas", "name": "Tomás"}))
    expect_what_priya_left(tomas)
    assert_accessible(tomas)
    tomas.get_by_role("button", name="Take into my note").click()
    expect(tomas.get_by_label("Your note")).to_have_value("Offer as discussed: Green 24, fee of")
    tell(now_event("answered", 0, agent="tomas"))

    # The first agent's part is over: what she typed becomes her note, and her desk is free.
    expect(priya.locator(".call-head")).to_contain_text("Wrap-up")
    priya.get_by_role("button", name="Finish").click()
    expect(priya.get_by_role("heading", name="No call")).to_be_visible()

    tell(now_event("ended", 1, ended_by="customer"))
    expect(tomas.locator(".call-head")).to_contain_text("Wrap-up")
    tomas.get_by_role("button", name="Question answered").click()
    expect(tomas.locator(".applied")).to_contain_text("question")
    tomas.get_by_role("button", name="Finish").click()
    expect(tomas.get_by_role("heading", name="No call")).to_be_visible()
    interaction = Interaction.objects.get()
    assert interaction.customer_id == people["juergen"].id
    assert interaction.wrap_up["code"] == "question"
    assert sorted(note["agent"] for note in interaction.notes) == ["priya", "priya", "tomas"]


def test_transfer_carries_everything_though_the_first_browser_was_killed(
    desk_of: Callable[..., Page], people: dict[str, Customer]
) -> None:
    priya = desk_of(agent("priya", "Priya"))
    take_call_and_link_it_elsewhere(priya)
    priya.context.close()

    tell(now_event("transferred", 0, agent={"id": "tomas", "name": "Tomás"}))

    expect_what_priya_left(desk_of(agent("tomas", "Tomás")))


def test_caller_whom_nobody_matches_is_added_to_the_contacts(
    desk_of: Callable[..., Page], people: dict[str, Customer], assert_accessible: Accessible
) -> None:
    priya = desk_of(agent("priya", "Priya"))
    tell(
        now_event(
            "offered", -1, agent="priya", customer_name="Marlene Adebayo", **voice(address="+4930777888")
        )
    )
    expect(priya.locator(".call-head")).to_contain_text("Nobody matches")
    assert_accessible(priya)

    contact = priya.get_by_role("region", name="Add to contacts")
    expect(contact.get_by_label("Phone")).to_have_value("+4930777888")
    expect(contact.get_by_label("Last name")).to_have_value("Adebayo")
    contact.get_by_label("First name").fill("")
    contact.get_by_role("button", name="Add to contacts").click()
    expect(contact).to_contain_text("A contact needs this name.")
    contact.get_by_label("First name").fill("Marlene")
    contact.get_by_role("button", name="Add to contacts").click()

    expect(priya.locator(".call-head")).to_contain_text("Matched")
    expect(contact).to_be_hidden()
    assert Customer.objects.get(last_name="Adebayo").phones == ["+4930777888"]


def test_several_matches_are_offered_with_their_reasons(
    desk_of: Callable[..., Page], people: dict[str, Customer]
) -> None:
    for name in ("Ann", "Bob"):
        add_customer(first_name=name, last_name="Shared", emails=["shared@example.org"])
    priya = desk_of(agent("priya", "Priya"))
    tell(
        now_event(
            "offered", -1, agent="priya", channel="email", direction="inbound", address="shared@example.org"
        )
    )

    found = priya.get_by_role("list", name="Customers found")
    expect(found).to_contain_text("same email shared@example.org")
    priya.get_by_role("button", name="Link to Bob Shared").click()

    expect(priya.locator(".call-head")).to_contain_text("Bob Shared")
    priya.get_by_role("button", name="Not this person").click()
    expect(priya.locator(".call-head")).to_contain_text("2 may be meant")


def test_several_tabs_show_one_pop(desk_of: Callable[..., Page], people: dict[str, Customer]) -> None:
    first = desk_of(agent("priya", "Priya"))
    second = first.context.new_page()
    second.goto(first.url)
    second.locator("[data-desk][data-ready]").wait_for()
    expect(first.get_by_role("heading", name="Your desk is open in another tab")).to_be_visible()

    tell(now_event("offered", -1, agent="priya", **voice()))
    expect(second.locator(".call-head")).to_contain_text("Clara")
    expect(first.locator(".call-head")).to_have_count(0)

    second.close()
    expect(first.locator(".call-head")).to_contain_text("Clara")


@pytest.fixture
def own_web(broker: str, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start a web server of this test's own, again at the same address after it was killed."""
    port = processes.free_port()
    running = []

    def start() -> subprocess.Popen[bytes]:
        manager = processes.running(
            processes.web_command(port),
            lambda: processes.web_answers(port),
            tmp_path / "web.log",
            env=processes.environment(broker),
        )
        process = manager.__enter__()
        running.append(manager)
        process.address = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        return process

    yield start
    for manager in running:
        manager.__exit__(None, None, None)


def test_desks_recover_when_the_web_process_is_killed(
    own_web: Callable[[], subprocess.Popen[bytes]], desk_of: Callable[..., Page], people: dict[str, Customer]
) -> None:
    web = own_web()
    address = web.address  # type: ignore[attr-defined]
    priya, tomas = desk_of(agent("priya", "Priya"), address), desk_of(agent("tomas", "Tomás"), address)
    tell(now_event("answered", -9, agent="tomas", call="earlier", **voice(address="+4930231250")))
    expect(tomas.locator(".call-head")).to_contain_text("Jürgen")

    web.send_signal(signal.SIGKILL)
    web.wait()
    expect(priya.locator(".offline")).to_contain_text("No connection since")
    tell(now_event("offered", -1, agent="priya", **voice()), now_event("ended", 0, call="earlier"))
    own_web()

    expect(priya.locator(".call-head")).to_contain_text("Clara Oberländer")
    expect(tomas.locator(".call-head")).to_contain_text("Wrap-up")
    expect(priya.locator(".offline")).to_have_count(0)


def test_history_of_a_profile_is_filtered_and_drilled_into(
    page: Page, sign_in: Callable[..., Page], people: dict[str, Customer], assert_accessible: Accessible
) -> None:
    events = []
    for number in range(30):
        second = -3600 + number * 100
        said = voice(topic="Bill" if number % 2 else "Renewal")
        events += [
            now_event("queued", second, call=f"h{number}", queue="Billing", **said),
            now_event("answered", second + 5, call=f"h{number}", agent={"id": "priya", "name": "Priya"}),
            now_event("ended", second + 65, call=f"h{number}"),
        ]
    tell(*events)
    sign_in(make_user("Agent"))
    page.goto(f"/customers/{people['clara'].id}/")
    panel = page.get_by_role("region", name="Interactions")
    expect(panel.locator(".entry")).to_have_count(20)
    panel.get_by_role("button", name="Show older").click()
    expect(panel.locator(".entry")).to_have_count(30)

    panel.locator(".entry summary").first.click()
    expect(panel.locator(".entry").first.locator(".legs")).to_contain_text("Queue Billing")
    expect(panel.locator(".entry").first.locator(".legs")).to_contain_text("1 min 0 s")
    assert_accessible(page)
    panel.get_by_role("button", name="Filter").click()
    panel.get_by_label("Topic").fill("Bill")
    expect(panel.locator(".entry")).to_have_count(15)
    panel.get_by_label("Channel").select_option("email")
    expect(panel).to_contain_text("No interaction matches")
    panel.get_by_role("button", name="Clear all").click()
    expect(panel.locator(".entry")).to_have_count(20)


def test_number_on_a_profile_is_dialled(
    page: Page, sign_in: Callable[..., Page], people: dict[str, Customer]
) -> None:
    sign_in(make_user("Agent"))
    page.goto(f"/customers/{people['clara'].id}/")
    page.get_by_role("button", name="Dial phone 1").click()
    expect(page.get_by_text("Your telephone is dialling.")).to_be_visible()
    assert Interaction.objects.get().address == ANI


def test_number_on_the_do_not_call_list_is_not_dialled(
    page: Page, sign_in: Callable[..., Page], people: dict[str, Customer]
) -> None:
    sign_in(make_user("Agent"))
    opened(page, "/do-not-call/")
    page.get_by_label("Number", exact=True).fill("030 123456")
    page.get_by_label("Reason", exact=True).fill("asked us")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_role("table")).to_contain_text("asked us")

    page.goto(f"/customers/{people['clara'].id}/")
    page.get_by_role("button", name="Dial phone 1").click()
    expect(page.get_by_role("dialog")).to_contain_text("on the do-not-call list (asked us)")


def test_wall_shows_agents_and_queues_live(
    page: Page, sign_in: Callable[..., Page], people: dict[str, Customer], assert_accessible: Accessible
) -> None:
    tell(now_event("queued", -30, call="waits", queue="Billing", **voice()))
    sign_in(make_user("Supervisor"))
    page.goto("/wall/")
    queue = page.locator(".wall-queue")
    expect(queue).to_contain_text("Billing")
    expect(queue.locator(".wall-count")).to_have_text("1")

    priya = {"id": "priya", "name": "Priya Raman"}
    tell(now_event("answered", -1, call="waits", agent=priya))

    card = page.locator(".wall-agent[data-agent=priya]")
    expect(card).to_contain_text("Talking")
    expect(card).to_contain_text("Clara Oberländer")
    expect(queue.locator(".wall-count")).to_have_text("0")
    assert_accessible(page)
