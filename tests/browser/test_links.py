from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.stories import add_people
from tests.factories import make_user

# Signing out ends the walk; the admin, the API's own page and what they link to are not ours to crawl.
LEFT_OUT = ("/logout/", "/admin/", "/api/v1/docs/")
MOST = 30


@pytest.mark.parametrize("role", ["Admin", "Supervisor", "Agent", "Importer", "Integration"])
def test_no_link_is_dead(page: Page, sign_in: Callable[..., Page], base_url: str, role: str) -> None:
    add_people()
    sign_in(make_user(role))
    seen: dict[str, int] = {}
    waiting = ["/"]

    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        if path in seen:
            continue
        if path.startswith("/api/"):
            seen[path] = page.request.get(path).status
            continue
        answer = page.goto(path)
        assert answer is not None
        seen[path] = answer.status
        # What a script shows may be links as well.
        page.locator("[data-ready=true], main:not(:has([data-part]))").first.wait_for()
        waiting += [link for link in _links(page, base_url) if link not in seen and link not in waiting]

    assert {path: status for path, status in seen.items() if status >= 400} == {}
    assert len(seen) > 1


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
        # Fifty rows are fifty links of one kind; one of them stands for all.
        is_profile = address.path.startswith("/customers/") and address.path.count("-") == 4
        if is_profile and (page.url.count("-") or any(path.count("-") == 4 for path in found)):
            continue
        found.append(address.path)
    return found
