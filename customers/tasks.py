"""The background jobs of customers: one call each; what a job knows is in the database, not in its message."""

from celery import shared_task
from django.utils import timezone

from customers import archiving, indexes, listing
from customers.import_tasks import forget_import_files, run_imports

# A worker finds only the tasks that it can see from here.
__all__ = [
    "forget_import_files",
    "run_imports",
    "settle_indexes",
    "sum_up_tallies",
    "tidy_attribute",
    "tidy_attributes",
]


@shared_task(name="customers.tidy_attribute")
def tidy_attribute(attribute_id: int) -> int:
    """Bring the values of an archived or restored attribute to where they belong."""
    return archiving.tidy(attribute_id, timezone.now())


@shared_task(name="customers.tidy_attributes")
def tidy_attributes() -> int:
    """Do what a lost message or a killed worker left undone; runs every few minutes."""
    return sum(archiving.tidy(attribute_id, timezone.now()) for attribute_id in archiving.pending())


@shared_task(name="customers.settle_indexes")
def settle_indexes() -> bool:
    """Build and drop the indexes of fast attributes as their marks want; runs every minute, and after a change."""
    return indexes.settle()


@shared_task(name="customers.sum_up_tallies")
def sum_up_tallies() -> int:
    """Make one row of many that say how the number of customers changed; runs every few minutes."""
    return listing.sum_up_tallies()
