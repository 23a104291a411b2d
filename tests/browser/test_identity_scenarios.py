"""Who is this? Every way in which somebody makes contact, seen from the agent's desk (C41–C48)."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from cim.access import audit
from customers import labelling
from customers.models import Customer, Identifier, Stage
from customers.retention import expire_contacts
from interactions.models import How, Interaction, Link
from tests.browser.stories import add_customer, opened
from tests.browser.test_desk import Accessible, agent, tell
from tests.factories import make_user
from tests.interactions.calls import ANI, now_event, voice

MAIL = {"channel": "email", "direction": "inbound"}


def ring(**said: Any) -> None:
    """Offer an interaction to the agent at the desk."""
    tell(now_event("offered", -1, agent="priya", **said))


@pytest.fixture
def clara() -> Customer:
    return add_customer(
        first_name="Clara",
        last_name="Oberländer",
        phones=[ANI],
        emails=["clara@example.org"],
        address="Hufelandstr. 3",
    )


@pytest.fixture
def desk(page: Page, sign_in: Callable[..., Page]) -> Page:
    sign_in(agent("priya", "Priya"))
    page.goto("/desk/")
    page.locator("[data-desk][data-ready]").wait_for()
    return page


def head(desk: Page) -> Locator:
    return desk.locator(".call-head")


def box(desk: Page) -> Locator:
    """The suggestion to add whoever communicates here to the contacts."""
    return desk.get_by_role("region", name="Add to contacts")


def add(desk: Page, first_name: str = "", last_name: str = "") -> None:
    for label, value in (("First name", first_name), ("Last name", last_name)):
        if value:
            box(desk).get_by_label(label).fill(value)
    box(desk).get_by_role("button", name="Add to contacts").click()


def know(customer: Customer, kind: str, value: str) -> None:
    labelling.identify(customer, kind, value, audit.system_actor("command"), timezone.now())


# Somebody whom we have


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("phone", ANI, voice(address="030 123456")),
        ("email", "clara@example.org", {**MAIL, "address": "Clara@Example.org"}),
        ("web", "cookie-7", {"channel": "chat", "direction": "inbound", "address": "cookie-7"}),
        (
            "facebook",
            "clara.o",
            {
                "channel": "social",
                "direction": "inbound",
                "address": "clara.o",
                "identifiers": [{"type": "facebook", "value": "clara.o"}],
            },
        ),
    ],
)
def test_existing_contact_is_linked_by_itself_and_shown_whole(
    desk: Page, clara: Customer, kind: str, value: str, said: dict[str, Any]
) -> None:
    if kind in ("web", "facebook"):
        know(clara, kind, value)
    ring(**said)

    expect(head(desk)).to_contain_text("Clara Oberländer")
    expect(head(desk)).to_contain_text("Matched")
    expect(desk.get_by_role("region", name="Why this person")).to_contain_text("Found by itself: same")
    expect(desk.get_by_role("region", name="Profile")).to_contain_text("Hufelandstr. 3")
    expect(box(desk)).to_be_hidden()


def test_wrong_contact_is_unlinked_stays_unlinked_and_can_come_back(desk: Page, clara: Customer) -> None:
    ring(**voice())
    expect(head(desk)).to_contain_text("Clara Oberländer")

    desk.get_by_role("button", name="Not this person").click()

    expect(head(desk)).to_contain_text("Nobody matches")
    tell(now_event("answered", 0, agent="priya", **voice()))
    expect(head(desk)).to_contain_text("On a call")
    assert Interaction.objects.get().customer_id is None
    assert Interaction.objects.get().linked_by is not None
    desk.get_by_role("button", name="Undo").click()
    expect(head(desk)).to_contain_text("Clara Oberländer")


def test_wrong_contact_is_unlinked_after_the_call_from_its_profile(
    page: Page, sign_in: Callable[..., Page], clara: Customer
) -> None:
    tell(now_event("queued", -9, **voice()), now_event("ended", -1))
    sign_in(make_user("Supervisor"))
    opened(page, f"/customers/{clara.id}/")
    entry = page.get_by_role("region", name="Interactions").locator(".entry")
    entry.locator("summary").click()

    entry.get_by_role("button", name="Unlink contact").click()

    expect(entry).to_have_count(0)
    assert Interaction.objects.get().customer_id is None
    page.get_by_role("button", name="Undo").click()
    expect(entry).to_have_count(1)
    assert list(Link.objects.order_by("id").values_list("how", "customer")) == [
        ("automatic", clara.id),
        ("unlinked", None),
        ("by_hand", clara.id),
    ]


# A number or an address that nobody has


def test_call_from_an_unknown_number_is_suggested_without_a_name(
    desk: Page, assert_accessible: Accessible
) -> None:
    ring(**voice(address="+4930777888"))

    expect(box(desk).get_by_role("heading")).to_have_text("No Name +4930777888")
    assert not Customer.objects.exists()
    assert_accessible(desk)
    add(desk, "Marlene")
    expect(box(desk)).to_contain_text("A contact needs this name.")
    add(desk, "", "Adebayo")

    expect(head(desk)).to_contain_text("Marlene Adebayo")
    made = Customer.objects.get()
    assert (made.stage, made.phones) == (Stage.CURATED, ["+4930777888"])
    assert Interaction.objects.get().linked_how == How.PROMOTED


def test_name_in_a_mail_is_suggested_from_its_sender(desk: Page) -> None:
    ring(**MAIL, address='"Marlene Adebayo" <marlene@example.net>')

    expect(box(desk).get_by_role("heading")).to_have_text("Marlene Adebayo marlene@example.net")
    add(desk)

    expect(head(desk)).to_contain_text("Matched")
    made = Customer.objects.get()
    assert (made.first_name, made.last_name, made.emails) == ("Marlene", "Adebayo", ["marlene@example.net"])


def test_mail_that_we_write_may_have_no_name(desk: Page) -> None:
    tell(
        now_event(
            "answered", 0, agent="priya", channel="email", direction="outbound", address="someone@example.net"
        )
    )

    expect(box(desk).get_by_role("heading")).to_have_text("No Name someone@example.net")
    expect(box(desk).get_by_label("First name")).to_have_value("")


# The visitor of a page


def test_web_visitor_is_kept_without_name_and_without_its_web_id(
    desk: Page, assert_accessible: Accessible
) -> None:
    ring(channel="chat", direction="inbound", address="cookie-4711")

    expect(head(desk)).to_contain_text("Not saved yet")
    expect(box(desk).get_by_role("heading")).to_have_text("No Name")
    visitor = Customer.objects.get()
    assert visitor.stage == Stage.EPHEMERAL
    assert Identifier.objects.get(customer=visitor).value == "cookie-4711"
    assert "cookie-4711" not in desk.content()
    assert_accessible(desk)
    add(desk)
    expect(box(desk).get_by_text("A contact needs this name.")).to_have_count(2)

    add(desk, "Ada", "King")

    expect(head(desk)).to_contain_text("Ada King")
    expect(head(desk)).to_contain_text("Matched")
    saved = Customer.objects.get()
    assert (saved.id, saved.stage) == (visitor.id, Stage.CURATED)
    opened(desk, f"/customers/{saved.id}/")
    expect(desk.get_by_role("region", name="Interactions").locator(".entry")).to_have_count(1)
    assert "cookie-4711" not in desk.content()


def test_visitor_who_comes_back_is_the_same_one_until_it_is_forgotten(desk: Page) -> None:
    visit = {"channel": "chat", "direction": "inbound", "address": "cookie-4711"}
    ring(**visit)
    ring(call="c-2", **visit)

    expect(desk.get_by_role("tab")).to_have_count(2)
    visitor = Customer.objects.get()
    assert {it.customer_id for it in Interaction.objects.all()} == {visitor.id}
    later = timezone.now() + dt.timedelta(days=61)
    assert expire_contacts(later) == 1
    assert {it.customer_id for it in Interaction.objects.all()} == {None}


def test_visitor_is_not_on_the_list_before_it_is_saved(desk: Page, clara: Customer) -> None:
    ring(channel="chat", direction="inbound", address="cookie-4711")
    expect(head(desk)).to_contain_text("Not saved yet")

    opened(desk, "/customers/")

    expect(desk.locator(".tabulator-row")).to_have_count(1)


# Campaigns and callbacks


@pytest.mark.parametrize("campaign", ["Winback", "Callback"])
def test_call_of_a_campaign_finds_its_contact_and_is_in_history_and_journey(
    desk: Page, clara: Customer, campaign: str
) -> None:
    ring(**voice(direction="outbound", campaign=campaign))
    expect(head(desk)).to_contain_text("Clara Oberländer")
    expect(head(desk)).to_contain_text(f"Campaign {campaign}")
    tell(now_event("answered", 0, agent="priya"), now_event("ended", 1))

    opened(desk, f"/customers/{clara.id}/")

    expect(desk.get_by_role("region", name="Interactions").locator(".entry")).to_have_count(1)
    answer = desk.request.get(f"/api/v1/customers/{clara.id}/journey/?view=default")
    assert answer.json()["interactions"] == 1


def test_number_of_a_campaign_is_filled_in_and_looked_for_by_itself(desk: Page, clara: Customer) -> None:
    ring(**voice(direction="outbound", campaign="Winback", address="+49301234"))

    search = desk.get_by_role("searchbox", name="Search for a contact")
    expect(search).to_have_value("+49301234")
    expect(box(desk).get_by_label("Phone")).to_have_value("+49301234")
    # The number of Clara begins with it.
    desk.get_by_role("button", name="Link to Clara Oberländer").click()

    expect(head(desk)).to_contain_text("Clara Oberländer")


# Search for a contact


def test_contact_is_found_while_typing_and_the_identifier_is_remembered(desk: Page, clara: Customer) -> None:
    ring(**voice(address="+4930777888"))
    expect(head(desk)).to_contain_text("Nobody matches")

    search = desk.get_by_role("searchbox", name="Search for a contact")
    found = desk.get_by_role("list", name="Customers found")
    for text in ("ober", "clara@ex", "030 12345"):
        search.fill(text)
        expect(found.get_by_role("link")).to_contain_text("Clara")
    desk.get_by_label("Remember this identifier for the customer").check()
    desk.get_by_role("button", name="Link to Clara Oberländer").click()

    expect(head(desk)).to_contain_text("Clara Oberländer")
    clara.refresh_from_db()
    assert clara.phones == [ANI, "+4930777888"]
    ring(call="c-2", **voice(address="+4930777888"))
    expect(desk.get_by_role("tab", name="Clara Oberländer")).to_have_count(2)


# A form before the chat

FORM = [{"type": "phone", "value": "+4930777888"}, {"type": "email", "value": "ada@example.net"}]
CHAT = {"channel": "chat", "direction": "inbound", "address": "cookie-9"}


def test_form_of_somebody_unknown_suggests_name_phone_and_mail(desk: Page) -> None:
    ring(**CHAT, customer_name="Ada King", identifiers=FORM)

    expect(box(desk).get_by_role("heading")).to_have_text("Ada King +4930777888")
    expect(box(desk).get_by_label("Email")).to_have_value("ada@example.net")
    add(desk)

    expect(head(desk)).to_contain_text("Matched")
    saved = Customer.objects.get()
    assert (saved.first_name, saved.phones, saved.emails) == ("Ada", ["+4930777888"], ["ada@example.net"])
    assert saved.stage == Stage.CURATED


def test_form_of_a_contact_is_looked_up_by_itself(desk: Page, clara: Customer) -> None:
    ring(**CHAT)
    expect(head(desk)).to_contain_text("Not saved yet")

    # The visitor says who she is: the page's cookie is no rival to a mail address.
    tell(now_event("message", 0, identifiers=[{"type": "email", "value": "clara@example.org"}], **CHAT))

    expect(head(desk)).to_contain_text("Clara Oberländer")
    expect(head(desk)).to_contain_text("Matched")


# Social media and messages


def test_social_identifier_of_nobody_is_suggested_and_saved(desk: Page) -> None:
    ring(
        channel="social",
        direction="inbound",
        address="ada.king",
        identifiers=[{"type": "instagram", "value": "ada.king"}],
    )

    expect(box(desk).get_by_role("heading")).to_have_text("No Name ada.king")
    add(desk, "Ada", "King")

    expect(head(desk)).to_contain_text("Ada King")
    kept = Identifier.objects.get()
    assert (kept.type, kept.value) == ("instagram", "ada.king")


def test_whatsapp_number_is_kept_as_such_and_found_the_next_time(desk: Page) -> None:
    ring(channel="messaging", direction="inbound", address="+4930777888")
    expect(head(desk)).to_contain_text("Nobody matches")
    add(desk, "Ada", "King")
    expect(head(desk)).to_contain_text("Ada King")

    ada = Customer.objects.get()
    assert list(Identifier.objects.values_list("type", "value")) == [("whatsapp", "+4930777888")]
    ring(call="c-2", channel="messaging", direction="inbound", address="+4930777888")
    expect(desk.get_by_role("tab", name="Ada King")).to_have_count(2)
    opened(desk, f"/customers/{ada.id}/")
    expect(desk.get_by_role("list", name="Channels")).to_contain_text("+4930777888")


def test_whatsapp_number_that_is_somebodys_phone_only_suggests_them(desk: Page, clara: Customer) -> None:
    ring(channel="messaging", direction="inbound", address=ANI)

    expect(head(desk)).to_contain_text("1 may be meant")
    expect(desk.get_by_role("list", name="Customers found")).to_contain_text("same WhatsApp number")
    desk.get_by_role("button", name="Link to Clara Oberländer").click()

    expect(head(desk)).to_contain_text("Matched")


# Who may


def test_who_may_not_promote_is_not_asked_to(desk: Page, clara: Customer) -> None:
    Group.objects.get(name="Agent").permissions.remove(Permission.objects.get(codename="promote"))
    desk.reload()
    desk.locator("[data-desk][data-ready]").wait_for()
    ring(**voice(address="+4930777888"))

    expect(head(desk)).to_contain_text("Nobody matches")
    expect(box(desk)).to_be_hidden()
    answer = desk.request.post(f"/api/v1/interactions/{Interaction.objects.get().id}/contact/", data={})
    assert answer.status == 403
