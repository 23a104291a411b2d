"""What interactions do when something happens to customers: in the transaction in which it happens."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.schema import Schema
from interactions import erasing, linking, presenting
from interactions.models import Interaction
from interactions.signals import Change


def separate(
    sender: object,
    path: Sequence[UUID],
    separated: Sequence[UUID],
    since: dt.datetime,
    now: dt.datetime,
    **_kwargs: Any,
) -> None:
    linking.separate(path, separated, since, now)


def erase(
    sender: object, customers: Sequence[UUID], addresses: Sequence[str] = (), **_kwargs: Any
) -> dict[str, int]:
    return {"interactions": erasing.erase_texts(customers, addresses)}


def forget_late_news(sender: object, changes: Sequence[Change], **_kwargs: Any) -> None:
    erasing.forget_late_news(changes)


def tell_all(sender: object, customers: Sequence[UUID], user: User, **_kwargs: Any) -> dict[str, Any]:
    """Tell all interactions of a person, as the user may see them."""
    eye = presenting.eye_of(user, Schema.current())
    found = Interaction.objects.of(customers).newest_first().select_related("linked_by")
    return {str(_("Interactions")): presenting.interaction_json(list(found), eye, timezone.now())}


def still_in_contact(
    sender: object, customers: Sequence[UUID], since: dt.datetime, **_kwargs: Any
) -> list[UUID]:
    recent = Interaction.objects.filter(customer_id__in=list(customers), started__gt=since)
    return list(recent.values_list("customer_id", flat=True).distinct())
