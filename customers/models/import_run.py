import datetime as dt
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id

OUTCOMES = ("created", "overwritten", "updated", "unchanged", "superseded", "errors", "skipped")
"""What becomes of a row; each row of a finished import is counted under exactly one of them."""


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    def due(self, now: dt.datetime) -> Self:
        """Keep those that a worker should take up: there is work, its time has come, and nobody holds the lease."""
        return self.filter(
            models.Q(state__in=ImportRun.AT_WORK)
            | models.Q(models.Q(start_at=None) | models.Q(start_at__lte=now), state=ImportRun.State.QUEUED)
        ).filter(models.Q(leased_until=None) | models.Q(leased_until__lt=now))

    def leased(self, now: dt.datetime) -> Self:
        """Keep those that a worker is busy with."""
        return self.filter(state__in=ImportRun.AT_WORK, leased_until__gte=now)


class ImportRun(models.Model):
    """One file that becomes customers: its options, how far it is, and who is working on it (C66, C67, C70).

    The row is the truth of the job. A worker holds a lease (``leased_until``) under a fencing number; one that comes
    back late finds another number and cannot write. ``staged`` rows up to line ``read_to`` have been read and
    checked; ``cursor`` is the last line whose chunk has been planned or written, by ``phase``; ``chunks`` are the last
    lines of all chunks.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        CHECKING = "checking", _("Checking")
        READY = "ready", _("Ready")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        CANCELLING = "cancelling", _("Cancelling")
        CANCELLED = "cancelled", _("Cancelled")
        UNDOING = "undoing", _("Undoing")
        UNDONE = "undone", _("Undone")

    class Phase(models.TextChoices):
        READING = "reading", _("Reading the file")
        PLANNING = "planning", _("Checking against the customers")
        WRITING = "writing", _("Writing")
        UNDOING = "undoing", _("Undoing")

    AT_WORK = (State.CHECKING, State.RUNNING, State.CANCELLING, State.UNDOING)
    FINAL = (State.COMPLETED, State.FAILED, State.CANCELLED, State.UNDONE)

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    undo_entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    file_name = models.CharField(max_length=255)
    file_size = models.PositiveBigIntegerField(default=0)
    options = models.JSONField(default=dict)
    dialect = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    rows_total = models.PositiveIntegerField(default=0)
    schema_mark = models.TextField(blank=True)
    read_to = models.PositiveIntegerField(default=0)
    staged = models.PositiveIntegerField(default=0)
    all_read = models.BooleanField(default=False)
    phase = models.CharField(max_length=10, blank=True, choices=Phase)
    phase_started_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cursor = models.PositiveIntegerField(default=0)
    chunks = ArrayField(models.PositiveIntegerField(), default=list)
    dry_run = models.BooleanField(default=False)
    keep = models.BooleanField(null=True)
    not_undone = models.JSONField(default=list)
    undone = models.PositiveIntegerField(default=0)
    start_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    yielding = models.BooleanField(default=False)
    error = models.TextField(blank=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("created_at", name="import_by_created_at"),
            models.Index(
                "created_at",
                condition=models.Q(state__in=["queued", "checking", "running", "cancelling", "undoing"]),
                name="import_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL


class ImportPiece(models.Model):
    """A piece of an uploaded file, kept in the database so that web and worker need not share a disk (Q32)."""

    pk = models.CompositePrimaryKey("run_id", "number")
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"piece {self.number}"


class ImportRow(models.Model):
    """The fate of one line of an imported file.

    ``version`` is the version of the customer that this line wrote, null where it wrote none; ``other_line`` is the
    line that superseded it.
    """

    pk = models.CompositePrimaryKey("run_id", "line")
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12)
    # No foreign key: the fate of a row still names a customer that is gone, and 100,000 checks are saved.
    customer = models.UUIDField(null=True)
    version = models.PositiveIntegerField(null=True)
    other_line = models.PositiveIntegerField(null=True)
    column = models.TextField(blank=True, db_default="")
    value = models.TextField(blank=True, db_default="")
    reason = models.TextField(blank=True, db_default="")

    def __str__(self) -> str:
        return f"line {self.line}"


class ImportMapping(models.Model):
    """How somebody matched the columns of a file; remembered for the next file with the same headers (C61)."""

    headers = models.CharField(max_length=64, unique=True)
    mapping = models.JSONField(default=dict)
    used_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.headers
