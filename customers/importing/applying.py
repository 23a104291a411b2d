"""Writing staged rows into customers, chunk by chunk in file order, or only finding out what would be written.

A chunk is one short transaction that keeps the protocol of ``customers.numbers``: claim the free numbers in sorted
order, lock the owners of the others in the order of their ids, look again; if the owners have changed in between,
let go of everything and plan anew. The numbers then are what the plan says, in file order, as C64 wants it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.prepared import Prepared, prepared
from customers.importing import owning
from customers.importing.checking import escaped, unpack
from customers.importing.leasing import Lease
from customers.importing.options import Options
from customers.importing.planning import Conflict, Plan, Problem, Refusal, Row, Step
from customers.importing.writing import Statements
from customers.models import ImportRun, Stage
from customers.models.customer import time_ordered_ids

CHUNK = 1_000
"""How many rows one transaction writes at most (C66)."""


_IDS = 256
"""How many ids are made at once: made too far ahead, they would be older than their customers."""


class Fate(NamedTuple):
    """What became of a row; ``version`` is the version of the customer that it wrote."""

    outcome: str
    customer: UUID | None = None
    version: int | None = None
    other_line: int | None = None
    column: str = ""
    value: str = ""
    reason: str = ""


@dataclass
class _Fates:
    """The fates of the rows of a chunk, and the earlier lines that they supersede, each with the line that does."""

    rows: dict[int, Fate] = field(default_factory=dict)
    superseded: dict[int, int] = field(default_factory=dict)


class _Writer(NamedTuple):
    """Which line of this run has written a customer last, and what that is counted as."""

    line: int
    outcome: str


@dataclass
class _Chunk:
    """What one transaction has written; it counts once it is committed."""

    state: str
    rows: int = 0
    last_line: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    writers: dict[UUID, _Writer] = field(default_factory=dict)


@dataclass
class Application:
    """Applies the staged rows of one run. ``dry`` only plans, over the whole file, on the database as it is now."""

    run: ImportRun
    lease: Lease
    statements: Statements
    dry: bool = False
    writers: dict[UUID, _Writer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.options = Options.from_json(self.run.options)
        self.phone_attributes = [
            item for item in self.statements.mapped if item.key in self.statements.schema.phone_keys
        ]
        self._ids = (new for _batch in count() for new in time_ordered_ids(_IDS))
        self._overlay = self._new_plan()
        self._known: set[str] = set()
        self._folds: dict[UUID, list[Any]] = {}
        self._told: set[int] = set()

    def _new_plan(self) -> Plan[UUID]:
        return Plan(self.options.conflict, self._ids.__next__, self.statements.schema.phone_keys)

    def resume(self) -> None:
        """Learn from the recorded fates which lines have written which customers."""
        with prepared() as cursor:
            cursor.execute(
                "SELECT customer, line, outcome FROM customers_importrow WHERE run_id = %s AND customer IS NOT NULL"
                " AND outcome NOT IN ('superseded', 'errors', 'skipped') ORDER BY line",
                [self.run.id],
            )
            self.writers = {customer: _Writer(line, outcome) for customer, line, outcome in cursor}

    # One chunk

    def apply_next(self) -> tuple[str, int]:
        """Apply the next chunk; return the state that the run was found in and the number of rows in the chunk.

        Nothing is written when the run is being cancelled. Raises LeaseLost.
        """
        attempt = 0
        while True:
            try:
                with translation.override(self.options.language), transaction.atomic():
                    chunk = self._apply_next()
                if chunk.rows:
                    self.writers.update(chunk.writers)
                    self.run.cursor, self.run.counts = chunk.last_line, chunk.counts
                    self.run.chunks.append(chunk.last_line)
                return chunk.state, chunk.rows
            except owning.CONTENTION as trouble:
                owning.refuse_other(trouble)
            attempt += 1
            owning.step_back(attempt)
            self.lease.save()

    def _apply_next(self) -> _Chunk:
        chunk = _Chunk(self.lease.confirm())
        if chunk.state == ImportRun.State.CANCELLING:
            return chunk
        with prepared() as cursor:
            owning.look_up_by_key(cursor)
            rows = self._load(cursor)
            if not rows:
                return chunk
            chunk.rows, chunk.last_line = len(rows), rows[-1].line
            numbers = {number for row in rows for number in row.uses}
            if self.dry:
                fates = self._plan_only(cursor, chunk, rows, numbers)
            else:
                owning.wait_briefly(cursor)
                fates = self._apply(cursor, chunk, rows, numbers)
            self._record(cursor, chunk, fates)
        return chunk

    def _plan_only(self, cursor: Prepared, chunk: _Chunk, rows: Sequence[Row], numbers: set[str]) -> _Fates:
        plan = self._overlay
        before = owning.holdings(cursor, numbers - self._known)
        self._known |= numbers
        plan.steps, plan.refusals = [], {}
        self._plan(plan, before, rows)
        cursor.execute("SELECT id, stage FROM customers_customer WHERE id = ANY(%s)", [list(before)])
        stages = dict(cursor.fetchall())
        differing = self._differing(cursor, plan, written={})
        fates = self._judge(chunk, plan, stages, differing)
        self._refuse(chunk, plan, rows, fates)
        return fates

    def _apply(self, cursor: Prepared, chunk: _Chunk, rows: Sequence[Row], numbers: set[str]) -> _Fates:
        plan = self._new_plan()
        before = owning.holdings(cursor, numbers)
        self._plan(plan, before, rows)
        now = timezone.now()
        claimed = owning.claim(cursor, plan, before, now)
        stages = owning.lock(cursor, before, claimed)
        inserted, updated = self._writes(plan)
        differing = self._differing(cursor, plan, written=updated)
        with audit.continue_entry(self.run.entry_id or 0):
            changed = self._write(cursor, plan, inserted, updated, now)
        owning.settle(cursor, plan, before, now)
        differing |= changed.keys() - self._told
        fates = self._judge(chunk, plan, stages, differing)
        for line, version in [*dict.fromkeys(inserted.values(), 1).items(), *changed.items()]:
            fates.rows[line] = fates.rows[line]._replace(version=version)
        self._refuse(chunk, plan, rows, fates)
        return fates

    def _plan(self, plan: Plan[UUID], before: owning.Holdings, rows: Sequence[Row]) -> None:
        for customer, held in before.items():
            # What an earlier chunk of a dry run has planned counts, not what is stored.
            if customer not in plan.holdings:
                plan.holdings[customer] = held
                plan.owner.update(dict.fromkeys(held, customer))
        plan.add(rows)

    def _load(self, cursor: Prepared) -> list[Row]:
        gives = ", ".join(f'"{item.column}" IS NOT NULL' for item in self.phone_attributes) or "false"
        cursor.execute(
            f"SELECT line, uses, lacking, lacking_update, {gives} FROM customers_importline"  # noqa: S608 - declared columns
            " WHERE run_id = %s AND line > %s ORDER BY line LIMIT %s",
            [self.run.id, self.run.cursor, CHUNK],
        )
        keys = [item.key for item in self.phone_attributes]
        if self.options.conflict is not Conflict.UPDATE:
            return [Row(line, unpack(uses), (), lacking) for line, uses, lacking, *_rest in cursor]
        clear = self.options.empty_cells_clear
        return [
            Row(
                line,
                unpack(uses),
                [key for key, is_given in zip(keys, given, strict=False) if is_given or clear],
                lacking,
                lacking_update if clear else None,
            )
            for line, uses, lacking, lacking_update, *given in cursor
        ]

    def _writes(self, plan: Plan[UUID]) -> tuple[dict[UUID, int], dict[UUID, int]]:
        """Return from which row each customer of the plan is inserted, and from which it is updated."""
        inserted = {step.customer: step.line for step in plan.steps if step.new}
        last = {step.customer: step.line for step in plan.steps}
        if self.options.conflict is Conflict.UPDATE:
            return inserted, {
                customer: line for customer, line in last.items() if inserted.get(customer) != line
            }
        return (
            {customer: last[customer] for customer in inserted},
            {customer: line for customer, line in last.items() if customer not in inserted},
        )

    def _write(
        self,
        cursor: Prepared,
        plan: Plan[UUID],
        inserted: Mapping[UUID, int],
        updated: Mapping[UUID, int],
        now: datetime,
    ) -> dict[int, int]:
        """Insert and update the customers, each once; return the versions of those that changed, by line."""
        if self.options.conflict is Conflict.UPDATE:
            self._fold(cursor, plan, updated)
        values = {"run": self.run.id, "now": now, "entry": self.run.entry_id}
        if inserted:
            chosen = {"ids": owning.id_array(inserted), "lines": list(inserted.values())}
            cursor.execute(self.statements.insert, {**values, **chosen})
        if not updated:
            return {}
        chosen = {"ids": owning.id_array(updated), "lines": list(updated.values())}
        cursor.execute(self.statements.update, {**values, **chosen})
        return {updated[customer]: version for customer, version in cursor}

    def _fold(self, cursor: Prepared, plan: Plan[UUID], updated: Mapping[UUID, int]) -> None:
        """Let the last of several rows that update one customer carry the values of all of them."""
        if self.options.empty_cells_clear:
            return
        lines: dict[UUID, list[int]] = {}
        for step in plan.steps:
            if not step.new:
                lines.setdefault(step.customer, []).append(step.line)
        for customer, own in lines.items():
            if len(own) > 1:
                cursor.execute(
                    self.statements.fold, {"run": self.run.id, "lines": own, "line": updated[customer]}
                )

    # What each row is counted as

    def _differing(self, cursor: Prepared, plan: Plan[UUID], *, written: Mapping[UUID, int]) -> set[int]:
        """Return the lines that give a customer other values than it has when their turn comes.

        Left out are those lines of ``written`` about which the writing itself tells. Looks at the stored customers, so
        it must run before they are written.
        """
        if self.options.conflict is Conflict.UPDATE:
            touches = Counter(step.customer for step in plan.steps)
            # In a dry run nothing is written, so what earlier chunks would have written is folded here.
            earlier = self.writers if self.dry else {}
            chained = [step for step in plan.steps if touches[step.customer] > 1 or step.customer in earlier]
            self._told = {step.line for step in chained}
            open_steps = [step for step in plan.steps if not step.new and step.line not in self._told]
            differing = self._chained(cursor, chained)
        else:
            self._told = set()
            open_steps = [step for step in plan.steps if self._is_open(step)]
            differing = set()
        asked = [step for step in open_steps if written.get(step.customer) != step.line]
        if asked:
            cursor.execute(
                self.statements.differing,
                {
                    "run": self.run.id,
                    "ids": owning.id_array(step.customer for step in asked),
                    "lines": [step.line for step in asked],
                },
            )
            differing |= {line for (line,) in cursor}
        return differing

    def _judge(
        self, chunk: _Chunk, plan: Plan[UUID], stages: Mapping[UUID, str], differing: Collection[int]
    ) -> _Fates:
        """Say what each row of the plan is counted as, and which earlier lines later ones supersede."""
        fates = _Fates()
        for step in plan.steps:
            prior = self._writer(chunk, step.customer)
            if step.new:
                outcome = "created"
            elif self.options.conflict is Conflict.UPDATE:
                outcome = "updated" if step.line in differing else "unchanged"
            elif prior is not None and prior.outcome != "unchanged":
                outcome = prior.outcome
            elif step.line in differing:
                # Overwriting a contact that nobody had saved is its promotion (C12).
                promoted = stages.get(step.customer, Stage.CURATED) != Stage.CURATED
                outcome = "created" if promoted else "overwritten"
            else:
                outcome = "unchanged"
            if prior is not None and self.options.conflict is not Conflict.UPDATE:
                if prior.line in fates.rows:
                    fates.rows[prior.line] = fates.rows[prior.line]._replace(
                        outcome="superseded", other_line=step.line
                    )
                else:
                    fates.superseded[prior.line] = step.line
            chunk.writers[step.customer] = _Writer(step.line, outcome)
            fates.rows[step.line] = Fate(outcome, step.customer)
        return fates

    def _writer(self, chunk: _Chunk, customer: UUID) -> _Writer | None:
        return chunk.writers.get(customer) or self.writers.get(customer)

    def _is_open(self, step: Step[UUID]) -> bool:
        """Tell whether it is still open if the customer of ``step`` changes at all."""
        prior = self.writers.get(step.customer)
        return not step.new and (prior is None or prior.outcome == "unchanged")

    def _chained(self, cursor: Prepared, steps: Sequence[Step[UUID]]) -> set[int]:
        """Fold rows that update one customer, one after the other; return the lines that change something."""
        if not self.dry:
            self._folds = {}
        if not steps:
            return set()
        earlier = {
            step.customer: self.writers[step.customer].line
            for step in steps
            if self.dry and step.customer in self.writers and step.customer not in self._folds
        }
        lines = [*(step.line for step in steps), *earlier.values()]
        cursor.execute(self.statements.staged, {"run": self.run.id, "lines": lines})
        staged = {line: values for line, *values in cursor}
        cursor.execute(self.statements.stored, {"ids": list({step.customer for step in steps})})
        stored = {customer: (stage, values) for customer, stage, *values in cursor}
        differing = set()
        for step in steps:
            if step.customer not in self._folds and not step.new:
                stage, base = stored.get(step.customer, (Stage.CURATED, None))
                if step.customer in earlier:
                    first = staged[earlier[step.customer]]
                    base = self.statements.fresh_values(first) if base is None else self._folded(base, first)
                elif stage != Stage.CURATED:
                    differing.add(step.line)
                self._folds[step.customer] = list(base or ())
            given = staged[step.line]
            if step.new:
                self._folds[step.customer] = self.statements.fresh_values(given)
                continue
            after = self._folded(self._folds[step.customer], given)
            if after != self._folds[step.customer]:
                differing.add(step.line)
            self._folds[step.customer] = after
        return differing

    def _folded(self, base: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        if self.options.empty_cells_clear:
            return [
                [] if value is None and item.is_list else value
                for item, value in zip(self.statements.mapped, given, strict=True)
            ]
        return [old if value is None else value for old, value in zip(base, given, strict=True)]

    # What is recorded

    def _refuse(self, chunk: _Chunk, plan: Plan[UUID], rows: Sequence[Row], fates: _Fates) -> None:
        by_line = {row.line: row for row in rows} if plan.refusals else {}
        for line, refusal in plan.refusals.items():
            fates.rows[line] = self._error(chunk, by_line[line], refusal)

    def _record(self, cursor: Prepared, chunk: _Chunk, fates: _Fates) -> None:
        with cursor.copy(
            'COPY customers_importrow (run_id, line, outcome, customer, version, other_line, "column", value, reason)'
            " FROM STDIN"
        ) as copy:
            copy.write(
                "".join(f"{self.run.id}\t{line}\t{_copied(fate)}\n" for line, fate in fates.rows.items())
            )
        counts = Counter(self.run.counts)
        counts.update(fate.outcome for fate in fates.rows.values())
        if fates.superseded:
            before = self._supersede(cursor, fates.superseded)
            counts.subtract(before)
            counts["superseded"] += before.total()
        chunk.counts = dict(counts)
        self.lease.save(
            cursor=chunk.last_line, counts=chunk.counts, chunks=[*self.run.chunks, chunk.last_line]
        )

    def _supersede(self, cursor: Prepared, superseded: Mapping[int, int]) -> Counter[str]:
        """Mark lines of earlier chunks as superseded and return what they were counted as."""
        cursor.execute(
            "UPDATE customers_importrow r SET outcome = 'superseded', other_line = by.other"
            " FROM unnest(%s::int[], %s::int[]) AS by(line, other)"
            # One by one, by their keys, as in ``writing``.
            " CROSS JOIN LATERAL (SELECT x.ctid AS place, x.outcome FROM customers_importrow x"
            " WHERE x.run_id = %s AND x.line = by.line OFFSET 0) AS o"
            " WHERE r.ctid = o.place RETURNING o.outcome",
            [list(superseded), list(superseded.values()), self.run.id],
        )
        return Counter(outcome for (outcome,) in cursor)

    def _error(self, chunk: _Chunk, row: Row, refusal: Refusal[UUID]) -> Fate:
        if refusal.problem is Problem.LACKING:
            by_key = self.statements.schema.by_key
            headers = {column["attribute"]: column["header"] for column in self.run.columns}
            keys = [key for key in refusal.lacking.split(",") if key in by_key]
            return Fate(
                "errors",
                column="; ".join(headers.get(key, by_key[key].title) for key in keys),
                reason=" ".join(_("%(label)s is required.") % {"label": by_key[key].title} for key in keys),
            )
        uses = [row.uses[number] for number in refusal.owners]
        owners = ", ".join(
            self._named(chunk, owner) for owner in sorted(set(refusal.owners.values()), key=str)
        )
        numbers = ", ".join(f"“{use.typed}”" for use in uses)
        if refusal.problem is Problem.SEVERAL:
            reason = _("The numbers %(numbers)s belong to several customers: %(owners)s. Merge them first.")
        else:
            reason = _("%(numbers)s already belongs to %(owners)s.")
        return Fate(
            "errors",
            column="; ".join(dict.fromkeys(str(self.run.columns[use.place]["header"]) for use in uses)),
            value="; ".join(use.typed for use in uses),
            reason=reason % {"numbers": numbers, "owners": owners},
        )

    def _named(self, chunk: _Chunk, customer: UUID) -> str:
        writer = self._writer(chunk, customer)
        if writer is None:
            return _("customer %(id)s") % {"id": customer}
        if self.dry and writer.outcome == "created":
            return _("the customer of line %(line)d of this file") % {"line": writer.line}
        return _("customer %(id)s (line %(line)d of this file)") % {"id": customer, "line": writer.line}


def _copied(fate: Fate) -> str:
    customer = fate.customer or "\\N"
    version = "\\N" if fate.version is None else fate.version
    other = "\\N" if fate.other_line is None else fate.other_line
    if not fate.reason:
        return f"{fate.outcome}\t{customer}\t{version}\t{other}\t\t\t"
    told = "\t".join(map(escaped, (fate.column, fate.value, fate.reason)))
    return f"{fate.outcome}\t{customer}\t{version}\t{other}\t{told}"
