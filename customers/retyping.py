"""How an attribute becomes one of another type: checked, converted in the background, never losing a value (C7).

Every stored value is looked at first; one that does not convert refuses the whole, and nothing has changed then. The
converted values fill a free slot, in short transactions, while everybody goes on reading the old one; whoever saves a
customer meanwhile writes both. At the end the attribute moves to the new slot in one statement, and the old slot is
emptied. Until that statement the old values are untouched. Imports, which write past the models, wait for the end.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers import archiving, values
from customers import schema as schemas
from customers.importing.leasing import queue_up
from customers.indexes import alone
from customers.models import ArchivedValue, Attribute, AttributeJob, Customer, ImportRun, SlotLease
from customers.models.attribute import storage_of
from customers.models.customer import from_column, to_column
from customers.numbers import identifying, owners_of
from customers.schema import Converting, Definition, InvalidAttribute
from customers.values import BadValue, Kind, Reading, Value

BATCH = 200
"""How many customers one short transaction holds: whoever saves one of them waits no longer than that takes (Q15)."""

MOST_EXAMPLES = 10
WAIT_FOR_WRITERS = "100ms"
"""How long the last step waits for those who are saving customers, and keeps others waiting (C6)."""

_LOCK = 0x43494D_0002

Job, State = AttributeJob, AttributeJob.State


class AtWork(Exception):
    """Another job works on the values of this attribute."""

    def __init__(self, attribute: Attribute) -> None:
        super().__init__(attribute.key)
        self.attribute = attribute

    def __str__(self) -> str:
        return _("The values of %(label)s are being worked on. Wait until that is done, or cancel it.") % {
            "label": self.attribute.label
        }


def ask(
    attribute: Attribute, wanted: Definition, actor: audit.Actor, *, dry_run: bool, now: datetime
) -> AttributeJob:
    """Ask for a conversion to the type, options and length that ``wanted`` says; ``dry_run`` only counts (C7).

    Raises InvalidAttribute, AtWork.
    """
    future = _future(attribute, wanted)
    with transaction.atomic():
        job = _new(attribute, AttributeJob.Action.CONVERT, State.CHECKING, actor, now)
        job.type, job.options, job.max_length = future.type, future.options, future.max_length
        job.from_type, job.dry_run = attribute.type, dry_run
        _insert(job, attribute)
    return job


def ask_to_fill(attribute: Attribute, actor: audit.Actor, *, now: datetime) -> AttributeJob:
    """Ask for the attribute's default to be put in wherever nothing stands (C2). Raises InvalidAttribute, AtWork."""
    if not attribute.default or attribute.archived_at is not None:
        raise InvalidAttribute(
            {
                "default": [
                    _("%(label)s has no value for new customers to fill in.") % {"label": attribute.label}
                ]
            }
        )
    job = _new(attribute, AttributeJob.Action.FILL, State.FILLING, actor, now)
    _insert(job, attribute)
    return job


def cancel(job: AttributeJob) -> None:
    """Ask the job to stop; the attribute stays as it was, and what has been filled in stays filled in."""
    Job.objects.filter(pk=job.pk, state__in=Job.STOPPABLE).update(stop=True)


def latest(attribute: Attribute, action: AttributeJob.Action) -> AttributeJob | None:
    return attribute.jobs.filter(action=action).order_by("-created_at").first()


def work() -> int:
    """Work on every job that waits; return how many were taken up. Nobody else works on a job meanwhile."""
    taken = 0
    for key in list(Job.objects.unfinished().order_by("created_at").values_list("pk", flat=True)):
        with alone(_LOCK ^ key.int % (1 << 62)) as is_free:
            if is_free:
                taken += 1
                while _step(Job.objects.select_related("attribute").get(pk=key)):
                    pass
    return taken


def _step(job: AttributeJob) -> bool:
    """Do one short piece of ``job``; False when there is nothing more to do now."""
    if job.stop and job.state in Job.STOPPABLE:
        _end(job, State.CANCELLED)
        return True
    match job.state:
        case State.CHECKING:
            return _check(job)
        case State.WAITING:
            return _begin(job)
        case State.CONVERTING:
            return _convert(job)
        case State.CLEARING:
            return _clear(job)
        case State.FILLING:
            return _fill(job)
    return False


# Checking


def _check(job: AttributeJob) -> bool:
    attribute = job.attribute
    if attribute.archived_at is not None:
        _end(job, State.CANCELLED)
        return False
    if ArchivedValue.objects.filter(attribute=attribute).exists():
        # Values that are still on their way back after a restore.
        archiving.tidy(attribute.pk, timezone.now())
    if job.cursor is None:
        job.total = schemas.holders_of(attribute)
    rows = _rows_after(attribute, job.cursor)
    if not rows:
        if job.wrong:
            _end(job, State.REFUSED)
        elif job.dry_run:
            _end(job, State.READY)
        else:
            job.state, job.cursor, job.done = State.WAITING, None, 0
            _keep(job)
        return True
    future = _future_of(job)
    _converted, problems = _converted_rows(rows, attribute, future)
    _remember(job, rows, problems)
    _keep(job)
    return True


def _converted_rows(
    rows: Sequence[tuple[UUID, Any]], attribute: Attribute, future: Attribute
) -> tuple[dict[UUID, Value], dict[UUID, tuple[str, str]]]:
    """Return the new value of each customer, or what it is that does not convert and why."""
    reading = Reading(schemas.dialplan())
    known: dict[Any, Value | BadValue] = {}
    found: dict[UUID, Value] = {}
    problems: dict[UUID, tuple[str, str]] = {}
    for customer, stored in rows:
        if stored not in known:
            try:
                known[stored] = values.converted(from_column(stored, attribute.kind), future.rules, reading)
            except BadValue as refusal:
                known[stored] = refusal
        result = known[stored]
        if isinstance(result, BadValue):
            problems[customer] = values.to_text(from_column(stored, attribute.kind)), str(result)
        else:
            found[customer] = result
    if future.kind is Kind.PHONE:
        problems |= _taken(found, rows, attribute)
    return found, problems


def _taken(
    found: Mapping[UUID, Value], rows: Sequence[tuple[UUID, Any]], attribute: Attribute
) -> dict[UUID, tuple[str, str]]:
    """Find the customers whose new number somebody else has (C10); one who is deleted or merged needs none."""
    live = set(Customer.objects.live().filter(id__in=found).values_list("id", flat=True))
    wanted = {customer: str(number) for customer, number in found.items() if customer in live}
    owners: dict[str, UUID] = {}
    known = owners_of(set(wanted.values()))
    stored = dict(rows)
    problems = {}
    counted = identifying(wanted.values())
    for customer, number in wanted.items():
        if number in counted and known.get(number, owners.setdefault(number, customer)) != customer:
            problems[customer] = (
                values.to_text(from_column(stored[customer], attribute.kind)),
                _("%(number)s belongs to another customer.") % {"number": values.quoted(number)},
            )
    return problems


def _remember(
    job: AttributeJob, rows: Sequence[tuple[UUID, Any]], problems: Mapping[UUID, tuple[str, str]]
) -> None:
    job.cursor, job.done, job.wrong = rows[-1][0], job.done + len(rows), job.wrong + len(problems)
    shown = {example["value"]: example for example in job.examples}
    for customer, (value, reason) in problems.items():
        if value in shown:
            shown[value]["customers"] += 1
        elif len(shown) < MOST_EXAMPLES:
            shown[value] = {"value": value, "reason": reason, "customer": str(customer), "customers": 1}
    job.examples = list(shown.values())


# Converting


def _begin(job: AttributeJob) -> bool:
    """Reserve the slot; from now on every save of a customer writes both types. False while an import is at work."""
    now = timezone.now()
    with transaction.atomic():
        queue_up()
        if ImportRun.objects.leased(now).exists():
            return False
        attribute = Attribute.objects.select_for_update().get(pk=job.attribute_id)
        if attribute.archived_at is not None or attribute.type != job.from_type:
            _end(job, State.CANCELLED)
            return False
        slot = schemas.free_slot()
        SlotLease.objects.create(attribute=None, slot=slot, type=job.type, since=now)
        attribute.converting = {
            "type": job.type, "slot": slot, "options": job.options, "max_length": job.max_length
        }  # fmt: skip
        attribute.save(update_fields=["converting"])
        job.state, job.cursor, job.done, job.slot, job.slot_type = State.CONVERTING, None, 0, slot, job.type
        _keep(job)
    return True


def _convert(job: AttributeJob) -> bool:
    attribute = job.attribute
    future = attribute.future
    if future is None:  # pragma: no cover - what the state says
        raise Converting(attribute)
    with transaction.atomic():
        rows = _rows_after(attribute, job.cursor, lock=True)
        if rows:
            before = transaction.savepoint()
            converted, problems = _converted_rows(rows, attribute, future)
            if not problems and future.kind is Kind.PHONE:
                problems = _claim(converted, rows, attribute)
            _remember(job, rows, problems)
            if problems:
                # Somebody wrote it between the check and the begin of the conversion.
                transaction.savepoint_rollback(before)
                _end(job, State.REFUSED)
                return True
            _write(converted, future)
            _keep(job)
            return True
    return _move(job, attribute, future)


def _claim(
    converted: Mapping[UUID, Value], rows: Sequence[tuple[UUID, Any]], attribute: Attribute
) -> dict[UUID, tuple[str, str]]:
    numbers = {customer: str(number) for customer, number in converted.items()}
    counted = identifying(numbers.values())
    wanted = {customer: number for customer, number in numbers.items() if number in counted}
    own = archiving.reclaimed(attribute.key, wanted, timezone.now())
    stored = dict(rows)
    return {
        customer: (
            values.to_text(from_column(stored[customer], attribute.kind)),
            _("%(number)s belongs to another customer.") % {"number": values.quoted(number)},
        )
        for customer, number in wanted.items()
        if customer not in own
    }


def _write(converted: Mapping[UUID, Value], future: Attribute) -> None:
    """Put the values in their slot. The version stays: for whoever looks at a customer nothing has changed yet."""
    kind = {"text": "text", "number": "numeric", "time": "timestamptz"}[storage_of(future.kind)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE customers_customer c SET {future.column} = new.value::{kind}"  # noqa: S608 - a declared column
            " FROM unnest(%s::uuid[], %s::text[]) AS new(id, value) WHERE c.id = new.id",
            [list(converted), [_column_text(value, future.kind) for value in converted.values()]],
        )


def _column_text(value: Value, kind: Kind) -> str | None:
    stored = to_column(value, kind)
    return None if stored is None else str(stored)


def _move(job: AttributeJob, attribute: Attribute, future: Attribute) -> bool:
    """Let the attribute be what it has become, at once for everybody; the old slot is emptied afterwards."""
    actor = audit.Actor(job.actor_id, job.actor_name, job.via)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_WRITERS}'")
            attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)
            # Whoever held the attribute has committed: what comes later in time has seen the new type.
            now = timezone.now()
            before = schemas.describe(attribute)
            old_slot, old_type = attribute.slot or 0, attribute.type
            attribute.default = _default(attribute, future)
            attribute.type, attribute.slot = future.type, future.slot
            attribute.options, attribute.max_length = future.options, future.max_length
            attribute.converting, attribute.index_state = None, Attribute.IndexState.NONE
            SlotLease.objects.filter(slot__in=[old_slot, future.slot], until=None).update(until=now)
            SlotLease.objects.create(attribute=attribute, slot=future.slot or 0, type=future.type, since=now)
            # Nobody else gets the old slot before it is empty.
            SlotLease.objects.create(attribute=None, slot=old_slot, type=old_type, since=now)
            with audit.recorded(
                actor,
                "attribute.convert",
                object_type="attribute",
                object_id=attribute.key,
                before=before,
                after=schemas.describe(attribute),
                values=job.done,
            ):
                attribute.save()
            job.state, job.then, job.cursor = State.CLEARING, State.DONE, None
            job.slot, job.slot_type = old_slot, old_type
            _keep(job)
    except OperationalError:
        # Somebody is saving a customer at this moment. Nobody waited for long; the next attempt comes soon.
        return False
    return True


def _default(attribute: Attribute, future: Attribute) -> str | None:
    """Return the default in the new type, None where it has none there. Raises BadValue."""
    if not attribute.default or future.kind is Kind.PHONE:
        return None
    reading = Reading(schemas.dialplan())
    old = values.from_text(attribute.default, attribute.rules, reading)
    return values.to_text(values.converted(old, future.rules, reading)) or None


# Tidying up


def _end(job: AttributeJob, state: AttributeJob.State) -> None:
    """Finish the job in ``state``; a slot that was being filled is emptied first, and the attribute let go of."""
    with transaction.atomic():
        if job.state == State.CONVERTING:
            Attribute.objects.filter(pk=job.attribute_id).update(converting=None)
            job.state, job.then, job.cursor = State.CLEARING, state, None
        else:
            job.state, job.finished_at = state, timezone.now()
        _keep(job)


def _clear(job: AttributeJob) -> bool:
    """Empty a batch of the slot that nobody reads any more; give it back when it is empty."""
    column = f"{storage_of(Kind(job.slot_type))}_{job.slot}"
    after = "AND id > %s" if job.cursor else ""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH batch AS (
                    SELECT id FROM customers_customer WHERE {column} IS NOT NULL {after}
                    ORDER BY id LIMIT {BATCH} FOR NO KEY UPDATE
                )
                UPDATE customers_customer c SET {column} = NULL FROM batch WHERE c.id = batch.id RETURNING c.id
                """,  # noqa: S608 - a declared column
                [job.cursor] if job.cursor else [],
            )
            customers = sorted(row[0] for row in cursor.fetchall())
        if customers and Kind(job.slot_type) is Kind.PHONE:
            archiving.release(job.attribute.key, customers, timezone.now())
        if customers:
            job.cursor = customers[-1]
        elif job.cursor:
            # Once more from the beginning: whoever began to save before the end may have come in behind.
            job.cursor = None
        else:
            SlotLease.objects.filter(slot=job.slot or 0, attribute=None, until=None).update(
                until=timezone.now()
            )
            job.state, job.finished_at = job.then, timezone.now()
        _keep(job)
    return job.state == State.CLEARING


# Filling


def _fill(job: AttributeJob) -> bool:
    """Put the default into a batch of live customers that have no value: a version each, under one audit entry."""
    attribute = job.attribute
    if attribute.archived_at is not None or attribute.converting or not attribute.default:
        _end(job, State.CANCELLED)
        return False
    value = values.from_text(attribute.default, attribute.rules, Reading(schemas.dialplan()))
    columns = {attribute.column: to_column(value, attribute.kind)}
    empty = Customer.objects.live().filter(**{f"{attribute.column}__isnull": True})
    with transaction.atomic():
        schemas.Schema.current().hold([attribute.column])
        if job.entry_id is None:
            actor = audit.Actor(job.actor_id, job.actor_name, job.via)
            entry = audit.note(actor, "attribute.fill", object_type="attribute", object_id=attribute.key)
            job.entry_id, job.total = entry.pk, empty.count()
        after = empty.filter(id__gt=job.cursor) if job.cursor else empty
        ids = list(after.order_by("id").select_for_update(no_key=True).values_list("id", flat=True)[:BATCH])
        if ids:
            with audit.continue_entry(job.entry_id):
                Customer.objects.filter(id__in=ids).update(
                    version=F("version") + 1, updated_at=timezone.now(), **columns
                )
            job.cursor, job.done = ids[-1], job.done + len(ids)
            _keep(job)
            return True
        _end(job, State.DONE)
    return False


# Asking


def _future(attribute: Attribute, wanted: Definition) -> Attribute:
    """Return the attribute as it would be, not saved, or raise InvalidAttribute with a message for every bad field."""
    if not attribute.is_custom or attribute.archived_at is not None:
        reason = (
            _("%(label)s is archived; restore it first.")
            if attribute.is_custom
            else _("%(label)s is predefined: this cannot be changed.")
        )
        raise InvalidAttribute({"type": [reason % {"label": attribute.label}]})
    if wanted.type == attribute.type:
        raise InvalidAttribute(
            {"type": [_("%(label)s is of that type already.") % {"label": attribute.label}]}
        )
    future = Attribute(label=attribute.label, type=wanted.type or "", pk=None)
    schemas.check_rules(future, wanted)
    try:
        _default(attribute, future)
    except BadValue as refusal:
        raise InvalidAttribute(
            {"default": [_("The value for new customers does not convert: %(why)s") % {"why": refusal}]}
        ) from None
    return future


def _future_of(job: AttributeJob) -> Attribute:
    return Attribute(
        key=job.attribute.key, type=job.type, options=job.options, max_length=job.max_length, slot=job.slot
    )


def _new(
    attribute: Attribute,
    action: AttributeJob.Action,
    state: AttributeJob.State,
    actor: audit.Actor,
    now: datetime,
) -> AttributeJob:
    return Job(
        attribute=attribute,
        action=action,
        state=state,
        actor_id=actor.user_id,
        actor_name=actor.name,
        via=actor.via,
        created_at=now,
    )


def _insert(job: AttributeJob, attribute: Attribute) -> None:
    if attribute.converting:
        raise Converting(attribute)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        raise AtWork(attribute) from None


def _keep(job: AttributeJob) -> None:
    """Save all of ``job`` but the wish to stop, which others write."""
    job.save(
        update_fields=[field.name for field in Job._meta.concrete_fields if field.name not in {"id", "stop"}]
    )


def _rows_after(attribute: Attribute, cursor: UUID | None, *, lock: bool = False) -> list[tuple[UUID, Any]]:
    rows = Customer.objects.exclude(**{attribute.column: None}).order_by("id")
    if cursor:
        rows = rows.filter(id__gt=cursor)
    if lock:
        rows = rows.select_for_update(no_key=True)
    return list(rows.values_list("id", attribute.column)[:BATCH])
