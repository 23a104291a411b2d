from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from customers import retyping
from customers.models import Attribute
from tests.browser.stories import add_attribute, add_customer, edit, opened, tab_to
from tests.factories import make_user

Accessible = Callable[[Page], None]


@pytest.fixture
def editor(page: Page, sign_in: Callable[..., Page]) -> Page:
    sign_in(make_user("Admin"))
    return page


def _was_asked(answer: Response) -> bool:
    """Tell whether this is the answer to the asking, not to the watching."""
    return answer.request.method == "POST"


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


def test_what_is_wrong_is_said_while_it_is_typed(editor: Page) -> None:
    add_attribute("Tariff")
    opened(editor, "/schema/")
    editor.keyboard.press("n")

    editor.get_by_label("Name on screen").fill("tariff")
    expect(editor.locator(".panel .error")).to_contain_text("“tariff”")
    editor.get_by_label("Name on screen").fill("Tariff 2")
    expect(editor.locator(".panel .error")).to_have_count(0)

    expect(editor.get_by_label("Name on screen")).to_be_focused()
    assert not Attribute.objects.filter(label="Tariff 2").exists()


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


def test_type_is_changed_once_every_value_converts(editor: Page, assert_accessible: Accessible) -> None:
    add_attribute("Tariff")
    ada = add_customer(first_name="Ada", tariff="12")
    bert = add_customer(first_name="Bert", tariff="cheap")
    opened(editor, "/schema/")

    editor.get_by_role("button", name="Tariff tariff").click()
    editor.get_by_role("button", name="Change the type").click()
    dialog = editor.get_by_role("dialog")
    dialog.get_by_label("New type").select_option("Number")
    with editor.expect_response(_was_asked):
        dialog.get_by_role("button", name="Check the values").click()
    expect(dialog.get_by_role("status")).to_contain_text("Looking at every value")
    retyping.work()
    expect(dialog.get_by_role("alert")).to_contain_text("1 value of 2 does not convert")
    expect(dialog.get_by_role("row", name="cheap")).to_contain_text("is not a number")
    expect(dialog.get_by_role("button", name="Convert", exact=True)).to_be_hidden()
    assert_accessible(editor)

    edit(bert, tariff="14.5")
    with editor.expect_response(_was_asked):
        dialog.get_by_role("button", name="Check the values").click()
    retyping.work()
    expect(dialog).to_contain_text("All 2 values convert")
    with editor.expect_response(_was_asked):
        dialog.get_by_role("button", name="Convert", exact=True).click()
    retyping.work()
    expect(dialog).to_be_hidden()
    expect(editor.get_by_role("row", name="Tariff tariff")).to_contain_text("Number")
    ada.refresh_from_db()
    assert ada.value_of(Attribute.objects.get(key="tariff")) == 12


def test_type_is_changed_and_values_are_filled_in_by_keyboard(editor: Page) -> None:
    add_attribute("Tariff", default="7")
    attribute = Attribute.objects.get(key="tariff")
    ada, bert = add_customer(first_name="Ada"), add_customer(first_name="Bert")
    edit(bert, tariff=None)
    opened(editor, "/schema/")

    editor.get_by_role("button", name="Tariff tariff").focus()
    editor.keyboard.press("Enter")
    tab_to(editor, "Fill it in for 1 customer without a value")
    editor.keyboard.press("Enter")
    tab_to(editor, "Fill in 1 customer")
    with editor.expect_response(_was_asked):
        editor.keyboard.press("Enter")
    retyping.work()
    expect(editor.get_by_text("Tariff is filled in for 1 customer.")).to_be_visible()
    bert.refresh_from_db()
    assert bert.value_of(attribute) == "7"

    expect(editor.get_by_role("button", name="Change the type")).to_be_focused()
    editor.keyboard.press("Enter")
    expect(editor.get_by_label("New type")).to_be_focused()
    editor.keyboard.type("Numb")
    tab_to(editor, "Check the values")
    with editor.expect_response(_was_asked):
        editor.keyboard.press("Enter")
    retyping.work()
    expect(editor.get_by_role("button", name="Convert", exact=True)).to_be_focused()
    with editor.expect_response(_was_asked):
        editor.keyboard.press("Enter")
    retyping.work()
    expect(editor.get_by_role("dialog")).to_be_hidden()
    ada.refresh_from_db()
    assert ada.value_of(Attribute.objects.get(key="tariff")) == 7


def test_attribute_is_added_archived_restored_and_deleted_by_keyboard(editor: Page) -> None:
    opened(editor, "/schema/")

    editor.keyboard.press("n")
    expect(editor.get_by_label("Name on screen")).to_be_focused()
    editor.keyboard.type("Meter number")
    editor.keyboard.press("Enter")
    opener = editor.get_by_role("button", name="Meter number meter_number")
    opener.focus()
    editor.keyboard.press("Enter")
    expect(editor.get_by_label("Name on screen")).to_be_focused()
    tab_to(editor, "Archive")
    editor.keyboard.press("Enter")
    archived = editor.locator("[data-part=archived]")
    expect(archived).to_contain_text("Meter number")
    archived.get_by_role("button", name="Restore").focus()
    editor.keyboard.press("Enter")
    expect(editor.locator("[data-part=rows]")).to_contain_text("Meter number")

    opener.focus()
    editor.keyboard.press("Enter")
    tab_to(editor, "Archive")
    editor.keyboard.press("Enter")
    archived.get_by_role("button", name="Delete for good").focus()
    editor.keyboard.press("Enter")
    expect(editor.get_by_role("dialog")).to_contain_text("No customer has a value")
    tab_to(editor, "Delete for good")
    editor.keyboard.press("Enter")
    expect(archived).to_be_hidden()
    assert not Attribute.objects.filter(key="meter_number").exists()
