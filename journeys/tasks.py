"""The background jobs of journeys."""

from celery import shared_task
from django.utils import timezone

from journeys import contexts


@shared_task(name="journeys.expire_contexts")
def expire_contexts() -> int:
    """Remove the contexts past their lease; runs every minute."""
    return contexts.expire(timezone.now())
