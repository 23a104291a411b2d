"""A small file from the upload to the undo; the one with 100,000 rows is a story of its own."""

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from customers.models import Customer
from tests.browser.stories import add_people, opened
from tests.factories import make_user

Accessible = Callable[[Page], None]

HEADER = ["Given name", "Last name", "Phone 1", "Phone 2", "E-Mail", "Tariff", "Remarks"]
ROWS = [
    ["Amara", "Okonkwo", "+44 7700 900461", "", "amara@example.org", "Green 24", "after five"],
    ["Juergen", "Weiss", "0171 3920142", "", "", "Green Fix", ""],
    ["Zofia", "Wiśniewska", "+44 20 7946 0312", "", "zofia@example.org", "", ""],
    ["Wrong", "Number", "4.41E+11", "", "", "", ""],
    ["Both", "Owners", "+491713920142", "+46701740612", "", "", ""],
    ["Olena", "Kovalenko", "", "", "olena@example.org", "Green 24", ""],
    ["Thiago", "Albuquerque", "+16175550148", "", "", "Green 24", ""],
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, delimiter=";").writerows([HEADER, *ROWS])
    return path


def tile(page: Page, outcome: str) -> str:
    return page.locator(f"[data-outcome={outcome}] strong").inner_text()


def test_file_is_matched_checked_imported_and_undone(
    page: Page,
    sign_in: Callable[..., Page],
    worker: subprocess.Popen[bytes],
    file: Path,
    assert_accessible: Accessible,
) -> None:
    add_people()
    sign_in(make_user("Importer"))
    opened(page, "/imports/")
    expect(page.get_by_role("heading", name="No imports yet")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("n")
    page.wait_for_url("**/imports/new/")
    opened(page, page.url)
    assert_accessible(page)

    page.get_by_label("File to import").set_input_files(file)
    expect(page.get_by_text("people.csv · 1 KB · 7 rows · 7 columns")).to_be_visible()
    expect(page.locator("[data-part=delimiter]")).to_contain_text("Semicolon, detected")
    expect(page.get_by_role("row", name="Remarks")).to_contain_text("Not matched")
    expect(page.get_by_role("row", name="Phone 2")).to_contain_text("finds the customer")
    page.get_by_label("Column Given name goes to").select_option("First name")
    assert_accessible(page)
    page.get_by_role("button", name="Check the whole file").click()

    page.locator("[data-state=ready]").wait_for(timeout=30_000)
    assert [tile(page, name) for name in ("created", "overwritten", "errors")] == ["4", "1", "2"]
    expect(page.locator("[data-part=preview-rows]")).to_contain_text("Jürgen")
    expect(page.get_by_role("row", name="Juergen Weiss")).to_contain_text("empty")
    assert_accessible(page)
    assert not Customer.objects.filter(last_name="Okonkwo").exists()
    page.get_by_role("button", name="Import 5 rows").click()

    page.locator("[data-state=completed]").wait_for(timeout=30_000)
    expect(page.locator("[data-part=state]")).to_have_text("Done, 2 rows left out")
    expect(page.get_by_role("row", name="4.41E+11")).to_contain_text("spreadsheet")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download errors").click()
    errors = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert next((error["line"], error["value"]) for error in errors) == ("5", "4.41E+11")
    assert Customer.objects.get(last_name="Weiss").phones == ["+491713920142"]

    page.get_by_role("button", name="Undo import").click()
    assert_accessible(page)
    page.get_by_role("dialog").get_by_role("button", name="Undo import").click()
    page.locator("[data-state=undone]").wait_for(timeout=30_000)
    expect(page.get_by_text("5 customers are as they were before.")).to_be_visible()
    assert Customer.objects.live().filter(last_name="Weiß").exists()
    assert not Customer.objects.live().filter(last_name="Okonkwo").exists()
    opened(page, "/imports/")
    expect(page.get_by_role("row", name="people.csv")).to_contain_text("Undone")


def test_file_that_is_none_is_refused_before_anything_is_kept(
    page: Page, sign_in: Callable[..., Page], tmp_path: Path, assert_accessible: Accessible
) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("First name;Phone\n")
    sign_in(make_user("Importer"))
    opened(page, "/imports/new/")

    page.get_by_label("File to import").set_input_files(tmp_path / "header.csv")
    expect(page.get_by_role("alert")).to_contain_text("no rows")
    page.get_by_label("File to import").set_input_files(tmp_path / "empty.csv")
    expect(page.get_by_role("alert")).to_contain_text("empty")

    assert_accessible(page)
    expect(page.get_by_role("button", name="Check the whole file")).to_be_hidden()
