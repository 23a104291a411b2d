"""Every page that a role can come to by links: none is dead, each is accessible, in the dark too (Q34)."""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from cim.access.models import UserPreference
from tests.browser.stories import add_people
from tests.factories import make_user

# By one worker: the others need not look at what admins have seen.
pytestmark = pytest.mark.xdist_group("links")

# Signing out ends the walk; the admin, the API's own page and what they link to are not ours to crawl.
LEFT_OUT = ("/logout/", "/admin/", "/api/v1/docs/")
MOST = 60
SEEN_BY_ADMINS: set[str] = set()
ONE_OF_A_KIND = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
"""Fifty rows are fifty links of one kind; one of them stands for all."""

PAGES = {
    "Admin": {
        "/customers/",
        "/schema/",
        "/imports/new/",
        "/users/new/",
        "/users/keys/new/",
        "/crm/",
        "/audit/",
        "/desk/",
        "/wall/",
    },
    "Supervisor": {"/customers/", "/customers/duplicates/", "/wall/", "/desk/", "/audit/", "/journeys/"},
    "Agent": {"/customers/", "/customers/new/", "/desk/", "/journeys/"},
    "Importer": {"/customers/", "/customers/new/", "/imports/", "/imports/new/"},
    "Integration": set(),
}
"""The least that each role must come to by links alone, beside account and first steps."""


@pytest.mark.parametrize("role", PAGES)
def test_no_link_is_dead_and_every_page_is_accessible(
    page: Page,
    sign_in: Callable[..., Page],
    base_url: str,
    role: str,
    assert_accessible: Callable[..., None],
) -> None:
    add_people()
    user = make_user(role)
    UserPreference.objects.create(user=user, welcomed_at=timezone.now())
    sign_in(user)
    seen: dict[str, int] = {}
    kinds: set[str] = set()
    waiting = ["/"]

    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        kind = ONE_OF_A_KIND.sub("*", path)
        if kind in kinds:
            continue
        kinds.add(kind)
        if path.startswith("/api/"):
            seen[path] = page.request.get(path).status
            continue
        answer = page.goto(path)
        assert answer is not None
        seen[path] = answer.status
        # What a script shows may be links as well.
        page.locator("[data-ready=true], main:not(:has([data-part]))").first.wait_for()
        # Admins come first, and what the others see of a page, admins see too.
        for scheme in () if kind in SEEN_BY_ADMINS else ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            try:
                assert_accessible(page, colours_only=scheme == "dark")
            except AssertionError as trouble:
                raise AssertionError(f"{path}, {scheme}: {trouble}") from None
        waiting += [link for link in _links(page, base_url) if link not in seen and link not in waiting]

    if role == "Admin":
        SEEN_BY_ADMINS.update(kinds)
    assert {path: status for path, status in seen.items() if status >= 400} == {}
    assert not waiting or len(seen) < MOST
    expected = PAGES[role] | {"/account/", "/"} | ({"/welcome/"} if PAGES[role] else set())
    assert expected - seen.keys() == set()


def _links(page: Page, base_url: str) -> list[str]:
    hrefs = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    hrefs += page.locator("template").evaluate_all(
        "all => all.flatMap(one => [...one.content.querySelectorAll('a[href]')].map(link => link.getAttribute('href')))"
    )
    found: list[str] = []
    for href in hrefs:
        address = urlsplit(urljoin(page.url, href))
        if f"{address.scheme}://{address.netloc}" != base_url or address.path.startswith(LEFT_OUT):
            continue
        found.append(address.path)
    return found
