"""The outbox: deliveries are claimed, sent, and marked; each at least once, and under its key exactly once (M14).

One worker at a time sends to a CRM, so that a hanging one holds no second worker up; each claim is a conditional update
with a number that only its holder knows.
"""

import datetime as dt
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from crm_mappings import finding, throttling
from crm_mappings.adapters import Adapter, Busy, Locked, Record, Refused, Unavailable, adapter_of
from crm_mappings.connecting import Resting, asking
from crm_mappings.models import Circuit, Configuration, CrmAnswer, Delivery, SkillSetup
from crm_mappings.outgoing import patient
from customers.models import Customer
from customers.resolving import survivor_of

_LONGEST_RETRY: Final = 3600.0
_KEPT_TRIES: Final = 20
_WORKS_FOR: Final = 60.0
"""Seconds after which a worker turns to something else; what is left is asked for again."""


def lease_seconds() -> float:
    """How long a claim holds: longer than the longest exchange, so that two senders never overlap."""
    return settings.CIM_CRM_TIMEOUT + settings.CIM_CRM_MARGIN


def due_configurations(now: dt.datetime) -> list[UUID]:
    """List the configurations with something to send that may be asked now."""
    due = Delivery.objects.due(now).order_by().values("configuration")
    rows = Configuration.objects.in_use().filter(pk__in=due)
    resting = Circuit.objects.filter(Q(open_until__gt=now) | Q(is_paused=True) | Q(held_until__gt=now))
    return list(rows.exclude(pk__in=resting.values("pk")).values_list("pk", flat=True))


def send_due(configuration_id: UUID) -> int:
    """Send what is due to one CRM, in order, until nothing is left or it wants rest; return how many tries were made.

    Does nothing where another worker is at it.
    """
    configuration = Configuration.objects.in_use().filter(pk=configuration_id).first()
    if configuration is None:
        return 0
    holder = throttling.hold(configuration_id, timezone.now(), lease_seconds())
    if holder is None:
        return 0
    tries = 0
    until = time.monotonic() + _WORKS_FOR
    try:
        while time.monotonic() < until:
            now = timezone.now()
            if not throttling.keep_holding(configuration_id, holder, now, lease_seconds()):
                break
            if throttling.circuit_of(configuration_id).is_paused:
                break
            delivery = _claim(configuration_id, now)
            if delivery is None:
                break
            tries += 1
            if not _try(delivery, configuration):
                break
    finally:
        throttling.let_go(configuration_id, holder)
    return tries


def _claim(configuration_id: UUID, now: dt.datetime) -> Delivery | None:
    """Take the next delivery that is due, by a conditional update; None where there is none."""
    for candidate in Delivery.objects.due(now).filter(configuration_id=configuration_id)[:5]:
        mine = Delivery.objects.filter(pk=candidate.pk, state=candidate.state, fence=candidate.fence).update(
            state=Delivery.State.SENDING,
            fence=F("fence") + 1,
            tries=F("tries") + 1,
            leased_until=now + dt.timedelta(seconds=lease_seconds()),
        )
        if mine:
            return Delivery.objects.select_related("interaction").get(pk=candidate.pk)
    return None


def _try(delivery: Delivery, configuration: Configuration) -> bool:
    """Send one claimed delivery and mark what came of it; return whether the CRM may be asked for the next."""
    began, now = time.monotonic(), timezone.now()
    # Read afresh: the credentials may have been changed since.
    configuration.refresh_from_db()
    try:
        with asking(configuration, patient(), now) as adapter:
            record, cut = _send(delivery, configuration, adapter)
    except Resting:
        _postpone(
            delivery,
            _("The CRM is left alone for a while."),
            throttling.circuit_of(configuration.pk).open_until,
        )
        return False
    except Busy as busy:
        wait = busy.retry_after if busy.retry_after is not None else 10.0
        _postpone(delivery, str(busy), now + dt.timedelta(seconds=wait))
        return False
    except Locked as locked:
        _postpone(delivery, str(locked), throttling.circuit_of(configuration.pk).open_until)
        return False
    except Unavailable as unavailable:
        _retry_or_fail(delivery, str(unavailable), unavailable.retry_after, now)
        # The next of another contact may do better; the circuit breaker decides when it is enough.
        return True
    except finding.Nobody as nobody:
        _mark(delivery, Delivery.State.SKIPPED, str(nobody))
        return True
    except Refused as refusal:
        _mark(delivery, Delivery.State.FAILED, str(refusal))
        return True
    took = int((time.monotonic() - began) * 1000)
    _mark(
        delivery,
        Delivery.State.DELIVERED,
        "",
        record_id=record.id[:200],
        record_url=record.url[:500],
        took_ms=took,
        cut=cut,
        delivered_at=timezone.now(),
    )
    return True


def _send(delivery: Delivery, configuration: Configuration, adapter: Adapter) -> tuple[Record, list[str]]:
    linked = delivery.interaction.customer
    customer = survivor_of(linked) if linked else None
    known = finding.known_of(customer, delivery.interaction, configuration)
    repeated = delivery.fence > 1
    owner = finding.find_or_make(adapter, known, finding.rules_of(_setup_of(delivery)), repeated=repeated)
    if customer is not None:
        _remember(customer, configuration, owner)
    texts, cut = _fitted(delivery, configuration, _still_wanted(delivery))
    if delivery.entity_type == "customer":
        return (adapter.update(owner, texts) if texts else owner), cut
    record = adapter.write(
        delivery.entity_type,
        texts,
        key=delivery.key,
        customer=owner,
        parent_key=delivery.parent_key,
        repeated=repeated,
    )
    return record, cut


def _setup_of(delivery: Delivery) -> SkillSetup | None:
    setups = SkillSetup.objects.whole().filter(configuration_id=delivery.configuration_id)
    return setups.filter(skill=delivery.skill).first()


def _remember(customer: Customer, configuration: Configuration, owner: Record) -> None:
    """Keep which record stands for the customer: the next delivery need not search, and a search index may lag."""
    found = {
        "outcome": CrmAnswer.Outcome.ONE,
        "records": [{"type": "customer", "id": owner.id, "url": owner.url, "values": {}, "person": None}],
    }
    answer, made = CrmAnswer.objects.get_or_create(
        customer=customer, configuration=configuration, interaction=None, defaults=found
    )
    if not made and not any(record["id"] == owner.id for record in answer.records):
        CrmAnswer.objects.filter(pk=answer.pk).exclude(outcome=CrmAnswer.Outcome.ONE).update(**found)


def _still_wanted(delivery: Delivery) -> dict[str, str]:
    """Leave out of a replay what a later delivery of the same contact has written since."""
    later = Delivery.objects.filter(
        interaction_id=delivery.interaction_id,
        configuration_id=delivery.configuration_id,
        entity_type=delivery.entity_type,
        key=delivery.key,
        place__gt=delivery.place,
        state=Delivery.State.DELIVERED,
    )
    written = {name for fields in later.values_list("fields", flat=True) for name in fields}
    return {name: text for name, text in delivery.fields.items() if name not in written}


def _fitted(
    delivery: Delivery, configuration: Configuration, texts: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Cut texts that are too long for their field, with a mark and a link to the whole (M12)."""
    made = adapter_of(configuration.type)
    fitted, cut = {}, []
    for name, text in texts.items():
        limit = made.field(delivery.entity_type, name).limit or settings.CIM_CRM_TEXT_LIMIT
        if len(text) > limit:
            cut.append(name)
            text = cut_to(text, limit, whole_at(delivery))
        fitted[name] = text
    return fitted, cut


def whole_at(delivery: Delivery) -> str:
    """Return the address under which people read what was sent in full."""
    return f"{settings.CIM_PUBLIC_ADDRESS}/crm/sent/{delivery.pk}/"


def cut_to(text: str, limit: int, address: str) -> str:
    """Return the text in at most `limit` characters, ending in a mark that says where the whole is."""
    mark = _(" […] cut, whole text: %(address)s") % {"address": address}
    if len(mark) >= limit:
        mark = "…"
    return text[: limit - len(mark)] + mark


def _postpone(delivery: Delivery, reason: str, until: dt.datetime | None) -> None:
    """Put a delivery back that was not really tried: it costs none of its tries."""
    due_at = until or timezone.now() + dt.timedelta(seconds=10)
    Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence).update(
        state=Delivery.State.RETRYING if delivery.tries > 1 else Delivery.State.WAITING,
        tries=F("tries") - 1,
        leased_until=None,
        due_at=due_at,
        reason=reason[:1000],
    )


def _retry_or_fail(delivery: Delivery, reason: str, retry_after: float | None, now: dt.datetime) -> None:
    if delivery.tries >= settings.CIM_CRM_TRIES:
        _mark(delivery, Delivery.State.FAILED, reason)
        return
    wait = min(_LONGEST_RETRY, settings.CIM_CRM_RETRY * 2 ** min(delivery.tries - 1, 20))
    wait *= random.uniform(0.7, 1.3)  # noqa: S311 - no secret
    if retry_after is not None:
        wait = max(wait, retry_after)
    _mark(delivery, Delivery.State.RETRYING, reason, outcome="retry", due_at=now + dt.timedelta(seconds=wait))


def _mark(delivery: Delivery, state: str, reason: str, *, outcome: str = "", **changes: Any) -> None:
    """Say what became of a claimed delivery, unless somebody else has claimed it since."""
    tried = {"at": timezone.now().isoformat(), "outcome": outcome or str(state), "reason": reason[:1000]}
    Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence).update(
        state=state,
        reason=reason[:1000],
        leased_until=None,
        history=[*delivery.history, tried][-_KEPT_TRIES:],
        **changes,
    )


def replay(ids: Sequence[UUID], actor: audit.Actor, now: dt.datetime) -> list[Delivery]:
    """Send deliveries again that failed, were skipped or were delivered; those that are on their way go at once.

    Nothing is written twice: the key of each finds what an earlier try has left. Returns those that will be sent, in
    the order in which they were caused.
    """
    with transaction.atomic():
        rows = list(Delivery.objects.filter(pk__in=ids).order_by("created_at", "place").select_for_update())
        chosen = [row for row in rows if row.state != Delivery.State.SENDING]
        if not chosen:
            return []
        with audit.recorded(
            actor,
            "crm.delivery.replay",
            object_type="crm_delivery",
            object_id=chosen[0].pk,
            count=len(chosen),
        ):
            for row in chosen:
                waiting = row.state in (Delivery.State.WAITING, Delivery.State.RETRYING)
                row.state = row.state if waiting else Delivery.State.WAITING
                row.tries = row.tries if waiting else 0
                row.due_at, row.replayed_at, row.replayed_by_id = now, now, actor.user_id
            Delivery.objects.bulk_update(
                chosen, ["state", "tries", "due_at", "replayed_at", "replayed_by_id"]
            )
    return chosen


def stop(ids: Sequence[UUID], actor: audit.Actor) -> int:
    """Stop trying: what waits is kept as failed, to be replayed by hand."""
    with (
        transaction.atomic(),
        audit.recorded(actor, "crm.delivery.stop", object_type="crm_delivery", count=len(ids)),
    ):
        return Delivery.objects.filter(
            pk__in=ids, state__in=[Delivery.State.WAITING, Delivery.State.RETRYING]
        ).update(state=Delivery.State.FAILED, reason=_("Stopped by hand."))


def pause(configuration_id: UUID, actor: audit.Actor, *, paused: bool) -> None:
    """Hold deliveries back, or let them go on; nothing is lost meanwhile."""
    throttling.circuit_of(configuration_id)
    with audit.recorded(
        actor,
        "crm.deliveries.pause" if paused else "crm.deliveries.resume",
        object_type="crm_configuration",
        object_id=configuration_id,
    ):
        Circuit.objects.filter(configuration_id=configuration_id).update(is_paused=paused)
