import datetime as dt
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id


class Operation(models.TextChoices):
    """What a channel did to a context, in the words of the wire."""

    CREATE = "Create", _("Created")
    READ = "Read", _("Read")
    UPDATE = "Update", _("Updated")
    DELETE = "Delete", _("Deleted")


class ContextQuerySet(models.QuerySet["Context"]):
    def standing(self, now: dt.datetime) -> Self:
        """Neither deleted nor past their lease: what the wire shows."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), deleted_at=None)

    def expired(self, now: dt.datetime) -> Self:
        """Past their lease; a permanent context has none (J3)."""
        return self.filter(expires_at__lte=now)

    def named(self, rid: str, context_id: str) -> Self:
        return self.filter(rid=rid, context_id=context_id)

    def locked(self) -> Self:
        return self.select_for_update(no_key=True, of=("self",))


class Context(models.Model):
    """The record that channels attach to one contact of a customer; its id is the work request id (J1).

    `version` counts every interaction with it, reads too, as the audit trail does; `revision` counts the writes.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    rid = models.CharField(max_length=255, default="0")
    context_id = models.CharField(max_length=255)
    group_id = models.CharField(max_length=255, default="", blank=True)
    alias_ids = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    tenant_id = models.CharField(max_length=255, default="", blank=True)
    topic = models.CharField(max_length=255, default="", blank=True)
    data = models.JSONField(default=dict)
    schema = models.JSONField(null=True)
    permanent = models.BooleanField(default=False)
    lease = models.PositiveIntegerField()
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = ContextQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "rid", "context_id", condition=Q(deleted_at=None), name="context_is_known_once_per_rid"
            ),
            models.CheckConstraint(
                condition=Q(permanent=True, expires_at=None) | Q(permanent=False, expires_at__isnull=False),
                name="context_expires_iff_not_permanent",
            ),
        ]
        indexes: ClassVar = [
            models.Index("group_id", "rid", condition=~Q(group_id=""), name="context_by_group"),
            GinIndex(fields=["alias_ids"], condition=~Q(alias_ids=[]), name="context_by_alias"),
            models.Index("expires_at", condition=Q(expires_at__isnull=False), name="context_by_expiry"),
        ]

    def __str__(self) -> str:
        return self.context_id

    def state(self) -> dict[str, Any]:
        """Return what a version keeps: the whole context as a write left it."""
        kept: dict[str, Any] = {"data": self.data, "groupId": self.group_id, "topic": self.topic}
        if self.schema is not None:
            kept["schema"] = self.schema
        if self.alias_ids:
            kept["aliasIds"] = self.alias_ids
        return kept


class ContextVersion(models.Model):
    """One interaction with a context: who touched it, how, when, and what a write left (J1, J3)."""

    id = models.BigAutoField(primary_key=True)
    # The database itself deletes them with their context: the role of web and workers may not (Q4).
    context = models.ForeignKey(Context, on_delete=models.DO_NOTHING, related_name="versions", db_index=False)
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    touchpoint = models.CharField(max_length=255)
    operation = models.CharField(max_length=6, choices=Operation)
    # Null for a read.
    state = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("context", "version", name="context_version_is_told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.context_id} v{self.version}"
