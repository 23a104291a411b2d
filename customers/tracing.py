"""The story of an identity: which number or address since when, merged with whom and by whom (C10, C49)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from customers import history, merging
from customers.models import Customer, Identifier, Merge, Never, Phone
from customers.schema import Schema


@dataclass(frozen=True)
class Trace:
    """Since when, and until when, a customer has been known by something; ``merge`` brought it from another."""

    type: str
    value: str
    since: datetime
    until: datetime | None = None
    merge: UUID | None = None
    customer: UUID | None = None


@dataclass(frozen=True)
class Story:
    """All that is known of how a customer came to be who it is; each part with the newest first."""

    known_by: Sequence[Trace]
    merges: Sequence[Merge]
    never: Sequence[tuple[UUID, datetime]]


def story_of(customer: Customer, schema: Schema) -> Story:
    """Tell the story of a live customer, with those that were merged into it. A web id is never told (C41)."""
    family = merging.family_of(customer.id)
    known_by = [*_numbers(family), *_addresses(customer, schema), *_identifiers(customer.id)]
    known_by.sort(key=lambda item: (item.until is None, item.until or item.since, item.value), reverse=True)
    return Story(known_by, merging.merges_of(customer.id), _never(family))


def _numbers(family: Sequence[UUID]) -> list[Trace]:
    """Tell an ownership that merges have moved as one: it began with whoever had the number first."""
    found: list[Trace] = []
    begun: dict[str, Trace] = {}
    for row in Phone.objects.filter(customer__in=family).order_by("number", "id"):
        earlier = begun.get(row.number)
        moved = row.merge_id is not None and earlier is not None and earlier.until == row.valid_from
        if moved and earlier is not None:
            found.remove(earlier)
        since, whose = (
            (earlier.since, earlier.customer) if moved and earlier else (row.valid_from, row.customer_id)
        )
        begun[row.number] = Trace("phone", row.number, since, row.valid_to, row.merge_id, whose)
        found.append(begun[row.number])
    return found


def _addresses(customer: Customer, schema: Schema) -> list[Trace]:
    since: dict[str, datetime] = {}
    found: list[Trace] = []
    for change in reversed(history.versions_of(customer, schema)):
        shown = change.profile.get("emails")
        now = [str(item) for item in shown] if isinstance(shown, list) else []
        for address in [item for item in since if item not in now]:
            found.append(Trace("email", address, since.pop(address), change.at))
        for address in now:
            since.setdefault(address, change.at)
    return [*found, *(Trace("email", address, at) for address, at in since.items())]


def _identifiers(customer: UUID) -> list[Trace]:
    rows = Identifier.objects.filter(customer=customer).exclude(type=Identifier.Type.WEB)
    return [Trace(row.type, row.value, row.created_at) for row in rows]


def _never(family: Sequence[UUID]) -> list[tuple[UUID, datetime]]:
    rows = Never.objects.filter(Q(customer__in=family) | Q(other__in=family)).order_by("-created_at")
    return [(row.other_id if row.customer_id in family else row.customer_id, row.created_at) for row in rows]
