"""The forms of a person's own settings, of users and of the search in the audit trail."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.utils.translation import gettext_lazy as _

from cim.access.models import AuditEntry, TeamMembership, UserPreference
from cim.access.permissions import ROLE_NAMES


def _languages() -> list[tuple[str, Any]]:
    return [("", _("As the browser asks")), *settings.LANGUAGES]


def _zones() -> list[tuple[str, Any]]:
    # Without the names that only old systems know: "Etc/…", "posix/…", "EST5EDT".
    places = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")
    )
    return [
        ("", _("That of the installation")),
        ("UTC", "UTC"),
        *((name, name.replace("_", " ")) for name in places),
    ]


class PreferenceForm(forms.ModelForm[UserPreference]):
    language = forms.ChoiceField(label=_("Language"), choices=_languages, required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=_zones, required=False)

    class Meta:
        model = UserPreference
        fields = ("language", "time_zone", "theme")


class ChangePasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The hint is a paragraph here; Django's own is a list in HTML.
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())


class RoleField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Group) -> str:
        return str(ROLE_NAMES.get(obj.name, obj.name))


class UserForm(forms.ModelForm[User]):
    """A user with one role; nobody can take the management of users away from themselves."""

    role = RoleField(
        label=_("Role"), queryset=Group.objects.order_by("name"), required=False, empty_label=_("No role")
    )
    team = forms.CharField(
        label=_("Team"),
        required=False,
        max_length=100,
        help_text=_("Supervisors see in the audit trail what their own team did."),
    )
    # Not named password: the form would write what was typed, or nothing, over the stored hash.
    new_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "username", "email", "role", "team", "new_password", "is_active")
        labels = {"username": _("User name"), "is_active": _("May sign in")}
        help_texts = {"username": _("Letters, digits and @ . + - _"), "is_active": ""}

    def __init__(self, *args: Any, editor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.editor = editor
        self.fields["role"].initial = (
            self.instance.groups.order_by("name").first() if self.instance.pk else None
        )
        known = TeamMembership.objects.filter(user=self.instance.pk).first()
        self.fields["team"].initial = known.team if known else ""
        self.fields["role"].help_text = _("What the user may do; without one, nothing but the own account.")
        password = self.fields["new_password"]
        password.required = not self.instance.pk
        hints = " ".join(password_validators_help_texts())
        password.help_text = (
            _("Left empty, it stays as it is. %(hints)s") % {"hints": hints} if self.instance.pk else hints
        )

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance.pk == self.editor.pk and self.instance.pk:
            if not cleaned.get("is_active"):
                self.add_error("is_active", _("You cannot lock yourself out."))
            role = cleaned.get("role")
            if role is None or not role.permissions.filter(codename="manage_users").exists():
                self.add_error("role", _("You cannot take the management of users away from yourself."))
        return cleaned

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        role = self.cleaned_data["role"]
        # The Django admin asks for this mark before it looks at permissions.
        user.is_staff = bool(role and role.permissions.filter(codename="manage_users").exists())
        if self.cleaned_data["new_password"]:
            user.set_password(self.cleaned_data["new_password"])
        user.save()
        user.groups.set([role] if role else [])
        if team := self.cleaned_data["team"].strip():
            TeamMembership.objects.update_or_create(user=user, defaults={"team": team})
        else:
            TeamMembership.objects.filter(user=user).delete()
        return user


class AuditSearch(forms.Form):
    actor = forms.CharField(label=_("Who"), required=False, max_length=200)
    action = forms.CharField(label=_("Did what"), required=False, max_length=60)
    via = forms.ChoiceField(
        label=_("Through"), required=False, choices=[("", _("anything")), *AuditEntry.Via.choices]
    )
    object_type = forms.CharField(label=_("Kind of object"), required=False, max_length=40)
    object_id = forms.CharField(label=_("Object"), required=False, max_length=100)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))
    # Entries older than this one: the next page.
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)
