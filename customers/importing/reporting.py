"""What an import tells about itself: how far it is, what it will do, what became of each row, which rows are wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from cim.access.prepared import prepared
from customers.dialects import Unreadable, spreadsheet_safe
from customers.importing import staging, uploads
from customers.importing.checking import unpack
from customers.importing.options import Options
from customers.importing.planning import Conflict
from customers.importing.writing import Statements
from customers.models import OUTCOMES, Attribute, Customer, ImportRow, ImportRun
from customers.models.customer import from_column
from customers.policy import MASK, Sight
from customers.returning import Watch, doubtful
from customers.schema import Schema
from customers.values import Value, to_json

_PAGE = 2_000
_LINES_NAMED = 20

COUNTED = ("read", *OUTCOMES)


def description(
    run: ImportRun, now: datetime | None = None, *, hides_numbers: bool = False
) -> dict[str, Any]:
    """Return the contract's object for an import (6.2). No query but for the owner's name."""
    counts = {name: run.counts.get(name, 0) for name in COUNTED}
    return {
        "id": str(run.id),
        "state": run.state,
        "file_name": run.file_name,
        "file_size": run.file_size,
        # The lines would be many, and nobody asks for them.
        "options": {name: value for name, value in run.options.items() if name != "lines"},
        "dialect": run.dialect,
        "columns": run.columns,
        "rows_total": run.rows_total,
        "counts": counts,
        "progress": progress(run, counts, now or timezone.now()),
        "owner": (run.owner.get_full_name() or run.owner.get_username()) if run.owner else None,
        "created_at": run.created_at,
        "start_at": run.start_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "yielding": run.yielding,
        "undone": run.undone,
        "not_undone": [
            {**item, "numbers": [MASK] * len(item["numbers"])}
            if hides_numbers and "numbers" in item
            else item
            for item in run.not_undone[:1000]
        ],
        "error": run.error or None,
    }


def progress(run: ImportRun, counts: dict[str, int], now: datetime) -> dict[str, Any]:
    """Say how far an import is: rows read, written, wrong, the rate of the current phase and the seconds left."""
    outcomes = sum(counts[name] for name in OUTCOMES)
    done = counts["read"] if run.phase in ("", ImportRun.Phase.READING) else outcomes
    if run.is_final:
        done = run.rows_total
    seconds = (now - run.phase_started_at).total_seconds() if run.phase_started_at else 0.0
    at_work = run.state in ImportRun.AT_WORK
    began_with = counts["errors"] if run.phase in (ImportRun.Phase.PLANNING, ImportRun.Phase.WRITING) else 0
    rate = max(done - began_with, 0) / seconds if at_work and seconds > 0 else 0.0
    left = max(run.rows_total - done, 0)
    return {
        "phase": run.phase if at_work else None,
        "rows": done,
        "total": run.rows_total,
        "percent": min(100, done * 100 // run.rows_total) if run.rows_total else 0,
        "read": counts["read"],
        "written": counts["created"] + counts["overwritten"] + counts["updated"],
        "errors": counts["errors"],
        "rows_per_second": round(rate, 1),
        "seconds_left": round(left / rate, 1) if rate else None,
    }


# Reports


def error_report(run: ImportRun) -> Iterator[Sequence[object]]:
    """Yield every wrong row, after a header: line, column, value, reason, then the row as it was (C63)."""
    try:
        headers: Sequence[str] = uploads.stored_headers(run)
        rows: Iterator[tuple[int, list[str]]] = uploads.stored_rows(run)
    except Unreadable:
        # The file has been removed after its time; what was wrong with it is still known.
        headers, rows = [], iter(())
    yield ["line", "column", "value", "reason", *map(_safe, headers)]
    line, cells = 0, list[str]()
    for fate in _fates(run, outcome="errors"):
        while line < fate.line:
            line, cells = next(rows, (2**31, []))
        original = [_safe(cell) for cell in cells] if line == fate.line else []
        yield [fate.line, _safe(fate.column), _safe(fate.value), fate.reason, *original]


def fate_report(run: ImportRun) -> Iterator[Sequence[object]]:
    """Yield, after a header, what became of every line (C63)."""
    yield ["line", "outcome", "customer", "superseded_by", "column", "value", "reason"]
    for fate in _fates(run):
        outcome = "error" if fate.outcome == "errors" else fate.outcome
        told = [_safe(fate.column), _safe(fate.value), fate.reason]
        yield [fate.line, outcome, fate.customer or "", fate.other_line or "", *told]


def _safe(text: str) -> str:
    return spreadsheet_safe(text.encode("utf-8", "replace").decode())


def _fates(run: ImportRun, **conditions: Any) -> Iterator[ImportRow]:
    line = 0
    while page := list(
        ImportRow.objects.filter(run=run, line__gt=line, **conditions).order_by("line")[:_PAGE]
    ):
        yield from page
        line = page[-1].line


# Preview


def preview(run: ImportRun, schema: Schema, sight: Sight, *, most: int) -> dict[str, Any]:
    """Show the first rows of each kind of a checked file, with the stored and the new values side by side (C61).

    Stored values that the reader may not see are masked, and it is not said whether they change.
    """
    statements = Statements(
        schema, staging.checker_of(run, schema).staged_attributes, Options.from_json(run.options)
    )
    groups = {}
    for outcome in OUTCOMES:
        rows = list(ImportRow.objects.filter(run=run, outcome=outcome).order_by("line")[:most])
        new = _staged(run, statements, [row.line for row in rows])
        old = Customer.objects.in_bulk({row.customer for row in rows if row.customer})
        groups[outcome] = {
            "count": run.counts.get(outcome, 0),
            "rows": [
                _shown(row, new.get(row.line), old.get(row.customer), statements, sight) for row in rows
            ],
        }
    return {
        "counts": {name: run.counts.get(name, 0) for name in COUNTED},
        "without_phone": _without_phone(run),
        "of_erased": _of_erased(run, timezone.now()),
        **groups,
    }


def _staged(run: ImportRun, statements: Statements, lines: Sequence[int]) -> dict[int, dict[str, Value]]:
    if not lines:
        return {}
    with prepared() as cursor:
        cursor.execute(statements.staged, {"run": run.id, "lines": list(lines)})
        return {
            line: {
                attribute.key: from_column(value, attribute.kind)
                for attribute, value in zip(statements.mapped, values, strict=True)
            }
            for line, *values in cursor
        }


def _shown(
    row: ImportRow,
    given: dict[str, Value] | None,
    stored: Customer | None,
    statements: Statements,
    sight: Sight,
) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": row.line, "customer": str(stored.pk) if stored else None}
    if row.outcome == "errors":
        shown |= {"column": row.column, "value": row.value, "reason": row.reason}
    if row.outcome == "skipped" and row.reason:
        shown["reason"] = row.reason
    if row.outcome == "superseded":
        shown["superseded_by"] = row.other_line
    if given is None:
        return shown
    old = {item.key: stored.value_of(item) if stored else None for item in statements.schema.writable}
    new = _after(old, given, statements, created=stored is None)
    by_key = {item.key: item for item in statements.schema.writable}
    hidden = {key for key in sight.masked if stored is not None}
    shown["old"] = (
        {key: _masked(value, by_key[key], hidden) for key, value in old.items()} if stored else None
    )
    # A value that the file does not give comes from the stored customer, so it is masked like that.
    shown["new"] = {
        key: _masked(value, by_key[key], hidden if given.get(key) is None else frozenset())
        for key, value in new.items()
    }
    shown["changed"] = [key for key in new if new[key] != old[key] and key not in hidden]
    return shown


def _after(
    old: dict[str, Value], given: dict[str, Value], statements: Statements, *, created: bool
) -> dict[str, Value]:
    if statements.options.conflict is Conflict.UPDATE and not created:
        clears = statements.options.empty_cells_clear
        return {**old, **{key: value for key, value in given.items() if clears or value is not None}}
    filled = {key: value for key, value in given.items() if value is not None}
    return {key: {**statements.schema.defaults, **filled}.get(key) for key in old}


def _masked(value: Value, attribute: Attribute, hidden: "set[str] | frozenset[str]") -> Any:
    if value is None:
        return None
    return MASK if attribute.key in hidden else to_json(value, attribute.kind)


def _without_phone(run: ImportRun) -> int:
    """Count the good rows that have no number: they create customers that no call will find (C12b)."""
    with prepared() as cursor:
        cursor.execute("SELECT count(*) FROM customers_importline WHERE run_id = %s AND uses = ''", [run.id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _of_erased(run: ImportRun, now: datetime) -> dict[str, Any]:
    """Say which good rows have a number that an erased person had: who imports them makes sure of them first (C17)."""
    watch = Watch.now(now)
    found: dict[int, list[str]] = {}
    if watch:
        with prepared() as cursor:
            cursor.execute(
                "SELECT line, uses FROM customers_importline WHERE run_id = %s AND uses <> '' ORDER BY line",
                [run.id],
            )
            for line, uses in cursor:
                if known := [number for number in unpack(uses) if watch.knows(number)]:
                    found[line] = known
    doubts = set(doubtful({number for numbers in found.values() for number in numbers}, watch))
    lines = [line for line, numbers in found.items() if doubts.intersection(numbers)]
    return {"count": len(lines), "lines": lines[:_LINES_NAMED]}


def find(run_id: UUID) -> ImportRun:
    """Return the run with its owner. Raises ImportRun.DoesNotExist."""
    return ImportRun.objects.select_related("owner").get(id=run_id)
