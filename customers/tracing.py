"""The story of an identity: which number or address since when, merged with whom and by whom (C10, C49)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from customers import history, merging
from customers.models import Customer, Identifier, Merge, Never, Phone
from customers.schema import Schema


@dataclass(frozen=True)
class Trace:
    """Since when, and until when, a customer has been known by something.

    ``merge`` brought it from another, ``customer`` is who had it first; ``by`` said so, where that is known.
    """

    type: str
    value: str
    since: datetime
    until: datetime | None = None
    merge: UUID | None = None
    customer: UUID | None = None
    by: str = ""


@dataclass(frozen=True)
class Story:
    """All that is known of how a customer came to be who it is; each part with the newest first."""

    known_by: Sequence[Trace]
    merges: Sequence[Merge]
    never: Sequence[tuple[UUID, datetime]]


def story_of(customer: Customer, schema: Schema) -> Story:
    """Tell the story of a live customer, with those that were merged into it. A web id is never told (C41)."""
    family = merging.family_of(customer.id)
    merges = merging.merges_of(customer.id)
    lives = _Lives(family, merges, schema)
    known_by = [*_numbers(family, lives), *lives.addresses(customer.id), *_identifiers(customer.id, family)]
    known_by.sort(key=lambda item: (item.until is None, item.until or item.since, item.value), reverse=True)
    return Story(known_by, merges, _never(family))


class _Lives:
    """The versions of a customer and of those merged into it: who wrote what when."""

    def __init__(self, family: Sequence[UUID], merges: Sequence[Merge], schema: Schema) -> None:
        rows = Customer.objects.in_bulk(family)
        self.versions = {key: history.versions_of(row, schema) for key, row in rows.items()}
        self.merges = {made.entry_id: made for made in merges}
        self.writers = {
            (key, change.at): change.entry.actor_name
            for key, versions in self.versions.items()
            for change in versions
            if change.entry
        }

    def addresses(self, customer: UUID) -> list[Trace]:
        """Tell the mail addresses of one of them, those that a merge brought since their first owner had them."""
        shown: dict[str, Trace] = {}
        found: list[Trace] = []
        for change in reversed(self.versions.get(customer, [])):
            value = change.profile.get("emails")
            now = [str(item) for item in value] if isinstance(value, list) else []
            for address in [item for item in shown if item not in now]:
                found.append(replace(shown.pop(address), until=change.at))
            made = self.merges.get(change.entry.pk) if change.entry else None
            brought = self._of_parts(made) if made and made.survivor_id == customer else {}
            for address in now:
                if address not in shown:
                    first = Trace("email", address, change.at, customer=customer, by=_writer(change))
                    shown[address] = brought.get(address, first)
        return [*found, *shown.values()]

    def _of_parts(self, made: Merge) -> dict[str, Trace]:
        return {
            item.value: replace(item, merge=made.id)
            for part in made.parts.all()
            for item in self.addresses(part.customer_id)
            if item.until is None
        }


def _writer(change: history.Change) -> str:
    return change.entry.actor_name if change.entry else ""


def _numbers(family: Sequence[UUID], lives: _Lives) -> list[Trace]:
    """Tell an ownership that merges have moved as one: it began with whoever had the number first."""
    found: list[Trace] = []
    begun: dict[str, Trace] = {}
    for row in Phone.objects.filter(customer__in=family).order_by("number", "id"):
        earlier = begun.get(row.number)
        first = Trace(
            "phone",
            row.number,
            row.valid_from,
            customer=row.customer_id,
            by=lives.writers.get((row.customer_id, row.valid_from), ""),
        )
        if row.merge_id is not None and earlier is not None and earlier.until == row.valid_from:
            found.remove(earlier)
            first = earlier
        begun[row.number] = replace(first, until=row.valid_to, merge=row.merge_id)
        found.append(begun[row.number])
    return found


def _identifiers(customer: UUID, family: Sequence[UUID]) -> list[Trace]:
    """Tell the identifiers of the customer, those of its parts since the part had them."""
    rows = Identifier.objects.filter(customer__in=family).exclude(type=Identifier.Type.WEB)
    own: dict[tuple[str, str], Trace] = {}
    carried = set()
    for row in rows.order_by("created_at", "id"):
        own.setdefault(
            (row.type, row.value), Trace(row.type, row.value, row.created_at, customer=row.customer_id)
        )
        if row.customer_id == customer:
            carried.add((row.type, row.value))
    return [trace for key, trace in own.items() if key in carried]


def _never(family: Sequence[UUID]) -> list[tuple[UUID, datetime]]:
    rows = Never.objects.filter(Q(customer__in=family) | Q(other__in=family)).order_by("-created_at")
    return [(row.other_id if row.customer_id in family else row.customer_id, row.created_at) for row in rows]
