"""Reading the kept file into checked, typed rows, on their way into the customer table."""

from collections.abc import Sequence
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation

from cim.access.prepared import Prepared, prepared
from customers.dialects import Match
from customers.importing.checking import NULL, WORDS, Batch, Checker, Complaint, escaped, unpack
from customers.importing.leasing import Lease
from customers.importing.options import Options
from customers.importing.uploads import stored_rows
from customers.models import ImportRun
from customers.returning import Watch, refusal
from customers.schema import Schema, dialplan
from customers.values import Reading

BATCH = 5_000
"""How many rows are checked and staged in one transaction."""

_MARK = """
SELECT md5(coalesce(string_agg(
    concat_ws('|', key, type, slot, archived_at, "default", required, options::text, max_length), ',' ORDER BY id
), '')) FROM customers_attribute
"""


class Cancelled(Exception):
    """Somebody has cancelled the import; the worker must attend to that first."""


def schema_mark() -> str:
    """Return a text that changes whenever an attribute does, in a way that matters to staged rows."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        mark: str = cursor.fetchone()[0]
    return mark


def is_complete(run: ImportRun) -> bool:
    """Tell whether all rows that are still to be applied are staged, as today's attributes want them.

    A crash of the server empties the staging table; a change of the attributes makes it stale.
    """
    if not run.all_read or run.schema_mark != schema_mark():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers_importline WHERE run_id = %s", [run.id])
        return bool(cursor.fetchone()[0] == run.staged)


def checker_of(run: ImportRun, schema: Schema) -> Checker:
    """Return what reads the rows of ``run``."""
    options = Options.from_json(run.options)
    reading = Reading(
        plan=dialplan(options.region or None),
        decimal_comma=options.decimal_comma,
        day_first=options.day_first,
        words=WORDS.get(options.language.split("-")[0]),
    )
    columns = [Match(**column) for column in run.columns]
    return Checker(columns, schema, reading, settings.CIM_STOP_NUMBERS, str(run.dialect.get("encoding", "")))


def stage(run: ImportRun, lease: Lease) -> None:
    """Stage the rows after ``run.cursor`` anew and record those that are wrong; goes on where a dead worker stopped.

    Raises LeaseLost, and Unreadable where the file is gone.
    """
    mark = schema_mark()
    with transaction.atomic():
        lease.confirm()
        with connection.cursor() as cursor:
            # Staged rows of a worker that died are kept only when they are all there.
            cursor.execute("SELECT count(*) FROM customers_importline WHERE run_id = %s", [run.id])
            if run.schema_mark != mark or run.all_read or cursor.fetchone()[0] != run.staged:
                _forget(run)
        run.schema_mark = mark
        lease.save(
            schema_mark=mark,
            read_to=run.read_to,
            staged=run.staged,
            counts=run.counts,
            all_read=False,
            dry_run=run.dry_run,
        )
    checker = checker_of(run, Schema.current())
    watch = Watch.now(timezone.now())
    with translation.override(Options.from_json(run.options).language):
        rows = (row for row in stored_rows(run) if row[0] > run.read_to)
        while batch := list(islice(rows, BATCH)):
            checked = checker.check(batch)
            _keep(run, lease, checker, checked, _withhold(checked, checker, watch) if watch else [])
    run.all_read = True
    lease.save(all_read=True)


def _forget(run: ImportRun) -> None:
    """Drop what is staged and what was said about rows that are not applied yet."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_importline WHERE run_id = %s", [run.id])
        cursor.execute(
            "DELETE FROM customers_importrow WHERE run_id = %s AND line > %s", [run.id, run.cursor]
        )
    run.read_to, run.staged, run.all_read = run.cursor, 0, False
    run.counts = recount(run)


def _withhold(batch: Batch, checker: Checker, watch: Watch) -> list[Complaint]:
    """Take the rows about erased persons out of ``batch`` and say why they are left out (C17)."""
    places = {name: place for place, name in enumerate(checker.target)}
    kept, withheld = [], []
    for line in batch.lines:
        fields = line.split("\t")
        numbers = unpack(fields[places["uses"]])
        if not any(map(watch.knows, numbers)):
            kept.append(line)
            continue
        given = {
            name: fields[places[name]].replace("\\\\", "\\")
            for name in ("first_name", "last_name", "emails")
            if name in places and fields[places[name]] != NULL
        }
        emails = given.get("emails", "").strip('{}"').split('","')
        at = watch.erased_on(numbers, given.get("first_name"), given.get("last_name"), filter(None, emails))
        if at is None:
            kept.append(line)
        else:
            withheld.append(Complaint(int(fields[0]), "", "", refusal(at)))
    batch.lines = kept
    return withheld


def _keep(
    run: ImportRun, lease: Lease, checker: Checker, batch: Batch, withheld: Sequence[Complaint]
) -> None:
    with transaction.atomic():
        state = lease.confirm()
        with prepared() as cursor:
            if batch.lines:
                copy_staged(cursor, run.id, checker, batch.lines)
            told = [("errors", item) for item in batch.complaints] + [("skipped", item) for item in withheld]
            if told:
                with cursor.copy(
                    'COPY customers_importrow (run_id, line, outcome, "column", value, reason) FROM STDIN'
                ) as copy:
                    copy.write(
                        "".join(
                            f"{run.id}\t{complaint.line}\t{fate}\t{_text(complaint.column)}\t{_text(complaint.value)}"
                            f"\t{_text(complaint.reason)}\n"
                            for fate, complaint in told
                        )
                    )
        run.counts = {
            **run.counts,
            "read": run.counts.get("read", 0) + batch.read,
            "errors": run.counts.get("errors", 0) + len(batch.complaints),
            **({"skipped": run.counts.get("skipped", 0) + len(withheld)} if withheld else {}),
        }
        run.read_to, run.staged = batch.last_line, run.staged + len(batch.lines)
        lease.save(counts=run.counts, read_to=run.read_to, staged=run.staged, attempts=0)
    if state == ImportRun.State.CANCELLING:
        raise Cancelled


def copy_staged(cursor: Prepared, run_id: UUID, checker: Checker, lines: list[str]) -> None:
    """Write the lines of ``checker`` into the staging table."""
    target = ", ".join(f'"{column}"' for column in ["run_id", *checker.target])
    with cursor.copy(f"COPY customers_importline ({target}) FROM STDIN") as copy:
        for start in range(0, len(lines), 500):
            copy.write("".join(f"{run_id}\t{line}\n" for line in lines[start : start + 500]))


def _text(text: str) -> str:
    return escaped(text.encode("utf-8", "replace").decode())


def recount(run: ImportRun) -> dict[str, int]:
    """Count the fates that are recorded; every one of them has been read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, count(*) FROM customers_importrow WHERE run_id = %s GROUP BY outcome", [run.id]
        )
        counts = dict(cursor.fetchall())
    return {**counts, "read": sum(counts.values())}
