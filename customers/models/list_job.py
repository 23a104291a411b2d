from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id


class ListJobQuerySet(models.QuerySet["ListJob"]):
    def due(self, now: datetime) -> Self:
        """Those that nobody works on, the oldest first: new ones, and those whose worker has died."""
        return self.filter(
            models.Q(leased_until=None) | models.Q(leased_until__lt=now), state__in=ListJob.WORKABLE
        ).order_by("created_at")


class ListJob(models.Model):
    """One thing done to many customers at once, or made of them: a bulk action or an export (C27, C28).

    Whom it concerns is written down once, in ``rows``, before anything is done; so it can be broken off, taken up by
    another worker, and undone. A worker holds a lease under a fencing number; one that comes back late cannot write.
    """

    class Action(models.TextChoices):
        LABEL = "label", _("Label")
        UNLABEL = "unlabel", _("Unlabel")
        DELETE = "delete", _("Delete")
        EXPORT = "export", _("Export")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        UNDOING = "undoing", _("Undoing")
        UNDONE = "undone", _("Undone")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    WORKABLE = (State.QUEUED, State.RUNNING, State.UNDOING)

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    action = models.CharField(max_length=10, choices=Action)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_name = models.CharField(max_length=200)
    via = models.CharField(max_length=10)
    # What the list was asked, and what its owner may not see; both as they were when the job was asked for.
    query = models.JSONField(default=dict)
    masked = models.JSONField(default=list)
    label = models.ForeignKey("customers.Label", null=True, on_delete=models.SET_NULL, related_name="+")
    label_name = models.CharField(max_length=60, blank=True)
    format = models.CharField(max_length=10, choices=Format, blank=True)
    columns = models.JSONField(default=list)
    is_collected = models.BooleanField(default=False)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    not_returned = models.JSONField(default=list)
    error = models.TextField(blank=True)
    fence = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ListJobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at"], name="list_job_by_owner")]

    def __str__(self) -> str:
        return f"{self.action} {self.total}"

    @property
    def is_undoable(self) -> bool:
        """Whether what it did can be taken back."""
        return (
            self.action != self.Action.EXPORT
            and self.state in (self.State.COMPLETED, self.State.CANCELLED, self.State.FAILED)
            and self.changed > 0
        )


class ListJobRow(models.Model):
    """One customer that a job concerns, in its place; ``outcome`` says what became of it, empty while nothing has."""

    class Outcome(models.TextChoices):
        CHANGED = "changed"
        UNCHANGED = "unchanged"
        UNDONE = "undone"

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(ListJob, on_delete=models.CASCADE, related_name="rows", db_index=False)
    position = models.PositiveIntegerField()
    customer_id = models.UUIDField()
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("job", "position", name="list_job_row_has_one_place")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.position}"


class ListJobPiece(models.Model):
    """A piece of an exported file, compressed; in the database, so that web and workers need share no disk (Q32)."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(ListJob, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint("job", "number", name="list_job_piece_is_numbered")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.number}"
