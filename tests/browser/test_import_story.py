"""The main job, end to end: a large file of 25 columns becomes customers that people find (C60–C66).

CIM_STORY_ROWS=100000 makes it the largest that is promised.
"""

import csv
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cim.access.audit import system_actor
from customers import seeding
from customers.integrity import problems
from customers.models import Customer, Phone
from tests.browser.stories import count_says, names, opened
from tests.factories import make_user

ACTOR = system_actor("command")
ROWS = int(os.environ.get("CIM_STORY_ROWS", "5000"))
KNOWN = ROWS * 3 // 10
BAD = ROWS // 100
NEW = ROWS - KNOWN - BAD
COLUMNS = (
    "first_name",
    "last_name",
    "phone",
    "phone_2",
    "email",
    "address",
    "postal_code",
    "crm_id",
    "account_id",
    "language",
)


def rows() -> Iterator[list[str]]:
    """Write 30 % of the rows on numbers that exist, 1 % with a number that is none, and the others anew."""
    known = iter(Phone.objects.filter(used_in=["phones"]).order_by("customer", "number").distinct("customer"))
    tariffs, segments = seeding.ATTRIBUTES[1]["options"], seeding.ATTRIBUTES[12]["options"]
    for number in range(ROWS):
        phone = next(known).number if number % 10 < 3 else f"+4915{number:08d}"
        if number % 100 == 55:
            phone = "4.41E+11"
        yield [
            "Imported", f"Person {number}", phone, "", f"import{number}@example.org", f"Gartenweg {number}, Köln",
            "50667", f"C-{number}", f"A-{number // 2}", "de", f"DE-{number}", tariffs[number % 5], "2027-03-31",
            f"{number % 300}.5", "-12.75", "yes" if number % 2 else "no", "", "1980-02-29", f"DE{number:020d}", "",
            "", f"https://example.org/{number}", segments[number % 4], "2026-11-19T08:30:00Z", "Asked why; twice",
        ]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    seeding.demo_schema(ACTOR)
    seeding.seed(KNOWN, ACTOR, labelled=False)
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter=";")
        writer.writerow([*COLUMNS, *(fields["label"] for fields in seeding.ATTRIBUTES)])
        writer.writerows(rows())
    return path


def test_a_large_file_becomes_customers_that_are_found(
    page: Page, sign_in: Callable[..., Page], worker: subprocess.Popen[bytes], file: Path
) -> None:
    sign_in(make_user("Importer"))
    opened(page, "/imports/new/")

    page.get_by_label("File to import").set_input_files(file)
    expect(page.get_by_text(f"{ROWS:,} rows · 25 columns")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Check the whole file").click()
    page.locator("[data-state=ready]").wait_for(timeout=240_000)
    page.get_by_role("button", name=f"Import {ROWS - BAD:,} rows").click()
    page.wait_for_url("**/imports/*/")
    opened(page, page.url)  # The page may be closed and opened again while the work goes on.
    page.locator("[data-state=completed]").wait_for(timeout=240_000)

    expect(page.locator("[data-outcome=created] strong")).to_have_text(f"{NEW:,}")
    expect(page.locator("[data-outcome=overwritten] strong")).to_have_text(f"{KNOWN:,}")
    expect(page.locator("[data-outcome=errors] strong")).to_have_text(f"{BAD:,}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download errors").click()
    errors = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert len(errors) == BAD
    assert {error["value"] for error in errors} == {"4.41E+11"}
    assert [int(error["line"]) for error in errors[:2]] == [57, 157]
    assert Customer.objects.count() == KNOWN + NEW
    assert list(problems()) == []

    opened(page, "/customers/")
    search = page.get_by_label("Search names, phones and emails in this list")
    search.fill("+4915 0000 4713")
    count_says(page, f"1 of {KNOWN + NEW:,}")
    assert names(page) == ["Person 4713"]
    opened(page, f"/customers/?last_name__contains=erson%20{ROWS - 3}")
    count_says(page, f"1 of {KNOWN + NEW:,}")
    opened(
        page,
        f"/customers/?last_name__startswith=person%20{ROWS // 1000}&tariff__in=Basic,Green%20Fix&match=all",
    )
    found = names(page)
    assert found
    assert all(name.startswith(f"Person {ROWS // 1000}") for name in found)
