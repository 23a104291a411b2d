"""The life of an import: read, perhaps planned over the whole file, written, cancelled, undone – and taken up again.

Every step begins by looking at what the database says has been done, so a worker that is killed at any moment is
succeeded by one that goes on where the last transaction ended (C67).
"""

from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers.dialects import Unreadable
from customers.importing import staging, undoing
from customers.importing.applying import Application
from customers.importing.leasing import Lease, LeaseLost, take
from customers.importing.options import Options
from customers.importing.staging import Cancelled
from customers.importing.writing import Statements
from customers.importing.yielding import Pace
from customers.models import ImportRun
from customers.schema import Schema

_MOST_ATTEMPTS = 20
"""How often an import is taken up without getting a step further before it is given up."""

log = structlog.get_logger(__name__)

State, Phase = ImportRun.State, ImportRun.Phase


class NotPossible(Exception):
    """The import is not in a state that allows this; the message says which it is in."""

    def __init__(self, run: ImportRun, wanted: str) -> None:
        super().__init__(
            _("This import is %(state)s; it cannot be %(wanted)s.")
            % {"state": run.get_state_display().lower(), "wanted": wanted}
        )


def work(now: datetime | None = None, pace: Pace | None = None) -> int:
    """Work on the imports that are due, one after the other, until none is left; return how many were taken up."""
    taken, pace = 0, pace or Pace()
    while claimed := take(now or timezone.now()):
        taken += 1
        run, lease = claimed
        try:
            _work_on(run, lease, pace)
        except LeaseLost:
            log.warning("import_lease_lost", run=str(run.id), fence=lease.fence)
        except Cancelled:
            lease.give_back()
    return taken


def _work_on(run: ImportRun, lease: Lease, pace: Pace) -> None:
    if run.attempts > _MOST_ATTEMPTS:
        _finish(run, lease, State.FAILED, error=_("The import stopped again and again at the same row."))
        return
    pace.yielding = False
    if run.started_at is None or run.yielding:
        lease.save(started_at=run.started_at or timezone.now(), yielding=False)
    if run.state == State.CANCELLING:
        _cancel(run, lease, pace)
        return
    if run.state == State.UNDOING:
        _undo(run, lease, pace)
        return
    try:
        _read(run, lease)
    except Unreadable as trouble:
        _finish(run, lease, State.FAILED, error=str(trouble))
        return
    if run.dry_run or (_options(run).all_or_nothing and run.phase != Phase.WRITING):
        _plan(run, lease, pace)
        if run.dry_run:
            lease.give_back(state=State.READY, phase="", attempts=0, yielding=False)
            return
        if errors := run.counts.get("errors", 0):
            _skip_rest(run, lease, after=0)
            message = _("All or nothing: %(count)d rows are wrong, so nothing was written.") % {
                "count": errors
            }
            _finish(run, lease, State.FAILED, error=message)
            return
    _write(run, lease, pace)


def _options(run: ImportRun) -> Options:
    return Options.from_json(run.options)


def _read(run: ImportRun, lease: Lease) -> None:
    """See to it that all rows which are still to be applied are staged."""
    if run.phase != Phase.WRITING and (run.cursor or run.chunks):
        # What a dry run has planned, or a worker that died while planning, is planned anew.
        _start_over(run, lease)
    if not staging.is_complete(run):
        _enter(run, lease, run.phase if run.phase == Phase.WRITING else Phase.READING)
        staging.stage(run, lease)


def _start_over(run: ImportRun, lease: Lease) -> None:
    """Forget the planned fates of the rows that are staged; those of rows that could not be read stay."""
    with transaction.atomic():
        lease.confirm()
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM customers_importrow r USING customers_importline s"
                " WHERE r.run_id = %s AND s.run_id = r.run_id AND s.line = r.line",
                [run.id],
            )
        run.cursor, run.chunks = 0, []
        # What could not be read, and what is about erased persons.
        left = staging.recount(run)
        run.counts = {**left, "read": run.staged + left["read"]}
        lease.save(cursor=0, chunks=[], counts=run.counts)


def _enter(run: ImportRun, lease: Lease, phase: str, **changes: object) -> None:
    run.phase, run.phase_started_at = phase, timezone.now()
    lease.save(phase=phase, phase_started_at=run.phase_started_at, **changes)


def _application(run: ImportRun, lease: Lease, *, dry: bool) -> Application:
    schema = Schema.current()
    statements = Statements(schema, staging.checker_of(run, schema).staged_attributes, _options(run))
    return Application(run, lease, statements, dry=dry)


def _plan(run: ImportRun, lease: Lease, pace: Pace) -> None:
    _enter(run, lease, Phase.PLANNING)
    application = _application(run, lease, dry=True)
    while True:
        state, rows = application.apply_next()
        if state == State.CANCELLING:
            raise Cancelled
        if not rows:
            return
        _give_way(lease, pace)


def _give_way(lease: Lease, pace: Pace) -> None:
    pace.give_way(lambda yielding: lease.save(yielding=yielding))


def _write(run: ImportRun, lease: Lease, pace: Pace) -> None:
    if run.phase != Phase.WRITING:
        if run.cursor or run.chunks:
            _start_over(run, lease)
        _enter(run, lease, Phase.WRITING)
    _become(run, lease, State.RUNNING)
    application = _application(run, lease, dry=False)
    application.resume()
    while True:
        state, rows = application.apply_next()
        if state == State.CANCELLING:
            raise Cancelled
        if not rows:
            break
        if _options(run).all_or_nothing and run.counts.get("errors", 0):
            # A form or another program has taken a number since the whole file was checked.
            lease.save(
                state=State.CANCELLING,
                keep=False,
                error=_("All or nothing: other changes came in between, so what was written was taken back."),
            )
            raise Cancelled
        _give_way(lease, pace)
    if not staging.is_complete(run):
        # The server was restarted, or an attribute changed, while rows were being written: read the rest again.
        raise Cancelled
    _finish(run, lease, State.COMPLETED)


def _become(run: ImportRun, lease: Lease, state: str) -> None:
    """Change the state, unless somebody cancels at the same moment. Raises Cancelled."""
    with transaction.atomic():
        if lease.confirm() == State.CANCELLING:
            raise Cancelled
        run.state = state
        lease.save(state=state)


def _cancel(run: ImportRun, lease: Lease, pace: Pace) -> None:
    """Keep what the first rows wrote, or take it back; count the other rows as skipped (C66)."""
    if run.phase != Phase.WRITING and run.phase != Phase.UNDOING and run.cursor:
        _start_over(run, lease)
    if run.keep is False and (run.chunks or run.phase == Phase.UNDOING):
        _take_back(run, lease, pace)
        undoing.count_as_skipped(run, lease)
    _skip_rest(run, lease, after=run.cursor)
    _finish(run, lease, State.FAILED if run.error else State.CANCELLED, error=run.error)


def _undo(run: ImportRun, lease: Lease, pace: Pace) -> None:
    _take_back(run, lease, pace)
    _finish(run, lease, State.UNDONE)


def _take_back(run: ImportRun, lease: Lease, pace: Pace) -> None:
    if run.phase != Phase.UNDOING:
        _enter(run, lease, Phase.UNDOING)
    undoing.undo(run, lease, Schema.current(), lambda: _give_way(lease, pace))


def _skip_rest(run: ImportRun, lease: Lease, *, after: int) -> None:
    """Record the staged rows after a line as skipped: they are good, and not applied."""
    with transaction.atomic():
        lease.confirm()
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM customers_importrow r USING customers_importline s WHERE r.run_id = %s AND r.line > %s"
                " AND s.run_id = r.run_id AND s.line = r.line AND r.outcome <> 'errors'",
                [run.id, after],
            )
            cursor.execute(
                "INSERT INTO customers_importrow (run_id, line, outcome) SELECT run_id, line, 'skipped'"
                " FROM customers_importline WHERE run_id = %s AND line > %s ON CONFLICT DO NOTHING",
                [run.id, after],
            )
        run.counts = staging.recount(run)
        lease.save(counts=run.counts)


def _finish(run: ImportRun, lease: Lease, state: str, error: str = "") -> None:
    """End the import, and drop its staged rows."""
    with transaction.atomic():
        found = lease.confirm()
        if found == State.CANCELLING and state == State.COMPLETED:
            raise Cancelled
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM customers_importline WHERE run_id = %s", [run.id])
        owner = audit.actor_for(run.owner, "import") if run.owner else audit.system_actor("import")
        audit.note(owner, f"import.{state}", object_type="import", object_id=run.id, counts=run.counts)
        lease.give_back(
            state=state,
            finished_at=timezone.now(),
            error=error,
            attempts=0,
            all_read=False,
            staged=0,
            yielding=False,
        )


# What people may ask for


def start(run_id: UUID, actor: audit.Actor, *, now: datetime, start_at: datetime | None = None) -> ImportRun:
    """Let a checked file be written, now or at ``start_at``. Raises ImportRun.DoesNotExist, NotPossible."""
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(id=run_id)
        if run.state == State.QUEUED and run.start_at is not None:
            # It waits for its hour; the hour may be changed.
            run.start_at = start_at
            run.save(update_fields=["start_at"])
            return run
        if run.state != State.READY:
            raise NotPossible(run, _("started"))
        run.state, run.dry_run, run.start_at, run.started_at = State.QUEUED, False, start_at, None
        run.options = {**run.options, "dry_run": False}
        run.save(update_fields=["state", "dry_run", "start_at", "started_at", "options"])
        audit.note(actor, "import.start", object_type="import", object_id=run.id)
    return run


def cancel(run_id: UUID, actor: audit.Actor, *, keep: bool) -> ImportRun:
    """Stop an import; ``keep`` what it has written, or take that back (C66). Raises NotPossible."""
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(id=run_id)
        if run.state not in {State.QUEUED, State.CHECKING, State.READY, State.RUNNING}:
            raise NotPossible(run, _("cancelled"))
        run.state, run.keep = State.CANCELLING, keep
        run.save(update_fields=["state", "keep"])
        audit.note(actor, "import.cancel", object_type="import", object_id=run.id, keep=keep)
    return run


def request_undo(run_id: UUID, actor: audit.Actor) -> ImportRun:
    """Take back everything that a finished import has written, but for what has changed since (C68).

    Raises NotPossible.
    """
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(id=run_id)
        undoable = run.state == State.COMPLETED or (run.state == State.CANCELLED and run.keep)
        if not undoable:
            raise NotPossible(run, _("undone"))
        run.state, run.phase, run.attempts = State.UNDOING, "", 0
        entry = audit.note(actor, "import.undo", object_type="import", object_id=run.id)
        run.undo_entry = entry
        run.save(update_fields=["state", "phase", "attempts", "undo_entry"])
    return run
