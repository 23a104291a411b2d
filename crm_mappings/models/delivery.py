import datetime as dt
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from crm_mappings.models.configuration import Configuration
from crm_mappings.models.mapping import MemorialisationMapping
from customers.models import Customer
from customers.models.customer import time_ordered_id
from interactions.models import Interaction


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def due(self, now: dt.datetime) -> Self:
        """Those to be sent now: their time has come, or their sender died, and no earlier one of the contact is open.

        Deliveries of one contact go in order; one that failed for good holds up nobody.
        """
        earlier = Delivery.objects.unfinished().filter(
            configuration=OuterRef("configuration"),
            interaction=OuterRef("interaction"),
            place__lt=OuterRef("place"),
        )
        return (
            self.filter(
                Q(state__in=[Delivery.State.WAITING, Delivery.State.RETRYING], due_at__lte=now)
                | Q(state=Delivery.State.SENDING, leased_until__lte=now)
            )
            .filter(~Exists(earlier))
            .order_by("due_at", "id")
        )

    def matching(
        self,
        *,
        configuration: Any = None,
        state: str = "",
        entity_type: str = "",
        interaction: Any = None,
        customers: list[Any] | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        tries: int | None = None,
        text: str = "",
    ) -> Self:
        """Keep those that meet every given condition, newest first (M14)."""
        found = self.order_by("-created_at", "-place", "-id")
        for name, value in (
            ("configuration_id", configuration),
            ("state", state),
            ("entity_type", entity_type),
            ("interaction_id", interaction),
            ("created_at__gte", since),
            ("created_at__lte", until),
            ("tries__gte", tries),
        ):
            if value not in (None, ""):
                found = found.filter(**{name: value})
        if customers is not None:
            found = found.filter(customer_id__in=customers)
        if text:
            found = found.filter(
                Q(reason__icontains=text)
                | Q(customer__first_name__icontains=text)
                | Q(customer__last_name__icontains=text)
                | Q(interaction__external_id__icontains=text)
            )
        return found


class Delivery(models.Model):
    """Something to be written to the CRM because of a contact: made with the event that causes it, then kept (M14).

    `moment` says what in the contact caused it; with the mapping and the record type it is unique, so that no
    repetition of events makes a second one. `place` numbers the deliveries of a contact to one CRM in the order in
    which they are sent. `fence` counts the claims: only the latest claimer may say what became of it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Being sent")
        RETRYING = "retrying", _("Retrying")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    configuration = models.ForeignKey(
        Configuration, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    mapping = models.ForeignKey(
        MemorialisationMapping, null=True, on_delete=models.SET_NULL, related_name="deliveries"
    )
    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="deliveries")
    customer = models.ForeignKey(
        Customer, null=True, on_delete=models.SET_NULL, related_name="crm_deliveries"
    )
    # The skill whose setup applied, empty for none: its workflows are looked up when the delivery is sent.
    skill = models.CharField(max_length=150, default="", blank=True)
    kind = models.CharField(max_length=7)
    entity_type = models.CharField(max_length=100)
    moment = models.CharField(max_length=220)
    place = models.PositiveIntegerField()
    key = models.CharField(max_length=300)
    parent_key = models.CharField(max_length=300)
    fields = models.JSONField(default=dict)
    cut = models.JSONField(default=list)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=1000, default="", blank=True)
    tries = models.PositiveIntegerField(default=0)
    # What became of each try, the latest last: `[{at, outcome, reason}]`.
    history = models.JSONField(default=list)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    record_id = models.CharField(max_length=200, default="", blank=True)
    record_url = models.CharField(max_length=500, default="", blank=True)
    took_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    replayed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    replayed_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                "interaction", "mapping", "entity_type", "moment", name="delivery_is_made_once_per_moment"
            ),
            models.UniqueConstraint(
                "interaction", "configuration", "place", name="delivery_has_its_own_place"
            ),
            models.CheckConstraint(
                condition=Q(state="sending", leased_until__isnull=False)
                | (~Q(state="sending") & Q(leased_until=None)),
                name="delivery_is_leased_iff_being_sent",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                "configuration",
                "due_at",
                condition=Q(state__in=["waiting", "sending", "retrying"]),
                name="delivery_due",
            ),
            models.Index(models.F("created_at").desc(), name="delivery_by_time"),
            models.Index("configuration", "state", models.F("created_at").desc(), name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.entity_type} of {self.interaction_id} ({self.moment})"


UNFINISHED = (Delivery.State.WAITING, Delivery.State.SENDING, Delivery.State.RETRYING)


class Awaited(models.Model):
    """A contact that is over and whose agent has not closed it yet; the clock closes it then (I4, M13).

    Counted from when CIM heard of the end: by the clock of a telephony that lags, everything would be closed at once.
    """

    interaction = models.OneToOneField(
        Interaction, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.interaction_id)
