"""The background jobs of journeys."""

from celery import shared_task
from django.utils import timezone

from journeys import contexts, flows


@shared_task(name="journeys.expire_contexts")
def expire_contexts() -> int:
    """Remove the contexts past their lease; runs every minute."""
    return contexts.expire(timezone.now())


@shared_task(name="journeys.prepare_flows")
def prepare_flows() -> int:
    """Count the flows of the days that have changed; runs every few minutes, and when a supervisor asks."""
    return flows.prepare(timezone.now())
