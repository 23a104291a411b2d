"""What every endpoint gets from the plumbing: who may, and how no is said."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cim.access.models import ApiKey
from tests.factories import api_for, client_for, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.sample_urls")]


def test_anonymous_gets_401_with_challenge():
    for method in ("get", "post", "put", "delete", "patch", "options"):
        response = getattr(api_for(None), method)("/api/tours/")

        assert response.status_code == 401
        assert response["Content-Type"] == "application/problem+json"
        assert response["WWW-Authenticate"] == 'Bearer realm="CIM"'
        assert response.json()["status"] == 401


@pytest.mark.parametrize("secret", ["", "cim_00000000_x", "é", "\x7f", "two words"])
def test_unknown_key_is_401(secret):
    response = Client().get("/api/tours/", headers={"Authorization": f"Bearer {secret}"})

    assert response.status_code == 401
    assert response.json()["detail"] == "The key is unknown, expired or revoked."


def test_role_decides_by_method():
    statuses = {
        role: (api_for(role).get("/api/tours/").status_code, api_for(role).post("/api/tours/").status_code)
        for role in ("Admin", "Supervisor", "Agent", "Importer", "Integration", None)
    }

    assert statuses == {
        "Admin": (200, 400),
        "Supervisor": (200, 400),
        "Agent": (200, 400),
        "Importer": (200, 400),
        "Integration": (403, 403),
        None: (401, 401),
    }


def test_refusal_names_the_permissions():
    response = api_for("Integration").post("/api/tours/", {"name": "Alps"})

    assert response.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "This needs the permission “create customers” or “import customers”.",
    }


def test_undeclared_method_is_refused_even_to_admin():
    assert api_for("Admin").delete("/api/tours/").status_code == 403


def test_missing_method_is_405():
    response = api_for("Admin").patch("/api/tours/", {})

    assert (response.status_code, response.json()["title"]) == (405, "Method Not Allowed")
    assert "GET" in response["Allow"]


def test_user_without_role_may_do_what_needs_only_a_sign_in():
    api = api_for(None)
    _key, secret = ApiKey.objects.issue(make_user(None))
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert (api.get("/api/tours/").status_code, api.put("/api/tours/").status_code) == (403, 200)


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - dt.timedelta(seconds=1)},
        {"user__is_active": False},
    ],
)
def test_dead_key_is_401(change):
    api = api_for("Agent")
    if "user__is_active" in change:
        User.objects.update(is_active=False)
    else:
        ApiKey.objects.update(**change)

    assert api.get("/api/tours/").status_code == 401


def test_key_is_kept_as_a_hash_and_remembers_its_use():
    key, secret = ApiKey.objects.issue(make_user("Agent"))

    Client().get("/api/tours/", headers={"Authorization": f"Bearer {secret}"})

    key.refresh_from_db()
    assert secret not in str(vars(key))
    assert secret.startswith(f"cim_{key.prefix}_")
    assert timezone.now() - key.last_used_at < dt.timedelta(minutes=1)


@pytest.mark.parametrize("superuser", [False, True])
def test_scopes_narrow_a_key_everywhere(superuser):
    supervisor = make_user("Supervisor", is_superuser=superuser)
    api = api_for("Supervisor", scopes=["see_customers", "erase"] if not superuser else ["see_customers"])

    assert api.get("/api/tours/").status_code == 200
    assert api.post("/api/tours/", {"name": "Alps"}).status_code == 403
    assert api.put("/api/tours/").json()["may_reveal"] is False
    assert supervisor.has_perm("access.reveal")


def test_scope_beyond_the_user_grants_nothing():
    api = api_for("Integration", scopes=["see_customers"])

    assert api.get("/api/tours/").status_code == 403


def test_session_counts_as_page_and_key_as_api():
    assert client_for("Agent").put("/api/tours/").json()["via"] == "page"
    assert api_for("Agent").put("/api/tours/").json()["via"] == "api"


def test_session_needs_csrf():
    response = client_for("Agent", enforce_csrf_checks=True).post("/api/tours/", {"name": "Alps"})

    assert (response.status_code, response.json()["title"]) == (403, "Forbidden")
    assert "CSRF" in response.json()["detail"]


def test_conflict_carries_its_members():
    response = api_for("Agent").get("/api/broken/conflict/")

    assert response.status_code == 409
    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The number belongs to two customers.",
        "customers": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("how", "status"), [("stale", 412), ("missing", 404), ("invalid", 400), ("large", 413)]
)
def test_exception_becomes_problem(how, status):
    response = api_for("Agent").get(f"/api/broken/{how}/")

    assert (response.status_code, response.json()["status"]) == (status, status)
    assert response["Content-Type"] == "application/problem+json"
    assert "secret" not in response.content.decode()


def test_bug_is_a_500_without_its_words():
    api = api_for("Agent")
    api.raise_request_exception = False

    response = api.get("/api/broken/bug/")

    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert "secret" not in response.content.decode()


def test_unknown_address_is_a_problem_under_api_only():
    assert Client().get("/api/nowhere/").json()["detail"] == "There is nothing at “/api/nowhere/”."
    assert Client().get("/nowhere/")["Content-Type"].startswith("text/html")


def test_nul_in_address_is_400():
    for address in ("/api/tours/?q=%00", "/api/broken/%00/", "/tour/%00"):
        assert api_for("Agent").get(address).status_code == 400


def test_unknown_parameter_is_named():
    response = api_for("Agent").get("/api/tours/?page=1&pagesize=2")

    assert response.status_code == 400
    assert response.json()["errors"] == {
        "pagesize": ["“pagesize” is not a parameter of this endpoint; it knows: page, q."]
    }


@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/problem+json", "nonsense"])
def test_any_accept_header_gets_json(accept):
    response = api_for("Agent").get("/api/tours/", headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_other_media_type_is_415():
    response = api_for("Agent").post("/api/tours/", "name=Alps", content_type="text/plain")

    assert (response.status_code, response["Content-Type"]) == (415, "application/problem+json")


def test_use_of_a_key_is_written_once_a_minute():
    key, _secret = ApiKey.objects.issue(make_user("Agent"))
    now = timezone.now()

    for seconds, remembered in ((0, 0), (59, 0), (61, 61)):
        ApiKey.objects.touch(key, now + dt.timedelta(seconds=seconds))
        key.refresh_from_db()

        assert key.last_used_at == now + dt.timedelta(seconds=remembered)


def test_body_of_untold_length_is_411():
    response = api_for("Agent").post("/api/tours/", headers={"Transfer-Encoding": "chunked"})

    assert (response.status_code, response["Content-Type"]) == (411, "application/problem+json")
