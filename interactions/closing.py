"""What the clock does to interactions: they close, and what desks were told is forgotten."""

import datetime as dt
from typing import Final

from django.db import transaction

from interactions.models import DeskEvent, DeskPresence, Interaction
from interactions.signals import Change, announce

_AT_ONCE: Final = 200
_KEPT: Final = dt.timedelta(days=1)


def settle(now: dt.datetime) -> int:
    """Announce every interaction that has closed since the last time, once: its wrap-up is final now (I4).

    In transactions of 200, so that a killed worker repeats nothing; several workers share the rows.
    """
    settled = 0
    while True:
        with transaction.atomic():
            rows = list(
                Interaction.objects.unsettled(now)
                .select_for_update(no_key=True, skip_locked=True)
                .order_by("closes_at")[:_AT_ONCE]
            )
            Interaction.objects.filter(id__in=[row.id for row in rows]).update(settled_at=now)
            announce([Change(row, state_before=row.state, settled=True) for row in rows])
        settled += len(rows)
        if len(rows) < _AT_ONCE:
            return settled


def forget_desk_events(now: dt.datetime) -> int:
    """Delete desk events and presences of more than a day ago."""
    DeskPresence.objects.filter(seen_at__lt=now - _KEPT).delete()
    return DeskEvent.objects.filter(at__lt=now - _KEPT)._raw_delete("default")
