"""One thing done to many customers: label, unlabel, delete, export, and taking it back (C27, C28).

Whom a job concerns is written down first; then it works in chunks, each one transaction under a lease, so that nobody
waits for it, it shows how far it is, and another worker goes on where one has died.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers import exporting, listing, profiles
from customers.listing import Query
from customers.models import Customer, Label, ListJob, ListJobPiece, ListJobRow
from customers.policy import Sight
from customers.schema import Schema

logger = structlog.get_logger(__name__)

Action: TypeAlias = ListJob.Action
State: TypeAlias = ListJob.State
Outcome: TypeAlias = ListJobRow.Outcome

CHUNK = {Action.LABEL: 2000, Action.UNLABEL: 2000, Action.DELETE: 100, Action.EXPORT: 2000}
"""How many customers one transaction takes: a fraction of a second."""

AT_ONCE = {Action.LABEL: 2000, Action.UNLABEL: 2000, Action.DELETE: 100, Action.EXPORT: 5000}
"""Up to how many customers the request itself does the work; more go to the background."""

LEASE = timedelta(seconds=60)
KEPT = timedelta(hours=24)
"""How long an exported file can be fetched; it is full of personal data."""

REMEMBERED = timedelta(days=30)
"""How long a job can be looked at and undone."""


class NotPossible(Exception):
    """The job is not in a state that allows this; the message says which it is in."""

    def __init__(self, job: ListJob, wanted: str) -> None:
        super().__init__(
            _("This job is %(state)s; it cannot be %(wanted)s.")
            % {"state": job.get_state_display().lower(), "wanted": wanted}
        )


class LeaseLost(Exception):
    """Another worker has taken the job over, or it was cancelled."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants done, and to whom: those whom ``query`` finds, or ``ids``."""

    action: Action
    query: Query | None = None
    ids: Sequence[UUID] = ()
    label: Label | None = None
    format: str = ""
    columns: Sequence[str] = ()


def ask(wish: Wish, asked: dict[str, list[str]], sight: Sight, actor: audit.Actor) -> ListJob:
    """Write a job down and return it; a small one is done when this returns.

    ``asked`` are the parameters that ``wish.query`` was read from: a job for the background reads them again.
    """
    job = ListJob(
        action=wish.action,
        owner_id=actor.user_id,
        actor_name=actor.name,
        via=actor.via,
        query=asked,
        masked=sorted(sight.masked),
        label=wish.label,
        label_name=wish.label.name if wish.label else "",
        format=wish.format,
        columns=list(wish.columns),
        created_at=timezone.now(),
    )
    count = len(wish.ids) if wish.query is None else listing.count(wish.query)
    with transaction.atomic():
        job.save(force_insert=True)
        audit.note(
            actor,
            f"bulk.{wish.action}",
            object_type="list_job",
            object_id=job.id,
            customers=count,
            label=job.label_name,
        )
        if wish.query is None:
            _write_down(job, [list(wish.ids)])
        elif count <= AT_ONCE[wish.action]:
            collect(job, wish.query)
    if job.is_collected and count <= AT_ONCE[wish.action]:
        work_on(job.id)
        job.refresh_from_db()
    return job


def collect(job: ListJob, query: Query) -> None:
    """Write down everybody whom ``query`` finds, in the order of the list."""
    with transaction.atomic():
        ListJobRow.objects.filter(job=job).delete()
        _write_down(job, listing.ids(query))


def _write_down(job: ListJob, batches: Iterable[list[UUID]]) -> None:
    position = 0
    with connection.cursor() as cursor:
        for batch in batches:
            cursor.execute(
                "INSERT INTO customers_listjobrow (job_id, position, customer_id, outcome)"
                " SELECT %s, %s + place, id, '' FROM unnest(%s::uuid[]) WITH ORDINALITY AS given(id, place)",
                [job.id, position, batch],
            )
            position += len(batch)
    job.total, job.is_collected = position, True
    job.save(update_fields=["total", "is_collected"])


def work_on(job_id: UUID) -> bool:
    """Work on a job until it is done, if nobody else does; return whether it was taken up."""
    lease = _take(job_id)
    if lease is None:
        return False
    job, fence = lease
    try:
        if job.state == State.UNDOING:
            _until_done(job, fence, _undo_chunk, State.UNDONE)
        elif job.action == Action.EXPORT:
            _until_done(job, fence, _export_chunk, State.COMPLETED)
        else:
            _until_done(job, fence, _act_on_chunk, State.COMPLETED)
    except LeaseLost:
        logger.info("list job left", job=str(job_id))
    except Exception:
        logger.exception("list job failed", job=str(job_id))
        _finish(
            job_id, fence, State.FAILED, error=_("It could not be finished; what was done until then stands.")
        )
    return True


def cancel(job: ListJob) -> None:
    """Stop a job; what it has done stands. Raises NotPossible when it is over."""
    with transaction.atomic():
        job = ListJob.objects.select_for_update().get(pk=job.pk)
        if job.state not in (State.QUEUED, State.RUNNING):
            raise NotPossible(job, _("cancelled"))
        job.state, job.finished_at, job.leased_until = State.CANCELLED, timezone.now(), None
        job.fence += 1
        job.save(update_fields=["state", "finished_at", "leased_until", "fence"])
        ListJobPiece.objects.filter(job=job).delete()


def undo(job: ListJob, actor: audit.Actor) -> None:
    """Ask for what a job has changed to be taken back. Raises NotPossible."""
    with transaction.atomic():
        job = ListJob.objects.select_for_update().get(pk=job.pk)
        if not job.is_undoable:
            raise NotPossible(job, _("undone"))
        job.state, job.finished_at, job.done = State.UNDOING, None, 0
        job.save(update_fields=["state", "finished_at", "done"])
        audit.note(actor, "bulk.undo", object_type="list_job", object_id=job.id, customers=job.changed)


def forget(before: datetime) -> int:
    """Delete the jobs asked for before an instant, with their files; return how many went."""
    _count, deleted = (
        ListJob.objects.filter(created_at__lt=before).exclude(state__in=ListJob.WORKABLE).delete()
    )
    return deleted.get("customers.ListJob", 0)


def forget_files(before: datetime | None = None) -> int:
    """Delete exported files: those finished before an instant, or all, as after an erasure; return how many pieces."""
    pieces = (
        ListJobPiece.objects.filter(job__finished_at__lt=before) if before else ListJobPiece.objects.all()
    )
    return pieces.delete()[0]


def file_of(job: ListJob) -> Iterator[bytes]:
    """Yield an exported file as it is put together."""
    assemble = exporting.xlsx_file if job.format == ListJob.Format.XLSX else exporting.csv_file
    return assemble(_pieces_of(job))


def _pieces_of(job: ListJob) -> Iterator[bytes]:
    # One query each: nothing stays open while a slow client reads.
    for number in ListJobPiece.objects.filter(job=job).order_by("number").values_list("number", flat=True):
        yield zlib.decompress(ListJobPiece.objects.get(job=job, number=number).data)


# A worker's part


def _take(job_id: UUID) -> tuple[ListJob, int] | None:
    now = timezone.now()
    with transaction.atomic():
        job = ListJob.objects.due(now).filter(pk=job_id).select_for_update(skip_locked=True).first()
        if job is None or not job.is_collected:
            return None
        job.fence += 1
        job.leased_until = now + LEASE
        job.started_at = job.started_at or now
        if job.state == State.QUEUED:
            job.state = State.RUNNING
        job.save(update_fields=["fence", "leased_until", "started_at", "state"])
    return job, job.fence


def _until_done(job: ListJob, fence: int, step: Callable[[ListJob], bool], end: State) -> None:
    while True:
        with transaction.atomic():
            held = _hold(job.pk, fence)
            goes_on = step(held)
            held.leased_until = timezone.now() + LEASE
            held.save(update_fields=["done", "changed", "not_returned", "leased_until"])
        if not goes_on:
            break
    _finish(job.pk, fence, end)


def _hold(job_id: UUID, fence: int) -> ListJob:
    job = ListJob.objects.select_for_update().get(pk=job_id)
    if job.fence != fence:
        raise LeaseLost
    return job


def _finish(job_id: UUID, fence: int, state: State, error: str = "") -> None:
    ListJob.objects.filter(pk=job_id, fence=fence).update(
        state=state, finished_at=timezone.now(), leased_until=None, error=error
    )


def _act_on_chunk(job: ListJob) -> bool:
    """Do the next customers; False when none is left."""
    chunk = list(job.rows.filter(outcome="").order_by("position")[: CHUNK[Action(job.action)]])
    if not chunk:
        return False
    ids = [row.customer_id for row in chunk]
    match job.action:
        case Action.LABEL:
            changed = _label(job, ids)
        case Action.UNLABEL:
            changed = _unlabel(job, ids)
        case _:
            changed = _delete(job, ids)
    _note_outcomes(chunk, changed)
    job.done += len(chunk)
    job.changed += len(changed)
    return True


def _note_outcomes(chunk: Sequence[ListJobRow], changed: set[UUID]) -> None:
    for outcome, rows in (
        (Outcome.CHANGED, [row.pk for row in chunk if row.customer_id in changed]),
        (Outcome.UNCHANGED, [row.pk for row in chunk if row.customer_id not in changed]),
    ):
        ListJobRow.objects.filter(pk__in=rows).update(outcome=outcome)


def _label(job: ListJob, ids: Sequence[UUID]) -> set[UUID]:
    return _ids(
        "INSERT INTO customers_customerlabel (customer_id, label_id) SELECT c.id, l.id FROM customers_customer c"
        " JOIN customers_label l ON l.id = %s WHERE c.id = ANY(%s) AND c.deleted_at IS NULL"
        " AND c.merged_into_id IS NULL ORDER BY c.id ON CONFLICT DO NOTHING RETURNING customer_id",
        [job.label_id, list(ids)],
    )


def _unlabel(job: ListJob, ids: Sequence[UUID]) -> set[UUID]:
    return _ids(
        "DELETE FROM customers_customerlabel WHERE label_id = %s AND customer_id = ANY(%s) RETURNING customer_id",
        [job.label_id, list(ids)],
    )


def _ids(sql: str, parameters: list[object]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)  # type: ignore[arg-type]
        return {row[0] for row in cursor.fetchall()}


def _delete(job: ListJob, ids: Sequence[UUID]) -> set[UUID]:
    changed = set()
    for customer in sorted(ids):
        try:
            profiles.delete(customer, _actor(job))
        except Customer.DoesNotExist:
            continue
        changed.add(customer)
    return changed


def _undo_chunk(job: ListJob) -> bool:
    chunk = list(job.rows.filter(outcome=Outcome.CHANGED).order_by("position")[: CHUNK[Action(job.action)]])
    if not chunk:
        return False
    ids = [row.customer_id for row in chunk]
    match job.action:
        case Action.LABEL:
            _unlabel(job, ids)
        case Action.UNLABEL:
            _label(job, ids)
        case _:
            job.not_returned += _undelete(job, ids)
    ListJobRow.objects.filter(pk__in=[row.pk for row in chunk]).update(outcome=Outcome.UNDONE)
    job.done += len(chunk)
    return True


def _undelete(job: ListJob, ids: Sequence[UUID]) -> list[dict[str, str]]:
    schema = Schema.current()
    missing: list[dict[str, str]] = []
    for customer in sorted(ids):
        try:
            missing += [
                dict(item) for item in profiles.undelete(customer, _actor(job), schema=schema).not_returned
            ]
        except Customer.DoesNotExist:
            # Somebody has brought it back already, or it is gone for good.
            continue
    return missing


def _export_chunk(job: ListJob) -> bool:
    """Write the next customers as a piece of the file; the first one begins with the names of the columns."""
    chunk = job.rows.filter(position__gt=job.done).order_by("position")[: CHUNK[Action.EXPORT]]
    ids = list(chunk.values_list("customer_id", flat=True))
    if not ids and job.done:
        return False
    schema = Schema.current()
    sight = Sight(frozenset(job.masked), frozenset(), may_reveal=not job.masked)
    rows: list[Sequence[exporting.Cell]] = [] if job.done else [job.columns]
    rows += exporting.records(ids, job.columns, schema, sight)
    data = (exporting.xlsx_piece if job.format == ListJob.Format.XLSX else exporting.csv_piece)(rows)
    ListJobPiece.objects.create(job=job, number=job.done, data=zlib.compress(data, 1))
    job.done += len(ids)
    return bool(ids)


def _actor(job: ListJob) -> audit.Actor:
    return audit.Actor(job.owner_id, job.actor_name, job.via)
