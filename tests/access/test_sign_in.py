"""The second factor, single sign-on against a real provider, forgotten passwords, other sessions (Q3)."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from cim import supervising
from cim.access import audit, second_factor
from cim.access.models import AuditEntry
from interactions import stream
from tests.doubles import identity_provider
from tests.factories import api_for, client_for, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def aylin() -> User:
    aylin = make_user("Agent")
    aylin.email = "aylin@example.org"
    aylin.set_password(PASSWORD)
    aylin.save()
    return aylin


@pytest.fixture
def with_factor(aylin: User, clock: Callable[[int], None]) -> list[str]:
    """Aylin has an authenticator app; returns her recovery codes."""
    codes = second_factor.turn_on(aylin, SECRET, code_of(0))
    clock(1)
    return codes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Half minutes pass when told."""

    def at(half_minutes: int) -> None:
        monkeypatch.setattr(
            totp, "yield_hotp_counters_from_time", lambda: (100 + half_minutes + n for n in (-1, 0, 1))
        )

    at(0)
    return at


def code_of(half_minutes: int) -> str:
    return totp.format_hotp_value(totp.hotp_value(SECRET, 100 + half_minutes))


def password_step(client: Client, **more: str) -> HttpResponse:
    return client.post("/login/", {"username": "aylin", "password": PASSWORD, **more})


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# The second factor


def test_second_factor_is_set_up_with_a_picture_and_recovery_codes(aylin, clock, monkeypatch):
    monkeypatch.setattr(totp, "generate_totp_secret", lambda: SECRET)
    client = Client()
    password_step(client)

    page = client.get("/account/second-factor/").content.decode()
    picture = client.get("/account/second-factor/code.svg")
    shown = client.post("/account/second-factor/", {"password": PASSWORD, "code": code_of(0), "action": "on"})

    assert "JBSW Y3DP" in page
    assert picture["Content-Type"] == "image/svg+xml"
    assert b"style=" not in picture.content
    assert len(set(re.findall(r"<code>(\d{8})</code>", shown.content.decode()))) == 10
    assert shown["Cache-Control"].startswith("no-store") or "no-store" in shown["Cache-Control"]
    assert client.get("/account/second-factor/code.svg").status_code == 404
    assert actions()[-1] == "second_factor.on"


def test_key_of_the_second_factor_is_encrypted(aylin, with_factor):
    assert SECRET not in str(Authenticator.objects.values_list("data", flat=True))


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}])
def test_set_up_wants_password_and_code(aylin, clock, monkeypatch, wrong):
    monkeypatch.setattr(totp, "generate_totp_secret", lambda: SECRET)
    client = Client()
    password_step(client)
    client.get("/account/second-factor/")

    response = client.post(
        "/account/second-factor/", {"password": PASSWORD, "code": code_of(0), "action": "on", **wrong}
    )

    assert response.status_code == 400
    assert not second_factor.is_on(aylin)


def test_code_is_asked_for_before_anybody_is_signed_in(aylin, with_factor):
    client = Client()

    assert password_step(client, next="/users/")["Location"] == "/login/code/"
    assert not is_signed_in(client)
    assert "session.sign_in" not in actions()
    assert client.get("/login/code/").status_code == 200
    assert client.post("/login/code/", {"code": code_of(1)})["Location"] == "/users/"
    assert is_signed_in(client)
    assert actions()[-1] == "session.sign_in"


def test_code_alone_opens_nothing(aylin, with_factor):
    client = Client()

    assert client.post("/login/code/", {"code": code_of(1)})["Location"] == "/"
    assert not is_signed_in(client)


def test_code_is_good_once(aylin, with_factor):
    first, second = Client(), Client()
    password_step(first)
    password_step(second)

    assert first.post("/login/code/", {"code": code_of(1)}).status_code == 302
    assert second.post("/login/code/", {"code": code_of(1)}).status_code == 400
    # An older one was perhaps seen over a shoulder.
    assert second.post("/login/code/", {"code": code_of(0)}).status_code == 400


def test_recovery_code_is_good_once(aylin, with_factor):
    first, second = Client(), Client()
    password_step(first)
    password_step(second)

    assert first.post("/login/code/", {"code": with_factor[0]}).status_code == 302
    assert second.post("/login/code/", {"code": with_factor[0]}).status_code == 400
    assert second_factor.recovery_codes_left(aylin) == 9


def test_second_step_closes_after_ten_wrong_codes_wherever_they_come_from(aylin, with_factor):
    statuses = []
    for number in range(10):
        client = Client(REMOTE_ADDR=f"10.0.0.{number}")
        password_step(client)
        statuses.append(client.post("/login/code/", {"code": "000000"}).status_code)

    client = Client(REMOTE_ADDR="10.0.1.1")
    password_step(client)
    locked = client.post("/login/code/", {"code": code_of(1)})

    assert statuses == [400] * 9 + [429]
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert not is_signed_in(client)


def test_right_code_forgets_the_wrong_ones(aylin, with_factor):
    client = Client()
    password_step(client)
    for _ in range(9):
        client.post("/login/code/", {"code": "000000"})

    assert client.post("/login/code/", {"code": code_of(1)}).status_code == 302
    assert not second_factor.is_closed(aylin)


def test_second_factor_is_turned_off_by_a_code_only(aylin, with_factor):
    client = Client()
    client.force_login(aylin)

    assert client.post("/account/second-factor/", {"action": "off"}).status_code == 400
    assert client.post("/account/second-factor/", {"action": "off", "code": "000000"}).status_code == 400
    assert second_factor.is_on(aylin)
    assert client.post("/account/second-factor/", {"action": "off", "code": code_of(1)}).status_code == 302
    assert not second_factor.is_on(aylin)
    assert actions()[-1] == "second_factor.off"


def test_new_recovery_codes_replace_the_old_ones(aylin, with_factor):
    client = Client()
    client.force_login(aylin)

    shown = client.post("/account/second-factor/", {"action": "codes", "code": code_of(1)})

    assert set(re.findall(r"<code>(\d{8})</code>", shown.content.decode())).isdisjoint(with_factor)
    assert not second_factor.accepts(aylin, with_factor[0])


# Sessions and forgotten passwords


def test_other_sessions_are_shown_and_ended(aylin):
    here, there = Client(HTTP_USER_AGENT="This desk"), Client(HTTP_USER_AGENT="A phone")
    password_step(there)
    password_step(here)

    page = here.get("/account/").content.decode()
    here.post("/account/sessions/")

    assert "This desk" in page
    assert "A phone" in page
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert AuditEntry.objects.latest("id").data == {"sessions": 1}


def test_this_session_is_listed_after_a_changed_password(aylin):
    client = Client(HTTP_USER_AGENT="This desk")
    password_step(client)
    new = "a new and long password"
    client.post("/account/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

    assert "This desk" in client.get("/account/").content.decode()


def test_forgotten_password_is_replaced_by_a_link(aylin, settings):
    settings.MAIL_URL = "smtp://mail.example.org"
    client = Client()

    assert client.post("/login/forgotten/", {"email": "aylin@example.org"})["Location"] == "/login/"
    link = urlsplit(re.search(r"http\S+", mail.outbox[0].body)[0]).path
    form = client.get(link)["Location"]
    new = {"new_password1": "a new and long password", "new_password2": "a new and long password"}

    assert client.post(form, new)["Location"] == "/login/"
    assert actions()[-1] == "password.reset"
    assert "no longer works" in Client().get(link).content.decode()
    assert (
        client.post("/login/", {"username": "aylin", "password": "a new and long password"}).status_code
        == 302
    )
    assert is_signed_in(client)


def test_unknown_address_gets_the_same_answer_and_no_mail(aylin, settings):
    settings.MAIL_URL = "smtp://mail.example.org"

    assert Client().post("/login/forgotten/", {"email": "nobody@example.org"})["Location"] == "/login/"
    assert mail.outbox == []


def test_nobody_is_flooded_with_mails(aylin, settings):
    settings.MAIL_URL = "smtp://mail.example.org"

    found = [Client().post("/login/forgotten/", {"email": aylin.email}).status_code for _ in range(12)]

    assert found[-1] == 429
    assert len(mail.outbox) <= 10


def test_without_a_mail_server_no_password_is_forgotten(settings):
    settings.MAIL_URL = ""

    assert Client().get("/login/forgotten/").status_code == 404
    assert "forgotten" not in Client().get("/login/").content.decode()


# Single sign-on


ASTRID = {
    "sub": "42",
    "preferred_username": "astrid",
    "given_name": "Astrid",
    "family_name": "Lund",
    "email": "astrid@example.org",
    "email_verified": True,
    "groups": ["everybody", "service desk"],
}


class House:
    """A provider, and whom it signs in."""

    def __init__(self, people: Path, issuer: str) -> None:
        self.people, self.issuer = people, issuer

    def sends(self, **changes: Any) -> None:
        self.people.write_text(json.dumps({**ASTRID, **changes}))

    def sign_in(self, client: Client, wanted: str = "") -> HttpResponse:
        """Follow the redirects as a browser does; return CIM's answer to the one who comes back."""
        start = client.get("/login/sso/", {"next": wanted} if wanted else {})
        back = requests.get(start["Location"], allow_redirects=False, timeout=10)
        assert back.status_code == 302, back.text
        return client.get(back.headers["Location"].removeprefix("http://testserver"))


def _house(folder: Path, settings: Any, *more: str) -> Iterator[House]:
    people, port = folder / "people.json", folder / "port"
    command = [sys.executable, "-m", "tests.doubles.identity_provider", str(people), str(port), *more]
    process = supervising.start(command, 15, stderr=subprocess.DEVNULL)
    try:
        while not (port.exists() and port.read_text()):
            assert process.poll() is None
            time.sleep(0.02)
        house = House(people, f"http://127.0.0.1:{port.read_text()}")
        house.sends()
        settings.OIDC_ISSUER = house.issuer
        settings.OIDC_ROLES = {"service desk": "Agent", "heads": "Supervisor", "it": "Admin"}
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                "APPS": [
                    {
                        "provider_id": "sso",
                        "name": "House",
                        "client_id": identity_provider.CLIENT,
                        "secret": identity_provider.SECRET,
                        "settings": {"server_url": house.issuer, "oauth_pkce_enabled": True},
                    }
                ]
            }
        }
        yield house
    finally:
        supervising.stop(process, 15, seconds=5)


@pytest.fixture
def house(tmp_path: Path, settings: Any) -> Iterator[House]:
    yield from _house(tmp_path, settings)


@pytest.fixture
def forging_house(tmp_path: Path, settings: Any) -> Iterator[House]:
    yield from _house(tmp_path, settings, "--forge")


def roles(user: User) -> list[str]:
    return list(user.groups.values_list("name", flat=True))


def test_single_sign_on_makes_an_account_with_the_role_of_the_group(house):
    client = Client()

    assert 'href="/login/sso/' in client.get("/login/").content.decode()
    assert house.sign_in(client, "/account/")["Location"] == "/account/"
    astrid = User.objects.get(username="astrid")
    assert (astrid.get_full_name(), astrid.email, roles(astrid)) == (
        "Astrid Lund",
        "astrid@example.org",
        ["Agent"],
    )
    assert not astrid.has_usable_password()
    assert is_signed_in(client)
    assert actions() == ["user.create", "user.change", "session.sign_in"]


def test_role_follows_the_groups_at_each_sign_in(house):
    house.sign_in(Client())

    house.sends(groups=["it"])
    house.sign_in(Client())
    astrid = User.objects.get(username="astrid")
    assert (roles(astrid), astrid.is_staff) == (["Admin"], True)

    house.sends(groups=["heads"])
    house.sign_in(Client())
    astrid.refresh_from_db()
    assert (roles(astrid), astrid.is_staff) == (["Supervisor"], False)


@pytest.mark.parametrize("groups", [[], ["everybody"], "x", {"service desk": 1}, None])
def test_nobody_without_a_role_comes_in(house, groups):
    house.sends(groups=groups)
    client = Client()

    assert house.sign_in(client)["Location"] == "/login/"
    assert "You have no role here" in client.get("/login/").content.decode()
    assert not User.objects.filter(username="astrid").exists()


def test_known_person_is_found_by_a_confirmed_address_only(house, aylin):
    house.sends(email=aylin.email, email_verified=False, preferred_username="mallory", sub="66")
    house.sign_in(Client())
    assert set(SocialAccount.objects.values_list("user__username", flat=True)) == {"mallory"}

    house.sends(email=aylin.email, email_verified=True, sub="7")
    User.objects.filter(username="mallory").update(email="")
    house.sign_in(Client())
    assert SocialAccount.objects.get(uid="7").user == aylin


def test_taken_user_name_is_not_taken_over(house, aylin):
    house.sends(preferred_username="aylin")
    house.sign_in(Client())

    assert SocialAccount.objects.get().user != aylin


def test_locked_out_person_does_not_come_in_by_single_sign_on(house):
    house.sign_in(Client())
    User.objects.filter(username="astrid").update(is_active=False)
    client = Client()

    assert house.sign_in(client)["Location"] == "/login/"
    assert not is_signed_in(client)


def test_second_factor_is_asked_for_after_single_sign_on_as_well(house, clock):
    house.sign_in(Client())
    second_factor.turn_on(User.objects.get(username="astrid"), SECRET, code_of(0))
    client = Client()

    assert house.sign_in(client)["Location"] == "/login/code/"
    assert not is_signed_in(client)


def test_forged_token_opens_nothing(forging_house):
    client = Client()

    assert forging_house.sign_in(client)["Location"] == "/login/"
    assert "did not work" in client.get("/login/").content.decode()
    assert not User.objects.filter(username="astrid").exists()


@pytest.mark.parametrize("nonce", ["of another sign-in", None])
def test_token_that_was_signed_for_another_sign_in_opens_nothing(house, nonce):
    house.sends(id_token={"nonce": nonce})
    client = Client()

    assert house.sign_in(client)["Location"] == "/login/"
    assert not is_signed_in(client)


def test_nonce_is_of_our_making(house):
    starts = [Client().get("/login/sso/", {"auth_params": "nonce=mine"})["Location"] for _time in range(2)]

    nonces = [parse_qs(urlsplit(start).query)["nonce"] for start in starts]
    assert [len(found) for found in nonces] == [1, 1]
    assert nonces[0] != nonces[1]
    assert ["mine"] not in nonces


def test_signing_out_ends_the_session_at_the_provider_too(house):
    house.sends(ends=True)
    client = Client()
    house.sign_in(client)

    page = client.post("/logout/")

    assert not is_signed_in(client)
    assert page["Refresh"] == f"0; url={page.context['elsewhere']}"
    ended = requests.get(page.context["elsewhere"], allow_redirects=False, timeout=10)
    assert (ended.status_code, ended.headers["Location"]) == (302, "http://testserver/login/")
    assert actions()[-1] == "session.sign_out"


def test_signing_out_stays_here_where_the_provider_says_nothing_or_is_away(house, settings, aylin):
    silent, away, by_password = Client(), Client(), Client()
    house.sign_in(silent)
    assert silent.post("/logout/")["Location"] == "/login/"

    house.sends(ends=True)
    house.sign_in(away)
    password_step(by_password)
    assert by_password.post("/logout/")["Location"] == "/login/"
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    apps[0]["settings"]["server_url"] = "http://127.0.0.1:9"
    assert away.post("/logout/")["Location"] == "/login/"
    assert not is_signed_in(away)


def test_second_factor_after_single_sign_on_does_not_forget_how_to_sign_out_there(house, clock):
    house.sends(ends=True)
    house.sign_in(Client())
    second_factor.turn_on(User.objects.get(username="astrid"), SECRET, code_of(0))
    clock(1)
    client = Client()
    house.sign_in(client)
    client.post("/login/code/", {"code": code_of(1)})

    assert "id_token_hint" in client.post("/logout/").context["elsewhere"]


def test_answer_that_nobody_asked_for_opens_nothing(house):
    start = Client().get("/login/sso/")
    back = requests.get(start["Location"], allow_redirects=False, timeout=10).headers["Location"]
    other = Client()

    assert other.get(back.removeprefix("http://testserver"))["Location"] == "/login/"
    assert not is_signed_in(other)


def test_provider_that_is_away_is_said_so(settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": "House",
                    "client_id": "cim",
                    "secret": "",
                    "settings": {"server_url": "http://127.0.0.1:9"},
                }
            ]
        }
    }
    client = Client()

    assert client.get("/login/sso/")["Location"] == "/login/"
    assert "does not answer" in client.get("/login/").content.decode()


def test_lost_second_factor_is_forgotten_by_a_command(aylin, with_factor):
    call_command("forget_second_factor", "aylin", stdout=StringIO())

    assert password_step(Client())["Location"] == "/"
    assert "second_factor.off" in actions()
    with pytest.raises(CommandError, match="aylin has no second factor"):
        call_command("forget_second_factor", "aylin")
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("forget_second_factor", "nobody")


# A second factor that the role asks for


@pytest.fixture
def asked(aylin: User, clock: Callable[[int], None]) -> User:
    second_factor.ask_of_role(Group.objects.get(name="Agent"), True, audit.system_actor("command"))
    return aylin


def test_whoever_lacks_a_second_factor_of_the_role_is_led_to_set_it_up(asked, monkeypatch):
    monkeypatch.setattr(totp, "generate_totp_secret", lambda: SECRET)
    client = Client()
    password_step(client)

    closed = [client.get(address) for address in ("/", "/customers/", "/account/", "/account/password/")]
    page = client.get("/account/second-factor/")
    program = client.get("/api/v1/customers/")
    client.post("/account/second-factor/", {"password": PASSWORD, "code": code_of(0), "action": "on"})

    assert {answer["Location"] for answer in closed} == {"/account/second-factor/"}
    assert "Your role asks for a second factor" in page.content.decode()
    assert "data-global-search" not in page.content.decode()
    assert 'href="/customers/"' not in page.content.decode()
    assert (program.status_code, program["Content-Type"]) == (403, "application/problem+json")
    assert client.get("/account/").status_code == 200
    assert client.get("/api/v1/customers/").status_code == 200


def test_whoever_lacks_a_second_factor_can_sign_out(asked):
    client = Client()
    password_step(client)

    client.post("/logout/")

    assert client.get("/account/")["Location"].startswith("/login/")


def test_second_factor_that_the_role_asks_for_stays_on(asked, with_factor):
    client = Client()
    password_step(client)
    client.post("/login/code/", {"code": code_of(1)})

    page = client.get("/account/second-factor/").content.decode()
    answer = client.post("/account/second-factor/", {"code": with_factor[0], "action": "off"})

    assert 'value="off"' not in page
    assert answer.status_code == 400
    assert second_factor.is_on(asked)


def test_keys_of_a_role_that_asks_for_a_second_factor_open_as_before(asked):
    assert api_for("Agent").get("/api/v1/customers/").status_code == 200


def test_whoever_comes_by_single_sign_on_was_asked_by_the_provider(house, asked):
    client = Client()

    house.sign_in(client)

    assert User.objects.filter(username="astrid", groups__rule__second_factor=True).exists()
    assert is_signed_in(client)


def test_streams_are_closed_to_whoever_lacks_a_second_factor(asked):
    client = Client()
    password_step(client)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    scope = {"type": "http", "method": "GET", "path": "/desk/stream/", "query_string": b""}
    scope["headers"] = [(b"host", b"testserver"), (b"cookie", cookie)]

    with pytest.raises(stream.Refusal) as refused:
        stream.admit(scope, stream.DeskRule)

    assert refused.value.status == 403


def test_role_asks_for_a_second_factor_by_an_admin_and_the_trail_says_so():
    admin, agents = client_for("Admin"), Group.objects.get(name="Agent")
    address = f"/users/roles/{agents.pk}/"

    for said in ("yes", "yes", "no"):
        assert admin.post(address, {"second_factor": said})["Location"] == "/users/"

    changes = AuditEntry.objects.filter(action="role.change").order_by("id")
    assert [entry.data["after"] for entry in changes] == [{"second_factor": True}, {"second_factor": False}]
    assert {entry.actor_name for entry in changes} == {"Ada Amani"}
    assert client_for("Supervisor").post(address, {"second_factor": "yes"}).status_code == 403


def test_page_of_roles_counts_who_has_a_second_factor(asked, with_factor):
    make_user("Agent", username="second", first_name="Berta").groups.set(asked.groups.all())

    page = client_for("Admin").get("/users/")

    (agents,) = (role for role in page.context["roles"] if role.name == "Agent")
    assert (agents.members, agents.secured, agents.asks) == (2, 1, True)
