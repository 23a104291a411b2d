import datetime as dt
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from customers.models.customer import time_ordered_id


class ConfigurationQuerySet(models.QuerySet["Configuration"]):
    def in_use(self) -> Self:
        """Those that are switched on, whatever the last check of their credentials said."""
        return self.filter(is_enabled=True)

    def in_order(self) -> Self:
        return self.order_by(Lower("name"), "id")


class Configuration(models.Model):
    """One CRM that this installation works with: where it is, and with what credentials (M1)."""

    class Region(models.TextChoices):
        AMERICAS = "AMERICAS", _("Americas")
        APAC = "APAC", _("Asia and Pacific")
        EMEA = "EMEA", _("Europe, Middle East and Africa")

    class Status(models.TextChoices):
        UNVERIFIED = "unverified", _("Not checked yet")
        ACTIVE = "active", _("Active")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, default="", blank=True)
    type = models.CharField(max_length=40)
    region = models.CharField(max_length=10, choices=Region)
    # Encrypted (`sealing`); nothing but a call to the CRM ever reads it.
    sealed = models.TextField(default="", blank=True, editable=False)
    base_url = models.CharField(max_length=300)
    screenpop_url = models.CharField(max_length=300)
    status = models.CharField(max_length=10, choices=Status, default=Status.UNVERIFIED)
    status_detail = models.CharField(max_length=1000, default="", blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    # Counts the credentials, so that a check of old ones says nothing about new ones.
    credentials_version = models.PositiveIntegerField(default=1)
    system_user = models.CharField(max_length=200, default="", blank=True)
    time_zone = models.CharField(max_length=60, default="", blank=True)
    is_enabled = models.BooleanField(default=True)
    is_gateway = models.BooleanField(default=False)
    gateway_fields = models.JSONField(default=list)
    # By record type, as the CRM listed them when its credentials were checked.
    known_fields = models.JSONField(default=dict)
    # Only to be read: the configuration outlives whoever made it (M2).
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ConfigurationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("name"), name="crm_configuration_name_is_unique"),
            models.CheckConstraint(
                condition=Q(region__in=["AMERICAS", "APAC", "EMEA"]), name="crm_configuration_region_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Configuration: {self.name}>"


class Circuit(models.Model):
    """How a CRM behaves at present, as all workers together see it: failures in a row, the pace, who is sending (M4).

    While `open_until` lies ahead nobody asks the CRM anything. `next_slot` is when the next request is due at the
    allowed rate. `held_until` is the lease of the one worker that sends deliveries, under the number `holder`.
    """

    configuration = models.OneToOneField(
        Configuration, primary_key=True, on_delete=models.CASCADE, related_name="circuit"
    )
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    next_slot = models.DateTimeField(null=True, blank=True)
    holder = models.PositiveIntegerField(default=0)
    held_until = models.DateTimeField(null=True, blank=True)
    is_paused = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.configuration_id)

    def is_open(self, now: dt.datetime) -> bool:
        return self.open_until is not None and self.open_until > now
