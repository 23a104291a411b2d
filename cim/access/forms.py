"""The forms of a person's own settings and of the search in the audit trail."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext_lazy as _

from cim.access.models import AuditEntry, UserPreference


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
