"""Who may work on an import: one worker at a time, under a lease and a fencing number (C67, C69)."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Value, When
from django.utils import timezone

from customers.models import Attribute, ImportRun

LEASE = dt.timedelta(seconds=15)
"""How long a worker that says nothing keeps its import."""

_QUEUE_LOCK = 0x43494D01


class LeaseLost(Exception):
    """Another worker has taken the import over; nothing may be written any more."""


@dataclass(frozen=True)
class Lease:
    """The right of one worker to write for one run, until another worker is given a higher fencing number."""

    run_id: UUID
    fence: int

    def confirm(self) -> str:
        """Lock the run for the rest of the transaction and return its state. Raises LeaseLost."""
        state = (
            ImportRun.objects.filter(id=self.run_id, fence=self.fence)
            .select_for_update(no_key=True)
            .values_list("state", flat=True)
            .first()
        )
        if state is None:
            raise LeaseLost(self.run_id)
        return state

    def save(self, **changes: Any) -> None:
        """Write ``changes`` to the run and renew the lease. Raises LeaseLost."""
        now = timezone.now()
        if not ImportRun.objects.filter(id=self.run_id, fence=self.fence).update(
            leased_until=now + LEASE, **changes
        ):
            raise LeaseLost(self.run_id)

    def give_back(self, **changes: Any) -> None:
        """Write the last ``changes`` and let go of the run."""
        ImportRun.objects.filter(id=self.run_id, fence=self.fence).update(leased_until=None, **changes)


def queue_up() -> None:
    """Wait until nobody else decides who works next on what imports write; for the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_QUEUE_LOCK])


def take(now: dt.datetime) -> tuple[ImportRun, Lease] | None:
    """Take the next import that has work to do, or None while another is being worked on or none is due (C69)."""
    with transaction.atomic():
        queue_up()
        # An attribute on its way from one type to another is written by nobody who writes in bulk (C7).
        if ImportRun.objects.leased(now).exists() or Attribute.objects.converting().exists():
            return None
        begun_first = Case(
            When(state=ImportRun.State.QUEUED, then=Value(1)), default=Value(0), output_field=IntegerField()
        )
        run = ImportRun.objects.due(now).order_by(begun_first, "created_at", "id").first()
        if run is None:
            return None
        # A queued run that is taken counts as begun, so that nobody takes a second one beside it.
        state = ImportRun.State.CHECKING if run.state == ImportRun.State.QUEUED else run.state
        ImportRun.objects.filter(id=run.id).update(
            fence=F("fence") + 1, leased_until=now + LEASE, state=state
        )
        run.refresh_from_db()
    return run, Lease(run.id, run.fence)
