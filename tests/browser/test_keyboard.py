"""The stories once more with the keyboard alone: no pointer is moved, no field is filled by a script (Q34)."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.models import Customer
from tests.browser.stories import add_people, opened, ready, tab_to
from tests.factories import make_user


@pytest.fixture(autouse=True)
def _no_pointer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of this file that clicks or fills has failed."""
    for name in ("click", "fill", "check", "select_option", "press", "focus"):
        monkeypatch.delattr(f"playwright.sync_api.Locator.{name}")


def tab_into(page: Page, label: str, key: str = "Tab") -> None:
    """Press Tab, or Shift and Tab, until the field of that label has the focus."""
    field = page.get_by_label(label).first
    for _step in range(60):
        if field.evaluate("field => field === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail(f"Tab never comes to {label}.")


def test_profile_is_edited_and_an_older_version_restored(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    juergen = Customer.objects.get(last_name="Weiß")
    sign_in(make_user("Agent"))
    opened(page, f"/customers/{juergen.id}/")

    page.keyboard.press("e")
    tab_into(page, "Postal code")
    page.keyboard.type("10965")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    page.keyboard.press("h")
    tab_to(page, "Restore version 1")
    page.keyboard.press("Enter")
    tab_to(page, "Restore version 1")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=history-count]")).to_have_text("3")
    juergen.refresh_from_db()
    assert juergen.postal_code is None


def test_overwrite_warning_is_read_left_and_confirmed(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    old = Customer.objects.get(last_name="Weiß")
    sign_in(make_user("Agent"))
    opened(page, "/customers/")
    page.keyboard.press("n")
    page.wait_for_url("**/customers/new/")
    ready(page)

    tab_into(page, "First name")
    page.keyboard.type("Juergen")
    tab_into(page, "Phones")
    page.keyboard.type("0171 3920142")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Jürgen Weiß already has a profile")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab_to(page, "Replace profile")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/customers/{old.id}/")
    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Juergen")


def test_person_signs_in_changes_the_theme_and_signs_out(page: Page) -> None:
    user = make_user("Agent")
    user.set_password("correct horse battery")
    user.save()
    page.goto("/account/")

    page.keyboard.type("aylin")
    tab_into(page, "Password")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/")
    tab_into(page, "Theme")
    page.keyboard.type("Dark")
    page.keyboard.press("Control+Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    tab_to(page, "You, Aylin Aksoy")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/")


def test_admin_adds_a_user(page: Page, sign_in: Callable[..., Page]) -> None:
    sign_in(make_user("Admin"))
    page.goto("/users/")

    page.keyboard.press("n")
    page.wait_for_url("**/users/new/")
    tab_into(page, "First name")
    page.keyboard.type("Tomás")
    tab_into(page, "User name")
    page.keyboard.type("tomas")
    tab_into(page, "Role")
    page.keyboard.type("Superv")
    tab_into(page, "Password")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")

    expect(page.get_by_role("row", name="tomas")).to_contain_text("Supervisor")
    assert User.objects.get(username="tomas").groups.get().name == "Supervisor"


def test_admin_moves_a_user_to_another_role_and_locks_them_out(
    page: Page, sign_in: Callable[..., Page]
) -> None:
    tomas = make_user("Agent", username="tomas", first_name="Tomás", last_name="Herrera")
    sign_in(make_user("Admin"))
    page.goto("/users/")

    tab_to(page, "Tomás Herrera")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/users/{tomas.pk}/")
    tab_into(page, "User name")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".error")).to_be_visible()
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("tomas")
    tab_into(page, "Role")
    page.keyboard.type("Superv")
    tab_into(page, "May sign in")
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")

    page.wait_for_url("**/users/")
    expect(page.get_by_role("row", name="tomas")).to_contain_text("Supervisor")
    expect(page.get_by_role("row", name="tomas")).to_contain_text("Locked")
    tomas.refresh_from_db()
    assert (tomas.is_active, tomas.groups.get().name) == (False, "Supervisor")


def test_file_is_chosen_matched_previewed_imported_and_found_in_the_history(
    page: Page, sign_in: Callable[..., Page], worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    add_people()
    rows = [
        "Given name;Last name;Phone",
        "Juergen;Weiss;0171 3920142",
        "Amara;Okonkwo;+44 7700 900461",
        "A;B;4.41E+11",
    ]
    (tmp_path / "people.csv").write_text("\n".join(rows), encoding="utf-8")
    sign_in(make_user("Importer"))
    opened(page, "/imports/")

    page.keyboard.press("n")
    page.wait_for_url("**/imports/new/")
    ready(page)
    tab_into(page, "File to import")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "people.csv")
    expect(page.get_by_role("button", name="Check the whole file")).to_be_focused()
    tab_into(page, "Column Given name goes to", "Shift+Tab")
    page.keyboard.press("F")
    expect(page.get_by_label("Column Given name goes to")).to_be_focused()
    expect(page.get_by_role("row", name="Given name")).to_contain_text("Matched")
    page.keyboard.press("Control+Enter")

    page.locator("[data-state=ready]").wait_for(timeout=30_000)
    expect(page.locator("[data-part=preview-rows]")).to_contain_text("Jürgen Weiß → Juergen Weiss")
    page.keyboard.press("Control+Enter")
    page.locator("[data-state=completed]").wait_for(timeout=30_000)
    expect(page.locator("[data-part=state]")).to_have_text("Done, 1 row left out")
    tab_to(page, "All imports")
    page.keyboard.press("Enter")

    page.wait_for_url("**/imports/")
    expect(page.get_by_role("row", name="people.csv")).to_contain_text("Done")
    assert Customer.objects.get(last_name="Weiss").first_name == "Juergen"


def test_help_lists_keys_that_do_something(page: Page, sign_in: Callable[..., Page]) -> None:
    add_people()
    sign_in(make_user("Admin"))
    opened(page, "/customers/")

    page.keyboard.press("?")
    told = page.get_by_role("dialog").locator("li").all_inner_texts()
    go = {text.split("\n")[0]: text.split("\n")[-1] for text in told if "G" in text.split("\n")[1:]}
    page.keyboard.press("Escape")

    assert {"Customers", "Imports", "Schema", "Live wall"} <= go.keys()
    for label, key in go.items():
        page.keyboard.press("g")
        page.keyboard.press(key.lower())
        page.locator(f".rail-link[aria-current=page]:has-text('{label}')").wait_for()
        # The keys are there once the scripts have run.
        page.wait_for_load_state()
