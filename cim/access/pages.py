"""The pages of access: signing in and out, a person's own settings, users, the audit trail."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cim.access import audit, own_sessions, second_factor, single_sign_on
from cim.access.forms import AuditSearch, ChangePasswordForm, PreferenceForm, UserForm
from cim.access.models import AuditEntry, UserPreference
from cim.access.permissions import AUTHENTICATED, ROLE_NAMES, full_name
from cim.access.rules import needs, public

__all__ = [
    "account",
    "audit_trail",
    "change_password",
    "edit_user",
    "locked_out",
    "needs",
    "new_user",
    "public",
    "role_rule",
    "sign_in",
    "sign_out",
    "users",
]

ENTRIES_PER_PAGE = 50


@method_decorator(public, name="dispatch")
class SignIn(LoginView):
    template_name = "access/sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method == "POST" and too_many_failures(request):
            return locked_out(request)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Go on to the second factor where the user has one; nobody is signed in before it."""
        answer: HttpResponse = perform_login(
            self.request, Login(user=form.get_user(), redirect_url=self.get_success_url())
        )
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        single = reverse("openid_connect_login", args=[single_sign_on.PROVIDER])
        return super().get_context_data(
            **kwargs,
            can_reset=bool(settings.MAIL_URL),
            single_sign_on=settings.OIDC_NAME if settings.OIDC_ISSUER else "",
            single_sign_on_address=f"{single}?{urlencode({'next': self.get_redirect_url()})}",
        )


sign_in = SignIn.as_view()


@method_decorator(public, name="dispatch")
class SignOut(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session, and where single sign-on began it, the provider's too."""
        elsewhere = single_sign_on.ending(request)
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if elsewhere is None:
            return answer
        # By a page and not by a redirect: the policy of contents lets no form lead to another site.
        context = {"elsewhere": elsewhere, "provider": settings.OIDC_NAME}
        page = render(request, "access/signed_out.html", context)
        page["Refresh"] = f"0; url={elsewhere}"
        return page


sign_out = SignOut.as_view()


def too_many_failures(request: HttpRequest) -> bool:
    """Say whether one address tries many users, which the lockout per user does not see (Q3)."""
    since = timezone.now() - dt.timedelta(hours=settings.AXES_COOLOFF_TIME)
    attempts = AccessAttempt.objects.filter(
        ip_address=get_client_ip_address(request), attempt_time__gte=since
    )
    failures = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return bool(failures >= settings.SIGN_IN_FAILURES_PER_ADDRESS)


def locked_out(request: HttpRequest, *_args: object, **_kwargs: object) -> HttpResponse:
    """Answer a sign-in after too many failures."""
    seconds = int(settings.AXES_COOLOFF_TIME * 3600)
    response = render(request, "access/locked_out.html", {"minutes": seconds // 60}, status=429)
    response["Retry-After"] = str(seconds)
    return response


@needs(AUTHENTICATED)
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Let users choose their language, time zone and theme."""
    preference, _created = UserPreference.objects.get_or_create(user=_user(request))
    form = PreferenceForm(request.POST or None, instance=preference)
    if request.method == "POST" and form.is_valid():
        form.save()
        # Said in the language just chosen.
        with translation.override(form.instance.language or translation.get_language()):
            messages.success(request, _("Your settings are saved."))
        return redirect("access:account")
    user = _user(request)
    context = {"form": form, "sessions": own_sessions.of(request), "second_factor": second_factor.is_on(user)}
    return render(request, "access/account.html", context, status=400 if form.errors else 200)


@method_decorator(needs(AUTHENTICATED), name="dispatch")
class ChangePassword(PasswordChangeView):
    form_class = ChangePasswordForm
    template_name = "access/password.html"
    success_url = reverse_lazy("access:account")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit.note(audit.actor_of(self.request), "password.change")
        messages.success(self.request, _("Your password is changed."))
        return response


change_password = ChangePassword.as_view()


@needs("manage_users")
@require_safe
def users(request: HttpRequest) -> HttpResponse:
    """Show all users with their roles, and what each role is asked for at sign-in."""
    people = (
        User.objects.select_related("membership")
        .prefetch_related("groups")
        .order_by("-is_active", "first_name", "last_name", "username")
    )
    return render(request, "access/users.html", {"people": people, "roles": second_factor.roles()})


@needs("manage_users")
@require_POST
def role_rule(request: HttpRequest, role_id: int) -> HttpResponse:
    """Have the members of a role use a second factor, or leave it to them (Q3)."""
    role = get_object_or_404(Group, pk=role_id)
    asked = request.POST.get("second_factor") == "yes"
    second_factor.ask_of_role(role, asked, audit.actor_of(request))
    name = ROLE_NAMES.get(role.name, role.name)
    said = (
        _("%(role)s: whoever has no second factor sets one up with the next page.")
        if asked
        else _("%(role)s: a second factor is left to everybody.")
    )
    messages.success(request, said % {"role": name})
    return redirect("access:users")


@needs("manage_users")
@require_http_methods(["GET", "HEAD", "POST"])
def new_user(request: HttpRequest) -> HttpResponse:
    return _edit_user(request, User(), "user.create")


@needs("manage_users")
@require_http_methods(["GET", "HEAD", "POST"])
def edit_user(request: HttpRequest, user_id: int) -> HttpResponse:
    return _edit_user(request, get_object_or_404(User, pk=user_id), "user.change")


def _edit_user(request: HttpRequest, person: User, action: str) -> HttpResponse:
    form = UserForm(request.POST or None, instance=person, editor=_user(request))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            # By the names of the fields: the trail outlives the person.
            audit.note(
                audit.actor_of(request),
                action,
                object_type="user",
                object_id=saved.pk,
                name=saved.get_username(),
                changes=form.changed_data,
            )
        if saved.pk == _user(request).pk:
            # One's own new password must not end one's own session.
            update_session_auth_hash(request, saved)
        messages.success(
            request, _("%(name)s is saved.") % {"name": saved.get_full_name() or saved.get_username()}
        )
        return redirect("access:users")
    return render(
        request, "access/user.html", {"form": form, "person": person}, status=400 if form.errors else 200
    )


@needs("audit", "audit_team")
@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """Search who did what, newest first: everybody, or the own team (Q4)."""
    form = AuditSearch(request.GET)
    entries: list[AuditEntry] = []
    if form.is_valid():
        entries = list(
            AuditEntry.objects.readable_by(_user(request)).matching(**form.cleaned_data)[
                : ENTRIES_PER_PAGE + 1
            ]
        )
    context = {
        "form": form,
        "entries": entries[:ENTRIES_PER_PAGE],
        "next": None,
        "team_only": not request.user.has_perm(full_name("audit")),
    }
    if len(entries) > ENTRIES_PER_PAGE:
        query = request.GET.copy()
        query["before"] = str(entries[ENTRIES_PER_PAGE - 1].pk)
        context["next"] = query.urlencode()
    return render(request, "access/audit.html", context, status=400 if form.errors else 200)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - `needs` let nobody else in
    return request.user
