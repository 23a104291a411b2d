"""The pages of journeys: one customer's, those that moved lately, flows between channels, contact lists."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from cim.access.rules import needs
from customers.models import Customer, Label
from customers.policy import sight_of
from customers.presenting import customer_json
from customers.schema import Schema
from interactions.families import family_of
from journeys import picture
from journeys.models import RetrievalMode
from journeys.picture import Row, View
from journeys.retrieval import MOST_PHONES

_STRIP: Final = 6
_LATELY: Final = 50

CHANNELS: Final = {
    "voice": (_("Voice"), "phone", "phone"),
    "video": (_("Video"), "video", "video"),
    "email": (_("Email"), "mail", "email"),
    "sms": (_("SMS"), "message-square-text", "warn"),
    "chat": (_("Chat"), "message-circle", "chat"),
    "social": (_("Social"), "share-2", "social"),
    "messaging": (_("Messaging"), "messages-square", "messaging"),
    "web": (_("Web"), "globe", "web"),
    "": (_("Other"), "circle-dot", "other"),
}

# A state of ours in words; one that a channel told stays as it was told.
_STATES: Final = {
    "open": _("Open"),
    "dialling": _("Dialling"),
    "ivr": _("In the menu"),
    "queued": _("Waiting"),
    "ringing": _("Ringing"),
    "active": _("In conversation"),
    "held": _("On hold"),
    "failed": _("Failed"),
    "ended": _("Ended"),
    "closed": _("Closed"),
}

RANGES: Final = (
    (7, _("7 days")),
    (30, _("30 days")),
    (90, _("90 days")),
    (365, _("1 year")),
    (0, _("All")),
)


@needs("see_customers")
@require_safe
def customer_journey(request: HttpRequest, customer_id: UUID) -> HttpResponse:
    """The picture of a customer's journey; what it shows comes from the API (J14)."""
    survivor = family_of(customer_id)[0]
    (customer,) = _shown([survivor], request) or (None,)
    if customer is None:
        raise Http404
    return render(request, "journeys/customer.html", {"customer": customer, "ranges": RANGES})


@needs("see_customers")
@require_safe
def panel(request: HttpRequest, customer_id: UUID) -> HttpResponse:
    """A strip of the journey for the profile: a piece of a page."""
    now = timezone.now()
    found = picture.journey(family_of(customer_id), View(), now)
    still_open = [row for row in found.rows if row.is_open]
    shown = _latest_and_open(found.rows, still_open)
    context = {
        "customer_id": customer_id,
        "count": len(found.rows),
        "start": found.start,
        "points": [_point(row) for row in shown],
        "open_count": len(still_open),
        "latest": shown[-1].id if shown else None,
    }
    return render(request, "journeys/panel.html", context)


@needs("see_customers")
@require_safe
def journeys(request: HttpRequest) -> HttpResponse:
    """The journeys that moved lately, those with something open first where that is asked for."""
    only_open = request.GET.get("open") == "1"
    now = timezone.now()
    moved = picture.lately(now, _LATELY, only_open=only_open)
    customers = {item["id"]: item for item in _shown([row.customer for row in moved], request)}
    rows = [
        {"customer": customers[str(row.customer)], "point": _point(row.latest), "open": row.open}
        for row in moved
        if str(row.customer) in customers
    ]
    return render(request, "journeys/list.html", {"rows": rows, "only_open": only_open})


@needs("live_wall")
@require_safe
def flows(request: HttpRequest) -> HttpResponse:
    """How customers move between channels (J16); what it shows comes from the API."""
    channels = [(value, words) for value, (words, _icon, _tone) in CHANNELS.items() if value]
    today = timezone.localdate()
    days = {"from": today - dt.timedelta(days=29), "to": today}
    return render(request, "journeys/flows.html", {"channels": channels, "days": days})


@needs("schema", "send_attempts")
@require_safe
def contact_lists(request: HttpRequest) -> HttpResponse:
    """How each list of an outbound manager finds its customers (J5b)."""
    modes = [(mode.value, mode.label) for mode in RetrievalMode]
    return render(request, "journeys/contact_lists.html", {"modes": modes, "most_phones": MOST_PHONES})


def _shown(ids: Sequence[UUID], request: HttpRequest) -> list[dict[str, Any]]:
    """Return the customers as the user may see them: the name and the initials of each, the labels with colours."""
    schema = Schema.current()
    customers = list(Customer.objects.filter(pk__in=ids, deleted_at=None))
    found = customer_json(customers, schema, sight_of(request.user, schema))
    carried = {name for item in found for name in item["labels"]}
    colors = dict(Label.objects.filter(name__in=carried).values_list("name", "color"))
    for item in found:
        parts = [item[name] for name in ("first_name", "last_name") if item[name]]
        item["name"] = " ".join(parts)
        item["initials"] = "".join(part[0] for part in parts).upper()[:2] or "?"
        item["hue"] = sum(map(ord, item["id"])) % 6
        item["phone"] = item["phones"][0] if item["phones"] else ""
        item["labels"] = [(name, colors.get(name, Label.Color.GREY)) for name in item["labels"]]
    return found


def _latest_and_open(rows: Sequence[Row], still_open: Sequence[Row]) -> list[Row]:
    """Choose what a strip shows: the latest points, and at least two that are open where there are that many."""
    latest = list(rows[-_STRIP:])
    older = [row for row in still_open[-2:] if row not in latest]
    return older + latest[len(older) :]


def _point(row: Row) -> dict[str, Any]:
    words, icon, tone = CHANNELS.get(row.channel, CHANNELS[""])
    state = _STATES.get(row.status, row.status)
    return {
        "row": row,
        "id": row.id,
        "channel": words,
        "icon": icon,
        "tone": tone,
        "at": row.started,
        "state": state,
    }
