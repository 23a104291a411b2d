"""The forms of a person's own settings, of users, of API keys and of the search in the audit trail."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.forms.boundfield import BoundWidget
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cim.access.models import ApiKey, AuditEntry, TeamMembership, UserPreference
from cim.access.permissions import AREAS, PERMISSIONS, ROLE_NAMES


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


class KeyForm(forms.ModelForm[ApiKey]):
    """A new API key: `issuing` makes it of the instance."""

    ALL, CHOSEN = "all", "chosen"
    # Keys are for programs; those of other users stand below.
    ROLES_IN_ORDER = ("Integration", *(role for role in ROLE_NAMES if role != "Integration"))

    may = forms.ChoiceField(
        choices=[(ALL, _("All that the user may")), (CHOSEN, _("Only what is ticked here"))],
        initial=ALL,
        widget=forms.RadioSelect,
    )
    scopes = forms.MultipleChoiceField(
        choices=list(PERMISSIONS.items()), required=False, widget=forms.CheckboxSelectMultiple
    )
    expires_at = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text=_("It works until this day ends in your time zone. Left empty, until it is revoked."),
    )

    class Meta:
        model = ApiKey
        # What is chosen is compared with what the user may: in this order.
        fields = ("name", "user", "may", "scopes", "expires_at")
        labels = {"user": _("Acts as")}
        help_texts = {
            "name": _("What the key is for and where it is kept, such as “PBX in Leipzig”."),
            "user": _("What the key does stands under this user’s name in the audit trail."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        users = User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")
        self.fields["user"].queryset = users  # type: ignore[attr-defined]
        self.fields["user"].choices = self._by_role(users.prefetch_related("groups"))  # type: ignore[attr-defined]

    def _by_role(self, users: Iterable[User]) -> list[tuple[Any, Any]]:
        ranks = {role: rank for rank, role in enumerate(self.ROLES_IN_ORDER)}
        found: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for user in users:
            roles = sorted((ranks.get(group.name, len(ranks)), group.name) for group in user.groups.all())
            name = user.get_full_name()
            found.setdefault(roles[0] if roles else (len(ranks) + 1, ""), []).append(
                (user.pk, f"{name} ({user.get_username()})" if name else user.get_username())
            )
        return [
            ("", _("Choose a user")),
            *(
                (ROLE_NAMES.get(role, role) if role else _("No role"), found[rank, role])
                for rank, role in sorted(found)
            ),
        ]

    def areas(self) -> list[tuple[Promise, list[BoundWidget]]]:
        """Group the boxes of the permissions by what they are about."""
        boxes = {box.data["value"]: box for box in self["scopes"]}
        return [(area, [boxes[codename] for codename in codenames]) for area, codenames in AREAS]

    def clean_scopes(self) -> list[str] | None:
        if self.cleaned_data.get("may") != self.CHOSEN:
            return None
        chosen: list[str] = self.cleaned_data["scopes"]
        if not chosen:
            raise forms.ValidationError(_("Tick at least one, or let the key do all that the user may."))
        return chosen

    def clean_expires_at(self) -> dt.datetime | None:
        day: dt.date | None = self.cleaned_data["expires_at"]
        zone = timezone.get_current_timezone()
        return dt.datetime.combine(day, dt.time.max, tzinfo=zone) if day else None


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
