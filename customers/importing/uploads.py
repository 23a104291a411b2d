"""Taking a file in: what it is, how many rows it has, and where it is kept (C60, C61, C72)."""

import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.prepared import prepared
from customers import dialects
from customers.dialects import CSV, Dialect, Match, Unreadable
from customers.importing.options import InvalidOptions, Options
from customers.models import ImportMapping, ImportPiece, ImportRun
from customers.schema import Schema

PIECE = 1024 * 1024


class TooLarge(ValueError):
    """The file has more rows or bytes than are taken; nothing was written, and the message names the number."""


@dataclass(frozen=True)
class Examined:
    """What a file turned out to be: dialect, matched columns, number of rows, and the first rows."""

    dialect: Dialect
    columns: Sequence[Match]
    rows: int
    first: Sequence[tuple[int, Sequence[str]]]


def examine(file: BinaryIO, options: Options, schema: Schema, *, size: int) -> Examined:
    """Read ``file`` to its end and say what it is; nothing is written. Raises Unreadable, TooLarge, InvalidOptions."""
    if size > settings.CIM_IMPORT_MAX_BYTES:
        raise TooLarge(
            _("The file has %(size)d MB; at most %(most)d MB are taken.")
            % {"size": size // 2**20, "most": settings.CIM_IMPORT_MAX_BYTES // 2**20}
        )
    dialect = dialects.detect(file, options.encoding, options.delimiter)
    rows = dialects.records(file, dialect)
    headers = dialects.header_of(rows)
    columns = dialects.match_headers(headers, schema.attributes, options.mapping, _remembered(headers))
    _check_mapping(headers, columns, options, schema)
    # The range comes first: zip takes from it before it finds the other exhausted, and would lose a row.
    first = [row for _place, row in zip(range(5), rows, strict=False)]
    count = len(first) + sum(1 for _row in rows)
    if not count:
        raise Unreadable(_("The file has a header but no rows."))
    if count > settings.CIM_IMPORT_MAX_ROWS:
        raise TooLarge(
            _("The file has %(count)s rows; at most %(most)s are taken. Split it and upload the parts.")
            % {"count": f"{count:,}", "most": f"{settings.CIM_IMPORT_MAX_ROWS:,}"}
        )
    return Examined(dialect, columns, count, first)


def _check_mapping(
    headers: Sequence[str], columns: Sequence[Match], options: Options, schema: Schema
) -> None:
    known = {*headers, *(column.header for column in columns)}
    messages = [
        _("“%(header)s” is not a column of the file; there are: %(known)s.")
        % {"header": header[:80], "known": ", ".join(column.header for column in columns)[:500]}
        for header in options.mapping
        if header not in known
    ]
    messages += [
        schema.unknown(key)
        for key in options.mapping.values()
        if key is not None and (key not in schema.by_key or not schema.by_key[key].is_writable)
    ]
    if messages:
        raise InvalidOptions({"mapping": messages})


def receive(
    file: BinaryIO,
    name: str,
    options: Options,
    owner: User | None,
    via: str,
    *,
    now: dt.datetime,
    size: int | None = None,
) -> ImportRun:
    """Keep ``file`` as a queued import of ``owner``. Raises Unreadable, TooLarge, InvalidOptions, before any write."""
    size = file.seek(0, io.SEEK_END) if size is None else size
    examined = examine(file, options, Schema.current(), size=size)
    actor = audit.actor_for(owner, via) if owner else audit.system_actor(via)
    run = ImportRun(
        owner=owner,
        file_name=name[:255],
        file_size=size,
        options=options.as_json(),
        dialect=asdict(examined.dialect),
        columns=[asdict(column) for column in examined.columns],
        rows_total=examined.rows,
        dry_run=options.dry_run,
        start_at=options.start_at,
        created_at=now,
    )
    with transaction.atomic():
        with audit.recorded(
            actor, "import.upload", object_type="import", object_id=run.id, rows=examined.rows, size=size
        ):
            run.save(force_insert=True)
        # The entry under which the rows are written is another one: it says through an import, whoever uploaded it.
        importer = audit.actor_for(owner, "import") if owner is not None else audit.system_actor("import")
        run.entry = audit.note(
            importer, "import.run", object_type="import", object_id=run.id, rows=examined.rows
        )
        run.save(update_fields=["entry"])
        _store(run.id, file)
        if options.mapping:
            _remember(examined, now)
    return run


def _store(run_id: UUID, file: BinaryIO) -> None:
    file.seek(0)
    with prepared() as cursor:
        for number, data in enumerate(iter(partial(file.read, PIECE), b"")):
            cursor.execute(
                "INSERT INTO customers_importpiece (run_id, number, data) VALUES (%s, %s, %b)",
                [run_id, number, data],
            )


def _fingerprint(headers: Sequence[str]) -> str:
    if tuple(map(dialects.folded_header, headers[:4])) == dialects.REPORT_HEADERS:
        headers = headers[4:]
    return hashlib.sha256("\x1f".join(map(dialects.folded_header, headers)).encode()).hexdigest()


def _remembered(headers: Sequence[str]) -> dict[str, str | None]:
    kept = (
        ImportMapping.objects.filter(headers=_fingerprint(headers)).values_list("mapping", flat=True).first()
    )
    return kept or {}


def _remember(examined: Examined, now: dt.datetime) -> None:
    headers = [column.header for column in examined.columns]
    ImportMapping.objects.update_or_create(
        headers=_fingerprint(headers),
        defaults={
            "mapping": {column.header: column.attribute for column in examined.columns},
            "used_at": now,
        },
    )


class _Pieces(io.RawIOBase):
    """A stored file, read piece by piece."""

    def __init__(self, run_id: UUID, size: int) -> None:
        self.run_id, self.size, self.position = run_id, size, 0
        self.number, self.piece = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = start + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        number, offset = divmod(self.position, PIECE)
        if number != self.number:
            data = (
                ImportPiece.objects.filter(run_id=self.run_id, number=number)
                .values_list("data", flat=True)
                .first()
            )
            self.number, self.piece = number, bytes(data or b"")
        part = self.piece[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)


def stored_rows(run: ImportRun) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the kept file without its header. Raises Unreadable where it has been removed."""
    rows = _stored(run)
    dialects.header_of(rows)
    return rows


def stored_headers(run: ImportRun) -> list[str]:
    """Return the headers of the kept file as they stand there. Raises Unreadable where it has been removed."""
    return dialects.header_of(_stored(run))


def _stored(run: ImportRun) -> Iterator[tuple[int, list[str]]]:
    if not ImportPiece.objects.filter(run_id=run.id, number=0).exists():
        raise Unreadable(_("The file has been removed."))
    dialect = Dialect(**run.dialect)
    file: BinaryIO = io.BufferedReader(_Pieces(run.id, run.file_size), PIECE)
    if dialect.kind != CSV:
        file = io.BytesIO(file.read())
    return dialects.records(file, dialect)
