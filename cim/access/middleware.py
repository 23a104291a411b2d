"""What happens around every request: what cannot be read is refused, the user's preferences apply."""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from cim.access.models import UserPreference
from cim.access.problems import bad_request, length_required
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
