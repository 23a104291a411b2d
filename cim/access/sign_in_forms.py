"""The forms of the second factor and of a new password after a forgotten one."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from cim.access.models import UserPreference


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            {"class": "input", "autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
        help_text=_("The six digits of your authenticator app, or one of your recovery codes."),
        error_messages={"required": _("Enter a code.")},
    )


class SecondFactorForm(CodeForm):
    """A code that proves the set-up, or who asks for a change; the password before the first set-up."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput({"class": "input", "autocomplete": "current-password"}),
    )
    action = forms.ChoiceField(
        choices=[("on", ""), ("off", ""), ("codes", "")], required=False, widget=forms.HiddenInput
    )

    field_order = ("password", "code")

    def __init__(self, *args: Any, user: User, is_on: bool, is_asked_for: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.is_asked_for = is_asked_for
        if is_on:
            self.fields["action"].required = True
        else:
            # The password comes first.
            del self.fields["code"].widget.attrs["autofocus"]
            self.fields["code"].help_text = _("The six digits that the app shows now.")
        # Whoever comes by single sign-on has none.
        if is_on or not user.has_usable_password():
            del self.fields["password"]

    def clean_action(self) -> str:
        action: str = self.cleaned_data["action"]
        if action == "off" and self.is_asked_for:
            raise forms.ValidationError(_("Your role asks for a second factor; it stays on."))
        return action

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(_("This is not your password."))
        return password


class ForgottenForm(PasswordResetForm):
    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Write in the language that the receiver has chosen, else in that of the page (Q33)."""
        preference = UserPreference.objects.filter(user=context["user"]).first()
        with translation.override((preference and preference.language) or translation.get_language()):
            super().send_mail(subject_template_name, email_template_name, context, *args, **kwargs)


class NewPasswordForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The hint is a paragraph here; Django's own is a list in HTML.
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
