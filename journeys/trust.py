"""Who a Context Store client is taken for: the ways to authenticate that the installation allows (J2).

By default a bearer key. Clients that cannot send one are known by a raw token, by a client certificate that the proxy
has checked, or by the network they call from; each of these ways is a setting.
"""

import ipaddress
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from cim.access.api import KeyAuthentication, SessionAuthentication
from cim.access.backends import limit_to
from cim.access.models import ApiKey

_CHALLENGE: Final = 'Bearer realm="CIM"'


class RawTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: <key>`, without a scheme before it."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        secret = request.headers.get("Authorization", "").strip()
        if not secret or " " in secret:
            return None
        now = timezone.now()
        key = ApiKey.objects.matching(secret, now)
        if key is None:
            raise exceptions.AuthenticationFailed(_("The key is unknown, expired or revoked."))
        ApiKey.objects.touch(key, now)
        if key.scopes is not None:
            limit_to(key.user, key.scopes)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE


class NetworkAuthentication(authentication.BaseAuthentication):
    """No credentials at all, from the allowed networks only; acts as the user of the setting."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        return (_the_user(), None) if _from_allowed_network(request) else None

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE


class CertificateAuthentication(authentication.BaseAuthentication):
    """A client certificate that the proxy has checked and says so; the proxy must be in the allowed networks."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        checked = request.headers.get("X-Client-Verify", "").strip().upper() == "SUCCESS"
        return (_the_user(), None) if checked and _from_allowed_network(request) else None

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE


_WAYS: Final[dict[str, type[authentication.BaseAuthentication]]] = {
    "key": KeyAuthentication,
    "raw": RawTokenAuthentication,
    "certificate": CertificateAuthentication,
    "none": NetworkAuthentication,
}


def authenticators() -> list[authentication.BaseAuthentication]:
    """List the allowed ways, in the order of asking; a session of the pages is always one."""
    # The weakest comes last, so that a key is honoured also from an allowed network.
    ways = [_WAYS[name]() for name in _WAYS if name in settings.CIM_CONTEXT_STORE_AUTH]
    return [*ways[:1], SessionAuthentication(), *ways[1:]] if ways else [SessionAuthentication()]


def _the_user() -> User:
    user = User.objects.filter(username=settings.CIM_CONTEXT_STORE_USER, is_active=True).first()
    if user is None:
        raise exceptions.AuthenticationFailed(
            _("The user “%(name)s”, as whom clients without a key act, does not exist.")
            % {"name": settings.CIM_CONTEXT_STORE_USER}
        )
    return user


def _from_allowed_network(request: Request) -> bool:
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.CIM_CONTEXT_STORE_NETWORKS)
