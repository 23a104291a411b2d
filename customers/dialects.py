"""What a file is: its encoding, its delimiter, its rows with their lines, and which attribute each header means (C61).

Nothing here knows the database. Memory is bounded whatever the file holds (C72): a line has at most a million
characters, a cell 131,072, and an XLSX file is refused before it is unpacked to more than a fixed size.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, Protocol

import charset_normalizer
import python_calamine
from django.utils.translation import gettext as _

CSV = "csv"
XLSX = "xlsx"

DELIMITERS = (",", ";", "\t", "|")
LONGEST_LINE = 1_000_000
MOST_COLUMNS = 500
MOST_UNPACKED = 256 * 1024 * 1024
"""How many bytes an XLSX file may unpack to."""

REPORT_HEADERS = ("line", "column", "value", "reason")
"""The columns that an error report puts before those of the file; ignored when the report is uploaded again (C63)."""

_SAMPLE = 64 * 1024
_END = "\x1e end of file \x1e"
_FORMULA = re.compile(r"[=+\-@\t\r']")
_GUARDED = re.compile(r"'[=+\-@\t\r']")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MAGIC = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"\xff\xd8\xff": "JPEG",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
    b"\x7fELF": "ELF",
    b"SQLite format": "SQLite",
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"


class Unreadable(ValueError):
    """The file cannot be read as rows of customers; the message says why and what would help."""


class Column(Protocol):
    """What matching needs to know of an attribute."""

    @property
    def key(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def is_list(self) -> bool: ...
    @property
    def is_writable(self) -> bool: ...


@dataclass(frozen=True)
class Dialect:
    """How the bytes of a file become rows."""

    kind: str = CSV
    encoding: str = "utf-8"
    delimiter: str = ","


@dataclass(frozen=True)
class Match:
    """One column of a file: its header, made unique, and the key of the attribute it fills, or None."""

    header: str
    attribute: str | None


# Cells


def spreadsheet_safe(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it for a formula: an apostrophe before it (C27).

    Signed numbers too: +493012345 would come back as 4.93E+10. ``unguarded`` takes the apostrophe off again.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Take off the one apostrophe that ``spreadsheet_safe`` has put before a cell (C27)."""
    return text[1:] if _GUARDED.match(text) else text


# What the file is


def detect(file: BinaryIO, encoding: str = "", delimiter: str = "") -> Dialect:
    """Find out how ``file`` is written; ``encoding`` and ``delimiter`` given by hand are believed (C61).

    Raises Unreadable for an empty file, a binary one, and for an encoding or delimiter that there is not.
    """
    file.seek(0)
    head = file.read(_SAMPLE)
    if not head.strip(b"\r\n\t \x00\xef\xbb\xbf\xff\xfe"):
        raise Unreadable(_("The file is empty."))
    if head.startswith(_ZIP):
        _check_archive(file)
        return Dialect(XLSX)
    _refuse_binary(head)
    if delimiter and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise Unreadable(
            _("“%(delimiter)s” is not a delimiter; give one character such as , ; | or a tab.")
            % {"delimiter": delimiter}
        )
    known = _known_encoding(encoding) if encoding else _detected_encoding(file, head)
    try:
        text = codecs.getincrementaldecoder(known)("replace").decode(head)
    except UnicodeError:
        raise _not_in(known, 0) from None
    if len(_CONTROL.findall(text)) > len(text) // 20:
        raise Unreadable(_("This is not a text file; give a CSV or an XLSX file."))
    return Dialect(CSV, known, delimiter or _detected_delimiter(text, complete=len(head) < _SAMPLE))


def _refuse_binary(head: bytes) -> None:
    if head.startswith(_OLD_EXCEL):
        raise Unreadable(_("This is a workbook of an old Excel (.xls); save it as .xlsx or as CSV."))
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise Unreadable(_("This is a %(kind)s file; give a CSV or an XLSX file.") % {"kind": kind})


def _check_archive(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unreadable(_("The XLSX file is damaged; save it again.")) from None
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise Unreadable(_("This is a ZIP archive and not an XLSX file; unpack it and give the CSV inside."))
    # calamine reads at most what the directory of the archive announces, so the announcement can be believed.
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED:
        raise Unreadable(
            _("The XLSX file unpacks to %(size)d MB; at most %(most)d MB are read. Save it as CSV.")
            % {"size": unpacked // 2**20, "most": MOST_UNPACKED // 2**20}
        )


def _known_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        raise Unreadable(
            _("“%(name)s” is not an encoding; give one such as utf-8, utf-16 or windows-1252.")
            % {"name": name[:80]}
        )
    return "utf-8-sig" if found.name == "utf-8" else found.name


def _detected_encoding(file: BinaryIO, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd, half = head[0::2].count(0), head[1::2].count(0), max(len(head) // 2, 1)
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    good, bad, undefined = _count_utf8(file)
    if not bad or good > 2 * bad:
        # A few bytes that are no UTF-8 make a few wrong rows, not another encoding of the whole file.
        return "utf-8-sig"
    if undefined:
        best = charset_normalizer.from_bytes(head).best()
        if best is not None:
            return best.encoding
    return "cp1252"


_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def _count_utf8(file: BinaryIO) -> tuple[int, int, bool]:
    """Count the runs of bytes beyond ASCII that are UTF-8 and that are not; say whether some are no Windows-1252."""
    file.seek(0)
    good = bad = 0
    undefined = False
    for piece in iter(partial(file.read, 2**20), b""):
        # Piece ends fall into a run at most once per megabyte: no evidence either way.
        for run in _BEYOND_ASCII.findall(piece) if not piece.isascii() else ():
            try:
                run.decode()
            except UnicodeDecodeError:
                bad += 1
                undefined = undefined or bool(_NOT_CP1252.search(run))
            else:
                good += 1
    return good, bad, undefined


def _detected_delimiter(text: str, *, complete: bool) -> str:
    lines = text.splitlines(keepends=True)[:100]
    if not complete and len(lines) > 1:
        lines.pop()
    if lines and (named := re.fullmatch(r"sep=(.)\s*", lines[0].removeprefix("\ufeff"), re.IGNORECASE)):
        return named[1]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


# Rows


def records(file: BinaryIO, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of ``file`` that hold anything, header first, each with the line it begins on (header = 1).

    Raises Unreadable where the file cannot be read on.
    """
    file.seek(0)
    if dialect.kind == XLSX:
        yield from _sheet_rows(file)
        return
    text = io.TextIOWrapper(file, encoding=dialect.encoding, errors="surrogateescape", newline="")
    reader = csv.reader(chain(_bounded_lines(text), [_END]), delimiter=dialect.delimiter)
    named = {"sep=", f"sep={dialect.delimiter}"}
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                if _END in cells[-1]:
                    if cells == [_END]:
                        return
                    raise Unreadable(
                        _("A quotation mark that opens in the row on line %(line)d is never closed.")
                        % {"line": line}
                    )
                if line > 1 or cells[0].lower().removeprefix("\ufeff") not in named:
                    yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        raise Unreadable(
            _(
                "A cell of the row on line %(line)d has more than %(most)d characters;"
                " maybe a quotation mark is not closed."
            )
            % {"line": line, "most": csv.field_size_limit()}
        ) from None
    except UnicodeError:
        raise _not_in(dialect.encoding, line) from None
    finally:
        text.detach()


def _not_in(encoding: str, line: int) -> Unreadable:
    return Unreadable(
        _("The file is not %(encoding)s after line %(line)d. Give its encoding by hand, or save it as UTF-8.")
        % {"encoding": encoding.removesuffix("-sig").upper(), "line": line}
    )


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(iter(partial(text.readline, LONGEST_LINE), ""), 1):
        if len(line) >= LONGEST_LINE:
            raise Unreadable(
                _("Line %(line)d has more than %(most)d characters.") % {"line": number, "most": LONGEST_LINE}
            )
        yield line


def _sheet_rows(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(file)
        sheet = workbook.get_sheet_by_index(0)
    except (python_calamine.CalamineError, OSError, ValueError, IndexError):
        raise Unreadable(_("The XLSX file is damaged; save it again.")) from None
    if sheet.width > MOST_COLUMNS * 4:
        raise Unreadable(_("The sheet has %(count)d columns.") % {"count": sheet.width})
    first = (sheet.start[0] if sheet.start else 0) + 1
    for line, row in enumerate(sheet.iter_rows(), first):
        cells = [cell if isinstance(cell, str) else _cell_text(cell) for cell in row]
        if any(cells) and any(map(str.strip, cells)):
            yield line, cells


def _cell_text(cell: Any) -> str:
    match cell:
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta() | int():
            return str(cell)
    return ""


def header_of(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Take the header off ``rows``. Raises Unreadable where there is none."""
    _line, cells = next(rows, (0, []))
    while cells and not cells[-1].strip():
        cells.pop()
    if not cells:
        raise Unreadable(_("The file is empty."))
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(
            _("The file has %(count)d columns; at most %(most)d are read.")
            % {"count": len(cells), "most": MOST_COLUMNS}
        )
    cells[0] = cells[0].removeprefix("\ufeff")
    return [_unescaped(cell) for cell in cells]


def _unescaped(header: str) -> str:
    return unguarded(header.strip()).encode("utf-8", "replace").decode().replace("\x00", "")


def width_is_right(cells: list[str], width: int) -> bool:
    """Bring a row to ``width`` cells where only empty ones are too many; tell whether it has that many."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return len(cells) == width


# Headers


def folded_header(text: str) -> str:
    """Return the form in which headers, keys and labels are compared: without case, spaces, ``_`` and ``-``."""
    return re.sub(r"[\s_\-]+", "", text).casefold()


def list_meant(header: str) -> str | None:
    """Return the key of the list that a header like ``phone``, ``Phone 2`` or ``e_mail`` fills, else None (C61)."""
    found = re.fullmatch(r"(phone|email)s?\d*", folded_header(header))
    return f"{found[1]}s" if found else None


_NEVER_GIVEN = frozenset({"id", "version", "stage", "createdat", "updatedat", "labels"})


def unique_headers(headers: Sequence[str]) -> list[str]:
    """Name every column differently: the second ``City`` becomes ``City (2)``, an empty header ``Column 4``."""
    found: dict[str, None] = {}
    for place, header in enumerate(headers, 1):
        name = stem = header or _("Column %(place)d") % {"place": place}
        count = 1
        while name in found:
            count += 1
            name = f"{stem} ({count})"
        found[name] = None
    return list(found)


def match_headers(
    headers: Sequence[str],
    attributes: Iterable[Column],
    mapping: Mapping[str, str | None],
    remembered: Mapping[str, str | None] | None = None,
) -> list[Match]:
    """Say which attribute each column fills: by ``mapping``, else as ``remembered``, else by key or label (C61).

    Raises Unreadable where two columns would fill the same attribute, or none fills any.
    """
    known = {attribute.key: attribute for attribute in attributes}
    names = unique_headers(headers)
    report = tuple(folded_header(header) for header in headers[:4]) == REPORT_HEADERS
    by_name = _by_name(known.values())
    matches = []
    for place, (header, name) in enumerate(zip(headers, names, strict=True)):
        key = None if report and place < 4 else by_name.get(folded_header(header))
        if key is None and not (report and place < 4):
            key = list_meant(header)
        for chosen in (remembered or {}, mapping):
            if name in chosen:
                key = chosen[name]
            elif header in chosen and (
                name == header or not chosen[header] or known[str(chosen[header])].is_list
            ):
                key = chosen[header]
        if key is not None and (key not in known or not known[key].is_writable):
            key = None
        matches.append(Match(name, key))
    _refuse_doubles(matches, known)
    if not any(match.attribute for match in matches):
        raise Unreadable(
            _("No column matches an attribute. The file has: %(headers)s. There are: %(known)s.")
            % {
                "headers": ", ".join(names)[:500],
                "known": ", ".join(item.key for item in known.values() if item.is_writable),
            }
        )
    return matches


def _by_name(attributes: Iterable[Column]) -> dict[str, str]:
    """Map every folded key, label and label of the reader's language to its key; keys come first, then labels."""
    items = [item for item in attributes if item.is_writable or folded_header(item.key) in _NEVER_GIVEN]
    found = {folded_header(item.title): item.key for item in reversed(items)}
    found |= {folded_header(item.label): item.key for item in reversed(items)}
    return found | {folded_header(item.key): item.key for item in items}


def _refuse_doubles(matches: Sequence[Match], known: Mapping[str, Column]) -> None:
    first: dict[str, str] = {}
    for match in matches:
        key = match.attribute
        if key is None or known[key].is_list:
            continue
        if key in first:
            raise Unreadable(
                _(
                    "The columns “%(one)s” and “%(other)s” both go to %(label)s."
                    " Rename one, or leave it out by the mapping {“%(other)s”: null}."
                )
                % {"one": first[key], "other": match.header, "label": known[key].title}
            )
        first[key] = match.header
