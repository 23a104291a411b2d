from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from customers.values import LISTS, TEXT_LIKE, Kind, Rules

SEATS = 50
"""How many custom attributes may be active (C1)."""

SLOTS = 64
"""How many value slots a customer row has: the seats, and room for what is being archived or converted."""

_TITLES = {
    "First name": _("First name"),
    "Last name": _("Last name"),
    "Phones": _("Phones"),
    "Emails": _("Emails"),
    "Address": _("Address"),
    "Postal code": _("Postal code"),
    "CRM id": _("CRM id"),
    "Account id": _("Account id"),
    "Language": _("Language"),
    "Created": _("Created"),
    "Updated": _("Updated"),
}
"""What readers of each language call the predefined attributes, by the label they are installed with (Q33)."""


class AttributeQuerySet(models.QuerySet["Attribute"]):
    def active(self) -> Self:
        return self.filter(archived_at=None)

    def archived(self) -> Self:
        return self.exclude(archived_at=None)

    def converting(self) -> Self:
        return self.exclude(converting=None)

    def custom(self) -> Self:
        return self.filter(is_custom=True)

    def predefined(self) -> Self:
        return self.filter(is_custom=False)

    def in_order(self) -> Self:
        return self.order_by("position", "id")


class Attribute(models.Model):
    """One thing that is known about every customer: a predefined column or a custom one in a slot (C1, C2).

    An active custom attribute sits on one of the fifty *seats*; that they are unique is what makes the 51st
    impossible, whoever races whom (C4). Its values lie in a *slot* of the customer row, which it keeps a while after
    it has been archived, until they have been moved away.
    """

    class Type(models.TextChoices):
        TEXT = Kind.TEXT.value, _("Text")
        NUMBER = Kind.NUMBER.value, _("Number")
        BOOLEAN = Kind.BOOLEAN.value, _("Yes or no")
        DATE = Kind.DATE.value, _("Date")
        DATETIME = Kind.DATETIME.value, _("Date and time")
        PHONE = Kind.PHONE.value, _("Phone")
        EMAIL = Kind.EMAIL.value, _("Email")
        URL = Kind.URL.value, _("Web address")
        CHOICE = Kind.CHOICE.value, _("Choice")
        PHONES = Kind.PHONES.value, _("List of phones")
        EMAILS = Kind.EMAILS.value, _("List of emails")

    class IndexState(models.TextChoices):
        NONE = "none", _("Not indexed")
        BUILDING = "building", _("Index is being built")
        READY = "ready", _("Indexed")
        DROPPING = "dropping", _("Index is being dropped")
        FAILED = "failed", _("Index could not be built")

    key = models.CharField(max_length=40, unique=True)
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=Type)
    description = models.CharField(max_length=500, blank=True)
    required = models.BooleanField(default=False)
    default = models.TextField(null=True, blank=True)
    pii = models.BooleanField(default=False)
    read_only_for_agents = models.BooleanField(default=False)
    options = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    max_length = models.PositiveSmallIntegerField(null=True, blank=True)
    fast = models.BooleanField(default=False)
    index_state = models.CharField(max_length=10, choices=IndexState, default=IndexState.NONE)
    position = models.PositiveIntegerField(default=0)
    is_custom = models.BooleanField(default=True)
    seat = models.PositiveSmallIntegerField(null=True, blank=True, unique=True)
    slot = models.PositiveSmallIntegerField(null=True, blank=True, unique=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    # While the type is being changed: what the attribute becomes, and the slot that fills up meanwhile.
    converting = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AttributeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("label"), name="attribute_label_is_unique"),
            models.CheckConstraint(
                condition=models.Q(seat=None) | models.Q(seat__range=(1, SEATS)),
                name="attribute_seat_is_one_of_fifty",
            ),
            models.CheckConstraint(
                condition=models.Q(slot=None) | models.Q(slot__range=(1, SLOTS)), name="attribute_slot_exists"
            ),
            models.CheckConstraint(
                condition=models.Q(is_custom=True, archived_at=None, seat__isnull=False, slot__isnull=False)
                | models.Q(is_custom=True, archived_at__isnull=False, seat=None)
                | models.Q(is_custom=False, archived_at=None, seat=None, slot=None),
                name="attribute_is_seated_iff_custom_and_active",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def title(self) -> str:
        """The label as the reader sees it: a predefined one that nobody has changed is in their language (C1, Q33)."""
        return self.label if self.is_custom else str(_TITLES.get(self.label, self.label))

    @property
    def kind(self) -> Kind:
        return Kind(self.type)

    @property
    def rules(self) -> Rules:
        return Rules(self.kind, tuple(self.options), self.max_length)

    @property
    def column(self) -> str:
        """The column of the customer row that holds the value; for a predefined attribute its key."""
        return f"{storage_of(self.kind)}_{self.slot}" if self.is_custom else self.key

    @property
    def future(self) -> "Attribute | None":
        """The attribute as it will be, not saved; None unless its type is being changed (C7)."""
        return Attribute(key=self.key, label=self.label, **self.converting) if self.converting else None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a write of the value writes: while the type is being changed there are two."""
        return (self.column, self.future.column) if self.future else (self.column,)

    @property
    def is_writable(self) -> bool:
        """False for the two times that the system keeps itself."""
        return self.key not in {"created_at", "updated_at"}

    @property
    def is_list(self) -> bool:
        return self.kind in LISTS


def storage_of(kind: Kind) -> str:
    """Return which of a slot's three columns holds values of ``kind``: ``text``, ``number`` or ``time``."""
    if kind in TEXT_LIKE:
        return "text"
    return "number" if kind in {Kind.NUMBER, Kind.BOOLEAN} else "time"


class SlotLease(models.Model):
    """Which attribute a slot belonged to, and from when to when: the key to what old versions of a customer say."""

    attribute = models.ForeignKey(Attribute, null=True, on_delete=models.SET_NULL, related_name="leases")
    slot = models.PositiveSmallIntegerField()
    type = models.CharField(max_length=10, choices=Attribute.Type)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "slot", condition=models.Q(until=None), name="slot_is_leased_to_one_attribute_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"slot {self.slot}"


class ArchivedValue(models.Model):
    """What a customer has for an attribute that is archived, in text form, out of the way of the slot's next tenant."""

    id = models.BigAutoField(primary_key=True)
    attribute = models.ForeignKey(
        Attribute, on_delete=models.CASCADE, related_name="archived_values", db_index=False
    )
    customer = models.ForeignKey("customers.Customer", on_delete=models.CASCADE, related_name="+")
    value = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint("attribute", "customer", name="archived_value_is_kept_once"),
        ]

    def __str__(self) -> str:
        return f"{self.attribute_id} of {self.customer_id}"


class AttributeWait(models.Model):
    """How often, and how long in all, people waited on one day for a list that is slow by this attribute."""

    id = models.BigAutoField(primary_key=True)
    attribute = models.ForeignKey(Attribute, on_delete=models.CASCADE, related_name="waits", db_index=False)
    day = models.DateField()
    times = models.PositiveIntegerField()
    seconds = models.FloatField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("attribute", "day", name="attribute_wait_is_one_row_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.attribute_id} on {self.day}: {self.times}"
