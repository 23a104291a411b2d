"""What the frame around every page shows: where one may go, who one is, how one likes it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cim.access import second_factor
from cim.access.models import UserPreference
from cim.access.permissions import PERMISSIONS, ROLE_NAMES, any_of, full_name


@dataclass(frozen=True)
class Place:
    """A page of the navigation rail; shown to who holds the permission, or any of several, once its address exists."""

    label: Promise
    icon: str
    address: str
    permission: str | tuple[str, ...]
    keys: str = ""


PLACES = (
    Place(_("Desk"), "headphones", "interactions:desk", "wrap_up", "g d"),
    Place(_("Customers"), "users", "customers:list", "see_customers", "g c"),
    Place(_("Journeys"), "route", "journeys:list", "see_customers", "g j"),
    Place(_("Live wall"), "layout-grid", "interactions:wall", "live_wall", "g w"),
    Place(_("Imports"), "upload", "customers:imports", "import_customers", "g i"),
    Place(_("Schema"), "sliders-horizontal", "customers:schema", "schema", "g s"),
    Place(_("CRM"), "database", "crm_mappings:list", "integrations.edit", "g r"),
    Place(_("Audit"), "shield-check", "access:audit", ("audit", "audit_team"), "g a"),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Describe the frame of the page for the user of `request`; an anonymous visitor gets the plain look."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {
            "frame": {
                "theme": "system",
                "time_zone": timezone.get_current_timezone_name(),
                "may": "",
                "navigation": [],
            }
        }
    preference: UserPreference = getattr(request, "preference", None) or UserPreference()
    # Whoever must set up a second factor first is shown no ways that are closed.
    may = () if second_factor.is_missing(request) else PERMISSIONS
    held = [codename for codename in may if user.has_perm(full_name(codename))]
    name = user.get_full_name() or user.get_username()
    role = user.groups.order_by("name").values_list("name", flat=True).first() or ""
    return {
        "frame": {
            "theme": preference.theme,
            "time_zone": timezone.get_current_timezone_name(),
            "may": " ".join(held),
            "frames": " ".join(settings.FRAME_ANCESTORS),
            "navigation": _navigation(request.path, held),
            "name": name,
            "initials": _initials(name),
            "hue": sum(map(ord, name)) % 6,
            "role": ROLE_NAMES.get(role, role),
        },
    }


def _initials(name: str) -> str:
    words = name.split()
    return (
        "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
        if len(words) > 1
        else name[:2].upper()
    )


def _place_of(path: str) -> Place | None:
    """Return where a page belongs: a customer's journey to the journeys, all else to what its address begins with."""
    if path.endswith("/journey/"):
        return next(place for place in PLACES if place.address == "journeys:list")
    for place in PLACES:
        try:
            if path.startswith(reverse(place.address)):
                return place
        except NoReverseMatch:
            continue
    return None


def _navigation(path: str, held: list[str]) -> list[dict[str, Any]]:
    items = []
    here = _place_of(path)
    for place in PLACES:
        if not set(any_of(place.permission)) & set(held):
            continue
        try:
            url = reverse(place.address)
        except NoReverseMatch:
            continue
        current = place is here
        items.append(
            {"label": place.label, "icon": place.icon, "url": url, "keys": place.keys, "current": current},
        )
    return items
