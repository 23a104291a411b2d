"""Take a picture of every page that each role can open, light and dark, from a running CIM with its demo data.

    .venv/bin/python docs/screenshots.py http://localhost:8000 PASSWORD [DIRECTORY]

PASSWORD is that of the demo users, as `make run` prints it. Pictures are named <role>-<page>-<light|dark>.png. The
environment may name the ROLES ("admin agent"), and a WIDTH and HEIGHT.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROLES = ("admin", "supervisor", "agent", "importer")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZE = {"width": int(os.environ.get("WIDTH", "1440")), "height": int(os.environ.get("HEIGHT", "900"))}


def main(address: str, password: str, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    roles = os.environ.get("ROLES", " ".join(ROLES)).split()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme in SCHEMES:
            for role in roles:
                for name, page in pages(browser, address, role, password, scheme):
                    page.screenshot(path=directory / f"{role}-{name}-{scheme}.png")
        browser.close()


def pages(
    browser: Browser, address: str, role: str, password: str, scheme: Literal["light", "dark"]
) -> Iterator[tuple[str, Page]]:
    """Sign in as the role and yield each page once it shows what it has to show."""
    context = browser.new_context(
        viewport=SIZE, color_scheme=scheme, reduced_motion="reduce", base_url=address
    )
    page = context.new_page()
    page.goto("/login/")
    if role == ROLES[0]:
        yield "sign-in", page
    page.get_by_label("User name").fill(role)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"^(?!.*login)"))
    if page.url.endswith("/welcome/"):
        page.get_by_role("button", name="Skip").click()
        page.wait_for_url(re.compile(r"^(?!.*welcome)"))
    yield "welcome", shown(page, "/welcome/")
    rail = page.locator(".rail-list a")
    for link in [link.get_attribute("href") or "/" for link in rail.all()]:
        yield name_of(link), shown(page, link)
    if page.locator(".rail-list a[href='/customers/']").count():
        yield from about_customers(page)
    if page.locator(".rail-list a[href='/imports/']").count():
        yield "imports-new", shown(page, "/imports/new/")
    if page.locator(".rail-list a[href='/schema/']").count():
        yield from about_the_schema(page)
    if page.locator("#person-menu").evaluate(
        "menu => menu.content.querySelector('[href=\"/users/\"]') !== null"
    ):
        yield "users", shown(page, "/users/")
        yield "users-new", shown(page, "/users/new/")
        yield "users-keys", shown(page, "/users/keys/")
        yield "users-keys-new", shown(page, "/users/keys/new/")
    if page.locator(".rail-list a[href='/wall/']").count():
        yield "duplicates", shown(page, "/customers/duplicates/")
    if role == "agent":
        yield from during_a_call(page)
    yield "account", shown(page, "/account/")
    context.close()


def about_the_schema(page: Page) -> Iterator[tuple[str, Page]]:
    shown(page, "/schema/")
    page.locator(".attribute-row .attribute-name").last.click()
    page.locator(".panel").wait_for()
    yield "schema-panel", page
    page.get_by_role("button", name="Change the type").click()
    page.get_by_role("dialog").wait_for()
    yield "schema-type", page
    page.keyboard.press("Escape")


def during_a_call(page: Page) -> Iterator[tuple[str, Page]]:
    shown(page, "/desk/")
    call = page.get_by_role("button", name="Call me now")
    call.click() if call.count() else None
    page.get_by_text("Kept if the call is transferred").wait_for()
    page.wait_for_timeout(5000)
    yield "desk-call", page


def about_customers(page: Page) -> Iterator[tuple[str, Page]]:
    shown(page, "/customers/")
    page.keyboard.press("c")
    page.get_by_role("dialog").wait_for()
    yield "customers-columns", page
    page.keyboard.press("Escape")
    first = page.locator(".name-link").first
    if not first.count():
        return
    profile = first.get_attribute("href") or ""
    yield "profile", shown(page, profile)
    page.keyboard.press("h")
    page.get_by_role("complementary").wait_for()
    yield "profile-history", page
    yield "customers-new", shown(page, "/customers/new/")


def shown(page: Page, path: str) -> Page:
    page.goto(path)
    page.locator("[data-ready=true], main:not(:has([data-part]))").first.wait_for()
    page.wait_for_load_state("networkidle") if "desk" not in path and "wall" not in path else None
    page.wait_for_timeout(500)
    return page


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-") or "start"


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3] if len(sys.argv) == 4 else "docs/screenshots"))
