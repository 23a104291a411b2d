"""How long an uploaded file is kept (C70)."""

from datetime import datetime

from django.db import connection, transaction

from customers.models import ImportPiece, ImportRun

State = ImportRun.State


def forget(before: datetime) -> int:
    """Remove the files of imports uploaded before an instant; return how many. What became of the rows stays known.

    A checked file that nobody has started by then is cancelled; one that is being worked on is left alone.
    """
    count = 0
    old = ImportRun.objects.filter(
        created_at__lt=before, state__in=[*ImportRun.FINAL, State.READY], pieces__number=0
    )
    for run_id in list(old.values_list("id", flat=True)):
        with transaction.atomic():
            run = ImportRun.objects.select_for_update().get(id=run_id)
            if not run.is_final and run.state != State.READY:
                continue
            if run.state == State.READY:
                run.state = State.CANCELLING
                run.keep = True
                run.save(update_fields=["state", "keep"])
            else:
                with connection.cursor() as cursor:
                    cursor.execute("DELETE FROM customers_importline WHERE run_id = %s", [run_id])
                ImportPiece.objects.filter(run_id=run_id).delete()
                count += 1
    return count
