"""The pages around signing in: the second factor, single sign-on, a forgotten password, one's other sessions (Q3)."""

from typing import Any

from allauth.account.stages import LoginStageController
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from requests import RequestException

from cim.access import audit, own_sessions, second_factor
from cim.access.pages import locked_out, too_many_failures
from cim.access.permissions import AUTHENTICATED
from cim.access.rules import needs, public
from cim.access.sign_in_forms import CodeForm, ForgottenForm, NewPasswordForm, SecondFactorForm
from cim.access.single_sign_on import Connection, turned_away, with_nonce


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enter_code(request: HttpRequest) -> HttpResponseBase:
    """Ask whoever gave the right password for a code; only then is anybody signed in."""
    stage = LoginStageController.enter(request, AuthenticateStage.key)
    if request.user.is_authenticated or stage is None:
        return redirect("/")
    user = stage.login.user
    assert isinstance(user, User)  # noqa: S101 - the first step found one
    if too_many_failures(request) or second_factor.is_closed(user):
        return locked_out(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if second_factor.accepts(user, form.cleaned_data["code"]):
            second_factor.forget_wrong_codes(user)
            answer: HttpResponseBase = stage.exit()
            return answer
        second_factor.note_wrong_code(request, user)
        if second_factor.is_closed(user):
            return locked_out(request)
        form.add_error("code", _("This code is wrong, or was used already."))
    return render(request, "access/enter_code.html", {"form": form}, status=400 if form.errors else 200)


@needs(AUTHENTICATED)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Turn the second factor on and off, and make new recovery codes; each wants a proof of who asks."""
    user = _user(request)
    is_on = second_factor.is_on(user)
    is_asked_for = second_factor.is_asked_of(user)
    form = SecondFactorForm(request.POST or None, user=user, is_on=is_on, is_asked_for=is_asked_for)
    secret = "" if is_on else totp.get_totp_secret()
    codes: list[str] | None = None
    if request.method == "POST":
        if too_many_failures(request) or second_factor.is_closed(user):
            return locked_out(request)
        if form.is_valid():
            code = form.cleaned_data["code"]
            if not is_on:
                codes = second_factor.turn_on(user, secret, code)
            elif second_factor.accepts(user, code):
                if form.cleaned_data["action"] == "off":
                    second_factor.turn_off(user)
                    audit.note(audit.actor_of(request), "second_factor.off")
                    messages.success(request, _("The second factor is off."))
                    return redirect("access:account")
                codes = second_factor.new_recovery_codes(user)
            if codes is not None:
                totp.clear_totp_secret(request)
                audit.note(audit.actor_of(request), "second_factor.codes" if is_on else "second_factor.on")
                return render(request, "access/recovery_codes.html", {"codes": codes})
            form.add_error("code", _("This code is wrong, or was used already."))
        if {"code", "password"} & set(form.errors):
            second_factor.note_wrong_code(request, user)
    context = {
        "form": form,
        "is_on": is_on,
        "is_asked_for": is_asked_for,
        "is_missing": second_factor.is_missing(request),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "left": second_factor.recovery_codes_left(user) if is_on else 0,
    }
    return render(request, "access/second_factor.html", context, status=400 if form.errors else 200)


@needs(AUTHENTICATED)
@never_cache
@require_safe
def second_factor_picture(request: HttpRequest) -> HttpResponse:
    """Draw the key that is being set up; the policy of contents allows no image inside the page."""
    user = _user(request)
    if second_factor.is_on(user) or totp.SECRET_SESSION_KEY not in request.session:
        raise Http404
    adapter = second_factor.Adapter()
    drawn = adapter.build_totp_svg(adapter.build_totp_url(user, totp.get_totp_secret()))
    return HttpResponse(drawn, content_type="image/svg+xml")


@needs(AUTHENTICATED)
@require_POST
def sessions(request: HttpRequest) -> HttpResponse:
    """End all sessions of the user but this one."""
    ended = own_sessions.end_others(request)
    audit.note(audit.actor_of(request), "session.end_others", sessions=ended)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("access:account")


# Single sign-on


@public
@require_safe
def single_sign_on_start(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    return with_nonce(_with_provider(request, provider_id, OAuth2LoginView))


@public
@require_safe
def single_sign_on_end(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    return _with_provider(request, provider_id, OAuth2CallbackView)


def _with_provider(request: HttpRequest, provider_id: str, view: type[Any]) -> HttpResponseBase:
    try:
        answer: HttpResponseBase = view.adapter_view(Connection(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except (RequestException, ValueError, KeyError):
        # The provider is away, or what answers there is none.
        return turned_away(request, _("The single sign-on does not answer. Try again later."))
    return answer


# A forgotten password


@method_decorator(public, name="dispatch")
class Forgotten(PasswordResetView):
    template_name = "access/forgotten.html"
    form_class = ForgottenForm
    email_template_name = "access/forgotten_mail.txt"
    subject_template_name = "access/forgotten_subject.txt"
    success_url = reverse_lazy("access:sign_in")

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not settings.MAIL_URL:
            raise Http404
        if request.method == "POST" and not AxesProxyHandler.is_allowed(request, _MAILS):
            return locked_out(request)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            # Asking counts like failing: nobody fills another's mailbox.
            user_login_failed.send(__name__, credentials=_MAILS, request=self.request)
        except PermissionDenied:
            return locked_out(self.request)
        messages.success(
            self.request, _("If an account has this address, a link to a new password is on its way.")
        )
        return super().form_valid(form)


_MAILS = {"username": "forgotten password"}


@method_decorator(public, name="dispatch")
class NewPassword(PasswordResetConfirmView):
    template_name = "access/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("access:sign_in")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        audit.note(audit.actor_for(form.user, "page"), "password.reset")
        messages.success(self.request, _("Your password is changed. Sign in with it."))
        return answer


forgotten = Forgotten.as_view()
new_password = NewPassword.as_view()


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - `needs` let nobody else in
    return request.user
