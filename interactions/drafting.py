"""Half-typed notes: kept while they are typed, forgotten once they are notes (I22)."""

import datetime as dt
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from interactions import popping
from interactions.models import Draft, Interaction


def keep(interaction: Interaction, user: User, text: str, now: dt.datetime) -> None:
    """Keep what a user is typing; other desks on the interaction are shown it. One write, no fold."""
    with transaction.atomic():
        Draft.objects.update_or_create(
            interaction=interaction, user=user, defaults={"text": text, "updated_at": now}
        )
        others = [agent for agent in interaction.on_desks if interaction.agents[agent]["status"] != "done"]
        if len(others) > 1 or interaction.transferred_from:
            popping.show_again([interaction], now)


def forget(interaction_id: UUID, user: User) -> None:
    Draft.objects.filter(interaction_id=interaction_id, user=user).delete()


def draft_of(interaction_id: UUID, user: User) -> str:
    return (
        Draft.objects.filter(interaction_id=interaction_id, user=user).values_list("text", flat=True).first()
        or ""
    )
