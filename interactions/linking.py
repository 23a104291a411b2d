"""Which customer an interaction belongs to: by itself from its identifiers, or by somebody's hand (C42–C44, C48)."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.prepared import prepared
from customers import labelling, meeting, profiles
from customers.models import Customer
from customers.numbers import identifying
from customers.phones import Dialplan, InvalidPhone, normalize
from customers.profiles import NumberTaken, OnConflict
from customers.resolving import Resolution, identifier_value, resolve, standing
from customers.schema import Given, Schema, dialplan
from interactions import popping
from interactions.families import family_of, survivors, unsaved
from interactions.models import How, Interaction, Link
from interactions.models.interaction import ERASED
from interactions.signals import Change, announce


class UnknownCustomer(Exception):
    """No live customer has this id."""

    def __init__(self, customer_id: UUID) -> None:
        super().__init__(customer_id)
        self.customer_id = customer_id

    def __str__(self) -> str:
        return _("“%(id)s” is no customer, or a deleted one.") % {"id": self.customer_id}


@dataclass(frozen=True)
class Found:
    """Whom the identifiers of an interaction mean: one customer and why, or candidates with the reason of each."""

    customer: UUID | None = None
    why: str = ""
    candidates: Sequence[Mapping[str, str]] = field(default_factory=tuple)


# By itself


def link_by_themselves(interactions: Iterable[Interaction], now: dt.datetime) -> list[Link]:
    """Link the interactions whose identifiers or start changed to whom they mean, and return the links to be saved.

    The interactions are changed in memory and must be locked. A link by hand stays (C48). Numbers of voice calls cost
    two queries for all of them; identifiers of other kinds some queries per interaction.
    """
    wanted = []
    for interaction in interactions:
        if interaction.looked_up == ERASED:
            continue
        evidence = json.dumps([*interaction.identity(), interaction.started.isoformat()])
        if evidence != interaction.looked_up:
            interaction.looked_up = evidence
            if not interaction.is_linked_by_hand:
                wanted.append(interaction)
    links = []
    for interaction, found in _met(_find(wanted), now):
        interaction.candidates = [dict(item) for item in found.candidates]
        interaction.linked_why = found.why
        if found.customer != interaction.customer_id:
            interaction.customer_id = found.customer
            interaction.linked_how = How.AUTOMATIC if found.customer else ""
            interaction.linked_at = now if found.customer else None
            interaction.linked_by = None
            links.append(Link(interaction=interaction, customer_id=found.customer, how=How.AUTOMATIC, at=now))
    return links


def _met(found: Iterable[tuple[Interaction, Found]], now: dt.datetime) -> Iterable[tuple[Interaction, Found]]:
    """Store a contact for each web visitor whom nobody matches (C41); other unknown addresses store none.

    In the order of the web ids: whoever meets the same visitors at the same moment waits, and does not deadlock.
    """
    visitors: dict[str, list[Interaction]] = {}
    for interaction, result in found:
        web = next((value for kind, value in interaction.identity() if kind == "web" and value.strip()), "")
        if result.customer or result.candidates or not web:
            yield interaction, result
        else:
            visitors.setdefault(web, []).append(interaction)
    for web, interactions in sorted(visitors.items()):
        visitor = meeting.meet_visitor(web, now)
        for interaction in interactions:
            yield interaction, Found(visitor, _("the same visitor of the web") if visitor else "")


def _find(interactions: Sequence[Interaction]) -> list[tuple[Interaction, Found]]:
    plan = dialplan()
    numbers = {interaction.id: _numbers_of(interaction, plan) for interaction in interactions}
    owners = _Owners(identifying({number for several in numbers.values() for number in several}))
    found = []
    for interaction in interactions:
        others = [pair for pair in interaction.identity() if pair[0] != "phone"]
        mine = identifying(numbers[interaction.id])
        then = {number: owner for number in mine if (owner := owners.at(number, interaction.started))}
        if others:
            today = [("phone", number) for number in mine - then.keys()]
            found.append((interaction, _combined(then, resolve([*today, *others]))))
        else:
            meant = {**{number: owner for number in mine if (owner := owners.now(number))}, **then}
            found.append((interaction, _by_numbers(meant)))
    return found


def _numbers_of(interaction: Interaction, plan: Dialplan) -> list[str]:
    numbers = []
    for kind, value in interaction.identity():
        if kind == "phone":
            try:
                numbers.append(normalize(value, plan))
            except InvalidPhone:
                # Withheld, or a name instead of a number: identifies nobody.
                continue
    return numbers


class _Owners:
    """Who owns numbers, and who owned them when (C10, I12b). One query, and one more for merged or deleted owners."""

    def __init__(self, numbers: Collection[str]) -> None:
        self.current: dict[str, UUID] = {}
        self.once: dict[str, list[tuple[dt.datetime, dt.datetime, UUID]]] = {}
        if not numbers:
            return
        with prepared() as cursor:
            # By `unnest` the planner does not see how many there are; otherwise it plans anew for each event.
            cursor.execute(
                """
                with found as (
                    select number, customer_id, valid_from, valid_to from customers_phone
                    where number = any(array(select unnest(%(numbers)s::text[]))) and valid_to is null
                    union all
                    select number, customer_id, valid_from, valid_to from customers_phone
                    where number = any(array(select unnest(%(numbers)s::text[]))) and valid_to is not null
                )
                select found.*, c.merged_into_id is null and c.deleted_at is null
                from found join customers_customer c on c.id = found.customer_id
                """,
                {"numbers": sorted(numbers)},
            )
            rows = cursor.fetchall()
        gone = {customer for _number, customer, _since, until, stands in rows if until is None and not stands}
        instead = survivors(gone)
        for number, customer, since, until, stands in rows:
            if until is not None:
                self.once.setdefault(number, []).append((since, until, customer))
            elif stands:
                self.current[number] = customer
            elif customer in instead:
                self.current[number] = instead[customer]

    def at(self, number: str, moment: dt.datetime) -> UUID | None:
        """Say who owned the number at a moment that a closed ownership covers."""
        return next(
            (customer for since, until, customer in self.once.get(number, ()) if since <= moment < until),
            None,
        )

    def now(self, number: str) -> UUID | None:
        return self.current.get(number)


def _by_numbers(owners: Mapping[str, UUID]) -> Found:
    by_customer: dict[UUID, list[str]] = {}
    for number, customer in owners.items():
        by_customer.setdefault(customer, []).append(number)
    reasons = {
        customer: _("same ")
        + ", ".join(_("phone %(value)s") % {"value": number} for number in sorted(numbers))
        for customer, numbers in by_customer.items()
    }
    if len(reasons) == 1:
        ((customer, why),) = reasons.items()
        return Found(customer, why)
    return Found(
        candidates=[{"customer": str(customer), "reason": why} for customer, why in sorted(reasons.items())]
    )


def _combined(then: Mapping[str, UUID], resolution: Resolution) -> Found:
    earlier = _by_numbers(then)
    today = [{"customer": str(item.customer), "reason": item.reason} for item in resolution.candidates]
    if resolution.match:
        today = [{"customer": str(resolution.match), "reason": resolution.reason}]
    if not then:
        return Found(
            resolution.match, resolution.reason if resolution.match else "", [] if resolution.match else today
        )
    meant = {resolution.match} if resolution.match else {item.customer for item in resolution.candidates}
    if earlier.customer and meant <= {earlier.customer}:
        return earlier
    known = earlier.candidates or [{"customer": str(earlier.customer), "reason": earlier.why}]
    seen = {item["customer"] for item in known}
    return Found(candidates=[*known, *(item for item in today if item["customer"] not in seen)])


def separate(
    path: Collection[UUID], separated: Collection[UUID], since: dt.datetime, now: dt.datetime
) -> int:
    """Give the parts of an undone merge what came to the survivor meanwhile through their numbers or addresses (C49).

    ``path`` are the survivor and those that it was merged into later: with each of them something may lie that came
    while it was the last. The rest, and what somebody linked by hand, stays. Returns how many interactions moved. Each
    number or address is looked up once, however many interactions came from it.
    """
    parts = set(separated)
    rows = Interaction.objects.filter(customer_id__in=path, linked_how=How.AUTOMATIC, started__gte=since)
    known = rows.order_by("id").select_for_update(no_key=True, of=("self",))
    meant: dict[tuple[tuple[str, str], ...], Resolution] = {}
    moved: dict[tuple[UUID, str], list[UUID]] = {}
    for key, channel, address, identifiers in known.values_list("id", "channel", "address", "identifiers"):
        identity = tuple(Interaction(channel=channel, address=address, identifiers=identifiers).identity())
        if identity not in meant:
            meant[identity] = resolve(identity)
        found = meant[identity]
        if found.match is not None and found.match in parts:
            moved.setdefault((found.match, found.reason), []).append(key)
    for (customer, why), ids in moved.items():
        with connection.cursor() as cursor:
            cursor.execute(
                _MOVE, {"customer": customer, "why": why, "how": How.AUTOMATIC, "now": now, "ids": ids}
            )
    running = Interaction.objects.live(now).filter(id__in=[key for ids in moved.values() for key in ids])
    if live := list(running):
        popping.show_again(live, now)
        announce([Change(it, state_before=it.state, relinked=True) for it in live])
    return sum(map(len, moved.values()))


_MOVE: Final = """
    with moved as (
        update interactions_interaction set customer_id = %(customer)s, linked_at = %(now)s, linked_why = %(why)s
        where id = any(%(ids)s) returning id
    )
    insert into interactions_link (interaction_id, customer_id, how, at)
    select id, %(customer)s, %(how)s, %(now)s from moved
"""


# By hand


def link(
    interaction_id: UUID,
    customer_id: UUID,
    user: User,
    actor: audit.Actor,
    now: dt.datetime,
    *,
    remember: bool = False,
) -> Interaction:
    """Link an interaction to a customer by hand; with `remember` the customer keeps the identifier (C44).

    Raises UnknownCustomer, and NumberTaken where the number to be remembered is another customer's; nothing is changed
    then.
    """
    with transaction.atomic():
        interaction = Interaction.objects.select_for_update(no_key=True, of=("self",)).get(id=interaction_id)
        customer = _standing(customer_id)
        if remember:
            remember_identifiers(interaction, customer, actor, now)
        return _put(interaction, customer.id, How.BY_HAND, user, actor, now)


def unlink(interaction_id: UUID, user: User, actor: audit.Actor, now: dt.datetime) -> Interaction:
    """Take an interaction off its customer; no later event links it again (C48)."""
    with transaction.atomic():
        interaction = Interaction.objects.select_for_update(no_key=True, of=("self",)).get(id=interaction_id)
        return _put(interaction, None, How.UNLINKED, user, actor, now)


def promote(
    interaction_id: UUID,
    given: Given,
    schema: Schema,
    user: User,
    actor: audit.Actor,
    now: dt.datetime,
) -> Interaction:
    """Add whoever communicates here to the contacts, with their identifiers, and link the interaction (C43).

    A contact that nobody had saved, such as a web visitor, is saved as the same one (C41, C12). Raises InvalidProfile,
    and NumberTaken where a number has an owner by now.
    """
    with transaction.atomic():
        interaction = Interaction.objects.select_for_update(no_key=True, of=("self",)).get(id=interaction_id)
        identifiers = [
            (kind, identifier_value(kind, value))
            for kind, value in interaction.identity()
            if kind not in ("phone", "email", "crm", "account") and _is_certain(interaction, kind)
        ]
        known = _unsaved(interaction)
        if known is None:
            customer = profiles.create(
                given, actor, schema=schema, on_conflict=OnConflict.REJECT, identifiers=identifiers, now=now
            ).customer
        else:
            customer = profiles.edit(known, given, actor, schema=schema, now=now)
            for kind, value in identifiers:
                labelling.identify(customer, kind, value, actor, now)
        return _put(interaction, customer.id, How.PROMOTED, user, actor, now)


def _unsaved(interaction: Interaction) -> UUID | None:
    """Return the contact of an interaction that nobody has saved yet."""
    live = survivors({interaction.customer_id}) if interaction.customer_id else {}
    return next(iter(unsaved([interaction], live)), None)


def remember_identifiers(
    interaction: Interaction, customer: Customer, actor: audit.Actor, now: dt.datetime
) -> None:
    """Let the customer keep the identifiers of an interaction. Raises NumberTaken for another customer's number."""
    schema = Schema.current()
    plan = dialplan()
    for kind, value in interaction.identity():
        if kind == "phone":
            _remember_phone(value, customer, schema, plan, actor, now)
        elif kind == "email":
            known = list(customer.emails)
            if identifier_value(kind, value) not in {identifier_value(kind, one) for one in known}:
                given = schema.read_json({"emails": [*known, value]})
                customer = profiles.edit(customer.id, given, actor, schema=schema, now=now)
        elif kind != "account" and _is_certain(interaction, kind):
            labelling.identify(customer, kind, value, actor, now)


def _remember_phone(
    value: str, customer: Customer, schema: Schema, plan: Dialplan, actor: audit.Actor, now: dt.datetime
) -> None:
    try:
        number = normalize(value, plan)
    except InvalidPhone:
        return
    current = Customer.objects.get(id=customer.id)
    if number in current.phones or not identifying({number}):
        return
    profiles.edit(
        customer.id, schema.read_json({"phones": [*current.phones, number]}), actor, schema=schema, now=now
    )


def _is_certain(interaction: Interaction, kind: str) -> bool:
    """Say whether the kind of an identifier was told rather than guessed from the channel."""
    return interaction.channel != "social" or any(item["type"] == kind for item in interaction.identifiers)


def _standing(customer_id: UUID) -> Customer:
    try:
        return standing(customer_id)
    except Customer.DoesNotExist:
        raise UnknownCustomer(customer_id) from None


def _put(
    interaction: Interaction,
    customer_id: UUID | None,
    how: How,
    user: User,
    actor: audit.Actor,
    now: dt.datetime,
) -> Interaction:
    previous = interaction.customer_id
    interaction.customer_id = customer_id
    interaction.linked_how, interaction.linked_by, interaction.linked_at = how, user, now
    interaction.linked_why = ""
    interaction.save(update_fields=["customer", "linked_how", "linked_by", "linked_at", "linked_why"])
    Link.objects.create(interaction=interaction, customer_id=customer_id, by=user, how=how, at=now)
    audit.note(
        actor,
        "interaction.link" if customer_id else "interaction.unlink",
        object_type="interaction",
        object_id=interaction.id,
        customer=str(customer_id) if customer_id else None,
        previous=str(previous) if previous else None,
    )
    popping.show_again([interaction], now)
    announce([Change(interaction, state_before=interaction.state, relinked=True)])
    return interaction


__all__ = [
    "Found",
    "NumberTaken",
    "UnknownCustomer",
    "family_of",
    "link",
    "link_by_themselves",
    "promote",
    "remember_identifiers",
    "separate",
    "survivors",
    "unlink",
]
