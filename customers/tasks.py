"""The background jobs of customers: one call each; what a job knows is in the database, not in its message."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from customers import archiving, bulk, duplicates, erasing, filters, indexes, listing, retention, retyping
from customers.import_tasks import forget_import_files, run_imports
from customers.models import ListJob
from customers.policy import Sight
from customers.schema import Schema

# A worker finds only the tasks that it can see from here.
__all__ = [
    "expire_contacts",
    "find_duplicates",
    "forget_import_files",
    "forget_list_jobs",
    "purge_deleted",
    "run_imports",
    "settle_indexes",
    "sum_up_tallies",
    "tidy_attribute",
    "tidy_attributes",
    "work_on_attribute_jobs",
    "work_on_list_job",
    "work_on_list_jobs",
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


@shared_task(name="customers.work_on_list_job")
def work_on_list_job(job_id: str) -> bool:
    """Work on a bulk action or an export until it is done."""
    job = ListJob.objects.get(pk=UUID(job_id))
    if not job.is_collected:
        sight = Sight(frozenset(job.masked), frozenset(), may_reveal=not job.masked)
        bulk.collect(job, filters.parse(job.query, Schema.current(), sight))
    return bulk.work_on(job.pk)


@shared_task(name="customers.work_on_list_jobs")
def work_on_list_jobs() -> int:
    """Take up the jobs whose message was lost or whose worker has died; runs every few seconds."""
    return sum(work_on_list_job(str(job.pk)) for job in ListJob.objects.due(timezone.now()))


@shared_task(name="customers.forget_list_jobs")
def forget_list_jobs() -> int:
    """Delete exported files after a day, the jobs themselves and what people waited for after a month."""
    listing.demand.forget(timezone.now().date())
    bulk.forget_files(timezone.now() - bulk.KEPT)
    return bulk.forget(timezone.now() - bulk.REMEMBERED)


@shared_task(name="customers.work_on_attribute_jobs")
def work_on_attribute_jobs() -> int:
    """Convert and fill in the values of attributes; asked for now, and every few seconds (C2, C7)."""
    taken = retyping.work()
    if taken:
        settle_indexes.delay()
    return taken


@shared_task(name="customers.find_duplicates")
def find_duplicates(*, afresh: bool = False) -> int | None:
    """Look for likely duplicates among the customers that changed; runs every few minutes."""
    return duplicates.find(timezone.now(), afresh=afresh)


@shared_task(name="customers.expire_contacts")
def expire_contacts() -> int:
    """Forget the contacts that nobody saved, after the retention period; runs once a day."""
    return retention.expire_contacts(timezone.now())


@shared_task(name="customers.purge_deleted")
def purge_deleted() -> int:
    """Remove the data of customers that were deleted long ago; runs once a day."""
    return erasing.purge_deleted(timezone.now())
