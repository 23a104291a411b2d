"""What a person may ask of us, from the menu of the profile, for each role that may answer (C17, Q4)."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cim.access import audit
from customers.models import Customer
from tests.browser.stories import add_people, opened
from tests.factories import make_user

Accessible = Callable[[Page], None]
LOOKS = "Who looked at this customer"
READ = "All that is kept, to read"
DATA = "All that is kept, as data"
ERASE = "Erase this person for good"


@pytest.fixture
def juergen() -> Customer:
    add_people()
    return Customer.objects.get(last_name="Weiß")


def open_menu(page: Page, customer: Customer) -> None:
    opened(page, f"/customers/{customer.pk}/")
    page.get_by_role("button", name="More").click()


@pytest.mark.parametrize(
    ("role", "items"),
    [
        ("Admin", [LOOKS, READ, DATA, ERASE]),
        ("Supervisor", [LOOKS]),
        ("Importer", [READ, DATA]),
        ("Agent", []),
    ],
)
def test_menu_offers_what_the_role_may_answer(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, role: str, items: list[str]
) -> None:
    sign_in(make_user(role))
    open_menu(page, juergen)

    offered = page.get_by_role("menuitem").all_inner_texts()

    assert [item for item in (LOOKS, READ, DATA, ERASE) if item in offered] == items


def test_importer_hands_out_all_that_is_kept(
    page: Page, sign_in: Callable[..., Page], juergen: Customer
) -> None:
    sign_in(make_user("Importer"))
    kept = {}
    for item in (READ, DATA):
        open_menu(page, juergen)
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=item).click()
        kept[item] = download.value.path().read_text("utf-8")

    assert "Weiß" in kept[READ]
    assert re.match(r"<!doctype html>", kept[READ], re.IGNORECASE)
    assert "+491713920142" in json.dumps(json.loads(kept[DATA]))


def test_supervisor_sees_who_looked(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, assert_accessible: Accessible
) -> None:
    supervisor = make_user("Supervisor")
    audit.note(
        audit.actor_for(supervisor, "page"), "customer.reveal", object_type="customer", object_id=juergen.pk
    )
    sign_in(supervisor)
    open_menu(page, juergen)

    page.get_by_role("menuitem", name=LOOKS).click()

    looks = page.get_by_role("dialog", name=LOOKS)
    expect(looks.get_by_role("listitem").filter(has_text="Revealed a value")).to_contain_text(
        supervisor.get_full_name()
    )
    expect(looks.get_by_role("listitem").first).to_contain_text("Opened the profile")
    assert_accessible(page)


def test_admin_erases_a_person_after_a_confirmation(
    page: Page, sign_in: Callable[..., Page], juergen: Customer, assert_accessible: Accessible
) -> None:
    sign_in(make_user("Admin"))
    open_menu(page, juergen)

    page.get_by_role("menuitem", name=ERASE).click()
    sure = page.get_by_role("dialog", name="Erase Jürgen Weiß for good")
    expect(sure.get_by_role("button", name="Cancel")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(sure).to_have_count(0)
    juergen.refresh_from_db()
    assert juergen.last_name == "Weiß"

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=ERASE).click()
    sure.get_by_role("button", name="Erase for good").click()
    done = page.get_by_role("dialog", name="The person is erased")
    with page.expect_download() as download:
        done.get_by_role("button", name="Download the certificate").click()
    assert "Weiß" not in download.value.path().read_text("utf-8")
    done.get_by_role("button", name="To the list").click()

    page.wait_for_url("**/customers/")
    juergen.refresh_from_db()
    assert (juergen.last_name, juergen.phones, juergen.emails) == (None, [], [])
