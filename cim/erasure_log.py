"""Who was erased, noted outside the database: what a restored back-up brings back is forgotten again (C17, Q24).

A line says when, and names the records by their ids; nothing of the person is in it.
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from cim.access import audit
from cim.access.models import AuditEntry
from customers import erasing
from customers.models import Customer, Erasure
from customers.schema import Schema

logger = structlog.get_logger(__name__)


class Unreadable(Exception):
    """A line of the log is none of ours; the text quotes where."""


def note_after_commit(
    sender: object, customers: Sequence[UUID], now: datetime, **_kwargs: Any
) -> dict[str, int]:
    """Note an erasure once it is a fact. One that cannot be written down stands nevertheless, and is told."""
    line = json.dumps({"at": now.isoformat(), "customers": [str(customer) for customer in customers]})
    transaction.on_commit(lambda: _append(settings.ERASURE_LOG, line))
    return {}


def _append(path: Path, line: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as log:
            # One write: lines of several processes do not mix.
            log.write(f"{line}\n")
            log.flush()
            os.fsync(log.fileno())
    except OSError as refused:
        logger.error("erasure not noted", reason=refused.strerror)


def read(path: Path) -> Iterator[list[UUID]]:
    """Read the ids of each erasure. Raises Unreadable; a last line that was cut off by a crash is left out."""
    lines = path.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line.endswith("\n"):
            return
        try:
            yield [UUID(customer) for customer in json.loads(line)["customers"]]
        except (ValueError, KeyError, TypeError):
            raise Unreadable(
                f"Line {number} of {path} is {line.strip()[:80]!r}; it must tell an erasure."
            ) from None


def replay(path: Path, now: datetime) -> tuple[int, list[str]]:
    """Erase again whom the log names and the database knows; return how many, and what stands in the way of others."""
    done, left = 0, []
    actor = audit.system_actor(AuditEntry.Via.COMMAND)
    for ids in read(path):
        gone = {one for known in Erasure.objects.of(ids).values_list("customers", flat=True) for one in known}
        for customer in Customer.objects.filter(id__in=set(ids) - gone).values_list("id", flat=True):
            try:
                erasing.erase(customer, actor, schema=Schema.current(), now=now)
            except Customer.DoesNotExist:
                continue  # went with the one that it was merged into
            except erasing.ImportAtWork as waiting:
                left.append(f"{customer}: {waiting}")
            else:
                done += 1
    return done, left
