"""Failed rows, put right cell by cell and imported again, those alone (C63).

The corrected rows are a file of their own, and so an import of its own: with the counts, the reports and the undo of
any other. It carries the decisions of the import whose rows it corrects, and which of its lines these were.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from customers.importing import uploads
from customers.importing.options import Options
from customers.importing.running import NotPossible
from customers.models import ImportRow, ImportRun

MOST = 1_000
"""How many rows are corrected at once."""

State = ImportRun.State
_OVER = (State.COMPLETED, State.CANCELLED)


class NotFailed(ValueError):
    """Rows that cannot be corrected; ``errors`` maps their lines to messages."""

    def __init__(self, errors: Mapping[int, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class FailedRow:
    """A row as it stands in the file, the places of its wrong cells, and what is wrong in plain words."""

    line: int
    cells: Sequence[str]
    wrong: Sequence[int]
    reason: str


def failed_rows(run: ImportRun, *, after: int = 0, most: int = 100) -> list[FailedRow]:
    """Return failed rows after a line that no later import has corrected. Raises Unreadable once the file is gone."""
    corrected = set(_corrected(run))
    fates = (fate for fate in _failed(run, after) if fate.line not in corrected)
    chosen = {fate.line: fate for fate in islice(fates, most)}
    return [_row(run, chosen[line], cells) for line, cells in _cells(run, chosen)]


def corrections_of(run: ImportRun) -> list[ImportRun]:
    """Return the imports that correct rows of ``run``, oldest first, but for those that were taken back."""
    return list(
        ImportRun.objects.filter(options__corrects=str(run.id))
        .exclude(state__in=[State.UNDONE, State.UNDOING])
        .order_by("created_at", "id")
    )


def correct(
    run_id: UUID, rows: Mapping[int, Sequence[str]], owner: User, via: str, *, now: datetime
) -> ImportRun:
    """Import ``rows`` again, by the lines that they had in ``run_id``; all their cells are given, right or wrong.

    Raises ImportRun.DoesNotExist, NotPossible, NotFailed, and what an upload raises.
    """
    with transaction.atomic():
        # Two people who send the same rows come one after the other, and the second is told.
        run = ImportRun.objects.select_for_update(no_key=True).get(id=run_id)
        options = Options.from_json(run.options)
        if run.state not in _OVER or options.all_or_nothing:
            raise NotPossible(run, _("corrected row by row"))
        _refuse(run, rows)
        headers = [str(column["header"]) for column in run.columns]
        lines = sorted(rows)
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(headers)
        writer.writerows(rows[line] for line in lines)
        again = replace(
            options,
            mapping={str(column["header"]): column["attribute"] for column in run.columns},
            encoding="utf-8",
            delimiter=",",
            dry_run=False,
            start_at=None,
            corrects=str(run.id),
            lines=lines,
        )
        return uploads.receive(
            io.BytesIO(file.getvalue().encode()), run.file_name, again, owner, via, now=now
        )


def _refuse(run: ImportRun, rows: Mapping[int, Sequence[str]]) -> None:
    failed = set(
        ImportRow.objects.filter(run=run, outcome="errors", line__in=list(rows)).values_list(
            "line", flat=True
        )
    )
    corrected, width = set(_corrected(run)), len(run.columns)
    errors = {}
    for line, cells in rows.items():
        if line not in failed:
            errors[line] = _("Line %(line)d is not one of the failed rows.") % {"line": line}
        elif line in corrected:
            errors[line] = _("Line %(line)d has been imported again already.") % {"line": line}
        elif len(cells) != width:
            errors[line] = _("Line %(line)d has %(count)d cells; the file has %(width)d columns.") % {
                "line": line,
                "count": len(cells),
                "width": width,
            }
        elif not any(cell.strip() for cell in cells):
            errors[line] = _("Line %(line)d is empty.") % {"line": line}
    if errors:
        raise NotFailed(errors)


def _corrected(run: ImportRun) -> Iterator[int]:
    for later in corrections_of(run):
        yield from later.options["lines"]


def _failed(run: ImportRun, after: int) -> Iterator[ImportRow]:
    return ImportRow.objects.filter(run=run, outcome="errors", line__gt=after).order_by("line").iterator(500)


def _cells(run: ImportRun, chosen: Mapping[int, ImportRow]) -> Iterator[tuple[int, list[str]]]:
    last = max(chosen, default=0)
    for line, cells in uploads.stored_rows(run):
        if line in chosen:
            yield line, cells
        if line >= last:
            return


def _row(run: ImportRun, fate: ImportRow, cells: Sequence[str]) -> FailedRow:
    width = len(run.columns)
    # A row that is too long keeps its last cells where they can be seen and moved; one that is too short is filled.
    fitting = [*cells[: width - 1], " ".join(cells[width - 1 :])] if len(cells) > width else list(cells)
    fitting += [""] * (width - len(fitting))
    named = set(fate.column.split("; "))
    wrong = [place for place, column in enumerate(run.columns) if column["header"] in named]
    return FailedRow(
        fate.line, [text.encode("utf-8", "replace").decode() for text in fitting], wrong, fate.reason
    )
