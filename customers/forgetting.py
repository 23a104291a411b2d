"""What is left of an erased person with others whom they were merged with for a while (C17, C49).

A merge that was taken back gave its survivor values, and the survivor's history tells them still: so does that of
whoever the survivor was merged into meanwhile. Of these histories only the values of the erased person go.
"""

import re
from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, Q

from customers.models import Merge, MergedField, MergeWrite, Phone


def naming(texts: Collection[str], *fields: str) -> Q:
    """Find rows in which one of the ``texts`` stands by itself, not as part of a longer number or address."""
    named = Q(pk=None)
    if texts:
        pattern = rf"(?<![\w.+-])({'|'.join(map(re.escape, texts))})(?![\w-]|\.\w)"
        for name in fields:
            named |= Q(**{f"{name}__iregex": pattern})
    return named


def companions(erased: Collection[UUID]) -> list[UUID]:
    """List those whom the erased were merged with for a while, and whoever these were merged into meanwhile."""
    merges = Merge.objects.filter(id__in=_taken_back_with(erased))
    return list(merges.exclude(survivor__in=erased).values_list("survivor_id", flat=True).distinct())


def forget_among_others(erased: Collection[UUID], said: Collection[str]) -> int:
    """Remove the values of the erased from histories of others; return how many of their versions had some.

    ``said`` are numbers, addresses and identifiers, wherever they stand. Must run before the records are emptied.
    """
    merges = _taken_back_with(erased)
    if not merges:
        return 0
    written = MergeWrite.objects.filter(merge__in=merges).exclude(customer__in=erased).values("customer")
    touched = 0
    for host, since, until in written.annotate(since=Min("version"), until=Max("version")).values_list(
        "customer", "since", "until"
    ):
        touched += _forget(host, since, until, erased, said)
    Phone.objects.filter(merge__in=merges, number__in=said).exclude(valid_to=None).delete()
    fields = MergedField.objects.filter(merge__in=merges)
    fields.exclude(merge__undone_at=None).delete()
    for field in fields.filter(choice__has_key="given"):
        _forget_choice(field, said)
    for merge in Merge.objects.filter(id__in=merges).exclude(not_returned=[]):
        merge.not_returned = [item for item in merge.not_returned if item["number"] not in said]
        merge.save(update_fields=["not_returned"])
    return touched


def _forget_choice(field: MergedField, said: Collection[str]) -> None:
    """Take items that are gone out of a list that somebody decided when merging; what else was decided stays."""
    choice = field.choice or {}
    kept = {name: [item for item in items if item not in said] for name, items in choice.items()}
    if kept != choice:
        field.choice = kept
        field.save(update_fields=["choice"])


def _taken_back_with(erased: Iterable[UUID]) -> set[UUID]:
    """Return the merges of the erased into others, and those that carried their values further meanwhile."""
    found: set[UUID] = set()
    ids = list(erased)
    own = list(
        Merge.objects.filter(parts__customer__in=ids).exclude(survivor__in=ids).exclude(undone_at=None)
    )
    for one in own:
        found.add(one.id)
        hosts = {one.survivor_id}
        meanwhile = Merge.objects.filter(at__gt=one.at, at__lt=one.undone_at)
        while further := list(
            meanwhile.filter(Q(survivor__in=hosts) | Q(parts__customer__in=hosts))
            .exclude(id__in=found)
            .distinct()
        ):
            found |= {merge.id for merge in further}
            hosts |= {merge.survivor_id for merge in further}
    return found


def _forget(host: UUID, since: int, until: int, erased: Collection[UUID], said: Collection[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customers_forget_among(%s, %s, %s, %s, %s)",
            [host, since, until, list(erased), list(said)],
        )
        return int(cursor.fetchone()[0])
