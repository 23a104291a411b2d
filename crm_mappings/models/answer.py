import datetime as dt
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crm_mappings.models.configuration import Configuration
from customers.models import Customer
from customers.models.customer import time_ordered_id
from interactions.models import Interaction


class CrmAnswerQuerySet(models.QuerySet["CrmAnswer"]):
    def wanted(self, now: dt.datetime) -> Self:
        """Asked for and not answered since, with nobody on it."""
        return (
            self.filter(asked_at__isnull=False)
            .filter(Q(answered_at=None) | Q(answered_at__lt=F("asked_at")))
            .filter(Q(leased_until=None) | Q(leased_until__lte=now))
            .order_by("asked_at", "id")
        )


class CrmAnswer(models.Model):
    """What a CRM last said about a customer, or about a caller who is none here: shown with its age (M21, M30b).

    `records` holds what was found: `[{type, id, url, values, person}]`, one customer or several candidates (M32). An
    answer that failed leaves the records of the one before.
    """

    class Outcome(models.TextChoices):
        NONE = "none", _("Nobody found")
        ONE = "one", _("Found")
        SEVERAL = "several", _("Several found")
        FAILED = "failed", _("No answer")

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(Configuration, on_delete=models.CASCADE, related_name="answers")
    customer = models.ForeignKey(
        Customer, null=True, on_delete=models.CASCADE, related_name="crm_answers", db_index=False
    )
    interaction = models.ForeignKey(
        Interaction, null=True, on_delete=models.CASCADE, related_name="crm_answers", db_index=False
    )
    asked_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    # When the records were fetched: older than the last answer, where that one failed.
    fetched_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=7, choices=Outcome, default="", blank=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    records = models.JSONField(default=list)

    objects = CrmAnswerQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "customer",
                "configuration",
                condition=Q(interaction=None),
                name="crm_answer_is_one_per_customer",
            ),
            models.UniqueConstraint(
                "interaction",
                "configuration",
                condition=Q(customer=None),
                name="crm_answer_is_one_per_unknown_caller",
            ),
            models.CheckConstraint(
                condition=Q(customer__isnull=False, interaction=None)
                | Q(customer=None, interaction__isnull=False),
                name="crm_answer_is_about_a_customer_or_a_caller",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                "configuration",
                "asked_at",
                condition=Q(answered_at=None) | Q(answered_at__lt=F("asked_at")),
                name="crm_answer_wanted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} about {self.customer_id or self.interaction_id}"


class CrmSearch(models.Model):
    """What somebody typed into the search box, and what a CRM found for it; forgotten within the hour (M34)."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(Configuration, on_delete=models.CASCADE, related_name="searches")
    text = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    records = models.JSONField(default=list)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "CRM searches"
        constraints: ClassVar = [
            models.UniqueConstraint("configuration", "text", name="crm_search_is_kept_once_per_text"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
