"""How templates say what an entry of the audit trail holds: what changed, from what to what, and not how it is kept."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext as _

register = template.Library()


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
