"""An administrator makes a key for a program, sees it once, and ends it; without a mouse."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from cim.access.models import ApiKey
from tests.browser.stories import tab_to
from tests.factories import make_user

Accessible = Callable[[Page], None]


def test_key_is_made_used_and_revoked_by_keyboard(
    page: Page, sign_in: Callable[..., Page], assert_accessible: Accessible
) -> None:
    make_user("Integration")
    sign_in(make_user("Admin"))
    page.goto("/users/")
    page.get_by_role("link", name="API keys").press("Enter")
    page.wait_for_url("**/users/keys/")
    assert_accessible(page)

    page.keyboard.press("n")
    page.wait_for_url("**/users/keys/new/")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("PBX in Leipzig")
    page.keyboard.press("Tab")
    page.keyboard.type("PBX")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.get_by_label("erase persons").press("Space")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".error")).to_have_text("PBX bridge may not: erase persons.")
    assert_accessible(page)
    page.get_by_label("erase persons").press("Space")
    page.get_by_label("look customers up").press("Space")
    page.keyboard.press("Control+Enter")

    copy = page.get_by_role("button", name="Copy")
    expect(copy).to_be_focused()
    assert_accessible(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    secret = page.evaluate("navigator.clipboard.readText()")
    assert status_of(page, secret) == 200

    # Loaded again, the page is the list: no second key, and no secret.
    page.reload()
    row = page.get_by_role("row", name="PBX in Leipzig")
    expect(row).to_contain_text("look customers up")
    expect(row).to_contain_text("Valid")
    assert secret not in page.content()
    assert ApiKey.objects.count() == 1
    assert_accessible(page)

    tab_to(page, "Revoke PBX in Leipzig")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("It was last used on")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Revoke PBX in Leipzig")).to_be_focused()
    assert status_of(page, secret) == 200
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").press("Enter")
    expect(row).to_contain_text("Revoked")
    assert status_of(page, secret) == 401
    assert_accessible(page)


def status_of(page: Page, secret: str) -> int:
    address = "/api/v1/customers/lookup/?phone=%2B4930998877"
    return page.request.get(address, headers={"Authorization": f"Bearer {secret}"}).status
