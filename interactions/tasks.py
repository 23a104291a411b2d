"""The background jobs of interactions: one call each; what a job knows is in the database, or in a played call."""

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

from celery import shared_task
from django.utils import timezone

from customers.models import Phone
from interactions import closing, recording, simulating


@shared_task(name="interactions.settle_interactions")
def settle_interactions() -> int:
    """Announce the interactions whose time to wrap up is over; runs every minute (I4)."""
    return closing.settle(timezone.now())


@shared_task(name="interactions.forget_desk_events")
def forget_desk_events() -> int:
    """Delete what desks were told more than a day ago; runs every hour."""
    return closing.forget_desk_events(timezone.now())


@shared_task(name="interactions.tell_simulated")
def tell_simulated(said: Mapping[str, Any]) -> int:
    """Tell one event of a played call, as happening now."""
    now = timezone.now()
    return recording.record([{**said, "occurred_at": now.isoformat()}], now).accepted


def play_call(agent: Mapping[str, str]) -> None:
    """Let a call ring at an agent now, answered and ended by the script; mostly from a customer, if there are any."""
    chance = random.Random()  # noqa: S311 - theatre
    newest = Phone.objects.order_by("-id").values_list("id", flat=True).first() or 0
    some = Phone.objects.current().filter(id__gte=chance.randint(0, newest)).order_by("id")
    known = list(some.values_list("number", flat=True)[:1])
    stranger = f"+49301{chance.randint(1_000_000, 9_999_999)}"
    caller = known[0] if known and chance.random() < 0.8 else stranger
    played = simulating.script(caller, [agent], chance, talk=45, plain=True)
    begin = timezone.now()
    for number, step in enumerate(played.steps):
        event = played.event(number, begin.isoformat())
        tell_simulated.apply_async(kwargs={"said": event}, eta=begin + dt.timedelta(seconds=step.seconds))
