"""A real browser on a real server: Debian's Chromium, driven by Playwright, and axe on every page."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import ConsoleMessage, Page, expect

# Playwright runs an event loop in the thread of the test, which makes Django refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

# Long enough for a machine that does other work as well; what comes sooner is taken sooner.
expect.set_options(timeout=15_000)

_HERE = Path(__file__).parent
_UNTIL_STILL = """() => Promise.allSettled(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished))"""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser; each process of the tests has one, with a web server and a worker."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # Server, worker and browser are three programs: what fails and then passes is shown as a rerun.
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if not program:
        message = "There is no Chromium on this machine; the tests in a browser need one."
        pytest.fail(message) if os.environ.get("CIM_REQUIRE_BROWSER") else pytest.skip(message)
    return {**browser_type_launch_args, "executable_path": program, "args": ["--no-sandbox", "--disable-gpu"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "viewport": {"width": 1440, "height": 900},
        "locale": "en-US",
        "timezone_id": "UTC",
        # A page that is half faded in has no contrast to measure.
        "reduced_motion": "reduce",
    }


@pytest.fixture(scope="session")
def base_url(web_address: str) -> str:
    return web_address


@pytest.fixture(autouse=True)
def _database(transactional_db: None) -> None:
    """The browser's server is another process: it sees only what is committed."""


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that fails its test on an error in the console: a script's, or what the policy refused."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A refused form or a missing page is what some tests are about.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(15_000)
    yield page
    assert complaints == []


@pytest.fixture
def sign_in(page: Page, base_url: str) -> Callable[[User], Page]:
    """Give the page the session of a user, without the detour of the sign-in form."""

    def _sign_in(user: User) -> Page:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base_url}])
        return page

    return _sign_in


@pytest.fixture
def assert_accessible() -> Callable[..., None]:
    """Check the page as it stands against WCAG 2.2 A and AA, or its colours only (Q34)."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

    def _assert_accessible(page: Page, *, colours_only: bool = False) -> None:
        page.evaluate(_UNTIL_STILL)
        wanted = (
            {"type": "rule", "values": ["color-contrast"]}
            if colours_only
            else {"type": "tag", "values": tags}
        )
        # Without all that is right in full: that took longer than to find out.
        results = Axe().run(page, options={"runOnly": wanted, "resultTypes": ["violations"]})
        found = [
            f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes']]}"
            for violation in results.response["violations"]
        ]
        assert found == []

    return _assert_accessible
