"""Contexts: creating, changing, reading and forgetting them, each touch in the audit trail (J1–J3).

A permanent context has no expiry: neither its lease nor a restart takes it. One that is not is gone at the end of its
lease, at once to whoever asks, from the tables within a minute.
"""

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from cim.access.strictness import quoted
from customers.models.customer import time_ordered_id
from journeys import elements
from journeys.models import Context, ContextVersion, Operation
from journeys.wire import DEFAULT_LEASE, Body, Call

_SHORT_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_SHORT_LENGTH = 10
_EXPIRED_AT_ONCE = 1000


class NoSuchContext(Exception):
    """Unknown, deleted, or past its lease."""

    def __init__(self, context_id: str) -> None:
        super().__init__(context_id)
        self.context_id = context_id

    def __str__(self) -> str:
        return _("There is no context %(id)s; it was never made, or its lease is over.") % {
            "id": quoted(self.context_id)
        }


class IdInUse(Exception):
    """A context of this id stands already."""

    def __init__(self, context_id: str) -> None:
        super().__init__(context_id)
        self.context_id = context_id

    def __str__(self) -> str:
        return _("There is a context %(id)s already; update it, or leave out contextId to get a new one.") % {
            "id": quoted(self.context_id)
        }


class StaleRevision(Exception):
    """Somebody has written to the context since the revision that the caller knows."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision

    def __str__(self) -> str:
        return _("The context was changed meanwhile; it is at revision %(revision)d.") % {
            "revision": self.revision
        }


def create(body: Body, call: Call, now: dt.datetime) -> Context:
    """Make a context, with a generated id unless the body names one. Raises IdInUse."""
    rid = body.rid or call.rid
    context_id = body.context_id or _fresh_id(call)
    with transaction.atomic():
        # One that is past its lease is gone, though its row may still be there.
        Context.objects.named(rid, context_id).expired(now).delete()
        context = _new(rid, context_id, body, call, now)
        try:
            with transaction.atomic():
                context.save(force_insert=True)
        except IntegrityError:
            raise IdInUse(context_id) from None
        _tell(context, Operation.CREATE, call, now)
        elements.place_context(context, call.touchpoint, now)
    return context


def upsert(
    context_id: str, body: Body, call: Call, now: dt.datetime, *, expected: int | None = None
) -> Context:
    """Change the context, or make it when there is none; keys of `data` not sent stay. Raises StaleRevision."""
    rid = body.rid or call.rid
    while True:
        try:
            return update(context_id, body, call, now, expected=expected)
        except NoSuchContext:
            pass
        try:
            return create(
                Body(
                    context_id, body.group_id, body.alias_ids, body.tenant_id, body.topic, body.data, body.schema,
                    body.permanent, rid,
                ),
                call,
                now,
            )  # fmt: skip
        except IdInUse:
            # Made by another in between: that one is changed.
            continue


def update(
    context_id: str, body: Body, call: Call, now: dt.datetime, *, expected: int | None = None
) -> Context:
    """Change a context; keys of `data` that are not sent stay. Raises NoSuchContext, StaleRevision."""

    def change(context: Context) -> None:
        for name in ("group_id", "alias_ids", "tenant_id", "topic"):
            if (value := getattr(body, name)) is not None:
                setattr(context, name, value)
        context.data = {**context.data, **(body.data or {})}
        if body.schema is not None:
            context.schema = {**(context.schema or {}), **body.schema}
        if body.permanent:
            # Never the other way: what was to be kept is kept.
            context.permanent = True
        if call.lease is not None:
            context.lease = call.lease
        if context.permanent:
            context.expires_at = None
        elif call.lease is not None:
            context.expires_at = _later(now, call.lease)

    return _write(body.rid or call.rid, context_id, call, now, change, expected)


def put_value(context_id: str, key: str, value: Any, call: Call, now: dt.datetime) -> Context:
    """Set one key of the data. Raises NoSuchContext."""

    def change(context: Context) -> None:
        context.data = {**context.data, key: value}

    return _write(call.rid, context_id, call, now, change)


def drop_value(context_id: str, key: str, call: Call, now: dt.datetime) -> Context:
    """Take one key out of the data. Raises NoSuchContext, and KeyError when there is none."""

    def change(context: Context) -> None:
        context.data = {name: value for name, value in context.data.items() if name != key}
        if len(context.data) == before:
            raise KeyError(key)

    with transaction.atomic():
        before = len(_locked(call.rid, context_id, now).data)
        return _write(call.rid, context_id, call, now, change)


def read(context_id: str, call: Call, now: dt.datetime) -> Context:
    """Return a context, and note in its audit trail who read it. One statement. Raises NoSuchContext."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with hit as (
                update journeys_context set version = version + 1
                where rid = %(rid)s and context_id = %(id)s and deleted_at is null
                    and (expires_at is null or expires_at > %(now)s)
                returning id, version
            )
            insert into journeys_contextversion (context_id, version, at, touchpoint, operation)
            select id, version, %(now)s, %(touchpoint)s, 'Read' from hit returning context_id
            """,
            {"rid": call.rid, "id": context_id, "now": now, "touchpoint": call.touchpoint},
        )
        row = cursor.fetchone()
    if row is None:
        raise NoSuchContext(context_id)
    return Context.objects.get(pk=row[0])


def delete(context_id: str, call: Call, now: dt.datetime) -> None:
    """Delete a context: a permanent one stays in the journey and in its audit trail, a leased one goes. Raises
    NoSuchContext.
    """
    with transaction.atomic():
        context = _locked(call.rid, context_id, now)
        if not context.permanent:
            context.delete()
            return
        context.version += 1
        context.deleted_at = context.updated_at = now
        context.save(update_fields=["version", "deleted_at", "updated_at"])
        _tell(context, Operation.DELETE, call, now)


def of_group(group_id: str, call: Call, now: dt.datetime) -> list[Context]:
    """List the contexts of a group, the newest first."""
    contexts = Context.objects.standing(now).filter(group_id=group_id, rid=call.rid)
    return list(contexts.exclude(group_id="").order_by("-created_at", "-id")[:1000])


def by_alias(alias_id: str, call: Call, now: dt.datetime) -> Context:
    """Return the context with this alias, the newest where several have it, and note who read it. Raises
    NoSuchContext.
    """
    found = Context.objects.standing(now).filter(alias_ids__contains=[alias_id], rid=call.rid)
    context = found.exclude(alias_ids=[]).order_by("-created_at", "-id").first()
    if context is None:
        raise NoSuchContext(alias_id)
    return read(context.context_id, call, now)


def trail(context_id: str, call: Call, now: dt.datetime) -> list[ContextVersion]:
    """List every touch of a context, the first one first; of a permanent one also after its deletion. Raises
    NoSuchContext.
    """
    known = Context.objects.named(call.rid, context_id)
    context = known.standing(now).first() or known.exclude(deleted_at=None).order_by("-created_at").first()
    if context is None:
        raise NoSuchContext(context_id)
    return list(context.versions.order_by("version"))


def expire(now: dt.datetime) -> int:
    """Remove the contexts past their lease with all that belongs to them; return how many went."""
    gone = 0
    while True:
        with transaction.atomic():
            ids = list(
                Context.objects.expired(now)
                .select_for_update(skip_locked=True, of=("self",))
                .values_list("pk", flat=True)[:_EXPIRED_AT_ONCE]
            )
            Context.objects.filter(pk__in=ids).delete()
        gone += len(ids)
        if len(ids) < _EXPIRED_AT_ONCE:
            return gone


def _new(rid: str, context_id: str, body: Body, call: Call, now: dt.datetime) -> Context:
    lease = call.lease or DEFAULT_LEASE
    permanent = bool(body.permanent)
    return Context(
        rid=rid,
        context_id=context_id,
        group_id=body.group_id or "",
        alias_ids=body.alias_ids or [],
        tenant_id=body.tenant_id or "",
        topic=body.topic or "",
        data=body.data or {},
        schema=body.schema,
        permanent=permanent,
        lease=lease,
        expires_at=None if permanent else _later(now, lease),
        created_at=now,
        updated_at=now,
    )


def _write(
    rid: str,
    context_id: str,
    call: Call,
    now: dt.datetime,
    change: Callable[[Context], None],
    expected: int | None = None,
) -> Context:
    with transaction.atomic():
        context = _locked(rid, context_id, now)
        if expected is not None and expected != context.revision:
            raise StaleRevision(context.revision)
        change(context)
        context.version += 1
        context.revision += 1
        context.updated_at = now
        context.save()
        _tell(context, Operation.UPDATE, call, now)
        elements.place_context(context, call.touchpoint, now)
    return context


def _locked(rid: str, context_id: str, now: dt.datetime) -> Context:
    context = Context.objects.named(rid, context_id).standing(now).locked().first()
    if context is None:
        raise NoSuchContext(context_id)
    return context


def _tell(context: Context, operation: Operation, call: Call, now: dt.datetime) -> None:
    ContextVersion.objects.create(
        context=context,
        version=context.version,
        at=now,
        touchpoint=call.touchpoint,
        operation=operation,
        state=context.state(),
    )


def _later(now: dt.datetime, seconds: int) -> dt.datetime:
    # The longest lease of the wire is 68 years, which every clock here can hold.
    return now + dt.timedelta(seconds=seconds)


def _fresh_id(call: Call) -> str:
    if call.short_id:
        return "".join(secrets.choice(_SHORT_ALPHABET) for _place in range(_SHORT_LENGTH))
    return time_ordered_id().hex
