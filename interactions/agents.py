"""Which interactions are an agent's own, and what may be done to those of others (Q1)."""

import datetime as dt

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from interactions.folding import Status
from interactions.models import AgentProfile, Interaction


class NotYours(Exception):
    """The interaction is another agent's, and the permission reaches only the user's own."""

    def __str__(self) -> str:
        return _("This interaction is not yours: you have neither been offered it nor taken part in it.")


def agent_of(user: User) -> dict[str, str]:
    """Describe a user as events describe agents."""
    return {"id": AgentProfile.objects.agent_id_of(user), "name": user.get_full_name() or user.get_username()}


def check_own(user: User, interaction: Interaction) -> None:
    """Let a user touch an interaction that was offered to them or that they took part in; others with
    `link_any_interaction`. Raises NotYours.
    """
    if user.has_perm("access.link_any_interaction"):
        return
    if AgentProfile.objects.agent_id_of(user) not in interaction.agent_ids:
        raise NotYours


def desk_of(user: User, now: dt.datetime) -> list[Interaction]:
    """Return what lies on a user's desk: what rings there and what the user is in, oldest first."""
    agent = AgentProfile.objects.agent_id_of(user)
    youngest = now - dt.timedelta(minutes=5)
    return [
        interaction
        for interaction in Interaction.objects.on_desk_of(agent, now).order_by("started", "id")
        # A ring that nobody ever resolved is an adapter's silence, not a call.
        if interaction.agents[agent]["status"] != Status.RINGING
        or dt.datetime.fromisoformat(interaction.agents[agent]["since"]) > youngest
    ]


def left_to_wrap_up(user: User, now: dt.datetime) -> list[Interaction]:
    """Return what a user has left and not finished: the time to wrap up is running (I4), oldest first."""
    agent = AgentProfile.objects.agent_id_of(user)
    recent = Interaction.objects.filter(agent_ids__contains=[agent], started__gt=now - dt.timedelta(hours=12))
    open_ones = recent.filter(Q(ended=None) | Q(closes_at__gt=now)).order_by("started", "id")
    return [interaction for interaction in open_ones if interaction.agents[agent]["status"] == Status.WRAP_UP]
