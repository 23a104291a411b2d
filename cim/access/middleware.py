"""What happens around every request: what cannot be read is refused, the user's preferences apply, and whoever
lacks a second factor is led to it.
"""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation

from cim.access import second_factor
from cim.access.models import UserPreference
from cim.access.problems import bad_request, is_for_programs, length_required, second_factor_missing
from cim.access.strictness import is_storable

Answer = Callable[[HttpRequest], HttpResponseBase]


class ReadableRequestMiddleware:
    """Refuses a request that nothing behind it can read.

    An address with a NUL in it, which every lookup in the database would answer with an error, gets 400. A body whose
    length is not told gets 411: the framework would take it for an empty one.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_storable(request.path) or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, SuspiciousOperation("NUL in the address"))
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            return length_required(request)
        return self.get_response(request)


class PreferenceMiddleware:
    """Puts the user's language and time zone in force, and `request.preference` at hand for templates."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        preference = UserPreference.objects.filter(user=request.user.pk).first() if request.user.pk else None
        request.preference = preference or UserPreference()  # type: ignore[attr-defined]
        if preference and preference.language:
            # Left in force after the response: the locale middleware names it in a header.
            translation.activate(preference.language)
            request.LANGUAGE_CODE = preference.language
        zone = preference.zone if preference else None
        with timezone.override(zone or timezone.get_default_timezone()):
            return self.get_response(request)


class SecondFactorMiddleware:
    """Leads whoever must set up a second factor first to doing so; only that and signing out is open to them (Q3).

    Pages for everybody stay open. An API key is no session: its users are not asked.
    """

    _OPEN = frozenset({"access:second_factor", "access:second_factor_picture"})

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        is_public = getattr(view, "access_rule", None) == {}
        if is_public or not second_factor.is_missing(request):
            return None
        if request.resolver_match is not None and request.resolver_match.view_name in self._OPEN:
            return None
        if is_for_programs(request):
            return second_factor_missing(request)
        return redirect("access:second_factor")
