"""What interactions do when something happens to customers: in the transaction in which it happens."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from interactions import erasing, linking
from interactions.models import Interaction


def separate(
    sender: object,
    survivor: UUID,
    separated: Sequence[UUID],
    since: dt.datetime,
    now: dt.datetime,
    **_kwargs: Any,
) -> None:
    linking.separate(survivor, separated, since, now)


def erase(sender: object, customers: Sequence[UUID], **_kwargs: Any) -> None:
    erasing.erase_texts(customers)


def still_in_contact(
    sender: object, customers: Sequence[UUID], since: dt.datetime, **_kwargs: Any
) -> list[UUID]:
    recent = Interaction.objects.filter(customer_id__in=list(customers), started__gt=since)
    return list(recent.values_list("customer_id", flat=True).distinct())
