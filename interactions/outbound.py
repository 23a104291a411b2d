"""Dialling a customer: the call is in the history from the moment of dialling, with its outcome (I30–I32)."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from cim.access import audit
from customers.models import Customer, Phone
from customers.phones import normalize
from customers.schema import dialplan
from interactions import do_not_call, recording
from interactions.agents import agent_of
from interactions.dialling import dialler_called
from interactions.families import family_of, survivors
from interactions.linking import UnknownCustomer
from interactions.models import AgentProfile, How, Interaction


class UnknownPhone(Exception):
    """No number has this id now, or it belongs to another customer."""

    def __init__(self, phone: int) -> None:
        super().__init__(phone)
        self.phone = phone

    def __str__(self) -> str:
        return _("“%(phone)s” is not the id of a phone of this customer.") % {"phone": self.phone}


def dial(
    customer_id: UUID | None, phone: int | str, user: User, actor: audit.Actor, now: dt.datetime
) -> tuple[Interaction, dict[str, Any]]:
    """Begin an outbound call: return the interaction, and what the user's browser must do to place the call.

    Raises UnknownCustomer, UnknownPhone, InvalidPhone, and Listed for a number on the do-not-call list unless the user
    may dial those.
    """
    standing = survivors([customer_id]).get(customer_id) if customer_id else None
    if customer_id and standing is None:
        raise UnknownCustomer(customer_id)
    number, owner = _number(phone, standing)
    if not user.has_perm("access.dial_do_not_call"):
        do_not_call.refuse_listed(number)
    chosen = AgentProfile.objects.filter(user=user).values_list("dialler", flat=True).first() or ""
    dialler = dialler_called(chosen)
    with transaction.atomic():
        interaction = recording.begin(
            {
                "channel": "voice",
                "direction": "outbound",
                "manual": True,
                "address": number,
                "agent": agent_of(user),
            },
            user,
            now,
            customer_id=standing or owner,
            how=How.DIALLED if standing or owner else "",
        )
        audit.note(
            actor,
            "interaction.dial",
            object_type="interaction",
            object_id=interaction.id,
            customer=str(interaction.customer_id or ""),
            dialler=dialler.name,
        )
    return interaction, dialler.action(number, str(interaction.id))


def phones_of(customer_id: UUID) -> list[Phone]:
    """List the numbers that a customer has now, in the order of its profile, with the ids by which they are dialled."""
    family = family_of(customer_id)
    listed = Customer.objects.filter(id=family[0]).values_list("phones", flat=True).first() or []
    place = {number: position for position, number in enumerate(listed)}
    phones = Phone.objects.current().filter(customer_id__in=family)
    return sorted(phones, key=lambda phone: (place.get(phone.number, len(place)), phone.pk))


def tell_outcome(
    interaction: Interaction,
    outcome: str,
    user: User,
    now: dt.datetime,
    *,
    reason: str = "",
    source: str = "",
    external_id: str = "",
) -> Interaction:
    """Record what the dialler in the browser reports: connected, failed with its reason, or ended.

    With `source` and `external_id` the interaction takes the name that the telephony gives the call, so that the
    events of its adapter continue this interaction instead of telling of a second one.
    """
    agent = agent_of(user)
    with transaction.atomic():
        if source and external_id:
            _adopt(interaction, source, external_id)
        match outcome:
            case "failed":
                return recording.tell(
                    interaction.id, "dial_failed", {"reason": reason, "agent": agent}, user, now
                )
            case "ended":
                return recording.tell(
                    interaction.id, "ended", {"reason": reason} if reason else {}, user, now
                )
        return recording.tell(interaction.id, "answered", {"agent": agent}, user, now)


def _adopt(interaction: Interaction, source: str, external_id: str) -> None:
    if (interaction.source, interaction.external_id) == (source, external_id):
        return
    try:
        with transaction.atomic():
            Interaction.objects.filter(id=interaction.id, source="cim").update(
                source=source, external_id=external_id
            )
    except IntegrityError:
        # The adapter was faster: its interaction stands beside this one.
        return


def _number(phone: int | str, customer: UUID | None) -> tuple[str, UUID | None]:
    if isinstance(phone, str):
        return normalize(phone, dialplan()), None
    found = Phone.objects.current().filter(pk=phone).first() if 0 < phone < 2**63 else None
    if found is None or (customer and found.customer_id not in family_of(customer)):
        raise UnknownPhone(phone)
    return found.number, survivors([found.customer_id]).get(found.customer_id)
