"""Connecting a CRM, saying what is written there, trying it, and looking after deliveries: in a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from crm_mappings import configuring, delivering, fetching
from crm_mappings.models import (
    Configuration,
    CrmAnswer,
    CrmSearch,
    Delivery,
    DynamicDataMapping,
    MemorialisationMapping,
    SkillSetup,
    Workflow,
)
from customers.models import Customer
from tests.browser.stories import opened
from tests.crm_mappings.conftest import Kustomer, kustomer, kustomer_process
from tests.crm_mappings.making import (
    Call,
    ended,
    make_configuration,
    make_customer,
    make_dynamic,
    make_mapping,
    now,
    wrapped,
)
from tests.factories import make_user

__all__ = ["kustomer", "kustomer_process"]

Accessible = Callable[[Page], None]


@pytest.fixture
def admin(sign_in: Callable[..., Page], transactional_db: None) -> Iterator[Page]:
    return sign_in(make_user("Admin"))


def mapping_of(configuration: Configuration) -> MemorialisationMapping:
    return make_mapping(
        configuration,
        {"conversation": [("name", "voice", "agent_name"), ("custom.statusStr", "voice", "status")]},
    )


def test_crm_is_connected_and_its_key_never_shown(
    admin: Page, kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    admin.goto("/crm/")
    assert_accessible(admin)
    admin.get_by_role("link", name="Connect a CRM").click()
    admin.get_by_label("Name", exact=True).fill("Kustomer EMEA")
    admin.get_by_label("API key").fill("k-double")
    admin.get_by_label("Base address").fill("https://acme.kustomer.com")
    admin.get_by_label("Address of its customer pages").fill("https://acme.kustomerapp.com/app/customers")
    admin.get_by_role("button", name="Connect and check").click()
    expect(admin.locator("#crm-base-under")).to_contain_text("https://{org}.api.kustomerapp.com")
    assert_accessible(admin)

    admin.get_by_label("Base address").fill("https://acme.api.kustomerapp.com")
    admin.get_by_role("button", name="Connect and check").click()
    expect(admin.get_by_role("heading", name="Kustomer EMEA")).to_be_visible()
    expect(admin.locator("[data-crm-status]")).to_contain_text("Being checked")
    configuring.check(Configuration.objects.get().pk, now())
    expect(admin.locator("[data-crm-status]")).to_contain_text("Active")

    assert "k-double" not in admin.content()
    expect(admin.get_by_label("Region")).to_be_disabled()
    admin.reload()
    expect(admin.locator(".crm-form")).to_contain_text("CIM system user")
    assert_accessible(admin)


def test_mapping_is_edited_refused_tried_and_saved(
    admin: Page, kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    configuration = make_configuration(name="Kustomer EMEA")
    make_customer()
    Call(customer_name="Ana Ruiz").tell("offered", "answered", ended(), wrapped())
    opened(admin, f"/crm/{configuration.pk}/mapping/")
    expect(admin.locator("[data-part=none]")).to_be_visible()

    admin.get_by_role("button", name="New mapping").click()
    admin.get_by_label("Name", exact=True).fill("Calls")
    admin.get_by_label("Field of the CRM in row 1").fill("custom.agentStr")
    admin.get_by_label("Data field of row 1").select_option("agent_name")
    admin.get_by_role("button", name="Add row").click()
    admin.get_by_label("Field of the CRM in row 2").fill("custom.lengthNum")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".crm-wrong .error")).to_contain_text("only text is mapped")
    assert_accessible(admin)

    admin.get_by_label("Field of the CRM in row 2").fill("custom.reasonStr")
    admin.get_by_label("Kind of contact of row 2").select_option("script")
    admin.get_by_label("Script variable of row 2").fill("Reason")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator("[data-toasts]")).to_contain_text("version 1")
    expect(admin.locator(".crm-result")).to_contain_text("1 of 2 would be written")
    expect(admin.locator(".crm-result")).to_contain_text("Aylin Aksoy")
    assert_accessible(admin)

    row = MemorialisationMapping.objects.get()
    assert row.entities == [
        {
            "entity_type": "conversation",
            "rows": [
                {"crm_field": "custom.agentStr", "channel": "voice", "data_field": "agent_name"},
                {"crm_field": "custom.reasonStr", "channel": "script", "data_field": "reason"},
            ],
        }
    ]
    # Rows are moved by keyboard, a change is tried before it is saved, and given up.
    admin.get_by_label("Field of the CRM in row 2").press("Alt+ArrowUp")
    expect(admin.get_by_label("Field of the CRM in row 1")).to_have_value("custom.reasonStr")
    admin.get_by_role("button", name="Run", exact=True).click()
    expect(admin.locator(".crm-result")).to_contain_text("1 of 2 would be written")
    admin.get_by_role("button", name="Discard").click()
    expect(admin.get_by_label("Field of the CRM in row 1")).to_have_value("custom.agentStr")


def test_deliveries_are_searched_explained_and_replayed(
    admin: Page, kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    configuration = make_configuration(name="Kustomer EMEA")
    make_customer()
    mapping_of(configuration)
    for _number in range(3):
        Call().tell("offered", "answered", ended(), "acw_ended")
    delivering.send_due(configuration.pk)
    failed = Delivery.objects.order_by("created_at")[0]
    Delivery.objects.filter(pk=failed.pk).update(state="failed", reason="Field name: too long")
    opened(admin, f"/crm/{configuration.pk}/deliveries/")
    expect(admin.locator("[data-part=rows] tr")).to_have_count(3)
    assert_accessible(admin)

    admin.get_by_role("button", name="1 Failed").click()
    expect(admin.locator("[data-part=rows] tr")).to_have_count(1)
    admin.get_by_role("button", name="Details of the delivery for Ana Ruiz").click()
    expect(admin.locator(".crm-details")).to_contain_text("Field name: too long")
    expect(admin.locator(".crm-details")).to_contain_text("Aylin Aksoy")
    assert_accessible(admin)
    assert "state=failed" in admin.url

    admin.get_by_role("button", name="Replay: Ana Ruiz").click()
    expect(admin.locator("[data-toasts]")).to_contain_text("again")
    delivering.send_due(configuration.pk)
    admin.get_by_role("button", name="Delivered").click()
    expect(admin.locator("[data-part=rows]")).to_contain_text("Replayed")
    assert len(kustomer.records("conversation")) == 3

    admin.get_by_role("button", name="Hold deliveries back").click()
    expect(admin.locator("[data-crm-status]")).to_contain_text("held back")


def test_shown_fields_keep_their_limits(
    admin: Page, kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    configuration = make_configuration()
    opened(admin, f"/crm/{configuration.pk}/dynamic-data/")

    admin.get_by_role("button", name="New mapping").click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("For agents")
    for number in range(5):
        dialog.get_by_role("button", name="Add a field").click()
        dialog.get_by_label(f"Field {number + 2} of record type 1", exact=True).fill(f"custom.f{number}Str")
        dialog.get_by_label(f"Type of field {number + 2} of record type 1").select_option("string")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("at most 5 string fields")
    assert_accessible(admin)
    dialog.get_by_label("Remove field 6 of record type 1").click()
    dialog.get_by_role("button", name="Save").click()

    expect(admin.get_by_role("heading", name="For agents")).to_be_visible()
    assert len(DynamicDataMapping.objects.get().record_types[0]["fields"]) == 5
    assert_accessible(admin)


def test_skill_and_workflow_are_set_up(
    admin: Page, kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    configuration = make_configuration()
    mapping_of(configuration)
    opened(admin, f"/crm/{configuration.pk}/workflows/")

    admin.get_by_role("button", name="Workflow", exact=True).click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("By phone")
    dialog.get_by_label("When nobody is found").select_option("create")
    assert_accessible(admin)
    dialog.get_by_role("button", name="Save").click()
    expect(admin.locator("[data-part=workflows]")).to_contain_text("By phone")
    admin.get_by_role("button", name="Skill", exact=True).click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Skill", exact=True).fill("billing")
    dialog.get_by_label("Search workflow").select_option("By phone")
    dialog.get_by_label("Written after contacts").select_option(MemorialisationMapping.objects.get().name)
    assert_accessible(admin)
    dialog.get_by_role("button", name="Save").click()

    expect(admin.locator("[data-part=skills]")).to_contain_text("billing")
    setup = SkillSetup.objects.get()
    assert (setup.skill, setup.search_workflow) == ("billing", Workflow.objects.get())


def test_profile_shows_crm_data_when_it_comes(
    sign_in: Callable[..., Page], kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    agent = sign_in(make_user("Agent"))
    configuration = make_configuration(name="Kustomer EMEA")
    make_dynamic(configuration, customer=[("custom.tierStr", "string"), ("custom.vipBool", "boolean")])
    customer = make_customer()
    kustomer.add(
        name="Ana Ruiz",
        phones=[{"type": "mobile", "phone": customer.phones[0]}],
        custom={"tierStr": "Gold", "vipBool": True},
    )
    opened(agent, f"/customers/{customer.pk}/")
    panel = agent.get_by_role("region", name="Kustomer EMEA")
    expect(panel).to_contain_text("being fetched")

    fetching.fetch(CrmAnswer.objects.get().pk, now())

    expect(panel).to_contain_text("Gold")
    expect(panel).to_contain_text("Tier")
    expect(panel.get_by_role("link", name="Open in Kustomer EMEA")).to_have_attribute(
        "href", f"https://acme.kustomerapp.com/app/customers/{kustomer.records('customer')[0]['id']}"
    )
    assert_accessible(agent)


def test_customer_of_the_crm_is_taken_over_from_the_search_box(
    sign_in: Callable[..., Page], kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    agent = sign_in(make_user("Agent"))
    make_configuration(name="Kustomer EMEA")
    kustomer.add(name="Ana Ruiz", phones=[{"type": "mobile", "phone": "+15550100"}])
    opened(agent, "/customers/")
    agent.get_by_role("combobox", name="Find a name, phone or email").fill("ruiz")
    expect(agent.get_by_role("option", name="Search the CRM for “ruiz”")).to_be_visible()
    agent.keyboard.press("ArrowUp")
    agent.keyboard.press("Enter")
    expect(agent.locator(".crm-found")).to_contain_text("Asking the CRM")

    search: Any = None
    for _round in range(100):
        search = CrmSearch.objects.first()
        if search:
            break
        agent.wait_for_timeout(50)
    fetching.look_for(search.pk, now())

    agent.locator(".crm-found").get_by_role("button", name="Take over").click()
    expect(agent.get_by_role("heading", name="Ana Ruiz")).to_be_visible()
    assert Customer.objects.get().phones == ["+15550100"]


def test_pop_shows_the_candidates_of_the_gateway(
    sign_in: Callable[..., Page], kustomer: Kustomer, assert_accessible: Accessible
) -> None:
    agent = sign_in(make_user("Agent"))
    configuration = make_configuration(name="Kustomer EMEA")
    Configuration.objects.update(is_gateway=True)
    for name in ("Ana Ruiz", "Luis Ruiz"):
        kustomer.add(name=name, sharedPhones=[{"type": "home", "phone": "+4930123456"}])
    opened(agent, "/desk/")
    call = Call()
    call.at = now()
    call.tell("offered")
    panel = agent.get_by_role("region", name="Kustomer EMEA")
    expect(panel).to_contain_text("being fetched")

    fetching.fetch(CrmAnswer.objects.get(configuration=configuration).pk, now())

    expect(panel).to_contain_text("2 customers there fit")
    assert_accessible(agent)
    panel.get_by_role("button", name="Take over").first.click()
    expect(agent.locator(".call-name").first).to_have_text("Ana Ruiz")
    assert call.row.customer_id == Customer.objects.get().pk
