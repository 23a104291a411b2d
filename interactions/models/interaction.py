import datetime as dt
from collections.abc import Iterable
from email.utils import parseaddr
from typing import ClassVar, Final, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.models.customer import time_ordered_id
from interactions.folding import TEXTS, Folded, Happening, State


class Channel(models.TextChoices):
    VOICE = "voice", _("Call")
    VIDEO = "video", _("Video call")
    EMAIL = "email", _("Email")
    SMS = "sms", _("SMS")
    CHAT = "chat", _("Chat")
    SOCIAL = "social", _("Social media")
    MESSAGING = "messaging", _("Message")
    WEB = "web", _("Web")


class Direction(models.TextChoices):
    INBOUND = "inbound", _("In")
    OUTBOUND = "outbound", _("Out")
    INTERNAL = "internal", _("Internal")


class How(models.TextChoices):
    """How an interaction came to its customer, or to none."""

    AUTOMATIC = "automatic", _("by itself")
    BY_HAND = "by_hand", _("by hand")
    PROMOTED = "promoted", _("added to the contacts")
    UNLINKED = "unlinked", _("unlinked by hand")
    DIALLED = "dialled", _("dialled from the profile")


BY_PEOPLE = (How.BY_HAND, How.PROMOTED, How.UNLINKED, How.DIALLED)
"""Links that a later automatic one never undoes (C48)."""


class InteractionQuerySet(models.QuerySet["Interaction"]):
    def of(self, customers: Iterable[UUID]) -> Self:
        members = list(customers)
        return (
            self.filter(customer_id=members[0]) if len(members) == 1 else self.filter(customer_id__in=members)
        )

    def newest_first(self) -> Self:
        return self.order_by("-started", "-id")

    def live(self, now: dt.datetime) -> Self:
        """Not over, and not older than any communication lasts: an adapter that died never told its end."""
        return self.filter(ended=None, started__gt=now - dt.timedelta(hours=12))

    def on_desk_of(self, agent: str, now: dt.datetime) -> Self:
        return self.live(now).filter(on_desks__contains=[agent])

    def in_state(self, state: str, now: dt.datetime) -> Self:
        """Keep those in a state as it is shown: what has ended is closed by the clock (I4)."""
        if state == State.CLOSED:
            return self.filter(state=State.ENDED, closes_at__lte=now)
        if state == State.ENDED:
            return self.filter(state=state, closes_at__gt=now)
        return self.filter(state=state)

    def unsettled(self, now: dt.datetime) -> Self:
        """Closed, and nobody has been told yet."""
        return self.filter(closes_at__lte=now, settled_at=None)

    def with_text(self, text: str, personal: Iterable[str]) -> Self:
        """Keep those in whose texts `text` stands; of the personal ones only in those that are named."""
        found = Q()
        for name in ("topic", "queue", "campaign", "notes", "wrap_ups", "activities", *personal):
            found |= Q(**{f"{name}__icontains": text})
        return self.filter(found)


ERASED: Final = "erased"
"""Stands in `looked_up` once the person was erased: nobody is looked for any more, and late news are forgotten."""


class Interaction(models.Model):
    """One communication with a customer or with nobody known: the fold of its events, and a link (I1).

    The legs (`activities`, I2), rings, wrap-ups and notes are part of the state that folding computes whole, so they
    lie in the row: one write per batch, one read per page.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    source = models.TextField()
    external_id = models.TextField()
    state = models.CharField(max_length=10, default=State.OPEN)
    channel = models.CharField(max_length=10, default="", blank=True)
    direction = models.CharField(max_length=10, default="", blank=True)
    address = models.TextField(default="", blank=True)
    dialled = models.TextField(default="", blank=True)
    customer_name = models.TextField(default="", blank=True)
    queue = models.TextField(default="", blank=True)
    skill = models.JSONField(null=True, blank=True)
    team = models.TextField(default="", blank=True)
    campaign = models.TextField(default="", blank=True)
    manual = models.BooleanField(default=False)
    topic = models.TextField(default="", blank=True)
    account = models.TextField(default="", blank=True)
    work_request_id = models.TextField(default="", blank=True)
    status = models.TextField(default="", blank=True)
    master_id = models.TextField(default="", blank=True)
    recording_url = models.TextField(default="", blank=True)
    transcript_url = models.TextField(default="", blank=True)
    reason = models.TextField(default="", blank=True)
    ended_by = models.CharField(max_length=10, default="", blank=True)
    transferred_from = models.TextField(default="", blank=True)
    started = models.DateTimeField()
    ended = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    identifiers = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    data = models.JSONField(default=dict)
    activities = models.JSONField(default=list)
    offers = models.JSONField(default=list)
    wrap_ups = models.JSONField(default=list)
    wrap_up = models.JSONField(null=True, blank=True)
    notes = models.JSONField(default=list)
    messages = models.PositiveIntegerField(default=0)
    agents = models.JSONField(default=dict)
    agent_ids = ArrayField(models.TextField(), default=list)
    on_desks = ArrayField(models.TextField(), default=list)

    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="interactions",
        db_index=False,
    )
    linked_how = models.CharField(max_length=10, choices=How, default="", blank=True)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    linked_at = models.DateTimeField(null=True, blank=True)
    # Which identifiers led to the customer, for an automatic link (C50).
    linked_why = models.TextField(default="", blank=True)
    candidates = models.JSONField(default=list)
    # What the last automatic link was decided by; while it stays, nobody is looked up again.
    looked_up = models.TextField(default="", blank=True)

    settled_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())

    objects = InteractionQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("source", "external_id", name="interaction_is_known_once_per_source"),
        ]
        indexes: ClassVar = [
            models.Index(
                "customer", models.F("started").desc(), models.F("id").desc(), name="interaction_by_customer"
            ),
            models.Index(models.F("started").desc(), models.F("id").desc(), name="interaction_by_start"),
            GinIndex(fields=["agent_ids"], name="interaction_by_agent"),
            GinIndex(
                fields=["on_desks"], name="interaction_on_desks", condition=~Q(on_desks=[]), fastupdate=False
            ),
            models.Index("started", name="interaction_not_over", condition=Q(ended=None)),
            models.Index(
                "closes_at",
                name="interaction_unsettled",
                condition=Q(settled_at=None, closes_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"

    def put(self, folded: Folded) -> None:
        """Take over a folded state; nothing is saved."""
        for name in (*TEXTS, *_FOLDED):
            setattr(self, name, getattr(folded, name))
        self.agent_ids = sorted(folded.agents)
        self.on_desks = folded.on_desks()

    def state_at(self, now: dt.datetime) -> str:
        """Name the state as it is shown: ten minutes after its end at the latest, an interaction is closed (I4)."""
        closed = self.state == State.ENDED and self.closes_at is not None and self.closes_at <= now
        return State.CLOSED.value if closed else self.state

    @property
    def is_linked_by_hand(self) -> bool:
        return self.linked_how in BY_PEOPLE

    @property
    def pops(self) -> bool:
        """Inbound calls and those of a campaign pop; one that the agent dialled does not (I21)."""
        return not self.manual and (self.direction != Direction.OUTBOUND or bool(self.campaign))

    @property
    def was_answered(self) -> bool:
        return any(leg["kind"] == "agent" for leg in self.activities)

    def identity(self) -> list[tuple[str, str]]:
        """List the identifiers of whoever communicates here: the address by its channel, and those that were sent."""
        found = [(item["type"], item["value"]) for item in self.identifiers]
        if self.address:
            found += [
                (kind, _bare(kind, self.address)) for kind in _address_types(self.channel, self.address)
            ]
        return list(dict.fromkeys(found))


_FOLDED = (
    *(
        "state",
        "skill",
        "team",
        "manual",
        "topic",
        "reason",
        "ended_by",
        "transferred_from",
        "started",
        "ended",
    ),
    *(
        "closes_at",
        "identifiers",
        "tags",
        "data",
        "activities",
        "offers",
        "wrap_ups",
        "wrap_up",
        "notes",
        "messages",
    ),
    "agents",
)

FOLDED_COLUMNS = (*TEXTS, *_FOLDED, "agent_ids", "on_desks")


def _bare(kind: str, address: str) -> str:
    """Take the display name off a mail address."""
    return parseaddr(address)[1] or address if kind == "email" else address


def _address_types(channel: str, address: str) -> tuple[str, ...]:
    match channel:
        case Channel.EMAIL:
            return ("email",)
        case Channel.MESSAGING:
            return ("whatsapp",)
        case Channel.WEB | Channel.CHAT:
            return ("email",) if "@" in address else ("web",)
        case Channel.SOCIAL:
            return ("facebook", "instagram", "x", "line")
    return ("phone",)


class Event(models.Model):
    """What an adapter, or somebody at the desk, told about an interaction; never changed but by an erasure (I10)."""

    id = models.BigAutoField(primary_key=True)
    interaction = models.ForeignKey(
        Interaction, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    event_id = models.TextField()
    type = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    said = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=32)
    # Told by a person at the desk rather than by an adapter.
    by_hand = models.BooleanField(default=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("interaction", "event_id", name="event_is_told_once_per_interaction"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"

    @property
    def happening(self) -> Happening:
        return Happening(self.event_id, self.type, self.occurred_at, self.said, self.by_hand)


class Link(models.Model):
    """That an interaction came to a customer, or to nobody, at a moment: who did it and how (C48)."""

    id = models.BigAutoField(primary_key=True)
    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="links")
    customer = models.ForeignKey(
        Customer, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False, db_constraint=False
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    how = models.CharField(max_length=10, choices=How)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.interaction_id} to {self.customer_id} {self.how}"
