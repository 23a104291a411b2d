"""Taking an import back, chunk by chunk in the opposite order: every step meets the numbers as it left them (C68).

What a row wrote is known by the version that it made. A customer that somebody has changed since is left as it is and
listed. Numbers that others have taken since stay with them and are listed too (C10b).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from cim.access import audit
from cim.access.prepared import Prepared, prepared
from customers.importing import owning
from customers.importing.leasing import Lease
from customers.importing.planning import Use
from customers.importing.staging import recount
from customers.models import ImportRun, SlotLease
from customers.schema import Schema


@dataclass
class _Wanted:
    """The numbers as they are to be after the step."""

    owner: dict[str, UUID] = field(default_factory=dict)
    holdings: dict[UUID, dict[str, Use]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Write:
    """What rows of the chunk did to one customer: the version they made, the one before, the line."""

    customer: UUID
    line: int
    version: int
    before: int


def undo(run: ImportRun, lease: Lease, schema: Schema, between: Callable[[], None] = lambda: None) -> None:
    """Take back the chunks of ``run``, last one first; goes on where a dead worker stopped. Raises LeaseLost.

    ``between`` is called after each chunk, outside its transaction.
    """
    if run.undo_entry_id is None:
        owner = audit.actor_for(run.owner, "import") if run.owner else audit.system_actor("import")
        run.undo_entry = audit.note(owner, "import.undo", object_type="import", object_id=run.id)
        lease.save(undo_entry=run.undo_entry)
    undoing = _Undoing(run, lease, schema)
    while run.chunks:
        undoing.take_back_last()
        between()


def count_as_skipped(run: ImportRun, lease: Lease) -> None:
    """Count the rows of a cancelled import that were taken back as skipped: they are good and not applied."""
    left = [item["line"] for item in run.not_undone if item["why"] == "changed"]
    with transaction.atomic():
        lease.confirm()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE customers_importrow SET outcome = 'skipped', customer = NULL, version = NULL, other_line = NULL"
                " WHERE run_id = %s AND outcome <> 'errors' AND NOT line = ANY(%s)",
                [run.id, left],
            )
        run.counts = recount(run)
        lease.save(counts=run.counts)


class _Undoing:
    def __init__(self, run: ImportRun, lease: Lease, schema: Schema) -> None:
        self.run, self.lease, self.schema = run, lease, schema
        kept_slots = {
            lease.slot
            for lease in SlotLease.objects.filter(until=None, since__lte=run.created_at)
            if lease.attribute_id is not None
        }
        self.columns = [
            attribute.column
            for attribute in schema.writable
            if not attribute.is_custom or attribute.slot in kept_slots
        ]
        self.phones = [
            (attribute.key, attribute.column)
            for attribute in schema.writable
            if attribute.key in schema.phone_keys and attribute.column in self.columns
        ]

    def take_back_last(self) -> None:
        attempt = 0
        while True:
            try:
                with transaction.atomic(), prepared() as cursor:
                    chunks, undone, not_undone = self._take_back_last(cursor)
                self.run.chunks, self.run.undone, self.run.not_undone = chunks, undone, not_undone
                return
            except owning.CONTENTION as trouble:
                owning.refuse_other(trouble)
            attempt += 1
            owning.step_back(attempt)
            self.lease.save()

    def _take_back_last(self, cursor: Prepared) -> tuple[list[int], int, list[dict[str, Any]]]:
        self.lease.confirm()
        owning.look_up_by_key(cursor)
        last = self.run.chunks[-1]
        first = self.run.chunks[-2] if len(self.run.chunks) > 1 else 0
        writes = self._writes(cursor, first, last)
        owning.wait_briefly(cursor)
        now = timezone.now()
        current = self._current(cursor, writes)
        mine = [write for write in writes if current.get(write.customer) == write.version]
        changed = [write for write in writes if current.get(write.customer) != write.version]
        created = [write for write in mine if write.before == 0]
        restored = [write for write in mine if write.before]
        images = self._images(cursor, restored)
        wanted, before, taken = self._plan(cursor, created, images)
        claimed = owning.claim(cursor, wanted, before, now)
        self._lock(cursor, mine)
        owning.lock(cursor, before, claimed)
        with audit.continue_entry(self.run.undo_entry_id or 0):
            if created:
                cursor.execute(
                    "UPDATE customers_customer SET deleted_at = %s, updated_at = %s, version = version + 1"
                    " WHERE id = ANY(%s)",
                    [now, now, [write.customer for write in created]],
                )
            if restored:
                self._restore(cursor, restored, now)
                self._leave_out(cursor, images, taken)
        owning.settle(cursor, wanted, before, now)
        listed = [
            *self.run.not_undone,
            *({"line": write.line, "customer": str(write.customer), "why": "changed"} for write in changed),
            *(
                {
                    "line": write.line,
                    "customer": str(write.customer),
                    "why": "numbers",
                    "numbers": sorted(numbers),
                }
                for write in restored
                if (numbers := taken.get(write.customer))
            ),
        ]
        chunks, undone = self.run.chunks[:-1], self.run.undone + len(mine)
        self.lease.save(chunks=chunks, undone=undone, not_undone=listed, attempts=0)
        return chunks, undone, listed

    def _writes(self, cursor: Prepared, first: int, last: int) -> list[_Write]:
        cursor.execute(
            "SELECT customer, max(line), max(version), min(version) - 1 FROM customers_importrow"
            " WHERE run_id = %s AND line > %s AND line <= %s AND version IS NOT NULL GROUP BY customer",
            [self.run.id, first, last],
        )
        return [_Write(customer, line, version, before) for customer, line, version, before in cursor]

    def _current(self, cursor: Prepared, writes: Sequence[_Write]) -> dict[UUID, int]:
        """Return the version of each live customer, less what this undoing has added and taken back on top of it."""
        cursor.execute(
            # By the customer, and then by the entry: the entry alone has as many versions as the undoing has come to.
            "SELECT c.id, c.version - 2 * (SELECT count(*) FROM (SELECT v.entry_id FROM customers_version v"
            " WHERE v.customer_id = c.id OFFSET 0) own WHERE own.entry_id = %s)"
            " FROM customers_customer c WHERE c.id = ANY(%s) AND c.deleted_at IS NULL AND c.merged_into_id IS NULL",
            [self.run.undo_entry_id, [write.customer for write in writes]],
        )
        return dict(cursor.fetchall())

    def _lock(self, cursor: Prepared, writes: Sequence[_Write]) -> None:
        """Lock the customers, in the order of their ids. Raises Contended if one has changed since it was looked at."""
        cursor.execute(
            "SELECT id FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [[write.customer for write in writes]],
        )
        current = self._current(cursor, writes)
        if any(current.get(write.customer) != write.version for write in writes):
            raise owning.Contended

    def _images(self, cursor: Prepared, restored: Sequence[_Write]) -> dict[UUID, dict[str, list[str]]]:
        """Return the numbers that each customer showed before, by phone attribute."""
        if not restored:
            return {}
        cursor.execute(
            sql.SQL("WITH restored AS MATERIALIZED ({before}) SELECT id, {phones} FROM restored").format(
                before=self._before,
                phones=sql.SQL(", ").join(
                    sql.SQL("(r).{}").format(sql.Identifier(column)) for _key, column in self.phones
                ),
            ),
            self._chosen(restored),
        )
        return {
            customer: {
                key: value if isinstance(value, list) else [value]
                for (key, _column), value in zip(self.phones, found, strict=True)
                if value
            }
            for customer, *found in cursor
        }

    @property
    def _before(self) -> sql.Composed:
        """The rows as they were, in the columns that still mean what they meant."""
        return sql.SQL(
            "SELECT w.id, o.place, o.c #= slice(v.before, %(columns)s::text[]) AS r"
            " FROM unnest(%(ids)s::uuid[], %(versions)s::int[]) AS w(id, version)"
            # One by one, by their keys, as in ``writing``.
            " CROSS JOIN LATERAL (SELECT c.ctid AS place, c FROM customers_customer c WHERE c.id = w.id OFFSET 0) AS o"
            " CROSS JOIN LATERAL (SELECT x.before FROM customers_version x"
            " WHERE x.customer_id = w.id AND x.version = w.version OFFSET 0) AS v"
        ).format()

    def _chosen(self, restored: Sequence[_Write]) -> dict[str, Any]:
        return {
            "columns": [*self.columns, "stage"],
            "ids": [write.customer for write in restored],
            "versions": [write.before for write in restored],
        }

    def _plan(
        self,
        cursor: Prepared,
        created: Sequence[_Write],
        images: Mapping[UUID, dict[str, list[str]]],
    ) -> tuple[_Wanted, owning.Holdings, dict[UUID, set[str]]]:
        """Say who owns which number after the step, who holds what before it, and which numbers others have taken."""
        ids = [write.customer for write in created] + list(images)
        before = owning.holdings_of(cursor, ids)
        wanted_numbers = {
            number
            for image in images.values()
            for numbers in image.values()
            for number in numbers
            if number not in settings.CIM_STOP_NUMBERS
        }
        outside = {
            number: owner
            for owner, held in owning.holdings(cursor, wanted_numbers).items()
            if owner not in set(ids)
            for number in held
        }
        typed = self._typed(cursor, list(images))
        wanted = _Wanted(holdings={customer: {} for customer in ids})
        taken: dict[UUID, set[str]] = {}
        for customer, image in images.items():
            for key, numbers in image.items():
                for number in numbers:
                    if number in settings.CIM_STOP_NUMBERS:
                        continue
                    if number in outside or wanted.owner.get(number, customer) != customer:
                        taken.setdefault(customer, set()).add(number)
                        continue
                    wanted.owner[number] = customer
                    held = wanted.holdings[customer]
                    used_in = held[number].used_in if number in held else ()
                    held[number] = Use(typed.get((customer, number), number), (*used_in, key))
        return wanted, {customer: before.get(customer, {}) for customer in ids if before.get(customer)}, taken

    def _typed(self, cursor: Prepared, customers: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
        cursor.execute(
            "SELECT customer_id, number, typed FROM customers_phone WHERE customer_id = ANY(%s) ORDER BY id",
            [list(customers)],
        )
        return {(customer, number): typed for customer, number, typed in cursor}

    def _restore(self, cursor: Prepared, restored: Sequence[_Write], now: datetime) -> None:
        columns = [sql.Identifier(column) for column in [*self.columns, "stage"]]
        cursor.execute(
            sql.SQL(
                "WITH restored AS MATERIALIZED ({before}) UPDATE customers_customer c"
                " SET version = c.version + 1, updated_at = %(now)s, {changes} FROM restored"
                " WHERE c.ctid = restored.place"
            ).format(
                before=self._before,
                changes=sql.SQL(", ").join(sql.SQL("{0} = (r).{0}").format(column) for column in columns),
            ),
            {**self._chosen(restored), "now": now},
        )

    def _leave_out(
        self,
        cursor: Prepared,
        images: Mapping[UUID, dict[str, list[str]]],
        taken: Mapping[UUID, set[str]],
    ) -> None:
        """Take the numbers that others have by now off the restored profiles; part of the same version."""
        for customer, numbers in taken.items():
            for key, column in self.phones:
                shown = images[customer].get(key, [])
                if not numbers.intersection(shown):
                    continue
                is_list = self.schema.by_key[key].is_list
                left = [number for number in shown if number not in numbers]
                cursor.execute(
                    sql.SQL("UPDATE customers_customer SET {} = %s WHERE id = %s").format(
                        sql.Identifier(column)
                    ),
                    [left if is_list else None, customer],
                )
