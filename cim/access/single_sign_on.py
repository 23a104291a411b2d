"""Single sign-on: whom the identity provider of the house sends, and which role that person has here (Q3).

The provider speaks OpenID Connect. What it says of a person's groups decides on the role at each sign-in; somebody
without a role is not let in. Nobody signs up here, and no account is made that the provider did not vouch for. Signing
out here ends the session there too, where the provider says how.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from requests import RequestException

from cim.access import audit
from cim.access.models import AuditEntry

PROVIDER = "sso"
_SIGN_OUT_HINT = "single_sign_on.hint"


class Connection(OpenIDConnectOAuth2Adapter):
    """The exchange with the provider; its word on a person is believed by signature only."""

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        found: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        # What was signed for another sign-in, and got hold of by somebody, opens nothing.
        if not constant_time_compare(str(found.get("nonce", "")), _nonce(self.request.GET.get("state", ""))):
            raise OAuth2Error("the id_token was made for another sign-in")
        return found

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("the provider sent no id_token")
        login: SocialLogin = super().complete_login(request, app, token, **kwargs)
        told = login.account.extra_data
        if told["userinfo"].get("sub") != told["id_token"].get("sub"):
            raise OAuth2Error("userinfo and id_token are about different people")
        request.session[_SIGN_OUT_HINT] = kwargs["response"]["id_token"]
        return login

    def end_address(self, id_token: str) -> str | None:
        """Return where the provider ends its own session and sends the browser back; None where it does not say."""
        address = self.openid_config.get("end_session_endpoint")
        if not address:
            return None
        told = {
            "id_token_hint": id_token,
            "client_id": self.get_provider().app.client_id,
            "post_logout_redirect_uri": self.request.build_absolute_uri(reverse("access:sign_in")),
        }
        return _with_query(str(address), **told)


def with_nonce(answer: HttpResponseBase) -> HttpResponseBase:
    """Have the provider sign for this sign-in only: the nonce belongs to the state, which belongs to the session."""
    address = answer.headers.get("Location", "")
    if state := dict(parse_qsl(urlsplit(address).query)).get("state"):
        answer.headers["Location"] = _with_query(address, nonce=_nonce(state))
    return answer


def _nonce(state: str) -> str:
    return salted_hmac("cim.access.single_sign_on.nonce", state, algorithm="sha256").hexdigest()


def _with_query(address: str, **more: str) -> str:
    parts = urlsplit(address)
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in more
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *more.items()])))


def ending(request: HttpRequest) -> str | None:
    """Return where the browser goes so that the provider ends its session too; None where nobody has to go anywhere.

    Whoever came by a password has no session there. A provider that is away keeps nobody from signing out here.
    """
    id_token = request.session.get(_SIGN_OUT_HINT)
    if not id_token or not settings.OIDC_ISSUER:
        return None
    try:
        return Connection(request, PROVIDER).end_address(id_token)
    except (RequestException, SocialApp.DoesNotExist, ValueError, AttributeError):
        return None


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the page that comes next says it all."""

    def login(self, request: HttpRequest, user: User) -> None:
        user.backend = settings.AUTHENTICATION_BACKENDS[-1]
        id_token = request.session.pop(_SIGN_OUT_HINT, None)
        super().login(request, user)
        ways = {way["method"] for way in get_authentication_records(request, user)}
        if id_token and "socialaccount" in ways:
            # A new session has forgotten it; signing out needs it.
            request.session[_SIGN_OUT_HINT] = id_token

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return turned_away(request, _("This account may not sign in."))

    def get_client_ip(self, request: HttpRequest) -> str:
        return str(get_client_ip_address(request) or "")


class Adapter(DefaultSocialAccountAdapter):
    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        raise ImmediateHttpResponse(
            turned_away(request, _("The single sign-on did not work. Try again, or ask your administrator."))
        )

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let in whom a group gives a role here, as the account of the same confirmed address if there is one."""
        told = {**sociallogin.account.extra_data["id_token"], **sociallogin.account.extra_data["userinfo"]}
        roles = roles_of(told.get(settings.OIDC_GROUPS_CLAIM, []))
        if not roles:
            raise ImmediateHttpResponse(
                turned_away(request, _("You have no role here. Ask your administrator for one."))
            )
        if not sociallogin.is_existing and told.get("email_verified") is True and told.get("email"):
            known = list(User.objects.filter(email__iexact=told["email"])[:2])
            if len(known) == 1 and not SocialAccount.objects.filter(user=known[0]).exists():
                sociallogin.connect(request, known[0])
        sociallogin.roles = roles
        if sociallogin.is_existing:
            give_roles(sociallogin.user, roles)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: object = None) -> User:
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            audit.note(
                audit.actor_for(user, AuditEntry.Via.PAGE),
                "user.create",
                object_type="user",
                object_id=user.pk,
                name=user.get_username(),
                by="single sign-on",
            )
            give_roles(user, sociallogin.roles)
        return user


def roles_of(groups: object) -> list[str]:
    """Name the roles that groups of the provider stand for here; what is no list of names stands for none."""
    held = [groups] if isinstance(groups, str) else groups
    if not isinstance(held, list):
        return []
    return sorted({role for group, role in settings.OIDC_ROLES.items() if group in held})


def give_roles(user: User, roles: list[str]) -> None:
    """Make these the roles of a user; a change is in the audit trail."""
    with transaction.atomic():
        before = sorted(user.groups.values_list("name", flat=True))
        if before == roles:
            return
        user.groups.set(Group.objects.filter(name__in=roles))
        user.is_staff = user.groups.filter(permissions__codename="manage_users").exists()
        user.save(update_fields=["is_staff"])
        audit.note(
            audit.system_actor(AuditEntry.Via.SYSTEM),
            "user.change",
            object_type="user",
            object_id=user.pk,
            name=user.get_username(),
            roles=roles,
        )


def turned_away(request: HttpRequest, why: str) -> HttpResponse:
    messages.error(request, why)
    return redirect("access:sign_in")
