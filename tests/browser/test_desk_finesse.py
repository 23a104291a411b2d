"""The gadget in a Finesse desktop: it shows the desk in a frame and dials in the agent's own session (I24, I30)."""

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import FrameLocator, Page, expect

from customers.models import Customer
from interactions.models import AgentProfile, Interaction
from tests import processes
from tests.browser.stories import add_customer
from tests.doubles import finesse as doubles
from tests.doubles.finesse import Agent, Finesse
from tests.factories import make_user
from tests.interactions.calls import ANI


@pytest.fixture
def finesse() -> Iterator[Finesse]:
    with doubles.running() as double:
        double.agents["1001"] = Agent("1001", "secret", "1001001")
        yield double


@pytest.fixture
def framed_web(broker: str, tmp_path: Path, finesse: Finesse) -> Iterator[str]:
    """A web server that lets this Finesse frame it; yields its address."""
    with processes.web(broker, tmp_path / "framed.log", CIM_FRAME_ANCESTORS=finesse.address) as address:
        yield address


@pytest.fixture
def clara() -> Customer:
    return add_customer(first_name="Clara", last_name="Oberländer", phones=[ANI])


@pytest.fixture
def desktop(page: Page, framed_web: str, finesse: Finesse, clara: Customer) -> Callable[[], FrameLocator]:
    """Open the Finesse desktop with the gadget in it, as the descriptor says, on the profile of Clara."""
    user = make_user("Agent")
    AgentProfile.objects.create(user=user, dialler="finesse")
    client = Client()
    client.force_login(user, backend="cim.access.backends.ScopedBackend")
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": framed_web}])
    with urllib.request.urlopen(f"{framed_web}/desk/finesse/gadget.xml") as answer:
        module = ElementTree.fromstring(answer.read())
    content = module.findtext("Content") or ""

    def open_desktop() -> FrameLocator:
        finesse.desk = re.sub(r"<!DOCTYPE html>", "", content)
        page.goto(f"{finesse.address}/desktop/")
        frame = page.frame_locator("iframe.cim-desk")
        expect(frame.locator("[data-desk][data-ready]")).to_be_attached()
        inner = page.frames[1]
        inner.goto(f"{framed_web}/customers/{clara.id}/")
        return frame

    return open_desktop


def dialled(finesse: Finesse) -> list[str]:
    return [body for method, path, body in finesse.requests if method == "POST" and path.endswith("/Dialogs")]


def test_gadget_shows_the_desk_and_dials_through_finesse(
    desktop: Callable[[], FrameLocator], finesse: Finesse
) -> None:
    frame = desktop()

    frame.get_by_role("button", name="Dial phone 1").click()

    expect(frame.get_by_text("Finesse is dialling.")).to_be_visible()
    assert ANI in dialled(finesse)[0]
    _until(lambda: Interaction.objects.filter(state="active").exists())
    interaction = Interaction.objects.get()
    assert (interaction.source, interaction.external_id) == ("finesse", "32458")


@pytest.mark.parametrize(
    "knobs", [{}, {"upper_case_events": False}, {"repeats": 2}], ids=["plain", "case", "repeats"]
)
def test_call_that_fails_later_is_in_the_history_with_its_reason(
    desktop: Callable[[], FrameLocator], finesse: Finesse, knobs: dict[str, object]
) -> None:
    finesse.outcome = "FAILED"
    for name, value in knobs.items():
        setattr(finesse, name, value)
    frame = desktop()

    frame.get_by_role("button", name="Dial phone 1").click()

    _until(lambda: Interaction.objects.filter(state="failed").exists())
    assert Interaction.objects.get().reason == "BUSY"


def test_refusal_of_finesse_is_said_in_words(desktop: Callable[[], FrameLocator], finesse: Finesse) -> None:
    finesse.refuse_with = (400, "Invalid Destination", "no such number")
    frame = desktop()

    frame.get_by_role("button", name="Dial phone 1").click()

    expect(frame.get_by_role("dialog")).to_contain_text("Finesse cannot dial this number: no such number")
    _until(lambda: Interaction.objects.filter(reason="Invalid Destination").exists())


def test_agent_who_is_not_signed_in_to_finesse_is_told(
    desktop: Callable[[], FrameLocator], finesse: Finesse
) -> None:
    finesse.agents["1001"].state = "LOGOUT"
    frame = desktop()

    frame.get_by_role("button", name="Dial phone 1").click()

    expect(frame.get_by_role("dialog")).to_contain_text("You are not signed in to your telephone in Finesse.")
    assert dialled(finesse) == []


def _until(condition: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
