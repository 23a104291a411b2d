"""Erasing a person for good, and purging who was deleted long ago (C17).

What stays are the ids, so that nothing dangles, and a tombstone. Other apps remove what they keep, told by
``customer_erased``, in the same transaction.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.models import IdempotencyRecord
from customers import bulk, forgetting, history, merging
from customers.dialects import Unreadable
from customers.folding import fold
from customers.importing import uploads
from customers.models import (
    ArchivedValue,
    AttributeJob,
    Customer,
    CustomerLabel,
    Duplicate,
    DuplicateKey,
    Erasure,
    Identifier,
    ImportPiece,
    ImportRow,
    ImportRun,
    ListJob,
    Merge,
    Never,
    Phone,
    SavedView,
)
from customers.returning import mark_of_email, mark_of_name, mark_of_number
from customers.schema import Schema
from customers.signals import customer_erased

BATCH = 100
_DIGITS_COMPARED = 8
_NOT_DIGITS = re.compile(r"\D+")


class ImportAtWork(Exception):
    """An import that is not over names the person: its file is still needed."""

    def __init__(self, run: ImportRun) -> None:
        super().__init__(run.id)
        self.run = run

    def __str__(self) -> str:
        return _(
            "The import “%(file)s” names this person and is not over. Finish or cancel it, then erase again."
        ) % {"file": self.run.file_name}


@dataclass
class _Person:
    """By what a person was known, now and in every version."""

    numbers: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def add(self, profile: Any, phone_keys: Iterable[str]) -> None:
        for key in phone_keys:
            value = profile.get(key)
            self.numbers.update(value if isinstance(value, list) else [str(value)] if value else [])
        emails = profile.get("emails")
        self.emails.update(emails if isinstance(emails, list) else [])
        name = (str(profile.get("first_name") or ""), str(profile.get("last_name") or ""))
        if any(name):
            self.names.add(name)

    @property
    def addresses(self) -> list[str]:
        """By what channels reach the person: numbers and emails that are long enough to mean nobody else."""
        return sorted(text for text in {*self.numbers, *self.emails} if len(text) > 6)

    @property
    def said(self) -> list[str]:
        """All by which the person is known but for names, which others share."""
        return sorted({*self.numbers, *self.emails, *self.others} - {""})

    @property
    def texts(self) -> list[str]:
        """What can be looked for in texts without hitting somebody else."""
        return sorted(text for text in {*self.numbers, *self.emails, *self.others} if len(text) > 5)

    def is_named_by(self, items: Iterable[object]) -> bool:
        """Say whether any of the texts that somebody searched for is the last name or the whole name."""
        names = {fold(last) for _first, last in self.names if last}
        names |= {fold(f"{first} {last}".strip()) for first, last in self.names}
        return any(fold(str(item)).strip() in names for item in items)

    def is_in(self, cells: Sequence[str]) -> bool:
        """Say whether a row of a file names the person: by number, email, identifier or whole name."""
        row = fold("\n".join(cells))
        if any(fold(text) in row for text in (*self.emails, *self.others)):
            return True
        if any(first and last and fold(first) in row and fold(last) in row for first, last in self.names):
            return True
        digits = [_NOT_DIGITS.sub("", cell) for cell in cells]
        ends = [_NOT_DIGITS.sub("", number)[-_DIGITS_COMPARED:] for number in self.numbers]
        return any(end and end in cell for end in ends for cell in digits)


def erase(customer_id: UUID, actor: audit.Actor, *, schema: Schema, now: datetime) -> Erasure:
    """Remove all personal data of a person, with all that was merged into it, and keep a tombstone (C17).

    A deleted customer can be erased too. Raises Customer.DoesNotExist, also for somebody who was erased before, and
    ImportAtWork.
    """
    with transaction.atomic():
        rows = _locked_family(customer_id)
        ids = [row.id for row in rows]
        if Erasure.objects.of(ids).exists():
            raise Customer.DoesNotExist(customer_id)
        person = _known(rows, schema)
        root = next(row.id for row in rows if row.merged_into_id is None)
        with audit.recorded(actor, "customer.erase", object_type="customer", object_id=root) as entry:
            counts = _remove(ids, person, entry, now)
        return Erasure.objects.create(
            at=now,
            by_id=actor.user_id,
            by_name=actor.name,
            entry=entry,
            customers=ids,
            counts=counts,
            numbers=sorted(map(mark_of_number, person.numbers)),
            names=sorted(mark_of_name(*name) for name in person.names),
            emails=sorted(map(mark_of_email, person.emails)),
            remembered_until=now + timedelta(days=settings.CIM_ERASED_DAYS),
        )


def purge_deleted(now: datetime) -> int:
    """Remove the data of customers that were deleted longer ago than they are kept; return how many (C17).

    They are not remembered: somebody who comes back is welcome. One that an unfinished import names waits. Expired
    hashes of erased persons go too.
    """
    Erasure.objects.exclude(numbers=[], names=[], emails=[]).filter(remembered_until__lte=now).update(
        numbers=[], names=[], emails=[]
    )
    schema = Schema.current()
    before = now - timedelta(days=settings.CIM_DELETED_DAYS)
    gone = 0
    due = Customer.objects.filter(deleted_at__lt=before, merged_into=None).order_by("deleted_at")
    erased = {customer for ids in Erasure.objects.values_list("customers", flat=True) for customer in ids}
    for customer_id in list(due.values_list("id", flat=True)):
        if customer_id in erased:
            continue
        try:
            with transaction.atomic():
                gone += _purge(customer_id, before, schema, now)
        except (ImportAtWork, Customer.DoesNotExist):
            continue
    return gone


def _purge(customer_id: UUID, before: datetime, schema: Schema, now: datetime) -> bool:
    rows = _locked_family(customer_id)
    root = next(row for row in rows if row.merged_into_id is None)
    if root.deleted_at is None or root.deleted_at >= before:
        return False
    ids = [row.id for row in rows]
    actor = audit.system_actor("system")
    with audit.recorded(actor, "customer.purge", object_type="customer", object_id=root.id) as entry:
        counts = _remove(ids, _known(rows, schema), entry, now)
    Erasure.objects.create(at=now, entry=entry, customers=ids, counts=counts, remembered_until=now)
    return True


def _locked_family(customer_id: UUID) -> list[Customer]:
    """Lock a customer with all that were merged into it, the order of ids; somebody may merge in the meantime."""
    found: list[Customer] = []
    while True:
        root = customer_id
        while into := Customer.objects.values_list("merged_into_id", flat=True).get(id=root):
            root = into
        ids = sorted(merging.family_of(root))
        if sorted(row.id for row in found) == ids:
            return found
        found = list(Customer.objects.filter(id__in=ids).locked())


def _known(rows: Sequence[Customer], schema: Schema) -> _Person:
    person = _Person()
    for row in rows:
        for change in history.versions_of(row, schema):
            person.add(change.profile, schema.phone_keys)
        person.others.update(filter(None, (row.crm_id, row.account_id)))
    ids = [row.id for row in rows]
    phones = Phone.objects.filter(customer__in=ids)
    person.numbers.update(phones.values_list("number", flat=True))
    person.others.update(phones.values_list("typed", flat=True))
    for kind, value in Identifier.objects.filter(customer__in=ids).values_list("type", "value"):
        (person.emails if kind == Identifier.Type.EMAIL else person.others).add(value)
    return person


def _remove(ids: Sequence[UUID], person: _Person, entry: audit.AuditEntry, now: datetime) -> dict[str, int]:
    """Empty the records and everything that names the person; return how much it was."""
    files = _drop_files(ids, person)
    counts: dict[str, int] = {
        "profiles": len(ids),
        "numbers": len(person.numbers),
        "emails": len(person.emails),
        "identifiers": Identifier.objects.filter(customer__in=ids).delete()[0],
        "labels": CustomerLabel.objects.filter(customer__in=ids).delete()[0],
    }
    for _receiver, told in customer_erased.send(
        Customer,
        customers=list(ids),
        addresses=person.addresses,
        companions=forgetting.companions(ids),
        only_theirs=_not_of_others(person.addresses, ids),
        entry=entry,
        now=now,
    ):
        counts.update(told if isinstance(told, dict) else {})
    among_others = forgetting.forget_among_others(ids, person.said)
    _empty(ids, now)
    # Emptying has left a version of its own.
    counts["versions"] = max(0, _forget_versions(ids) - len(ids)) + among_others
    Phone.objects.filter(customer__in=ids).delete()
    ArchivedValue.objects.filter(customer__in=ids).delete()
    about = Q(customer__in=ids) | Q(other__in=ids)
    Never.objects.filter(about).delete()
    Duplicate.objects.filter(about).delete()
    DuplicateKey.objects.filter(customer_id__in=ids).delete()
    merging.forget(ids)
    Merge.objects.filter(parts__customer__in=ids).exclude(survivor__in=ids).update(not_returned=[])
    Merge.objects.filter(survivor__in=ids).delete()
    counts["files"] = files + bool(bulk.forget_files())
    _forget_questions(ids, person)
    return {name: count for name, count in counts.items() if count}


def _not_of_others(addresses: Collection[str], ids: Sequence[UUID]) -> list[str]:
    """Leave out what somebody else goes by: a number that was given to them since, an email that several share."""
    others = Phone.objects.current().filter(number__in=addresses).exclude(customer__in=ids)
    shared = set(others.values_list("number", flat=True))
    holders = Customer.objects.live().filter(emails__overlap=list(addresses)).exclude(id__in=ids)
    for emails in holders.values_list("emails", flat=True):
        shared.update(emails)
    return [text for text in addresses if text not in shared]


def _empty(ids: Sequence[UUID], now: datetime) -> None:
    kept = {
        "id",
        "version",
        "stage",
        "created_at",
        "updated_at",
        "created_entry",
        "deleted_at",
        "merged_into",
    }
    cleared: dict[str, Any] = {
        column.name: [] if column.name in {"phones", "emails"} else None
        for column in Customer._meta.concrete_fields
        if column.name not in kept
    }
    Customer.objects.filter(id__in=ids).update(
        **cleared, deleted_at=now, updated_at=now, version=F("version") + 1
    )


def _forget_versions(ids: Sequence[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_forget_versions(%s)", [list(ids)])
        return int(cursor.fetchone()[0])


def _drop_files(ids: Sequence[UUID], person: _Person) -> int:
    """Drop whole the files and reports of the imports that name the person; return how many. Raises ImportAtWork."""
    touched = set(ImportRow.objects.filter(customer__in=ids).values_list("run_id", flat=True).distinct())
    reported = Q(run=None)
    for text in person.texts:
        reported |= Q(value__icontains=text) | Q(reason__icontains=text)
    touched |= set(ImportRow.objects.filter(reported).values_list("run_id", flat=True).distinct())
    kept = ImportRun.objects.filter(pieces__number=0)
    for run in kept:
        if run.id not in touched and _names(run, person):
            touched.add(run.id)
    concerned = list(ImportRun.objects.filter(id__in=touched))
    for run in concerned:
        if not run.is_final:
            raise ImportAtWork(run)
    ImportPiece.objects.filter(run__in=concerned).delete()
    ImportRow.objects.filter(run__in=concerned).update(column="", value="", reason="")
    for run in concerned:
        if any("numbers" in item for item in run.not_undone):
            run.not_undone = [
                {key: value for key, value in item.items() if key != "numbers"} for item in run.not_undone
            ]
            run.save(update_fields=["not_undone"])
    return len(concerned)


def _names(run: ImportRun, person: _Person) -> bool:
    try:
        return any(person.is_in(cells) for _line, cells in uploads.stored_rows(run))
    except Unreadable:
        return False


def _forget_questions(ids: Sequence[UUID], person: _Person) -> None:
    """Remove what people asked about the person: conditions of views and jobs, answers kept for repeated POSTs."""
    spoken = Q(pk=None)
    for text in [*map(str, ids), *person.texts]:
        spoken |= Q(body__icontains=text)
    IdempotencyRecord.objects.filter(spoken).delete()
    # The values that stood in the way of a conversion.
    AttributeJob.objects.exclude(examples=[]).update(examples=[])
    texts = [fold(text) for text in person.texts]
    # A job that has not written down yet whom it concerns needs its question.
    for job in ListJob.objects.filter(is_collected=True).exclude(query={}):
        asked = [item for items in job.query.values() for item in items]
        if any(text in fold(str(asked)) for text in texts) or person.is_named_by(asked):
            job.query = {}
            job.save(update_fields=["query"])
    for view in SavedView.objects.exclude(query={}):
        query = {
            name: items
            for name, items in view.query.items()
            if not any(text in fold(str(items)) for text in texts) and not person.is_named_by(items)
        }
        if query != view.query:
            view.query = query
            view.save(update_fields=["query"])
