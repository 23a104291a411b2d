"""Whoever chose French sees French, in the browser too: words, days, numbers (Q33)."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cim.access.models import UserPreference
from customers.models import Customer
from interactions.models import WrapUpReason
from interactions.recording import record
from tests import catalogues
from tests.browser.stories import add_people, opened
from tests.factories import make_user
from tests.interactions.calls import voice

Accessible = Callable[[Page], None]

TEXTS_SHOWN = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const holder = walker.currentNode.parentElement;
    if (!holder.closest("script, [hidden]")) found.push(walker.currentNode.textContent.trim());
  }
  for (const name of ["aria-label", "title", "placeholder", "data-key-label"]) {
    for (const one of document.querySelectorAll(`[${name}]`)) found.push(one.getAttribute(name).trim());
  }
  return [document.title, ...found];
}"""


def _english() -> frozenset[str]:
    """List every text without a placeholder that is no French word as well."""
    messages = [it for domain in catalogues.DOMAINS for it in catalogues.stored("fr", domain) if it.id]
    french = {text for it in messages for text in (it.string if it.pluralizable else [it.string])}
    asked = {it.id for it in messages if not it.pluralizable and "%" not in it.id}
    # The key of an attribute is shown as it is.
    return frozenset(asked - french - {"language"})


ENGLISH = _english()


def english_left(page: Page) -> list[str]:
    return sorted(ENGLISH & set(page.evaluate(TEXTS_SHOWN)))


@pytest.fixture
def french(page: Page, sign_in: Callable[..., Page]) -> Callable[[str], Page]:
    """Sign a role in who has chosen French and the time zone of Tokyo."""

    def _french(role: str) -> Page:
        user = make_user(role)
        UserPreference.objects.create(user=user, language="fr", time_zone="Asia/Tokyo")
        sign_in(user)
        return page

    return _french


def test_list_and_profile_are_french(french: Callable[[str], Page], assert_accessible: Accessible) -> None:
    add_people()
    ada = Customer.objects.get(last_name="Weiß")
    Customer.objects.filter(pk=ada.pk).update(created_at=dt.datetime(2026, 8, 1, 22, 5, tzinfo=dt.UTC))

    page = opened(french("Supervisor"), "/customers/?monthly__isempty=true")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("columnheader", name="Prénom")).to_be_visible()
    expect(page.get_by_text("est vide")).to_be_visible()
    assert english_left(page) == []
    assert_accessible(page)

    opened(page, f"/customers/{ada.pk}/")
    expect(page.get_by_text("2 août 2026 07:05").first).to_be_visible()
    assert english_left(page) == []
    page.keyboard.press("e")
    expect(page.get_by_label("Nom", exact=True)).to_have_value("Weiß")
    assert english_left(page) == []
    assert_accessible(page)
    page.get_by_label("Monthly").fill("1 234,5")
    page.get_by_role("button", name="Enregistrer les modifications").click()
    expect(page.get_by_text("1\u202f234,5").first).to_be_visible()


def test_longer_words_leave_the_foot_of_the_list_in_one_row(french: Callable[[str], Page]) -> None:
    add_people()
    page = french("Admin")
    page.set_viewport_size({"width": 1280, "height": 800})
    opened(page, "/customers/")
    height = page.locator(".view-foot").bounding_box()

    page.get_by_label("Sélectionner toutes les lignes de cette page").check()
    expect(page.get_by_text("2 sélectionnés")).to_be_visible()

    assert page.locator(".view-foot").bounding_box() == height


@pytest.mark.parametrize(
    "address",
    [
        "/schema/",
        "/customers/new/",
        "/users/",
        "/users/keys/",
        "/users/keys/new/",
        "/imports/",
        "/wall/",
        "/do-not-call/",
        "/crm/new/",
    ],
)
def test_page_is_french(address: str, french: Callable[[str], Page], page: Page) -> None:
    french("Admin").goto(address)
    page.wait_for_load_state("networkidle")

    assert english_left(page) == []


def test_import_is_french(
    french: Callable[[str], Page], tmp_path: Path, assert_accessible: Accessible
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text("Prénom;Nom;Téléphones\nAda;Lovelace;+33140205050\n")

    page = opened(french("Importer"), "/imports/new/")
    page.get_by_label("Fichier à importer").set_input_files(file)

    expect(page.get_by_text("clients.csv · 1 Ko · 1 ligne · 3 colonnes")).to_be_visible()
    expect(page.get_by_role("row", name="Téléphones")).to_contain_text("trouve le client")
    assert english_left(page) == []
    assert_accessible(page)


def test_desk_is_french(french: Callable[[str], Page], assert_accessible: Accessible) -> None:
    add_people()
    WrapUpReason.objects.create(queue="Facturation", code="litige", label="Litige sur facture")
    page = french("Agent")
    page.goto("/desk/")
    page.locator("[data-desk][data-ready]").wait_for()
    expect(page.get_by_role("heading", name="Pas d’appel")).to_be_visible()
    assert english_left(page) == []

    at = dt.datetime.now(dt.UTC).isoformat()
    said = voice(address="+491713920142", queue="Facturation", agent={"id": "aylin", "name": "Aylin"})
    offered = {
        "event_id": "e-1",
        "source": "pbx",
        "interaction_id": "c-1",
        "type": "offered",
        "occurred_at": at,
    }
    assert record([{**offered, **said}], dt.datetime.now(dt.UTC)).rejected == []

    expect(page.locator(".call-head")).to_contain_text("Sonnerie")
    expect(page.locator(".call-head")).to_contain_text("Jürgen Weiß")
    assert english_left(page) == []
    assert_accessible(page)
