from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from interactions.models.interaction import Interaction


class AgentProfileQuerySet(models.QuerySet["AgentProfile"]):
    def agent_id_of(self, user: User) -> str:
        """Say under which id the telephony knows a user: the user name, unless set otherwise. One query."""
        found = self.filter(user=user).exclude(agent_id="").values_list("agent_id", flat=True).first()
        return found or user.get_username()


class AgentProfile(models.Model):
    """How the telephony knows a user, and through what that user dials."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="agent_profile"
    )
    agent_id = models.CharField(
        _("agent id"), max_length=150, default="", blank=True, help_text=_("Empty means: the user name.")
    )
    # Empty means: the dialler of the installation.
    dialler = models.CharField(_("dialler"), max_length=200, default="", blank=True)

    objects = AgentProfileQuerySet.as_manager()

    class Meta:
        verbose_name = _("agent profile")
        verbose_name_plural = _("agent profiles")
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                "agent_id", condition=~models.Q(agent_id=""), name="agent_id_belongs_to_one_user"
            ),
        ]

    def __str__(self) -> str:
        return self.agent_id or str(self.user)


class WrapUpReasonQuerySet(models.QuerySet["WrapUpReason"]):
    def offered_for(self, queue: str) -> Self:
        """Those of a queue and those of all queues, in the order of the list."""
        return self.filter(queue__in=["", queue]).order_by("-queue", "position", "label")


class WrapUpReason(models.Model):
    """A code that an agent may choose at the end of a call, in one queue or in all of them (I4)."""

    queue = models.CharField(
        _("queue"), max_length=200, default="", blank=True, help_text=_("Empty means: every queue.")
    )
    code = models.CharField(_("code"), max_length=200)
    label = models.CharField(_("label"), max_length=200)
    position = models.PositiveIntegerField(_("position"), default=0)

    objects = WrapUpReasonQuerySet.as_manager()

    class Meta:
        verbose_name = _("wrap-up reason")
        verbose_name_plural = _("wrap-up reasons")
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("queue", Lower("code"), name="wrap_up_reason_is_listed_once_per_queue"),
        ]

    def __str__(self) -> str:
        return self.label


class Draft(models.Model):
    """A note that somebody is typing: it is kept while it is typed, and goes along with a transfer (I22)."""

    id = models.BigAutoField(primary_key=True)
    interaction = models.ForeignKey(
        Interaction, on_delete=models.CASCADE, related_name="drafts", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    text = models.TextField()
    updated_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint("interaction", "user", name="draft_is_one_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.interaction_id}"


class DeskEvent(models.Model):
    """Something that the desk of one user must show: kept for a day, so that a desk that was cut off can catch up.

    The ids of one user's events ascend in the order of their commits (`popping`), so that "everything after the last
    that I saw" misses nothing.
    """

    class Kind(models.TextChoices):
        POP = "pop"
        UPDATE = "update"
        END = "end"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    data = models.JSONField()
    at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["user", "id"], name="desk_event_by_user")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class DeskPresence(models.Model):
    """That a user's desk is open, or was until a moment ago: others get no desk events."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user_id)
