"""Events in: stored once, folded, linked, shown, in one transaction (I10–I13)."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cim.access.prepared import prepared
from cim.access.strictness import quoted
from customers.models.customer import time_ordered_id
from interactions import linking, popping
from interactions.events import Refused, Sent, fingerprint, read
from interactions.folding import Happening, fold
from interactions.models import Event, Interaction, Link
from interactions.models.interaction import FOLDED_COLUMNS
from interactions.popping import Shift
from interactions.signals import Change, announce

MOST_EVENTS: Final = 1000
_ATTEMPTS: Final = 5
_RUNNING: Final = dt.timedelta(minutes=20)
_PROMPT: Final = dt.timedelta(seconds=30)

_LINK_COLUMNS: Final = (
    "customer_id",
    "linked_how",
    "linked_by_id",
    "linked_at",
    "linked_why",
    "candidates",
    "looked_up",
)
_COLUMNS: Final = (*FOLDED_COLUMNS, *_LINK_COLUMNS)
_INSERTED: Final = ("id", "source", "external_id", *_COLUMNS)


class _Raced(Exception):
    """Another transaction has made one of the interactions in between."""


@dataclass(frozen=True)
class Recorded:
    """What became of a batch, by index: which events were new and which were known, which were refused and why.

    `warnings` are about events that were stored, and of which something will not happen.
    """

    new: Collection[int] = ()
    known: Collection[int] = ()
    rejected: Sequence[dict[str, Any]] = ()
    warnings: Sequence[dict[str, Any]] = ()

    @property
    def accepted(self) -> int:
        return len(self.new)

    @property
    def duplicates(self) -> int:
        return len(self.known)

    def of(self, index: int) -> "Recorded":
        """Return what became of one of the events, as if it had been sent by itself."""
        return Recorded(
            [0] if index in self.new else (),
            [0] if index in self.known else (),
            [{**it, "index": 0} for it in self.rejected if it["index"] == index],
            [{**it, "index": 0} for it in self.warnings if it["index"] == index],
        )


@dataclass
class _Call:
    """One interaction while it is changed: its row, the events it has, those to be stored."""

    interaction: Interaction
    is_new: bool
    known: dict[str, tuple[Happening, str]] = field(default_factory=dict)
    fresh: list[tuple[Happening, str]] = field(default_factory=list)
    user: User | None = None


def record(raw: Sequence[object], now: dt.datetime) -> Recorded:
    """Store the good ones of a batch of events, refuse the others by index, and return once it is committed.

    The same event again changes nothing; the same id with another body is refused. The queries do not grow with the
    batch, as long as the interactions are known by phone numbers.
    """
    sent: list[tuple[int, Sent]] = []
    rejected: list[dict[str, Any]] = []
    for index, item in enumerate(raw):
        try:
            sent.append((index, read(item, now)))
        except Refused as refusal:
            rejected.append({"index": index, "detail": str(refusal)})
    stored = _until_alone(sent, now) if sent else Recorded()
    rejected = sorted([*rejected, *stored.rejected], key=lambda item: item["index"])
    return replace(stored, rejected=rejected)


def tell(
    interaction_id: uuid.UUID, kind: str, said: Mapping[str, Any], user: User, now: dt.datetime
) -> Interaction:
    """Store what somebody at the desk does to an interaction as an event of it: a note, a topic, a wrap-up, a failure.

    Raises Interaction.DoesNotExist.
    """
    with transaction.atomic():
        interaction = Interaction.objects.select_for_update(no_key=True, of=("self",)).get(id=interaction_id)
        call = _Call(interaction, is_new=False, user=user)
        for event in Event.objects.filter(interaction=interaction):
            call.known[event.event_id] = (event.happening, event.fingerprint)
        at = now - _lag_of(interaction, now)
        happening = Happening(f"desk:{uuid.uuid4()}", kind, at, dict(said), by_hand=True)
        call.fresh.append((happening, fingerprint(happening)))
        _apply([call], now)
        return interaction


def begin(
    said: Mapping[str, Any], user: User, now: dt.datetime, *, customer_id: uuid.UUID | None, how: str
) -> Interaction:
    """Make an interaction that begins at the desk, such as a dial, linked to the customer it is about (I31)."""
    interaction_id = time_ordered_id()
    with transaction.atomic():
        interaction = Interaction(
            id=interaction_id, source="cim", external_id=str(interaction_id), started=now
        )
        if customer_id:
            interaction.customer_id = customer_id
            interaction.linked_how, interaction.linked_by, interaction.linked_at = how, user, now
        call = _Call(interaction, is_new=True, user=user)
        happening = Happening(f"desk:{uuid.uuid4()}", "dialled", now, dict(said), by_hand=True)
        call.fresh.append((happening, fingerprint(happening)))
        _apply([call], now)
        if customer_id:
            Link.objects.create(interaction=interaction, customer_id=customer_id, by=user, how=how, at=now)
    return interaction


def _until_alone(sent: Sequence[tuple[int, Sent]], now: dt.datetime) -> Recorded:
    for _attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _record(sent, now)
        except _Raced:
            continue
    raise RuntimeError("interactions keep being made by others at the same moment")


def _record(sent: Sequence[tuple[int, Sent]], now: dt.datetime) -> Recorded:
    calls = _opened({event.call for _index, event in sent})
    for event in (event for _index, event in sent):
        if event.call not in calls:
            source, external_id = event.call
            row = Interaction(id=time_ordered_id(), source=source, external_id=external_id)
            calls[event.call] = _Call(row, is_new=True)
    new, known, rejected, warnings = [], [], [], []
    for index, event in sent:
        call, mark = calls[event.call], fingerprint(event.happening)
        before = call.known.get(event.happening.event_id)
        if before is None:
            call.known[event.happening.event_id] = (event.happening, mark)
            call.fresh.append((event.happening, mark))
            new.append(index)
            if warning := _warning(event.happening, now):
                warnings.append({"index": index, "detail": warning})
        elif before[1] == mark:
            known.append(index)
        else:
            message = _("event_id: %(id)s was sent before with another body; the first one stands.")
            rejected.append({"index": index, "detail": message % {"id": quoted(event.happening.event_id)}})
    _apply([call for call in calls.values() if call.fresh], now)
    return Recorded(new, known, rejected, warnings)


def _warning(happening: Happening, now: dt.datetime) -> str:
    if happening.type != "offered" or popping.is_young(happening, now):
        return ""
    age = int((now - happening.occurred_at).total_seconds())
    return _("occurred_at is %(age)d s ago: stored, but too old to pop; check the clock of the adapter.") % {
        "age": age
    }


def _opened(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], _Call]:
    """Lock the known ones of the interactions, in the order of their names, and read what was told of them.

    Two statements in one trip: the second sees what was committed while the first waited for its locks.
    """
    names = sorted(wanted)
    keys = [[source for source, _id in names], [external_id for _source, external_id in names]]
    connection.ensure_connection()
    with connection.connection.pipeline(), prepared() as locking, prepared() as reading:
        locking.execute(_LOCK, keys)
        reading.execute(_EVENTS, keys)
        rows, told = locking.fetchall(), reading.fetchall()
    calls = {}
    by_id: dict[uuid.UUID, _Call] = {}
    for row in rows:
        columns = dict(zip(_READ, row, strict=True))
        for name in _READ_JSON:
            columns[name] = json.loads(columns[name])
        interaction = Interaction(**columns)
        interaction._state.adding = False
        call = _Call(interaction, is_new=False)
        calls[interaction.source, interaction.external_id] = by_id[interaction.id] = call
    for key, event_id, kind, at, said, by_hand, mark in told:
        if key in by_id:
            by_id[key].known[event_id] = (Happening(event_id, kind, at, json.loads(said), by_hand), mark)
    return calls


def _lag_of(interaction: Interaction, now: dt.datetime) -> dt.timedelta:
    """Say how far behind ours the adapter's clock is, as the promptest event of a running call shows it.

    What somebody at the desk does is put among the events of a call by its time; with a clock that is an hour off it
    would otherwise stand before the call or after its closing. A call that was loaded long after it happened tells
    nothing about a clock.
    """
    told = list(Event.objects.filter(interaction=interaction, by_hand=False))
    if not any(event.received_at > now - _RUNNING for event in told):
        return dt.timedelta()
    promptest = min(event.received_at - event.occurred_at for event in told)
    return promptest if _PROMPT < abs(promptest) < dt.timedelta(days=1) else dt.timedelta()


def _apply(calls: Sequence[_Call], now: dt.datetime) -> None:
    """Fold, link, save and announce interactions with events to be stored; they are locked, or new."""
    if not calls:
        return
    before = {}
    for call in calls:
        interaction = call.interaction
        before[interaction.id] = (interaction.agents, "" if call.is_new else interaction.state)
        happenings = {happening.event_id: happening for happening, _mark in call.known.values()}
        happenings |= {happening.event_id: happening for happening, _mark in call.fresh}
        interaction.put(fold(happenings.values()))
    interactions = [call.interaction for call in calls]
    was = {interaction.id: interaction.customer_id for interaction in interactions}
    links = linking.link_by_themselves(interactions, now)
    _save(calls, links)
    popping.tell_desks(
        [
            Shift(
                call.interaction,
                before[call.interaction.id][0],
                [happening for happening, _mark in call.fresh],
                visible=was[call.interaction.id] != call.interaction.customer_id
                or any(happening.type != "message" for happening, _mark in call.fresh),
            )
            for call in calls
        ],
        now,
    )
    announce(
        [
            Change(
                call.interaction,
                tuple(happening for happening, _mark in call.fresh),
                before[call.interaction.id][1],
                relinked=was[call.interaction.id] != call.interaction.customer_id,
            )
            for call in calls
        ]
    )


def _save(calls: Sequence[_Call], links: Sequence[Link]) -> None:
    """Write interactions, events and links by one statement; the rows travel as JSON texts."""
    new = sorted(
        (call.interaction for call in calls if call.is_new), key=lambda it: (it.source, it.external_id)
    )
    old = [call.interaction for call in calls if not call.is_new]
    events = [
        {
            "interaction_id": call.interaction.id,
            "event_id": happening.event_id,
            "type": happening.type,
            "occurred_at": happening.occurred_at,
            "said": happening.said,
            "fingerprint": mark,
            "by_hand": happening.by_hand,
            "user_id": call.user.pk if call.user else None,
        }
        for call in calls
        for happening, mark in call.fresh
    ]
    parts = [_INSERT_EVENTS]
    rows: list[str] = [_as_json(events)]
    if new:
        parts.insert(0, _INSERT)
        rows.insert(0, _as_json([_row(it, _INSERTED) for it in new]))
    if old:
        parts.insert(0, _UPDATE)
        rows.insert(0, _as_json([_row(it, ("id", *_COLUMNS)) for it in old]))
    if links:
        parts.append(_INSERT_LINKS)
        columns = ("interaction_id", "customer_id", "by_id", "how", "at")
        rows.append(_as_json([{name: getattr(link, name) for name in columns} for link in links]))
    made = "(select count(*) from made)" if new else "0"
    with prepared() as cursor:
        found = cursor.execute(f"with {', '.join(parts)} select {made}", rows).fetchone()
        if found is None or found[0] != len(new):
            raise _Raced


def _row(interaction: Interaction, columns: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(interaction, name) for name in columns}


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str, ensure_ascii=False)


_READ: Final = (
    *("id", "source", "external_id", "state", "agents", "received_at", "settled_at"),
    *_LINK_COLUMNS,
)
_READ_JSON: Final = ("agents", "candidates")

_LOCK: Final = f"""
    select {", ".join(f"i.{name}" for name in _READ)}
    from unnest(%s::text[], %s::text[]) as wanted(source, external_id)
    join interactions_interaction i using (source, external_id)
    order by i.source collate "C", i.external_id collate "C" for no key update of i
"""  # noqa: S608 - names of columns of our own

_EVENTS: Final = """
    select e.interaction_id, e.event_id, e.type, e.occurred_at, e.said, e.by_hand, e.fingerprint
    from unnest(%s::text[], %s::text[]) as wanted(source, external_id)
    join interactions_interaction i using (source, external_id)
    join interactions_event e on e.interaction_id = i.id
"""

_INSERT: Final = f"""
    made as (
        insert into interactions_interaction ({", ".join(_INSERTED)}, received_at)
        select {", ".join(_INSERTED)}, statement_timestamp()
        from jsonb_populate_recordset(null::interactions_interaction, %s::jsonb)
        on conflict (source, external_id) do nothing returning id
    )
"""  # noqa: S608

_UPDATE: Final = f"""
    changed as (
        update interactions_interaction i set {", ".join(f"{name} = row.{name}" for name in _COLUMNS)}
        from jsonb_populate_recordset(null::interactions_interaction, %s::jsonb) row where i.id = row.id
    )
"""  # noqa: S608

_INSERT_EVENTS: Final = """
    told as (
        insert into interactions_event
            (interaction_id, event_id, type, occurred_at, said, fingerprint, by_hand, user_id, received_at)
        select interaction_id, event_id, type, occurred_at, said, fingerprint, by_hand, user_id, statement_timestamp()
        from jsonb_populate_recordset(null::interactions_event, %s::jsonb)
    )
"""

_INSERT_LINKS: Final = """
    linked as (
        insert into interactions_link (interaction_id, customer_id, by_id, how, at)
        select interaction_id, customer_id, by_id, how, at
        from jsonb_populate_recordset(null::interactions_link, %s::jsonb)
    )
"""
