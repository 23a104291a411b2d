"""What must hold between contacts and their deliveries, whatever happened (Q20)."""

import datetime as dt
from collections.abc import Iterator

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from crm_mappings.memorising import TELLING
from crm_mappings.models import Delivery
from interactions.models import Event


def problems() -> Iterator[str]:
    """Name every delivery that no event of its contact causes, and every one that nobody will ever finish."""
    causing = Event.objects.filter(interaction=OuterRef("interaction"), type__in=TELLING)
    for delivery in Delivery.objects.filter(~Exists(causing)):
        yield f"The delivery {delivery.pk} has no event that causes it."
    long_ago = timezone.now() - dt.timedelta(hours=1)
    for delivery in Delivery.objects.filter(state=Delivery.State.SENDING, leased_until__lt=long_ago):
        yield f"The delivery {delivery.pk} has been claimed for more than an hour."
    for delivery in Delivery.objects.filter(delivered_at__lt=F("created_at")):
        yield f"The delivery {delivery.pk} was delivered before it was made."
