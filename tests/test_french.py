"""What a French user gets from the server: pages, messages, labels, dates (Q33)."""

import datetime as dt

import pytest
from django.core import mail
from django.test import Client

from cim.access.models import UserPreference
from customers.models import Attribute
from tests.factories import api_for, client_for, make_user

pytestmark = pytest.mark.django_db


def french(role: str = "Admin", **changes: str):
    UserPreference.objects.create(user=make_user(role), language="fr", **changes)
    return client_for(role)


def labels(answer) -> dict[str, str]:
    return {item["key"]: item["label"] for item in answer.json()}


def test_program_gets_messages_in_the_language_it_asks_for() -> None:
    refused = api_for("Agent").get(
        "/api/v1/customers/?page=0", headers={"Accept-Language": "fr-CA, en;q=0.5"}
    )

    assert refused["Content-Language"] == "fr"
    assert "n’est pas un nombre entier de 1" in refused.content.decode()
    assert "« 0 »".replace(" ", "\xa0") in refused.content.decode()


def test_setting_of_the_user_goes_before_what_the_browser_asks_for() -> None:
    refused = french("Agent").get("/api/v1/customers/?page=0", headers={"Accept-Language": "en"})

    assert "n’est pas un nombre entier" in refused.content.decode()


def test_predefined_attributes_have_french_labels_until_somebody_changes_them() -> None:
    admin, english = french(), api_for("Supervisor")
    assert labels(admin.get("/api/v1/attributes/"))["first_name"] == "Prénom"

    admin.patch("/api/v1/attributes/first_name/", {"label": "Prénom"}, content_type="application/json")
    admin.patch("/api/v1/attributes/last_name/", {"label": "Surname"}, content_type="application/json")

    assert (
        labels(admin.get("/api/v1/attributes/"))["last_name"],
        labels(english.get("/api/v1/attributes/"))["first_name"],
    ) == (
        "Surname",
        "First name",
    )
    assert Attribute.objects.get(key="first_name").label == "First name"


def test_attribute_of_ones_own_is_called_what_it_was_called() -> None:
    admin = french()
    admin.post("/api/v1/attributes/", {"label": "Language", "type": "text"}, content_type="application/json")
    created = admin.post(
        "/api/v1/attributes/", {"label": "Contract", "type": "text"}, content_type="application/json"
    )

    assert created.json()["label"] == "Contract"


def test_roles_and_their_choices_are_french() -> None:
    admin = french()

    assert "Administrateur" in admin.get("/users/").content.decode()
    assert "Chargé d’import" in admin.get("/users/new/").content.decode()


def test_moments_are_in_the_language_and_the_zone_of_the_user() -> None:
    user = make_user("Importer", last_login=dt.datetime(2026, 8, 1, 22, 5, tzinfo=dt.UTC))

    page = french(time_zone="Asia/Tokyo").get("/users/").content.decode()

    assert user.last_login
    assert "2 août 2026 07:05" in page
    assert '<html lang="fr"' in page
    assert 'data-time-zone="Asia/Tokyo"' in page


def test_words_of_the_scripts_are_french() -> None:
    words = french("Agent").get("/words.js")

    assert "Appel entrant" in words.content.decode()
    assert words["Content-Language"] == "fr"


def test_words_of_the_scripts_are_sent_once_for_each_language() -> None:
    browser = french("Agent")
    kept = {"If-None-Match": browser.get("/words.js")["ETag"]}

    assert browser.get("/words.js", headers=kept).status_code == 304
    assert browser.get("/words.js")["Cache-Control"] == "private, no-cache"
    UserPreference.objects.update(language="en")
    assert browser.get("/words.js", headers=kept).status_code == 200


def test_mail_is_in_the_language_of_its_receiver(settings) -> None:
    settings.MAIL_URL = "smtp://mail.example.org"
    aylin = make_user("Agent", email="aylin@example.org")
    aylin.set_password("correct horse battery staple")
    aylin.save()
    UserPreference.objects.create(user=aylin, language="fr")

    Client().post("/login/forgotten/", {"email": "aylin@example.org"}, headers={"Accept-Language": "en"})

    assert mail.outbox[0].subject == "Un nouveau mot de passe pour CIM"
    assert mail.outbox[0].body.startswith(
        "Quelqu’un, probablement vous, a demandé un nouveau mot de passe pour le compte aylin."
    )
