"""Which deliveries a contact causes, made in the transaction of the event that causes them (M10–M15).

What is in the fields is read at that moment; how it reaches the CRM is `delivering`'s.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from crm_mappings.adapters import UnknownType, adapter_of
from crm_mappings.datafields import Contact, Kind, kind_of, read, zone_named
from crm_mappings.firing import Closing, Moment, Story, Transfer, correction, is_settled, moments
from crm_mappings.models import Awaited, Configuration, Delivery, MemorialisationMapping, SkillSetup
from customers.models import Customer
from interactions.folding import CLOSES_AFTER, Status
from interactions.models import Event, Interaction

TELLING: Final = frozenset({"transferred", "unassigned", "dismissed", "ended", "dial_failed", "acw_ended"})
"""The types of events that can cause a delivery."""

CORRECTING: Final = frozenset({"wrapped_up", "note", "data"})
"""The types that, heard of after a contact was written, change what was written."""


@dataclass(frozen=True)
class _Setup:
    """What applies to a contact: a skill's setup, or every mapping of a configuration that has none."""

    configuration: Configuration
    mapping: MemorialisationMapping
    skill: str = ""
    screen_pop: bool = True
    after_call_work: bool = True
    follow: bool = True


@dataclass
class _Setups:
    """All setups, read once for a batch."""

    by_skill: dict[UUID, dict[str, SkillSetup]] = field(default_factory=dict)
    mappings: dict[UUID, list[MemorialisationMapping]] = field(default_factory=dict)
    configurations: Mapping[UUID, Configuration] = field(default_factory=dict)

    def of(self, interaction: Interaction) -> list[_Setup]:
        found = []
        for configuration in self.configurations.values():
            skills = self.by_skill.get(configuration.pk)
            if skills is None:
                mappings = self.mappings.get(configuration.pk, [])
                found += [_Setup(configuration, mapping) for mapping in mappings]
                continue
            chosen = setup_among(skills, interaction)
            if chosen is not None and chosen.memorialisation_mapping is not None:
                found.append(
                    _Setup(
                        configuration,
                        chosen.memorialisation_mapping,
                        chosen.skill,
                        chosen.screen_pop,
                        chosen.after_call_work,
                        chosen.customer_first == SkillSetup.CustomerFirst.FOLLOW,
                    )
                )
        return found


def setup_among(skills: Mapping[str, SkillSetup], interaction: Interaction) -> SkillSetup | None:
    """Return the setup of the interaction's skill, by id, then by name, else that of every other skill."""
    skill = interaction.skill or {}
    for name in (skill.get("id"), skill.get("name"), interaction.queue):
        if name and (found := skills.get(str(name).casefold())):
            return found
    return skills.get("")


def memorise(interactions: Sequence[Interaction], now: dt.datetime, *, clock: bool = False) -> list[UUID]:
    """Make the deliveries that the interactions cause and that are not made yet; return the configurations to send to.

    Must run in the transaction in which the interactions were changed, which holds their locks. `clock` says that the
    time for closing is over. The queries do not grow with the number of interactions.
    """
    setups = _setups()
    if not setups.configurations:
        return []
    chosen = {it.pk: setups.of(it) for it in interactions}
    interactions = [it for it in interactions if chosen[it.pk]]
    if not interactions:
        return []
    stories = _stories(interactions, clock=clock)
    made = _made(interactions)
    names = _names(interactions)
    new: list[Delivery] = []
    for it in interactions:
        contact = Contact(it, names.get(it.customer_id, ""), messages=lambda it=it: _messages(it))  # type: ignore[misc]
        for setup in chosen[it.pk]:
            places = made.get((it.pk, setup.configuration.pk), [])
            done = {delivery.moment for delivery in places if delivery.mapping_id == setup.mapping.pk}
            found = moments(stories[it.pk], done, after_call_work=setup.after_call_work, follow=setup.follow)
            for moment in [*found, *correction(found, done)]:
                fresh = _deliveries(setup, moment, contact, places, now)
                made[it.pk, setup.configuration.pk] = places = [*places, *fresh]
                new += fresh
    Delivery.objects.bulk_create(new)
    _await_closing(interactions, stories, now)
    return list({delivery.configuration_id for delivery in new})


def close_by_clock(now: dt.datetime, *, most: int = 200) -> list[UUID]:
    """Memorise contacts whose agents did not close them in time; return the configurations to send to."""
    with transaction.atomic():
        due = Awaited.objects.filter(due_at__lte=now).order_by("due_at").select_for_update(skip_locked=True)
        ids = [awaited.pk for awaited in due[:most]]
        if not ids:
            return []
        rows = (
            Interaction.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True, of=("self",))
        )
        found = memorise(list(rows), now, clock=True)
        Awaited.objects.filter(pk__in=ids).delete()
    return found


@dataclass(frozen=True)
class Line:
    """What one row of a mapping would write: empty where the contact says nothing, cut where the field is too short."""

    crm_field: str
    channel: str
    data_field: str
    text: str
    applies: bool
    cut_at: int | None = None


def preview(mapping: MemorialisationMapping, interaction: Interaction) -> list[tuple[str, list[Line]]]:
    """Return, per entity, what the mapping would write for a contact as it is now; nothing is made."""
    customer = interaction.customer
    name = customer.display_name if customer and (customer.first_name or customer.last_name) else ""
    zone = zone_named(mapping.configuration.time_zone)
    contact = Contact(interaction, name, zone, messages=lambda: _messages(interaction))
    kind = kind_of(interaction.channel)
    adapter = adapter_of(mapping.configuration.type)
    shown = []
    for entity in mapping.entities:
        lines = []
        for row in entity["rows"]:
            applies = _applies(row, kind, interaction, screen_pop=True)
            text = read(contact, Kind(row["channel"]), row["data_field"]) if applies else ""
            told = adapter.field(entity["entity_type"], row["crm_field"])
            limit = told.limit or settings.CIM_CRM_TEXT_LIMIT
            cut = limit if len(text) > limit else None
            lines.append(Line(row["crm_field"], row["channel"], row["data_field"], text, applies, cut))
        shown.append((entity["entity_type"], lines))
    return shown


def _setups() -> _Setups:
    configurations = {it.pk: it for it in Configuration.objects.in_use()}
    if not configurations:
        return _Setups()
    setups = _Setups(configurations=configurations)
    for mapping in MemorialisationMapping.objects.filter(configuration__in=configurations).order_by("id"):
        mapping.configuration = configurations[mapping.configuration_id]
        setups.mappings.setdefault(mapping.configuration_id, []).append(mapping)
    if not setups.mappings:
        return _Setups()
    for setup in SkillSetup.objects.select_related("memorialisation_mapping").filter(
        configuration__in=configurations
    ):
        setups.by_skill.setdefault(setup.configuration_id, {})[setup.skill.casefold()] = setup
    return setups


def _stories(interactions: Sequence[Interaction], *, clock: bool) -> dict[UUID, Story]:
    digital = [it for it in interactions if kind_of(it.channel) is Kind.DIGITAL]
    events: dict[UUID, list[Event]] = defaultdict(list)
    if digital:
        rows = Event.objects.filter(
            interaction__in=digital,
            type__in=["transferred", "unassigned", "dismissed", "answered", "offered"],
        )
        for event in rows.order_by("occurred_at", "event_id"):
            events[event.interaction_id].append(event)
    return {
        it.pk: _digital_story(it, events[it.pk], clock=clock)
        if kind_of(it.channel) is Kind.DIGITAL
        else _call_story(it, clock=clock)
        for it in interactions
    }


def _call_story(it: Interaction, *, clock: bool) -> Story:
    talked = [
        leg["agent"] for leg in it.activities if leg["agent"] and leg["kind"] in {"agent", "conference"}
    ]
    in_time = it.ended is not None and it.closes_at is not None and it.closes_at < it.ended + CLOSES_AFTER
    done = not talked or in_time or it.agents.get(talked[-1], {}).get("status") == Status.DONE
    return Story(
        Kind.VOICE,
        is_over=it.ended is not None,
        customer_first=it.ended_by == "customer",
        work_done=done,
        clock=clock,
    )


def _digital_story(it: Interaction, events: Sequence[Event], *, clock: bool) -> Story:
    transfers: list[Transfer] = []
    holder, taken_at = "", it.started
    away: dict[str, dict[str, list[dt.datetime]]] = defaultdict(lambda: {"unassigned": [], "dismissed": []})
    for event in events:
        agent = event.happening.agent
        match event.type:
            case "transferred":
                transfers.append(Transfer(event.event_id, holder))
                holder, taken_at = agent or holder, event.occurred_at
            case "answered" | "offered":
                if agent and agent != holder:
                    holder, taken_at = agent, event.occurred_at
            case _:
                away[agent or holder][event.type].append(event.occurred_at)
    pairs = [
        (max(moments_of), agent, number)
        for agent, kinds in away.items()
        for number, moments_of in enumerate(zip(kinds["unassigned"], kinds["dismissed"], strict=False), 1)
    ]
    pairs.sort()
    closed = bool(pairs) and pairs[-1][1] == holder and pairs[-1][0] >= taken_at
    closed_before = closed and it.ended is not None and pairs[-1][0] < it.ended
    return Story(
        Kind.DIGITAL,
        is_over=it.ended is not None,
        customer_first=it.ended_by == "customer" and not closed_before,
        clock=clock,
        transfers=transfers,
        closings=[Closing(agent, number) for _at, agent, number in pairs],
        closed_by_last=closed,
    )


def _made(interactions: Sequence[Interaction]) -> dict[tuple[UUID, UUID], list[Delivery]]:
    made: dict[tuple[UUID, UUID], list[Delivery]] = defaultdict(list)
    rows = Delivery.objects.filter(interaction__in=interactions).only(
        "interaction_id", "configuration_id", "mapping_id", "entity_type", "moment", "place", "fields"
    )
    for delivery in rows:
        made[delivery.interaction_id, delivery.configuration_id].append(delivery)
    return made


def _names(interactions: Iterable[Interaction]) -> dict[UUID | None, str]:
    """Return the names of the customers; one without a name is left to what the channel says."""
    ids = {it.customer_id for it in interactions if it.customer_id}
    rows = Customer.objects.filter(pk__in=ids).values_list("pk", "first_name", "last_name")
    return {key: " ".join(filter(None, (first, last))) for key, first, last in rows}


def _messages(interaction: Interaction) -> list[str]:
    rows = Event.objects.filter(interaction=interaction, type="message").order_by("occurred_at", "event_id")
    return [_line(said) for said in rows.values_list("said", flat=True)]


def _line(said: Mapping[str, Any]) -> str:
    data = said.get("data") or {}
    text = str(data.get("text") or data.get("body") or said.get("notes") or "")
    speaker = (said.get("agent") or {}).get("name") or data.get("from") or ""
    return f"{speaker}: {text}" if speaker and text else text


def _applies(row: Mapping[str, str], kind: Kind, interaction: Interaction, *, screen_pop: bool) -> bool:
    """A script variable exists for calls whose skill pops screens (M11)."""
    if row["channel"] == Kind.SCRIPT:
        told = (interaction.skill or {}).get("screen_pop")
        return kind is Kind.VOICE and screen_pop and told is not False
    return row["channel"] == kind.value


def _deliveries(
    setup: _Setup, moment: Moment, contact: Contact, earlier: Sequence[Delivery], now: dt.datetime
) -> list[Delivery]:
    it = contact.interaction
    kind = kind_of(it.channel)
    contact = Contact(
        it, contact.customer_name, zone_named(setup.configuration.time_zone), moment.agent, contact.messages
    )
    own = [delivery for delivery in earlier if delivery.mapping_id == setup.mapping.pk]
    known = {(delivery.entity_type, delivery.moment) for delivery in own}
    place = max((delivery.place for delivery in earlier), default=0)
    parent_key = _key(setup.mapping, "conversation", contact, kind, setup)
    new = []
    for entity in setup.mapping.entities:
        entity_type = entity["entity_type"]
        if (entity_type, moment.name) in known and not moment.corrects:
            continue
        rows = [row for row in entity["rows"] if _applies(row, kind, it, screen_pop=setup.screen_pop)]
        texts = {
            row["crm_field"]: read(contact, Kind(row["channel"]), row["data_field"])
            for row in rows
            if moment.part.covers(Kind(row["channel"]), row["data_field"])
        }
        texts = {name: text for name, text in texts.items() if text}
        appends = _appends(setup, entity_type)
        if moment.corrects:
            # What stands in the record already is not written again; what was appended stays as it is.
            stands = _standing(own, entity_type)
            texts = {} if appends else {name: it for name, it in texts.items() if stands.get(name) != it}
        if not texts:
            continue
        place += 1
        key = _key(setup.mapping, entity_type, contact, kind, setup)
        if appends:
            key = f"{key}-{entity_type}-{place}"
        new.append(
            Delivery(
                configuration_id=setup.configuration.pk,
                mapping_id=setup.mapping.pk,
                interaction=it,
                customer_id=it.customer_id,
                skill=setup.skill,
                kind=kind.value,
                entity_type=entity_type,
                moment=f"{moment.name}~{place}" if moment.corrects else moment.name,
                place=place,
                key=key,
                parent_key=parent_key,
                fields=texts,
                due_at=now,
                created_at=now,
            )
        )
    return new


def _standing(own: Sequence[Delivery], entity_type: str) -> dict[str, str]:
    """Return what all deliveries so far make of the contact's record."""
    texts: dict[str, str] = {}
    for delivery in sorted(own, key=lambda it: it.place):
        if delivery.entity_type == entity_type:
            texts |= delivery.fields
    return texts


def _key(
    mapping: MemorialisationMapping, entity_type: str, contact: Contact, kind: Kind, setup: _Setup
) -> str:
    """Return the key under which the contact's record of this type is written and found again.

    The text that a mapping gives to `externalId`, else the id of the interaction.
    """
    for entity in mapping.entities:
        for row in entity["rows"] if entity["entity_type"] == entity_type else ():
            if row["crm_field"] == "externalId" and _applies(
                row, kind, contact.interaction, screen_pop=setup.screen_pop
            ):
                text = read(contact, Kind(row["channel"]), row["data_field"])
                if text:
                    return text[:200]
    return f"cim-{contact.interaction.pk}"


def _appends(setup: _Setup, entity_type: str) -> bool:
    try:
        record_type = adapter_of(setup.configuration.type).record_type(entity_type)
    except UnknownType:
        return False
    return record_type is not None and record_type.appends


def _await_closing(
    interactions: Sequence[Interaction], stories: Mapping[UUID, Story], now: dt.datetime
) -> None:
    waiting = [it.pk for it in interactions if not is_settled(stories[it.pk])]
    settled = [it.pk for it in interactions if is_settled(stories[it.pk])]
    Awaited.objects.bulk_create(
        [Awaited(interaction_id=key, due_at=now + CLOSES_AFTER) for key in waiting], ignore_conflicts=True
    )
    Awaited.objects.filter(pk__in=settled).delete()
