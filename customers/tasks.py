"""The background jobs of customers: one call each; what a job knows is in the database, not in its message."""

from celery import shared_task
from django.utils import timezone

from customers import archiving


@shared_task(name="customers.tidy_attribute")
def tidy_attribute(attribute_id: int) -> int:
    """Bring the values of an archived or restored attribute to where they belong."""
    return archiving.tidy(attribute_id, timezone.now())


@shared_task(name="customers.tidy_attributes")
def tidy_attributes() -> int:
    """Do what a lost message or a killed worker left undone; runs every few minutes."""
    return sum(archiving.tidy(attribute_id, timezone.now()) for attribute_id in archiving.pending())
