from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.attribute import Attribute
from customers.models.customer import time_ordered_id


class AttributeJobQuerySet(models.QuerySet["AttributeJob"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=AttributeJob.WORKABLE)


class AttributeJob(models.Model):
    """Work on the values of one attribute: the change of its type (C7), or its default put in where nothing is (C2).

    The row is the truth of the job: how far it is, and what stands in its way. ``cursor`` is the last customer that was
    looked at in the current state; ``wrong`` counts the values that do not convert, ``examples`` shows some of them.
    """

    class Action(models.TextChoices):
        CONVERT = "convert", _("Conversion")
        FILL = "fill", _("Filling")

    class State(models.TextChoices):
        CHECKING = "checking", _("Checking")
        READY = "ready", _("Ready")
        REFUSED = "refused", _("Refused")
        WAITING = "waiting", _("Waiting for an import")
        CONVERTING = "converting", _("Converting")
        CLEARING = "clearing", _("Tidying up")
        FILLING = "filling", _("Filling")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    WORKABLE = (State.CHECKING, State.WAITING, State.CONVERTING, State.CLEARING, State.FILLING)
    STOPPABLE = (State.CHECKING, State.WAITING, State.CONVERTING, State.FILLING)

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    attribute = models.ForeignKey(Attribute, on_delete=models.CASCADE, related_name="jobs")
    action = models.CharField(max_length=10, choices=Action)
    state = models.CharField(max_length=10, choices=State)
    # What the state becomes once the slot that is not used any more is empty.
    then = models.CharField(max_length=10, choices=State, blank=True)
    type = models.CharField(max_length=10, choices=Attribute.Type, blank=True)
    options = models.JSONField(default=list)
    max_length = models.PositiveSmallIntegerField(null=True, blank=True)
    from_type = models.CharField(max_length=10, blank=True)
    dry_run = models.BooleanField(default=False)
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    slot_type = models.CharField(max_length=10, blank=True)
    cursor = models.UUIDField(null=True, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    examples = models.JSONField(default=list)
    stop = models.BooleanField(default=False)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)
    via = models.CharField(max_length=10)
    entry_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = AttributeJobQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "attribute",
                condition=models.Q(state__in=["checking", "waiting", "converting", "clearing", "filling"]),
                name="attribute_has_one_job_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.attribute_id}: {self.state}"
