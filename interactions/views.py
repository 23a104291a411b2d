"""The pages of interactions: desk, wall, history of a customer, do-not-call list, the gadget of Finesse."""

import datetime as dt
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_POST, require_safe
from rest_framework import exceptions

from cim.access.rules import needs, public
from customers.schema import Schema
from interactions import presenting, tasks, timeline
from interactions.agents import agent_of
from interactions.families import family_of
from interactions.filters import cursor_of, search_of
from interactions.models import Interaction
from interactions.models.interaction import Channel, Direction
from interactions.presenting import Eye, eye_of

_PER_PAGE = 20
_COUNTED = 1000


@needs("wrap_up")
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """The agent's page, open all day; in the frame of another desktop by `?embed=1` (I20, I24)."""
    agent = agent_of(_user(request))
    return render(
        request,
        "interactions/desk.html",
        {"agent": agent, "embed": request.GET.get("embed") == "1", "demo_calls": settings.CIM_DEMO_CALLS},
    )


@needs("live_wall")
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    return render(request, "interactions/wall.html")


@needs("dial")
@require_safe
def do_not_call(request: HttpRequest) -> HttpResponse:
    return render(request, "interactions/do_not_call.html")


@needs("wrap_up")
@require_POST
def call_me(request: HttpRequest) -> HttpResponse:
    """Play a call to whoever asks for one; demonstrations only."""
    if not settings.CIM_DEMO_CALLS:
        raise Http404
    tasks.play_call(agent_of(_user(request)))
    return JsonResponse({"detail": _("A call is on its way to you.")}, status=202)


@needs("see_customers")
@require_safe
def history(request: HttpRequest, customer_id: UUID) -> HttpResponse:
    """The history panel of a profile, or one more page of it: a piece of a page (I5)."""
    eye = eye_of(request.user, Schema.current())
    now = timezone.now()
    query = request.GET.dict()
    try:
        search = search_of({**query, "customer": str(customer_id)}, eye=eye)
        page = timeline.page(search, now, cursor=cursor_of(query), size=_PER_PAGE)
    except exceptions.ValidationError as wrong:
        return render(request, "interactions/_history_problem.html", {"errors": wrong.detail}, status=400)
    context: dict[str, Any] = {
        "entries": _entries(page.items, eye, now),
        "next": "",
        "address": request.path,
        "query": query,
        "is_searched": any(
            query.get(name) for name in ("channel", "direction", "agent", "from", "to", "topic", "q")
        ),
    }
    if page.next:
        context["next"] = f"{request.path}?{urlencode({**query, 'cursor': page.next.encode()})}"
    if "cursor" in query or "only" in query:
        return render(request, "interactions/_entries.html", context)
    # Counting stops early: the panel says "1,000+", and opens as fast for ten thousand.
    count = Interaction.objects.of(family_of(customer_id))[: _COUNTED + 1].count()
    context |= {
        "count": min(count, _COUNTED),
        "is_counted": count <= _COUNTED,
        "channels": Channel.choices,
        "directions": Direction.choices,
        "customer_id": customer_id,
    }
    return render(request, "interactions/history.html", context)


_ICONS = {
    "voice": ("phone", "phone"),
    "video": ("video", "vio"),
    "email": ("mail", "email"),
    "sms": ("message-square-text", "warn"),
    "chat": ("message-circle", "chat"),
    "social": ("share-2", "social"),
    "messaging": ("messages-square", "messaging"),
    "web": ("globe", ""),
}


def _entries(interactions: Any, eye: Eye, now: dt.datetime) -> list[dict[str, Any]]:
    shown = presenting.interaction_json(interactions, eye, now)
    entries = []
    for item in shown:
        missed = item["ended"] is not None and not item["answered"] and item["direction"] != "outbound"
        rang = any(offer["outcome"] != "answered" for offer in item["offers"])
        icon, tone = _ICONS.get(item["channel"] or "", ("circle-dot", ""))
        entries.append(
            {
                **item,
                "icon": icon,
                "tone": tone,
                "missed": missed and (rang or any(leg["kind"] == "queue" for leg in item["activities"])),
                "self_service": missed
                and not rang
                and all(leg["kind"] == "ivr" for leg in item["activities"]),
                "channel_name": dict(Channel.choices).get(item["channel"], _("Interaction")),
                "started_at": dt.datetime.fromisoformat(item["started"]),
                "legs": [
                    {**leg, "started_at": dt.datetime.fromisoformat(leg["started"])}
                    for leg in item["activities"]
                ],
                "names": [
                    agent["name"] or agent["id"]
                    for agent in item["agents"]
                    if any(leg["agent"] == agent["id"] for leg in item["activities"])
                ],
                "rang_at": [
                    {"name": offer["name"] or offer["agent"], "at": dt.datetime.fromisoformat(offer["at"])}
                    for offer in item["offers"]
                    if offer["outcome"] not in ("answered", "ringing")
                ],
                "noted": [
                    {
                        **note,
                        "when": dt.datetime.fromisoformat(note["at"]),
                        "by": _name_in(item, note["agent"]),
                    }
                    for note in item["notes"]
                ],
            }
        )
    return entries


def _name_in(item: dict[str, Any], agent: str | None) -> str:
    return next((known["name"] for known in item["agents"] if known["id"] == agent), "") or agent or ""


@public
@xframe_options_exempt
@require_safe
def gadget(request: HttpRequest) -> HttpResponse:
    """The descriptor of the Finesse gadget (I24). Finesse fetches it without a session; nothing in it is secret."""
    root = request.build_absolute_uri("/").rstrip("/")
    return render(
        request,
        "interactions/finesse_gadget.xml",
        {
            "root": root,
            "desk": f"{root}{reverse('interactions:desk')}?embed=1",
            "script": request.build_absolute_uri(static("js/finesse-gadget.js")),
            "style": request.build_absolute_uri(static("css/finesse-gadget.css")),
        },
        content_type="application/xml; charset=utf-8",
    )


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
