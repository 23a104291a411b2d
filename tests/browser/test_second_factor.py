import time
from collections.abc import Callable

from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Page, expect

from tests.factories import make_user

Accessible = Callable[[Page], None]


def test_second_factor_is_set_up_and_asked_for(page: Page, assert_accessible: Accessible) -> None:
    user = make_user("Agent")
    user.set_password("correct horse battery")
    user.save()

    def password_step() -> None:
        page.goto("/login/")
        page.get_by_label("User name").fill("aylin")
        page.get_by_label("Password", exact=True).fill("correct horse battery")
        page.keyboard.press("Enter")

    password_step()
    page.wait_for_url(lambda url: "/login/" not in url)
    page.goto("/account/")
    assert_accessible(page)
    page.get_by_role("link", name="Set up a second factor").click()
    picture = page.get_by_role("img", name="The key as a picture for the app")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    assert_accessible(page)
    secret = page.locator("code.key").inner_text().replace(" ", "")
    page.get_by_label("Your password").fill("correct horse battery")
    page.get_by_label("Code").fill(totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert_accessible(page)
    recovery = page.locator(".recovery-codes code").first.inner_text()
    page.context.clear_cookies()

    password_step()
    page.wait_for_url("**/login/code/")
    assert_accessible(page)
    page.get_by_label("Code").fill(recovery)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)
