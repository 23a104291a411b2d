import os
import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField, HStoreField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from customers.models.attribute import SLOTS, Attribute
from customers.values import Kind, Value

_last_millisecond = 0
_sequence = 0


def time_ordered_id() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562): time first, so that new rows lie beside each other in every index.

    Ids made by one process ascend, also within a millisecond.
    """
    global _last_millisecond, _sequence
    now = time.time_ns() // 1_000_000
    if now <= _last_millisecond:
        _sequence += 1
        if _sequence > 0xFFF:
            _last_millisecond += 1
            _sequence = 0
    else:
        _last_millisecond, _sequence = now, 0
    value = (_last_millisecond << 80) | (0x7 << 76) | (_sequence << 64) | (0b10 << 62)
    return uuid.UUID(int=value | (int.from_bytes(os.urandom(8)) >> 2))


def time_ordered_ids(count: int) -> list[uuid.UUID]:
    """Return ``count`` ids as ``time_ordered_id`` does, at a tenth of the cost each."""
    global _last_millisecond, _sequence
    noise = os.urandom(8 * count)
    # A millisecond holds 4096 of a process; what does not fit runs ahead of the clock.
    first = max(time.time_ns() // 1_000_000, _last_millisecond + 1)
    _last_millisecond, _sequence = first + count // 0x1000, 0xFFF
    return [
        uuid.UUID(
            int=((first + place // 0x1000) << 80)
            | ((0x7000 | place % 0x1000) << 64)
            | (0b10 << 62)
            | (int.from_bytes(noise[8 * place : 8 * place + 8]) >> 2)
        )
        for place in range(count)
    ]


class Stage(models.TextChoices):
    """How well a contact is known (C41)."""

    EPHEMERAL = "ephemeral", _("Ephemeral")
    IDENTIFIED = "identified", _("Identified")
    CURATED = "curated", _("Curated")


class CustomerQuerySet(models.QuerySet["Customer"]):
    def live(self) -> Self:
        """Neither deleted nor merged into another."""
        return self.filter(deleted_at=None, merged_into=None)

    def locked(self) -> Self:
        """Lock the rows in the order of their ids, in a way that does not stop others from referring to them."""
        return self.order_by("id").select_for_update(no_key=True, of=("self",))


class CustomerBase(models.Model):
    """The columns that every customer has; the value slots are added to them below."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    version = models.PositiveIntegerField(default=1)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.CURATED)
    first_name = models.TextField(null=True, blank=True)
    last_name = models.TextField(null=True, blank=True)
    phones = ArrayField(models.TextField(), default=list, blank=True)
    emails = ArrayField(models.TextField(), default=list, blank=True)
    address = models.TextField(null=True, blank=True)
    postal_code = models.TextField(null=True, blank=True)
    crm_id = models.TextField(null=True, blank=True)
    account_id = models.TextField(null=True, blank=True)
    language = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    created_entry = models.ForeignKey(
        "access.AuditEntry",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="merged", db_index=False
    )

    class Meta:
        abstract = True


def _slot_columns() -> dict[str, models.Field[Any, Any]]:
    columns: dict[str, models.Field[Any, Any]] = {}
    for slot in range(1, SLOTS + 1):
        columns[f"text_{slot}"] = models.TextField(null=True, blank=True)
        columns[f"number_{slot}"] = models.DecimalField(
            max_digits=38, decimal_places=10, null=True, blank=True
        )
        columns[f"time_{slot}"] = models.DateTimeField(null=True, blank=True)
    return columns


class SlotsBase(models.Model):
    """The value slots: three columns each, of which the type of the attribute in the slot uses one."""

    class Meta:
        abstract = True

    for _name, _column in _slot_columns().items():
        locals()[_name] = _column
    del _name, _column


# Whom the list shows unless asked otherwise. Indexes of its orders hold these only, and are read without the rows.
_ON_THE_LIST = models.Q(stage=Stage.CURATED, deleted_at=None, merged_into=None)


class Customer(CustomerBase, SlotsBase):
    """One person or organisation that contacts the centre, or was contacted by it."""

    objects = CustomerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(version__gte=1), name="customer_version_starts_at_one"),
            models.CheckConstraint(
                condition=models.Q(merged_into=None) | ~models.Q(merged_into=models.F("id")),
                name="customer_is_not_merged_into_itself",
            ),
        ]
        indexes: ClassVar = [
            models.Index("created_at", "id", condition=_ON_THE_LIST, name="customer_by_created_at"),
            models.Index("updated_at", "id", condition=_ON_THE_LIST, name="customer_by_updated_at"),
            models.Index(
                "merged_into", condition=models.Q(merged_into__isnull=False), name="customer_by_survivor"
            ),
            models.Index(
                "deleted_at", condition=models.Q(deleted_at__isnull=False), name="customer_by_deleted_at"
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part) or str(_("No Name"))

    @property
    def is_live(self) -> bool:
        return self.deleted_at is None and self.merged_into_id is None

    def value_of(self, attribute: Attribute) -> Value:
        """Return the value of ``attribute`` in the form that ``customers.values`` defines."""
        return from_column(getattr(self, attribute.column), attribute.kind)

    def put(self, attribute: Attribute, value: Value) -> None:
        """Set the column of ``attribute``; nothing is saved."""
        setattr(self, attribute.column, to_column(value, attribute.kind))


def from_column(stored: Any, kind: Kind) -> Value:
    """Return the value that a column holds: 0/1 as boolean, midnight UTC as date, an empty list as None."""
    if stored is None:
        return None
    match kind:
        case Kind.BOOLEAN:
            return bool(stored)
        case Kind.DATE:
            return stored.astimezone(UTC).date()
        case Kind.PHONES | Kind.EMAILS:
            return list(stored) or None
    return stored


def to_column(value: Value, kind: Kind) -> Any:
    """Return what the column of an attribute of ``kind`` stores for ``value``."""
    if kind in (Kind.PHONES, Kind.EMAILS):
        return list(value) if isinstance(value, list) else []
    if isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


class PhoneQuerySet(models.QuerySet["Phone"]):
    def current(self) -> Self:
        return self.filter(valid_to=None)


class Phone(models.Model):
    """That a number belongs, or belonged, to a customer (C10).

    ``used_in`` lists the attribute keys in which the customer shows the number; the row is closed when the last of
    them lets go. The unique index on current numbers is the ownership rule itself, and the screen pop's way in.
    """

    id = models.BigAutoField(primary_key=True)
    number = models.TextField()
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="owned_phones", db_index=False
    )
    typed = models.TextField()
    used_in = ArrayField(models.TextField(), default=list)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    # The merge that brought it here from a part; undoing that merge gives it back (C10b).
    merge = models.ForeignKey(
        "customers.Merge",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    objects = PhoneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "number",
                condition=models.Q(valid_to=None),
                include=["customer"],
                name="phone_belongs_to_one_customer",
            ),
        ]
        indexes = [
            models.Index("customer", "number", name="phone_by_customer"),
            models.Index(
                "number", "valid_from", condition=models.Q(valid_to__isnull=False), name="phone_once_owned"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Identifier(models.Model):
    """Another way a channel knows the customer (C15, C40): email, web id, WhatsApp, …; several may share one."""

    class Type(models.TextChoices):
        EMAIL = "email", _("Email")
        WEB = "web", _("Web id")
        WHATSAPP = "whatsapp", _("WhatsApp")
        FACEBOOK = "facebook", _("Facebook")
        INSTAGRAM = "instagram", _("Instagram")
        X = "x", _("X")
        LINE = "line", _("LINE")
        EXTERNAL = "external", _("External id")
        CRM = "crm", _("CRM id")
        PHONE = "phone", _("Phone")

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="identifiers", db_index=False
    )
    type = models.CharField(max_length=10, choices=Type)
    value = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "customer", "type", "value", name="identifier_is_listed_once_per_customer"
            ),
        ]
        indexes = [models.Index("value", "type", name="identifier_by_value")]

    def __str__(self) -> str:
        return f"{self.type} {self.value}"


class Label(models.Model):
    """A coloured word that people put on customers (C29)."""

    class Color(models.TextChoices):
        BLUE = "blue", _("Blue")
        GREEN = "green", _("Green")
        AMBER = "amber", _("Amber")
        RED = "red", _("Red")
        VIOLET = "violet", _("Violet")
        CYAN = "cyan", _("Cyan")
        PINK = "pink", _("Pink")
        GREY = "grey", _("Grey")

    name = models.CharField(max_length=60)
    color = models.CharField(max_length=10, choices=Color, default=Color.BLUE)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="label_name_is_unique")]

    def __str__(self) -> str:
        return self.name


class CustomerLabel(models.Model):
    """That a customer carries a label."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="labelled", db_index=False)
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="labelled", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint("customer", "label", name="label_is_put_once_on_a_customer")]
        indexes = [models.Index("label", "customer", name="customer_by_label")]

    def __str__(self) -> str:
        return f"{self.label_id} on {self.customer_id}"


class Never(models.Model):
    """That two customers were said not to be the same person (C50)."""

    id = models.BigAutoField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("customer", "other", name="never_is_said_once"),
            models.CheckConstraint(
                condition=models.Q(customer__lt=models.F("other")), name="never_has_the_lower_id_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} is not {self.other_id}"


class Version(models.Model):
    """What a change took away from a customer: the columns it changed, with their values before (C16).

    Written by the database itself, by a trigger on the customer table. ``version`` is the number of the state that the
    change ended; ``entry`` is the audit entry under which it was made. The state before it is the state after it,
    overlaid with ``before``.
    """

    id = models.BigAutoField(primary_key=True)
    # Versions go by a function of the database only (customers_forget_versions), before their customer does.
    customer = models.ForeignKey(
        Customer, on_delete=models.DO_NOTHING, related_name="versions", db_index=False
    )
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    entry = models.ForeignKey(
        "access.AuditEntry", null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    before = HStoreField()

    class Meta:
        constraints = [models.UniqueConstraint("customer", "version", name="version_ends_once")]

    def __str__(self) -> str:
        return f"{self.customer_id} v{self.version}"
