"""The background jobs of imports: which import, and how far it is, stands in the database and not in the message."""

from datetime import timedelta

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from customers.importing import retaining, running


@shared_task(name="customers.run_imports", ignore_result=True)
def run_imports() -> int:
    """Work on the imports that are due, and on those whose worker has died; asked for now, and every few seconds."""
    return running.work()


def soon() -> None:
    """Ask a worker to look for imports once this transaction is committed; it looks by itself every few seconds."""
    transaction.on_commit(run_imports.delay, robust=True)


@shared_task(name="customers.forget_import_files", ignore_result=True)
def forget_import_files() -> int:
    """Remove uploaded files, and checked files that nobody has started, after their time (C70)."""
    return retaining.forget(timezone.now() - timedelta(days=settings.CIM_IMPORT_FILE_DAYS))


@worker_ready.connect
def _look_for_work(**_: object) -> None:
    run_imports.delay()
