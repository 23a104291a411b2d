from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def of(self, customers: Collection[UUID]) -> Self:
        """Keep those that any of these customers was erased by."""
        return self.filter(customers__overlap=list(customers))

    def remembered(self, now: datetime) -> Self:
        """Keep those whose hashes may still be compared."""
        return self.filter(remembered_until__gt=now)


class Erasure(models.Model):
    """That a person was erased: when, by whom, how much of what; the tombstone that stays (C17).

    Of the person it keeps the ids of the emptied records and, until ``remembered_until``, keyed hashes of numbers,
    names and emails, by which an import or a CRM that brings the person back is recognised.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=200, blank=True)
    entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    customers = ArrayField(models.UUIDField())
    counts = models.JSONField(default=dict)
    numbers = ArrayField(models.TextField(), default=list)
    names = ArrayField(models.TextField(), default=list)
    emails = ArrayField(models.TextField(), default=list)
    remembered_until = models.DateTimeField(db_index=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ()
        indexes: ClassVar = [
            GinIndex(fields=["customers"], name="erasure_by_customer"),
            GinIndex(fields=["numbers"], name="erasure_by_number"),
        ]

    def __str__(self) -> str:
        return str(self.id)
