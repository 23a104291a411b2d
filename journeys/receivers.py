"""What journeys do when something happens below: interactions become elements, in the same transaction."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from interactions.signals import Change
from journeys import elements


def follow_interactions(sender: object, changes: Sequence[Change], **_kwargs: Any) -> None:
    elements.place_interactions([change.interaction for change in changes], timezone.now())
