"""Signing in and out, lockout, a person's settings, the audit trail."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client

from cim.access import audit
from cim.access.models import AuditEntry, UserPreference
from tests.factories import api_for, client_for, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture
def aylin() -> User:
    aylin = make_user("Agent")
    aylin.set_password(PASSWORD)
    aylin.save()
    return aylin


def sign_in(client: Client, password: str = PASSWORD, username: str = "aylin", **options):
    return client.post("/login/", {"username": username, "password": password, **options})


def test_sign_in_leads_to_the_wanted_page(aylin):
    client = Client()

    assert client.get("/account/")["Location"] == "/login/?next=/account/"
    assert sign_in(client, next="/account/")["Location"] == "/account/"
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_leads_to_no_other_site(aylin, wanted):
    assert sign_in(Client(), next=wanted)["Location"] == "/"


def test_sign_in_and_out_are_recorded(aylin):
    client = Client()
    sign_in(client)
    client.post("/logout/")

    entries = AuditEntry.objects.order_by("id").values_list("actor_name", "action", "via")

    assert list(entries) == [
        ("Aylin Aksoy", "session.sign_in", "page"),
        ("Aylin Aksoy", "session.sign_out", "page"),
    ]
    assert client.get("/account/").status_code == 302


def test_sign_out_is_no_link(aylin):
    client = client_for("Agent")

    assert client.get("/logout/").status_code == 405
    assert client.get("/account/").status_code == 200


def test_wrong_password_is_refused(aylin):
    response = sign_in(Client(), "wrong")

    assert response.status_code == 200
    assert response.context["form"].errors


def test_account_is_locked_after_ten_failures(aylin):
    client = Client()
    statuses = [sign_in(client, "wrong").status_code for _ in range(10)]

    locked = sign_in(client)

    assert (statuses[8:], locked.status_code, locked["Retry-After"]) == ([200, 429], 429, "900")
    assert client.get("/account/").status_code == 302


def test_lock_of_one_account_leaves_others_open(aylin):
    for _ in range(11):
        sign_in(Client(), "wrong", "sunniva")

    assert sign_in(Client())["Location"] == "/"


def test_address_that_tries_many_accounts_is_stopped(aylin, settings):
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 5
    for number in range(5):
        sign_in(Client(), "wrong", f"guess{number}")

    assert sign_in(Client()).status_code == 429
    assert AccessAttempt.objects.count() == 5


def test_sign_in_with_a_key_is_not_possible():
    api = api_for("Agent")

    assert api.get("/account/").status_code == 302


def test_settings_of_a_person_apply_at_once():
    client = client_for("Agent")
    chosen = {"language": "fr", "time_zone": "Asia/Tokyo", "theme": "dark"}

    assert client.post("/account/", chosen)["Location"] == "/account/"

    response = client.get("/account/")
    assert response["Content-Language"] == "fr"
    assert response.wsgi_request.preference.theme == "dark"
    assert UserPreference.objects.values("user_id", *chosen).get() == {
        "user_id": make_user("Agent").pk,
        **chosen,
    }


@pytest.mark.parametrize("change", [{"language": "tlh"}, {"time_zone": "Mars/Olympus"}, {"theme": "\x00"}])
def test_impossible_setting_is_refused(change):
    client = client_for("Agent")

    response = client.post("/account/", {"language": "", "time_zone": "", "theme": "system", **change})

    assert response.status_code == 400
    assert list(response.context["form"].errors) == list(change)


def test_time_zone_does_not_leak_into_the_next_request():
    UserPreference.objects.create(user=make_user("Admin"), time_zone="Asia/Tokyo")
    entry = audit.note(audit.system_actor("system"), "customer.view")
    client_for("Admin").get("/audit/")

    shown = client_for("Admin").get("/audit/").content.decode()
    make_user("Admin").preference.delete()
    plain = client_for("Admin").get("/audit/").content.decode()

    assert "+09:00" in shown
    assert entry.at.strftime("%H:%M:%S") in plain
    assert "+09:00" not in plain


def test_audit_trail_is_paged_by_age():
    for number in range(60):
        audit.note(audit.system_actor("system"), "customer.view", object_type="customer", object_id=number)
    client = client_for("Admin")

    first = client.get("/audit/?object_type=customer")
    second = client.get(f"/audit/?{first.context['next']}")

    ids = [entry.object_id for response in (first, second) for entry in response.context["entries"]]
    assert ids == [str(number) for number in reversed(range(60))]
    assert second.context["next"] is None


@pytest.mark.parametrize("query", ["since=tomorrow", "before=x", "before=99999999999999999999", "via=dream"])
def test_impossible_search_in_the_audit_trail_is_400(query):
    assert client_for("Admin").get(f"/audit/?{query}").status_code == 400


def test_audit_trail_costs_as_many_queries_for_three_entries_as_for_one(django_assert_num_queries):
    client = client_for("Admin")
    audit.note(audit.system_actor("system"), "customer.view")
    client.get("/audit/")

    for _ in range(2):
        with django_assert_num_queries(6):
            client.get("/audit/")
        audit.note(audit.system_actor("system"), "customer.view")


def test_own_password_can_be_changed(aylin):
    client = Client()
    sign_in(client)
    new = {
        "old_password": PASSWORD,
        "new_password1": "staple battery horse",
        "new_password2": "staple battery horse",
    }

    assert client.post("/account/password/", new)["Location"] == "/account/"

    assert client.get("/account/").status_code == 200
    assert sign_in(Client(), "staple battery horse")["Location"] == "/"


def test_form_without_its_token_is_refused_in_words():
    response = client_for("Agent", enforce_csrf_checks=True).post("/account/", {"theme": "dark"})

    assert response.status_code == 403
    assert "Load the page again" in response.content.decode()
    assert UserPreference.objects.count() == 0


@pytest.mark.urls("tests.access.sample_urls")
def test_page_declares_who_may_by_method():
    def verdicts(role: str | None) -> list[int]:
        client = client_for(role)
        return [getattr(client, method)("/tour/").status_code for method in ("get", "head", "post")]

    assert {role: verdicts(role) for role in ("Agent", "Integration", None)} == {
        "Agent": [200, 200, 200],
        "Integration": [403, 403, 403],
        None: [302, 302, 302],
    }
