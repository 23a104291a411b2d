"""What every endpoint of the API is built on; this module is the one that other apps import.

Who asks (a key or a session), whether a declared rule lets them, how refusals look, how strict the input is
read.
"""

from http import HTTPMethod
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from cim.access.backends import limit_to
from cim.access.idempotency import idempotent
from cim.access.models import ApiKey
from cim.access.permissions import AUTHENTICATED, PERMISSIONS, Required, any_of, full_name
from cim.access.problems import Conflict, Problem, problem_handler
from cim.access.strictness import StrictSerializer, quoted, refuse_input, refuse_unstorable, strict_query

if TYPE_CHECKING:
    # The framework's views import this module while they are imported: it holds their defaults.
    from rest_framework.views import APIView

__all__ = [
    "AUTHENTICATED",
    "Conflict",
    "HasDeclaredPermission",
    "KeyAuthentication",
    "Problem",
    "SessionAuthentication",
    "StrictSerializer",
    "idempotent",
    "problem_handler",
    "quoted",
    "refuse_input",
    "refuse_unstorable",
    "required_for",
    "strict_query",
]

_CHALLENGE = 'Bearer realm="CIM"'


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <key>`: the request acts as the key's user, within the key's scopes."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        now = timezone.now()
        key = ApiKey.objects.matching(secret.strip(), now)
        if key is None:
            raise exceptions.AuthenticationFailed(_("The key is unknown, expired or revoked."))
        ApiKey.objects.touch(key, now)
        if key.scopes is not None:
            limit_to(key.user, key.scopes)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE


class SessionAuthentication(authentication.SessionAuthentication):
    """The cookie of the pages, with CSRF; without one the answer is 401, as for a missing key."""

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE


def required_for(view: Any, method: str) -> Required | None:
    """Find the rule that a view declares for a method; None where it declares none. HEAD is a GET."""
    declared: dict[str, Required] = getattr(view, "required_permissions", {})
    return declared.get("GET" if method == HTTPMethod.HEAD else method)


class HasDeclaredPermission(permissions.BasePermission):
    """Lets a request through by the rule its view declares, and refuses what no rule mentions (Q2).

    `required_permissions = {"GET": "see_customers", "POST": ("create_customers", "import_customers")}`: one
    permission, a tuple of which any is enough, or AUTHENTICATED.
    """

    message: str

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.user, AnonymousUser):
            raise exceptions.NotAuthenticated(_("Sign in, or send a key as “Authorization: Bearer <key>”."))
        method = request.method or ""
        # The framework answers OPTIONS everywhere, and 405 where the view has no such method.
        if method == HTTPMethod.OPTIONS or getattr(view, method.lower(), None) is None:
            return True
        required = required_for(view, method)
        if required is None:
            self.message = _("Nobody may do this.")
            return False
        codenames = any_of(required)
        if not codenames or any(request.user.has_perm(full_name(codename)) for codename in codenames):
            return True
        wanted = _(" or ").join(quoted(str(PERMISSIONS[codename])) for codename in codenames)
        self.message = _("This needs the permission %(wanted)s.") % {"wanted": wanted}
        return False
