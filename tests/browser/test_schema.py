from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from customers.models import Attribute
from tests.browser.stories import add_attribute, add_customer, opened
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def editor(page: Page, sign_in: Callable[..., Page]) -> Page:
    sign_in(make_user("Admin"))
    return page


def test_fiftieth_attribute_is_added_and_the_next_one_refused(
    editor: Page, assert_accessible: Accessible
) -> None:
    for number in range(49):
        add_attribute(f"Detail {number}")
    opened(editor, "/schema/")
    expect(editor.locator("[data-part=used]")).to_have_text("49 of 50 used")
    assert_accessible(editor)

    editor.keyboard.press("n")
    editor.get_by_label("Name on screen").fill("Meter number")
    editor.get_by_role("button", name="Add attribute").click()
    expect(editor.locator("[data-part=used]")).to_have_text("50 of 50 used")
    editor.get_by_role("button", name="New attribute").click()
    editor.get_by_label("Name on screen").fill("One too many")
    editor.get_by_role("button", name="Add attribute").click()

    expect(editor.locator(".panel [role=alert]")).to_contain_text("50")
    assert_accessible(editor)
    assert Attribute.objects.custom().active().count() == 50
    assert not Attribute.objects.filter(label="One too many").exists()


def test_attribute_is_changed_archived_and_restored(editor: Page, assert_accessible: Accessible) -> None:
    add_attribute("Tariff", "choice", options=["Green"])
    add_customer(first_name="Ada", tariff="Green")
    opened(editor, "/schema/")

    editor.get_by_role("button", name="Tariff tariff").click()
    expect(editor.locator(".panel")).to_contain_text("filled in 1 of 1 customers")
    assert_accessible(editor)
    editor.get_by_label("Name on screen").fill("Plan")
    editor.get_by_label("Options, one per line").fill("Blue")
    editor.get_by_role("button", name="Save").click()
    expect(editor.locator(".panel .error")).to_contain_text("“Green” is used by customers")
    editor.get_by_label("Options, one per line").fill("Green\nBlue")
    editor.get_by_label("Required").check()
    editor.get_by_role("button", name="Save").click()
    expect(editor.get_by_role("row", name="Plan tariff")).to_contain_text("One of 2")

    editor.get_by_role("button", name="Plan tariff").click()
    editor.get_by_role("button", name="Archive").click()
    expect(editor.locator("[data-part=archived]")).to_contain_text("Plan")
    editor.get_by_role("button", name="Delete for good").click()
    expect(editor.get_by_role("dialog")).to_contain_text("1 customer loses the value")
    assert_accessible(editor)
    editor.keyboard.press("Escape")
    editor.locator("[data-part=archived]").get_by_role("button", name="Restore").click()
    expect(editor.locator("[data-part=rows]")).to_contain_text("Plan")


def test_order_is_changed_by_keyboard_and_by_dragging(editor: Page) -> None:
    add_attribute("Tariff")
    add_attribute("Meter number")
    opened(editor, "/schema/")

    def custom() -> list[str]:
        return list(Attribute.objects.custom().in_order().values_list("label", flat=True))

    editor.get_by_role("button", name="Meter number").focus()
    with editor.expect_response("**/attributes/order/"):
        editor.keyboard.press("Alt+ArrowUp")
    assert custom() == ["Meter number", "Tariff"]
    rows = editor.locator("tr.attribute-row")
    with editor.expect_response("**/attributes/order/"):
        rows.filter(has_text="Tariff").drag_to(rows.first)
    assert Attribute.objects.in_order().values_list("label", flat=True)[:2][0] in {"Tariff", "First name"}
    assert custom() == ["Tariff", "Meter number"]


@pytest.mark.parametrize("role", ["Supervisor", "Agent", "Importer"])
def test_nobody_but_the_admin_opens_the_editor(page: Page, sign_in: Callable[..., Page], role: str) -> None:
    sign_in(make_user(role))

    answer = page.goto("/schema/")

    assert answer
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not open this page")
