"""The background job of access: forgetting what was to be kept for a time only."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from cim.access.models import IdempotencyRecord


@shared_task(name="access.forget_expired")
def forget_expired() -> None:
    """Delete the answers kept for repeated requests after 72 hours (Q25), and sessions that are over."""
    now = timezone.now()
    IdempotencyRecord.objects.expired(now).delete()
    Session.objects.filter(expire_date__lt=now).delete()
