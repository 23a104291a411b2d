"""A file as real ones are: read, imported, its failed rows put right in the grid and imported again, and undone."""

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from customers.integrity import problems
from customers.models import Customer
from customers.schema import Schema
from tests.browser.stories import add_people, opened
from tests.customers.importing.files import state
from tests.factories import make_user

Accessible = Callable[[Page], None]

HEADER = ["First name", "Last name", "Phone", "Phone", "Address"]
ROWS = [
    ["Jürgen", "Weiß", "+49 171 392 01 42", "", "Gartenweg 1\r\n10115 Berlin"],
    ["Zoë", "Müller", "0049 (0)30 100 002", "", "“Am Ufer”; 2. Hof"],
    ["Łucja".replace("Ł", "L"), "Süß", "030/100003", "+44 20 7946 0312", ""],
    ["=cmd|' /C calc'!A0", "Händel", "030-100 004", "", ""],
    ["Søren", "Kierkegård", "4.41E+11", "", "Nørregade 5\r\nKøbenhavn"],
    ["Renée", "Dubois", "+33 1", "12", "Rue de l’Été 3"],
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kunden.csv"
    with path.open("w", encoding="cp1252", newline="") as lines:
        csv.writer(lines, delimiter=";").writerows([HEADER, *ROWS])
    return path


def name_of(number: str) -> str:
    return " ".join(
        Customer.objects.live().values_list("first_name", "last_name").get(phones__contains=[number])
    )


def test_failed_rows_are_put_right_in_the_grid_and_all_is_undone(
    page: Page,
    sign_in: Callable[..., Page],
    worker: subprocess.Popen[bytes],
    file: Path,
    assert_accessible: Accessible,
) -> None:
    add_people()
    before = state(Schema.current())
    sign_in(make_user("Importer"))
    opened(page, "/imports/new/")
    page.get_by_label("File to import").set_input_files(file)
    expect(page.locator("[data-part=delimiter]")).to_contain_text("Semicolon, detected")
    expect(page.locator("[data-part=encoding]")).to_contain_text("1252")
    expect(page.locator("[data-part=lines]")).to_contain_text("Jürgen")
    expect(page.get_by_role("row", name="Phone (2)")).to_contain_text("finds the customer")
    page.get_by_role("button", name="Check the whole file").click()
    page.locator("[data-state=ready]").wait_for(timeout=30_000)
    page.get_by_role("button", name="Import 4 rows").click()
    page.locator("[data-state=completed]").wait_for(timeout=30_000)

    assert name_of("+491713920142") == "Jürgen Weiß"
    assert Customer.objects.get(last_name="Weiß").address == "Gartenweg 1\r\n10115 Berlin"
    assert name_of("+4930100002") == "Zoë Müller"
    assert name_of("+4930100003") == name_of("+442079460312") == "Lucja Süß"
    assert name_of("+4930100004") == "=cmd|' /C calc'!A0 Händel"
    expect(page.get_by_role("row", name="Import line 7 again")).to_contain_text("spreadsheet")
    wrong = page.get_by_label("Phone, line 7", exact=True)
    expect(wrong).to_have_value("4.41E+11")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)

    # By keyboard alone: down the column, along the row, and off.
    wrong.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("+45 33 12 34 56")
    page.keyboard.press("Enter")
    page.keyboard.type("+33 1 23 45 67 89")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Import 2 corrected rows")).to_be_enabled()
    first = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda address: address != first and "/imports/" in address)
    page.locator("[data-state=completed]").wait_for(timeout=30_000)

    assert (name_of("+4533123456"), name_of("+33123456789")) == ("Søren Kierkegård", "Renée Dubois")
    assert Customer.objects.get(last_name="Kierkegård").address == "Nørregade 5\r\nKøbenhavn"
    expect(page.get_by_role("link", name="corrected rows of an earlier import")).to_be_visible()
    for _import in ("the corrections", "the file"):
        page.get_by_role("button", name="Undo import").click()
        page.get_by_role("dialog").get_by_role("button", name="Undo import").click()
        page.locator("[data-state=undone]").wait_for(timeout=30_000)
        if page.url != first:
            page.goto(first)
    assert state(Schema.current()) == before
    assert list(problems()) == []
