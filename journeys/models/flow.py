from typing import ClassVar

from django.db import models


class FlowDay(models.Model):
    """How often, on one day, a point in one channel followed one in another within a topic (J16).

    Prepared in the background from the elements. `log_seconds` is the sum of the logarithms of the times between:
    their typical length is the exponential of its mean, and days can be added up.
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    topic = models.CharField(max_length=255)
    # Null where the point follows nothing.
    channel_before = models.CharField(max_length=10, null=True)
    channel = models.CharField(max_length=10)
    count = models.PositiveIntegerField()
    log_seconds = models.FloatField()

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(
                "day",
                include=["topic", "channel_before", "channel", "count", "log_seconds"],
                name="flow_day_by_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.channel_before} to {self.channel}"


class FlowPreparation(models.Model):
    """How far the flows are prepared: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    prepared_at = models.DateTimeField(null=True)
    # Everything was looked at, not only what had changed.
    wholly_at = models.DateTimeField(null=True)
    # Elements that changed until then are counted.
    seen_until = models.DateTimeField(null=True)
    elements = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="flow_preparation_is_one_row"),
        ]

    def __str__(self) -> str:
        return str(self.prepared_at)
