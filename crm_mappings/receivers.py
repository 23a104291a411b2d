"""What happens here when interactions change: the deliveries they cause are made, and sent after the commit."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from cim.access.jobs import enqueue
from crm_mappings import configuring, erasing, fetching, memorising, tasks
from interactions.signals import Change


def follow_interactions(sender: Any, changes: Sequence[Change], **kwargs: Any) -> None:
    told, ringing = [], []
    for change in changes:
        types = {happening.type for happening in change.happenings}
        if types & memorising.TELLING or (types & memorising.CORRECTING and not change.interaction.on_desks):
            told.append(change.interaction)
        if types & {"offered", "transferred"} and change.interaction.ended is None:
            ringing.append(change.interaction)
    if not (told or ringing) or not configuring.any_in_use():
        return
    if told:
        for configuration_id in memorising.memorise(told, timezone.now()):
            enqueue(tasks.deliver, configuration_id=str(configuration_id))
    if ringing and fetching.worth_asking():
        for interaction in ringing:
            enqueue(tasks.ask_for_pop, interaction_id=str(interaction.pk))


def erase(
    sender: Any,
    customers: Sequence[UUID],
    companions: Sequence[UUID] = (),
    only_theirs: Sequence[str] = (),
    **kwargs: Any,
) -> dict[str, int]:
    return {"crm_records": erasing.erase(customers, companions, only_theirs)}
