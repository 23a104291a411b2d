import datetime as dt
from collections.abc import Iterable
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.models.customer import time_ordered_id
from interactions.models import Interaction
from journeys.models.context import Context


class TopicSource(models.TextChoices):
    """Where the topic of an element comes from (J11)."""

    NONE = "", _("none")
    GIVEN = "given", _("told by the channel")
    DEFAULT = "default", _("language and service")
    CORRECTED = "corrected", _("corrected by hand")


class ElementQuerySet(models.QuerySet["Element"]):
    def of(self, customers: Iterable[UUID]) -> Self:
        members = list(customers)
        return (
            self.filter(customer_id=members[0]) if len(members) == 1 else self.filter(customer_id__in=members)
        )

    def standing(self, now: dt.datetime) -> Self:
        """Leave out those of contexts past their lease."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now))

    def within(self, since: dt.datetime | None, until: dt.datetime | None) -> Self:
        """Keep those that were going on at some moment from `since` up to, not including, `until`."""
        elements = self
        if since is not None:
            elements = elements.filter(Q(started__gte=since) | Q(ended__gte=since) | Q(is_open=True))
        return elements.filter(started__lt=until) if until is not None else elements


class Element(models.Model):
    """One thing that happened on a customer's journey: a context, or an interaction (J4, J10).

    What belongs to one contact shares its `work_request_id`; an interaction of no work request is its own.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    context = models.OneToOneField(Context, null=True, on_delete=models.CASCADE, related_name="element")
    interaction = models.OneToOneField(
        Interaction, null=True, on_delete=models.CASCADE, related_name="journey_element"
    )
    customer = models.ForeignKey(
        Customer, null=True, on_delete=models.SET_NULL, related_name="journey_elements", db_index=False
    )
    work_request_id = models.CharField(max_length=255)
    # Empty where nobody told one.
    channel = models.CharField(max_length=10, default="", blank=True)
    direction = models.CharField(max_length=10, default="", blank=True)
    topic = models.CharField(max_length=255, default="", blank=True)
    topic_source = models.CharField(max_length=9, choices=TopicSource, default=TopicSource.NONE, blank=True)
    account = models.CharField(max_length=255, default="", blank=True)
    status = models.CharField(max_length=255, default="", blank=True)
    started = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    is_open = models.BooleanField(default=False)
    is_missed = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    objects = ElementQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(context__isnull=True, interaction__isnull=False)
                | Q(context__isnull=False, interaction__isnull=True),
                name="element_is_of_a_context_or_an_interaction",
            ),
        ]
        indexes: ClassVar = [
            models.Index("customer", F("started").desc(), F("id").desc(), name="element_by_customer"),
            models.Index("work_request_id", name="element_by_work_request"),
            models.Index(
                "started",
                "customer",
                include=["topic", "channel"],
                condition=Q(customer__isnull=False),
                name="element_by_start",
            ),
            # Elements lie about in the order of their changes, so that a small index finds the latest.
            BrinIndex(fields=["changed_at"], name="element_by_change", autosummarize=True),
            models.Index("expires_at", condition=Q(expires_at__isnull=False), name="element_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.work_request_id}"


class TopicCorrection(models.Model):
    """That somebody gave an element another topic than it had (J11)."""

    id = models.BigAutoField(primary_key=True)
    element = models.ForeignKey(Element, on_delete=models.CASCADE, related_name="corrections")
    before = models.CharField(max_length=255, default="", blank=True)
    after = models.CharField(max_length=255, default="", blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
