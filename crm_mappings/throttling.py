"""How hard a CRM is asked, by all workers together: the pace, the circuit breaker, the one sender (M4)."""

import datetime as dt
import random
import time
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_mappings.adapters import Busy
from crm_mappings.models import Circuit

BREAKS_AFTER: Final = 4
"""So many failures in a row open the circuit."""

_LONGEST_REST: Final = 300.0
_LONGEST_WAIT: Final = 5.0
_BURST: Final = 10
"""Requests that may go at once after a quiet time; the rate holds from then on."""


def circuit_of(configuration_id: UUID) -> Circuit:
    return Circuit.objects.get_or_create(configuration_id=configuration_id)[0]


def take_turn(configuration_id: UUID) -> None:
    """Wait until the next request is due at the allowed rate. Raises Busy where that is too long."""
    wait = _claim_slot(configuration_id, timezone.now())
    waited = 0.0
    while wait > 0:
        if waited + wait > _LONGEST_WAIT:
            raise Busy(_("The allowed number of requests per minute is used up."), wait)
        time.sleep(wait)
        waited += wait
        wait = _claim_slot(configuration_id, timezone.now())


def _claim_slot(configuration_id: UUID, now: dt.datetime) -> float:
    """Take the next slot and return 0, or return how many seconds to wait for it."""
    interval = 60 / settings.CIM_CRM_RATE
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update crm_mappings_circuit set next_slot = greatest(coalesce(next_slot, %(now)s), %(now)s)
                    + %(interval)s * interval '1 second'
            where configuration_id = %(id)s
                and coalesce(next_slot, %(now)s) <= %(now)s + %(burst)s * interval '1 second'
            """,
            {"now": now, "interval": interval, "burst": interval * _BURST, "id": configuration_id},
        )
        if cursor.rowcount == 1:
            return 0.0
    circuit = circuit_of(configuration_id)
    if circuit.next_slot is None:
        return 0.0
    return max(0.001, (circuit.next_slot - now).total_seconds() - interval * _BURST)


def may_ask(configuration_id: UUID, now: dt.datetime) -> bool:
    """Tell whether the CRM may be asked now; after a rest, one caller alone is told yes, and tries for all."""
    circuit = circuit_of(configuration_id)
    if circuit.is_open(now):
        return False
    if circuit.failures < BREAKS_AFTER:
        return True
    trial = dt.timedelta(seconds=settings.CIM_CRM_TIMEOUT + 10)
    claimed = Circuit.objects.filter(
        Q(open_until=None) | Q(open_until__lte=now), configuration_id=configuration_id
    )
    return bool(claimed.update(open_until=now + trial))


def went_well(configuration_id: UUID) -> None:
    Circuit.objects.filter(
        Q(failures__gt=0) | Q(open_until__isnull=False), configuration_id=configuration_id
    ).update(failures=0, open_until=None, reason="")


def went_wrong(configuration_id: UUID, reason: str, now: dt.datetime, *, at_once: bool = False) -> None:
    """Count a failure; after several in a row, or `at_once`, nobody asks for a while, twice as long each time."""
    circuit_of(configuration_id)
    Circuit.objects.filter(configuration_id=configuration_id).update(
        failures=F("failures") + (BREAKS_AFTER if at_once else 1), reason=reason[:500]
    )
    circuit = circuit_of(configuration_id)
    beyond = circuit.failures - BREAKS_AFTER
    if beyond >= 0:
        rest = min(_LONGEST_REST, settings.CIM_CRM_REST * 2 ** min(beyond, 10))
        open_until = now + dt.timedelta(seconds=rest * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        Circuit.objects.filter(configuration_id=configuration_id).update(open_until=open_until)


def leave_alone(configuration_id: UUID, seconds: float | None, reason: str, now: dt.datetime) -> None:
    """Do as a busy CRM asks: nobody asks it anything for so long."""
    circuit_of(configuration_id)
    until = now + dt.timedelta(seconds=min(seconds if seconds is not None else 10.0, 3600))
    Circuit.objects.filter(configuration_id=configuration_id).filter(
        Q(open_until=None) | Q(open_until__lt=until)
    ).update(open_until=until, reason=reason[:500])


def reset(configuration_id: UUID) -> None:
    """Ask again at once: what stood in the way was put right."""
    circuit_of(configuration_id)
    Circuit.objects.filter(configuration_id=configuration_id).update(failures=0, open_until=None, reason="")


def hold(configuration_id: UUID, now: dt.datetime, seconds: float) -> int | None:
    """Become the one sender for so long; return the number to prove it with, None while another one is."""
    circuit_of(configuration_id)
    free = Circuit.objects.filter(
        Q(held_until=None) | Q(held_until__lte=now), configuration_id=configuration_id
    )
    if not free.update(holder=F("holder") + 1, held_until=now + dt.timedelta(seconds=seconds)):
        return None
    return circuit_of(configuration_id).holder


def keep_holding(configuration_id: UUID, holder: int, now: dt.datetime, seconds: float) -> bool:
    """Prolong the lease; false when it was lost."""
    mine = Circuit.objects.filter(configuration_id=configuration_id, holder=holder)
    return bool(mine.update(held_until=now + dt.timedelta(seconds=seconds)))


def let_go(configuration_id: UUID, holder: int) -> None:
    Circuit.objects.filter(configuration_id=configuration_id, holder=holder).update(held_until=None)
