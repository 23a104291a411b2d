from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _


class Site(AdminSite):
    """The Django admin behind the sign-in page of CIM: one door, with one lock and one lockout (Q3)."""

    site_title = site_header = _("CIM administration")

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """Send the anonymous to the sign-in page; tell those who are signed in that they may not (Q2)."""
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
            wanted = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(wanted)
