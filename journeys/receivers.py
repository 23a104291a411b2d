"""What journeys do when something happens below: in the same transaction, and only to rows of their own."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from interactions.signals import Change
from journeys import elements, erasing


def follow_interactions(sender: object, changes: Sequence[Change], **_kwargs: Any) -> None:
    elements.place_interactions([change.interaction for change in changes], timezone.now())


def separate(
    sender: object,
    path: Sequence[UUID],
    separated: Sequence[UUID],
    since: dt.datetime,
    now: dt.datetime,
    **_kwargs: Any,
) -> None:
    elements.separate([*path, *separated], since, now)


def erase(
    sender: object,
    customers: Sequence[UUID],
    companions: Sequence[UUID] = (),
    only_theirs: Sequence[str] = (),
    **_kwargs: Any,
) -> dict[str, int]:
    return {"contexts": erasing.erase(customers, companions, only_theirs)}


def still_in_contact(
    sender: object, customers: Sequence[UUID], since: dt.datetime, **_kwargs: Any
) -> list[UUID]:
    return elements.in_contact(customers, since)
