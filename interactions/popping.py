"""Who must see what now: the desk events of a change, and the NOTIFY that carries their ids (I20–I22).

Desk events are written in the transaction of the change, only for users whose desk is open. The recipients are locked
first, in order, so that one user's events get their ids in the order of their commits; a desk that opens takes the same
lock, so that it is either told or finds the change when it looks.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from cim.access.prepared import prepared
from customers.schema import Schema
from interactions import presenting
from interactions.families import survivors, unsaved
from interactions.folding import ON_DESK, Happening, Status
from interactions.models import DeskEvent, Interaction
from interactions.presenting import Eye

CHANNEL: Final = "cim_desk"
PRESENT_FOR: Final = dt.timedelta(minutes=15)
"""How long after its last sign of life a desk is still told things: it may come back and ask for what it missed."""

_LOCK: Final = 0x43494D
_IDS_PER_NOTIFY: Final = 250  # a payload holds 8,000 bytes


@dataclass(frozen=True)
class Shift:
    """A change of one interaction as desks see it: who stood how before, and what happened."""

    interaction: Interaction
    agents_before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    happenings: Sequence[Happening] = field(default_factory=tuple)
    visible: bool = True


def tell_desks(shifts: Iterable[Shift], now: dt.datetime) -> None:
    """Write the desk events of the shifts and notify the web processes once. Must run in the transaction of the change.

    No query where nobody's desk is concerned, four where somebody's is.
    """
    wanted = [(shift, agent, kind) for shift in shifts for agent, kind in _kinds(shift, now)]
    if not wanted:
        return
    users = _lock({agent for _shift, agent, _kind in wanted})
    if not users:
        return
    surroundings = _look_around(
        set(users.values()), [shift.interaction for shift, _agent, _kind in wanted], now
    )
    rows = []
    for shift, agent, kind in wanted:
        user = users.get(agent)
        if user in surroundings.present:
            data = surroundings.show(shift.interaction, agent, user)
            rows.append({"user_id": user, "interaction_id": shift.interaction.id, "kind": kind, "data": data})
    _write(rows)


def show_again(interactions: Iterable[Interaction], now: dt.datetime) -> None:
    """Tell every desk that shows one of the interactions how it stands now, after a link, a draft, a promotion."""
    tell_desks([Shift(interaction, interaction.agents) for interaction in interactions], now)


def _kinds(shift: Shift, now: dt.datetime) -> Iterable[tuple[str, DeskEvent.Kind]]:
    """Say for each agent whether the interaction pops, changes or goes (I20b, I21)."""
    if not shift.visible:
        return
    interaction = shift.interaction
    for agent, about in interaction.agents.items():
        before = shift.agents_before.get(agent, {}).get("status")
        after = about["status"]
        if after in ON_DESK:
            offered = _was_just_offered(shift.happenings, agent, now)
            unseen = before not in ON_DESK or (after != Status.RINGING and before != Status.RINGING)
            if offered and unseen and interaction.pops:
                yield agent, DeskEvent.Kind.POP
            elif after != Status.RINGING or before == Status.RINGING or interaction.manual:
                yield agent, DeskEvent.Kind.UPDATE
        elif before in ON_DESK:
            yield agent, DeskEvent.Kind.END
        elif Status.WRAP_UP in (before, after):
            yield agent, DeskEvent.Kind.UPDATE


def is_young(happening: Happening, now: dt.datetime) -> bool:
    """Say whether an offer still pops: a call that rang a minute ago is answered or gone (I20b)."""
    return happening.occurred_at > now - dt.timedelta(seconds=settings.CIM_POP_SECONDS)


def _was_just_offered(happenings: Iterable[Happening], agent: str, now: dt.datetime) -> bool:
    return any(
        it.type in ("offered", "transferred") and it.agent == agent and is_young(it, now) for it in happenings
    )


def _lock(agents: set[str]) -> dict[str, int]:
    """Find the users that the telephony means, and lock their sequences of desk events until the commit."""
    with prepared() as cursor:
        cursor.execute(
            """
            select agent, id, pg_advisory_xact_lock(%(lock)s::int, id) from (
                select p.agent_id as agent, u.id
                from interactions_agentprofile p join auth_user u on u.id = p.user_id
                where p.agent_id = any(%(agents)s::text[]) and p.agent_id <> '' and u.is_active
                union all
                select u.username, u.id
                from auth_user u left join interactions_agentprofile p on p.user_id = u.id
                where u.username = any(%(agents)s::text[]) and coalesce(p.agent_id, '') = '' and u.is_active
                order by 2
                offset 0
            ) found
            """,
            {"agents": sorted(agents), "lock": _LOCK},
        )
        return {agent: user for agent, user, _void in cursor.fetchall()}


def lock_user(user_id: int) -> None:
    """Take the lock under which the desk events of a user are written. Must run in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, user_id])


@dataclass(frozen=True)
class _Surroundings:
    present: frozenset[int]
    live: Mapping[UUID, UUID]
    drafts: Mapping[UUID, Sequence[Mapping[str, Any]]]
    eyes: Mapping[int, Eye]
    new: Collection[UUID]

    def show(self, interaction: Interaction, agent: str, user: int) -> dict[str, Any]:
        return presenting.desk_data(
            interaction,
            agent,
            self.eyes.get(user, Eye()),
            self.live.get(interaction.customer_id) if interaction.customer_id else None,
            [draft for draft in self.drafts.get(interaction.id, ()) if draft["user"] != user],
            self.new,
        )


def _look_around(users: set[int], interactions: Sequence[Interaction], now: dt.datetime) -> _Surroundings:
    """Gather what the desk events need beside the interactions: one query, more only where values are masked."""
    customers = {interaction.customer_id for interaction in interactions if interaction.customer_id}
    with prepared() as cursor:
        # By `unnest` the planner does not see how many there are; otherwise it plans anew for each event.
        cursor.execute(
            """
            select
                (select array_agg(user_id) from interactions_deskpresence
                 where user_id = any(array(select unnest(%(users)s::int[]))) and seen_at > %(since)s),
                (select array_agg(key) from customers_attribute where key in ('phones', 'emails') and pii),
                (select array_agg(id) from customers_customer
                 where id = any(array(select unnest(%(customers)s::uuid[])))
                   and deleted_at is null and merged_into_id is null),
                (select json_agg(json_build_object('interaction', d.interaction_id, 'user', d.user_id, 'text', d.text,
                        'at', d.updated_at,
                        'name', coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.username)))
                 from interactions_draft d join auth_user u on u.id = d.user_id
                 where d.interaction_id = any(array(select unnest(%(interactions)s::uuid[]))) and d.text <> '')
            """,
            {
                "users": sorted(users),
                "since": now - PRESENT_FOR,
                "customers": list(customers),
                "interactions": list({interaction.id for interaction in interactions}),
            },
        )
        ((present, hidden, live, drafts),) = cursor.fetchall()
    standing = {customer: customer for customer in live or ()}
    if gone := customers - standing.keys():
        standing |= survivors(gone)
    by_interaction: dict[UUID, list[Mapping[str, Any]]] = {}
    for draft in drafts or ():
        by_interaction.setdefault(UUID(draft["interaction"]), []).append(draft)
    eyes = {}
    if hidden:
        schema = Schema.current()
        eyes = {
            user.pk: presenting.eye_of(user, schema) for user in User.objects.filter(pk__in=present or ())
        }
    new = unsaved(interactions, standing)
    return _Surroundings(frozenset(present or ()), standing, by_interaction, eyes, new)


def _write(rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), _IDS_PER_NOTIFY):
        chunk = rows[start : start + _IDS_PER_NOTIFY]
        with prepared() as cursor:
            cursor.execute(
                """
                with written as (
                    insert into interactions_deskevent (user_id, interaction_id, kind, data)
                    select user_id, interaction_id, kind, data
                    from jsonb_to_recordset(%s::jsonb)
                        as row(user_id int, interaction_id uuid, kind text, data jsonb)
                    returning id, user_id
                )
                select pg_notify(%s::text, string_agg(user_id || ':' || id, ',' order by id)) from written
                """,
                [json.dumps(chunk, default=str), CHANNEL],
            )
