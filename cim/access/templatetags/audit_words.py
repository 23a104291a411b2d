"""How templates say what an entry of the audit trail holds: what was done, what changed, and not how it is kept."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

register = template.Library()

_DEEDS = {
    "change": gettext_lazy("Changed"),
    "create": gettext_lazy("Created"),
    "delete": gettext_lazy("Deleted"),
    "edit": gettext_lazy("Edited"),
    "add": gettext_lazy("Added"),
    "remove": gettext_lazy("Removed"),
    "restore": gettext_lazy("Restored"),
    "undo": gettext_lazy("Undone"),
    "archive": gettext_lazy("Archived"),
    "view": gettext_lazy("Opened"),
    "reveal": gettext_lazy("Revealed a value"),
    "resolve": gettext_lazy("Looked up"),
    "look_up": gettext_lazy("Looked up"),
    "search": gettext_lazy("Searched"),
    "export": gettext_lazy("Exported"),
    "overwrite": gettext_lazy("Overwritten"),
    "update": gettext_lazy("Updated"),
    "merge": gettext_lazy("Merged"),
    "unmerge": gettext_lazy("Merge taken back"),
    "label": gettext_lazy("Labelled"),
    "erase": gettext_lazy("Erased for good"),
    "purge": gettext_lazy("Purged"),
    "undelete": gettext_lazy("Brought back"),
    "link": gettext_lazy("Linked"),
    "unlink": gettext_lazy("Unlinked"),
    "dial": gettext_lazy("Dialled"),
    "reorder": gettext_lazy("Reordered"),
    "convert": gettext_lazy("Type changed"),
    "fill": gettext_lazy("Filled in"),
    "upload": gettext_lazy("Uploaded"),
    "start": gettext_lazy("Started"),
    "cancel": gettext_lazy("Cancelled"),
    "pause": gettext_lazy("Held back"),
    "resume": gettext_lazy("Went on"),
    "replay": gettext_lazy("Replayed"),
    "stop": gettext_lazy("Stopped"),
    "test_run": gettext_lazy("Tried out"),
    "seed": gettext_lazy("Made for the demo"),
    "revoke": gettext_lazy("Revoked"),
    "run": gettext_lazy("Ran"),
    "completed": gettext_lazy("Completed"),
    "failed": gettext_lazy("Failed"),
    "cancelled": gettext_lazy("Cancelled"),
    "undone": gettext_lazy("Undone"),
    "unlabel": gettext_lazy("Label taken off"),
    "topic": gettext_lazy("Topic changed"),
    "meet": gettext_lazy("Noted as a new visitor"),
    "merged_into": gettext_lazy("Merged into another"),
    "separated": gettext_lazy("Stands for itself again"),
    "perhaps": gettext_lazy("Took back: never this person"),
    "contacts.expire": gettext_lazy("Contacts without a name expired"),
    "history.forget": gettext_lazy("Earlier versions erased"),
    "session.sign_in": gettext_lazy("Signed in"),
    "session.sign_out": gettext_lazy("Signed out"),
    "session.end_others": gettext_lazy("Signed out everywhere else"),
    "password.change": gettext_lazy("Changed the password"),
    "password.reset": gettext_lazy("Set a new password"),
    "second_factor.on": gettext_lazy("Turned the second factor on"),
    "second_factor.off": gettext_lazy("Turned the second factor off"),
    "second_factor.codes": gettext_lazy("Made new recovery codes"),
    "export.fetch": gettext_lazy("Fetched an export"),
    "customer.never": gettext_lazy("Said: never this person"),
    "customer.identify": gettext_lazy("Gave a number or an address"),
}
_KINDS = {
    "customer": gettext_lazy("Customer"),
    "attribute": gettext_lazy("Attribute"),
    "label": gettext_lazy("Label"),
    "import": gettext_lazy("Import"),
    "interaction": gettext_lazy("Interaction"),
    "element": gettext_lazy("Point of a journey"),
    "contact_list": gettext_lazy("Contact list"),
    "wrap_up_reason": gettext_lazy("Wrap-up code"),
    "do_not_call": gettext_lazy("Do not call"),
    "list_job": gettext_lazy("Change of many"),
    "user": gettext_lazy("User"),
    "role": gettext_lazy("Role"),
    "api_key": gettext_lazy("API key"),
    "apikey": gettext_lazy("API key"),
    "context": gettext_lazy("Context"),
    "crm_configuration": gettext_lazy("CRM configuration"),
    "crm_memorialisation_mapping": gettext_lazy("Mapping, written after contacts"),
    "crm_dynamic_data_mapping": gettext_lazy("Mapping, shown to agents"),
    "crm_workflow": gettext_lazy("Workflow"),
    "crm_skill": gettext_lazy("Skill"),
    "crm_delivery": gettext_lazy("Delivery"),
}
_PROGRAMS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def deed(action: str) -> str:
    """Return an action in words; the code of one that is known no more."""
    return str(_DEEDS.get(action) or _DEEDS.get(action.rpartition(".")[2]) or action)


@register.filter
def kind(object_type: str) -> str:
    """Return what was acted on in words; the code of a kind that is known no more."""
    return str(_KINDS.get(object_type, object_type))


@register.filter
def program(user_agent: str) -> str:
    """Return which browser on which system this is, as far as it says so; else what it calls itself."""
    named = next((name for mark, name in _PROGRAMS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if named and system:
        return _("%(browser)s on %(system)s") % {"browser": named, "system": system}
    return named or user_agent[:120]


@register.filter
def told(data: Mapping[str, Any]) -> list[str]:
    """Return short phrases: each difference between before and after, then everything else that is known."""
    before, after = data.get("before"), data.get("after")
    rest = {name: value for name, value in data.items() if name not in {"before", "after"}}
    if isinstance(after, Mapping):
        old = before if isinstance(before, Mapping) else {}
        phrases = [
            f"{name}: {_said(old[name])} → {_said(value)}" if old else f"{name}: {_said(value)}"
            for name, value in after.items()
            if (value != old.get(name) if old else not _is_nothing(value))
        ]
    elif isinstance(after, list):
        moved = [
            item for place, item in enumerate(after) if before is None or before[place : place + 1] != [item]
        ]
        phrases = [_("moved: %(names)s") % {"names": _said(moved)}]
    else:
        phrases = []
    return phrases + [f"{name}: {_said(value)}" for name, value in rest.items() if not _is_nothing(value)]


def _is_nothing(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


def _said(value: Any) -> str:
    if value is True:
        return _("yes")
    if _is_nothing(value):
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
