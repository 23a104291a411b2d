"""The pages of API keys: all of them, a new one with its secret shown once, and the end of one (Q3)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cim.access import audit, issuing
from cim.access.forms import KeyForm
from cim.access.models import ApiKey
from cim.access.rules import needs


@needs("manage_users")
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rows = [(key, key.state(now)) for key in ApiKey.objects.select_related("user").ended_last(now)]
    return render(request, "access/keys.html", {"rows": rows})


@needs("manage_users")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_key(request: HttpRequest) -> HttpResponse:
    """Make a key; its secret is in this answer only, which nothing keeps."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key, secret = issuing.issue(form.instance, audit.actor_of(request), timezone.now())
        return render(request, "access/key_made.html", {"key": key, "secret": secret})
    return render(request, "access/key.html", {"form": form}, status=400 if form.errors else 200)


@needs("manage_users")
@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.select_related("user"), pk=key_id)
    issuing.revoke(key, audit.actor_of(request), timezone.now())
    messages.success(request, _("%(key)s is revoked.") % {"key": key.name or key})
    return redirect("access:keys")
