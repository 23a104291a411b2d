"""Which contacts are forgotten by themselves: those that nobody saved, after a time without contact (C41)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from cim.access import audit
from customers.models import Customer, Stage
from customers.models.customer import CustomerQuerySet
from customers.signals import contacts_expiring

BATCH = 1_000


def expire_contacts(now: datetime) -> int:
    """Forget ephemeral and identified contacts without contact since the retention period; return how many.

    Curated ones never go. Their interactions stay, unlinked. Batch by batch, each a transaction of its own.
    """
    since = now - timedelta(days=settings.CIM_CONTACT_DAYS)
    gone = 0
    after: UUID | None = None
    while batch := list(_unsaved(since, after).values_list("id", flat=True)[:BATCH]):
        after = batch[-1]
        with transaction.atomic():
            answers = contacts_expiring.send(Customer, customers=batch, since=since)
            kept = {customer for _receiver, found in answers for customer in found or ()}
            going = (
                Customer.objects.live()
                .exclude(stage=Stage.CURATED)
                .filter(id__in=set(batch) - kept, updated_at__lt=since, merged=None)
            )
            locked = [row.id for row in going.locked().only("id")]
            if locked:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT customers_forget_versions(%s)", [locked])
                Customer.objects.filter(id__in=locked).delete()
                audit.note(audit.system_actor("system"), "contacts.expire", contacts=len(locked))
        gone += len(locked)
    return gone


def _unsaved(since: datetime, after: UUID | None) -> CustomerQuerySet:
    found = Customer.objects.live().exclude(stage=Stage.CURATED).filter(updated_at__lt=since, merged=None)
    return (found if after is None else found.filter(id__gt=after)).order_by("id")
