"""The background jobs of CRMs: one call each; what there is to do is in the database, not in the message."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from crm_mappings import configuring, delivering, fetching, memorising


@shared_task(name="crm_mappings.deliver")
def deliver(configuration_id: str) -> int:
    """Send what is due to one CRM."""
    return delivering.send_due(UUID(configuration_id))


@shared_task(name="crm_mappings.deliver_due")
def deliver_due() -> int:
    """See that everything due is being sent, and contacts that nobody closes are closed; runs every few seconds."""
    now = timezone.now()
    memorising.close_by_clock(now)
    due = delivering.due_configurations(now)
    for configuration_id in due:
        deliver.delay(configuration_id=str(configuration_id))
    for answer_id in fetching.wanted(now):
        fetch.delay(answer_id=str(answer_id))
    return len(due)


@shared_task(name="crm_mappings.fetch")
def fetch(answer_id: str) -> str:
    """Ask a CRM about a customer or a caller."""
    return fetching.fetch(UUID(answer_id), timezone.now())


@shared_task(name="crm_mappings.search")
def search(search_id: str) -> int:
    """Search a CRM for what somebody typed."""
    return fetching.look_for(UUID(search_id), timezone.now())


@shared_task(name="crm_mappings.ask_for_pop")
def ask_for_pop(interaction_id: str) -> int:
    """Ask the CRMs about whoever rings."""
    answers = fetching.ask_for_pop(UUID(interaction_id), timezone.now())
    for answer_id in answers:
        fetch.delay(answer_id=str(answer_id))
    return len(answers)


@shared_task(name="crm_mappings.check_configuration")
def check_configuration(configuration_id: str) -> str:
    """Try the credentials of a configuration."""
    return configuring.check(UUID(configuration_id), timezone.now())


@shared_task(name="crm_mappings.check_configurations")
def check_configurations() -> int:
    """Try credentials whose check was lost, and forget old searches; runs every minute."""
    now = timezone.now()
    fetching.forget_searches(now)
    lost = configuring.unchecked(now)
    for configuration_id in lost:
        check_configuration.delay(configuration_id=str(configuration_id))
    return len(lost)
