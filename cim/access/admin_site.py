"""The Django admin behind the one door of CIM, with its lock and its lockout (Q3)."""

import functools
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _


class Site(AdminSite):
    """Sends the anonymous to the sign-in page and tells those who are signed in that they may not (Q2)."""

    site_title = site_header = _("CIM administration")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @functools.wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if self.has_permission(request):
                return inner(request, *args, **kwargs)
            return self._refused(request, request.get_full_path())

        return guarded

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """Let in nobody: passwords are tried at one place only, where failures are counted."""
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
            wanted = reverse("admin:index")
        return (
            HttpResponseRedirect(wanted) if self.has_permission(request) else self._refused(request, wanted)
        )

    def _refused(self, request: HttpRequest, wanted: str) -> HttpResponse:
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(wanted)
