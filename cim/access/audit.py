"""Who did what: every change, and everything that was shown to somebody on purpose, gets an entry (Q4).

The history triggers of the database read the transaction's setting `cim.audit_entry` and attach every changed
row to the entry named there. After a transaction that used it, PostgreSQL leaves the setting as an empty
string, not as null: a trigger reads it as `nullif(current_setting('cim.audit_entry', true), '')::bigint`.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.http import HttpRequest
from rest_framework.request import Request

from cim.access.models import ApiKey, AuditEntry


@dataclass(frozen=True)
class Actor:
    """Somebody, or some program, who does things: as much of it as the audit trail keeps."""

    user_id: int | None
    name: str
    via: str


def actor_for(user: User, via: str) -> Actor:
    """Name a user who acts through something else than a request: an import, a command."""
    return Actor(user.pk, (user.get_full_name() or user.get_username())[:200], str(via))


def actor_of(request: HttpRequest | Request) -> Actor:
    """Say who sends this request: through a page when a session did, through the API when a key did."""
    user = request.user
    if isinstance(user, AnonymousUser):
        return system_actor(AuditEntry.Via.PAGE)
    via = AuditEntry.Via.API if isinstance(getattr(request, "auth", None), ApiKey) else AuditEntry.Via.PAGE
    return actor_for(user, via)


def system_actor(via: str) -> Actor:
    """Name the program itself: a scheduled task, a command."""
    return Actor(None, "", str(via))


@contextmanager
def recorded(
    actor: Actor, action: str, *, object_type: str = "", object_id: object = "", **data: Any
) -> Iterator[AuditEntry]:
    """Record what the block does: its changes and the entry are committed together, or neither is.

    Opens a transaction (a savepoint inside another) and attaches every row that the block changes to the
    entry. A block inside a block has its own entry; what follows it belongs to the outer one again. Two
    queries, one more when nested.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        entry = note(actor, action, object_type=object_type, object_id=object_id, **data)
        previous = _attach(entry.pk)
        yield entry
        # A failed block is rolled back, and the setting with it.
        if nested:
            _attach(previous)


@contextmanager
def continue_entry(entry_id: int) -> Iterator[None]:
    """Attach the changes of the block to an entry made earlier, as an import does for each of its chunks.

    Opens a transaction (a savepoint inside another).
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        previous = _attach(entry_id)
        yield
        if nested:
            _attach(previous)


def note(
    actor: Actor, action: str, *, object_type: str = "", object_id: object = "", **data: Any
) -> AuditEntry:
    """Record something that changes no row with a history: a view, a reveal, a search, an export. One query.

    `data` should name attributes and counts, not the values of a person: entries outlive an erasure.
    """
    return AuditEntry.objects.create(
        actor_id=actor.user_id,
        actor_name=actor.name,
        action=action,
        via=actor.via,
        object_type=object_type,
        object_id=str(object_id),
        data=data,
    )


def purge(before: dt.datetime) -> int:
    """Delete the entries made before an instant, leaving one that says so; return how many went.

    The only way: the database refuses every other DELETE.
    """
    with connection.cursor() as cursor:
        cursor.execute("select access_purge_audit(%s)", [before])
        (count,) = cursor.fetchone()
    return int(count)


def _attach(entry_id: int | str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            with earlier as materialized (
                select coalesce(current_setting('cim.audit_entry', true), '') as entry
            )
            select entry, set_config('cim.audit_entry', %s, true) from earlier
            """,
            [str(entry_id)],
        )
        previous: str = cursor.fetchone()[0]
    return previous
