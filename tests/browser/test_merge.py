"""Merging in a real browser: compare, pick by keyboard, merge, take back; likely duplicates (C49, C50)."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from customers import duplicates
from customers.models import Customer, Merge, Never
from tests.browser.stories import add_attribute, add_customer, opened, ready
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def people() -> list[Customer]:
    add_attribute("Tariff")
    return [
        add_customer(
            first_name="Amara",
            last_name="Okonkwo",
            phones=["+447700900461"],
            address="14 Tib Lane",
            tariff="Green 24",
        ),
        add_customer(
            first_name="Amara",
            last_name="Okonkwo-Hale",
            phones=["+447700900512"],
            emails=["amara.oh@example.net"],
            address="8 Cutler Row",
            postal_code="M4 6BF",
        ),
    ]


@pytest.fixture
def merging(page: Page, sign_in: Callable[..., Page], people: list[Customer]) -> Page:
    sign_in(make_user("Supervisor"))
    return opened(page, f"/customers/merge/?ids={people[0].id},{people[1].id}")


def row(page: Page, key: str) -> list[bool]:
    return [box.is_checked() for box in page.locator(f"tr[data-key={key}] input").all()]


def test_customers_are_compared_merged_and_separated_again(
    merging: Page, people: list[Customer], assert_accessible: Accessible
) -> None:
    expect(merging.get_by_role("heading", level=1)).to_have_text("Merge 2 contacts into Amara Okonkwo")
    expect(merging.locator("tr[data-key=address]")).to_contain_text("Differs")
    expect(merging.locator("tr[data-key=first_name]")).to_contain_text("Same")
    expect(merging.get_by_role("region", name="What moves to the survivor")).to_contain_text("1 phone")
    expect(merging.get_by_text("You can take this back at any time.")).to_be_visible()
    assert_accessible(merging)
    changes = merging.get_by_role("region", name="What changes on the survivor")
    expect(changes).to_contain_text("8 Cutler Row")

    merging.keyboard.press("1")
    expect(changes).not_to_contain_text("8 Cutler Row")
    expect(changes).to_contain_text("M4 6BF")
    merging.get_by_role("button", name="Merge 2 contacts into 1").click()

    merging.wait_for_url(f"**/customers/{people[0].id}/")
    ready(merging)
    story = merging.get_by_role("region", name="Identity")
    expect(story).to_contain_text("Amara Okonkwo-Hale merged into Amara Okonkwo")
    expect(story).to_contain_text("Sunniva Strand")
    merged = Customer.objects.get(id=people[0].id)
    assert (merged.address, merged.phones) == ("14 Tib Lane", ["+447700900461", "+447700900512"])
    assert_accessible(merging)

    story.get_by_role("button", name="Undo").click()
    assert_accessible(merging)
    merging.get_by_role("dialog").get_by_role("button", name="Separate 1 contact").click()

    expect(merging.get_by_role("status").filter(has_text="stands alone again")).to_be_visible()
    expect(merging.get_by_role("region", name="Identity")).to_contain_text("taken back by Sunniva Strand")
    assert Customer.objects.get(id=people[1].id).merged_into_id is None
    assert Customer.objects.get(id=people[0].id).phones == ["+447700900461"]


def test_values_are_picked_with_the_keyboard_alone(merging: Page, people: list[Customer]) -> None:
    merging.locator("tr[data-key=first_name] input").first.focus()
    merging.keyboard.press("ArrowDown")
    assert row(merging, "last_name") == [False, True]
    merging.keyboard.press("Space")
    expect(merging.get_by_role("heading", level=1)).to_contain_text("Okonkwo")
    expect(merging.locator("tr[data-key=last_name] input").first).to_be_checked()
    merging.keyboard.press("ArrowRight")
    expect(merging.locator("tr[data-key=last_name] input").last).to_be_focused()
    expect(merging.locator("tr[data-key=last_name] input").first).to_be_checked()
    merging.keyboard.press("2")
    expect(merging.locator("tr[data-key=last_name] input").last).to_be_checked()

    merging.keyboard.press("Control+Enter")

    merging.wait_for_url(f"**/customers/{people[0].id}/")
    ready(merging)
    assert Customer.objects.get(id=people[0].id).last_name == "Okonkwo-Hale"


def test_survivor_and_lists_can_be_changed_and_a_third_added(
    merging: Page, people: list[Customer], assert_accessible: Accessible
) -> None:
    third = add_customer(first_name="Mara", last_name="Okonkwo", phones=["+441614960288"])
    merging.get_by_role("button", name="Make Amara Okonkwo-Hale the survivor").click()
    expect(merging.get_by_role("heading", level=1)).to_have_text("Merge 2 contacts into Amara Okonkwo-Hale")

    merging.get_by_role("combobox", name="Find another customer to merge").fill("Mara Okon")
    expect(merging.get_by_role("option").first).to_contain_text("Mara")
    assert_accessible(merging)
    merging.get_by_role("option", name="Mara").last.click()
    expect(merging.get_by_role("heading", level=1)).to_contain_text("Merge 3 contacts")
    merging.get_by_role("checkbox", name="Keep +447700900461").uncheck()
    expect(merging.get_by_text("+447700900461 will belong to nobody.")).to_be_visible()
    assert_accessible(merging)
    merging.get_by_role("button", name="Merge 3 contacts into 1").click()

    merging.wait_for_url(f"**/customers/{people[1].id}/")
    ready(merging)
    merged = Customer.objects.get(id=people[1].id)
    assert sorted(merged.phones) == ["+441614960288", "+447700900512"]
    assert set(Customer.objects.filter(merged_into=merged)) == {people[0], third}


def test_who_was_said_to_be_somebody_else_stands_in_the_way(
    page: Page, sign_in: Callable[..., Page], people: list[Customer]
) -> None:
    low, high = sorted(people, key=lambda one: one.id)
    Never.objects.create(customer=low, other=high, created_at=timezone.now())
    sign_in(make_user("Supervisor"))

    opened(page, f"/customers/merge/?ids={people[0].id},{people[1].id}")

    expect(page.get_by_role("alert")).to_contain_text("They were said to be different people.")
    page.get_by_role("button", name="They are one person").click()
    expect(page.get_by_role("button", name="Merge 2 contacts into 1")).to_be_enabled()
    assert not Never.objects.exists()


def test_from_the_list_and_from_the_profile_one_comes_to_the_merge(
    page: Page, sign_in: Callable[..., Page], people: list[Customer]
) -> None:
    sign_in(make_user("Supervisor"))
    opened(page, f"/customers/{people[0].id}/")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Merge with others").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Merge others into Amara Okonkwo")
    expect(page.get_by_role("button", name="Merge", exact=True)).to_be_disabled()

    page.get_by_role("combobox", name="Find another customer to merge").fill("hale")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Merge 2 contacts into Amara Okonkwo")


def test_duplicates_are_reviewed_with_the_keyboard(
    page: Page,
    sign_in: Callable[..., Page],
    people: list[Customer],
    monkeypatch: pytest.MonkeyPatch,
    assert_accessible: Accessible,
) -> None:
    monkeypatch.setattr(duplicates, "SETTLED", dt.timedelta(0))
    for name in ("Jürgen", "Juergen"):
        add_customer(first_name=name, last_name="Weiß", emails=["j.weiss@example.org"])
    for name in ("Linnea", "Linea"):
        add_customer(first_name=name, last_name="Sjöberg", phones=[f"+4670174061{len(name)}"])
    duplicates.find(timezone.now())
    sign_in(make_user("Supervisor"))
    opened(page, "/customers/duplicates/")
    expect(page.locator("[data-part=count]")).to_contain_text("2 pairs")
    pair = page.get_by_role("region", name="The two compared")
    expect(pair).to_contain_text("j.weiss@example.org")
    assert_accessible(page)

    page.keyboard.press("j")
    expect(pair).to_contain_text("Phone one digit off")
    page.keyboard.press("d")
    expect(page.locator("[data-part=count]")).to_contain_text("1 pair")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-part=count]")).to_contain_text("2 pairs")
    assert not Never.objects.exists()
    page.keyboard.press("j")
    page.keyboard.press("d")
    expect(page.locator("[data-part=count]")).to_contain_text("1 pair")
    assert Never.objects.count() == 1

    page.keyboard.press("Enter")
    page.wait_for_url("**/customers/merge/?ids=*")
    ready(page)
    page.get_by_role("button", name="Merge 2 contacts into 1").click()
    page.wait_for_url("**/customers/*-*/")
    ready(page)
    assert Merge.objects.count() == 1
    opened(page, "/customers/duplicates/")
    expect(page.get_by_role("heading", name="No likely duplicates")).to_be_visible()
    assert_accessible(page)
