from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer, time_ordered_id


class ImportRun(models.Model):
    """One file that becomes customers: its options, how far it is, and who is working on it (C66, C67, C70).

    The row is the truth of the job. A worker holds a lease (``leased_until``) under a fencing number; one that comes
    back late finds another number and cannot write. ``cursor`` is the last line whose chunk has been committed.
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

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    entry = models.ForeignKey("access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    file_name = models.CharField(max_length=255)
    options = models.JSONField(default=dict)
    dialect = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    rows_total = models.PositiveIntegerField(default=0)
    cursor = models.PositiveIntegerField(default=0)
    checked = models.PositiveIntegerField(default=0)
    dry_run = models.BooleanField(default=False)
    keep = models.BooleanField(null=True)
    start_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index("created_at", name="import_by_created_at")]

    def __str__(self) -> str:
        return self.file_name


class ImportRow(models.Model):
    """The fate of one line of an imported file."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, blank=True)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)

    class Meta:
        constraints = [models.UniqueConstraint("run", "line", name="import_line_has_one_fate")]

    def __str__(self) -> str:
        return f"line {self.line}"
