"""Customers as files for a spreadsheet: the template of an import (C71), and what the list shows (C27).

A file is made of pieces, each the rows of some customers, so that it can be written chunk by chunk and put together
when it is fetched. Whatever is exported and imported again is the same: columns are named by their keys, and a cell
that a spreadsheet could take for a formula is escaped by an apostrophe, which the importer takes off.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from uuid import UUID
from xml.sax.saxutils import escape

import phonenumbers
from django.utils.translation import gettext as _

from customers.dialects import spreadsheet_safe
from customers.models import Attribute, CustomerLabel
from customers.models.customer import from_column
from customers.policy import MASK, Sight
from customers.presenting import columns_of, rows_of
from customers.schema import Schema, dialplan
from customers.values import Kind, quoted, to_text

_EXAMPLES = {
    "first_name": "Clara",
    "last_name": "Oberländer",
    "address": "Gartenweg 12, Berlin",
    "postal_code": "10437",
    "crm_id": "CRM-204419",
    "account_id": "A-204419",
    "language": "de",
}
_BY_KIND = {
    Kind.TEXT: "Text",
    Kind.NUMBER: "12.5",
    Kind.BOOLEAN: "yes",
    Kind.DATE: "2026-11-30",
    Kind.DATETIME: "2026-11-30T14:05:00Z",
    Kind.EMAIL: "clara.oberlaender@example.org",
    Kind.EMAILS: "clara.oberlaender@example.org",
    Kind.URL: "https://example.org/",
}


def template(schema: Schema) -> list[Sequence[str]]:
    """Return the rows of an import template: every attribute that can be given, by key, and one row of examples."""
    return [
        [attribute.key for attribute in schema.writable],
        [spreadsheet_safe(_example(attribute)) for attribute in schema.writable],
    ]


def _example(attribute: Attribute) -> str:
    if attribute.key in _EXAMPLES:
        return _EXAMPLES[attribute.key]
    match attribute.kind:
        case Kind.CHOICE:
            return attribute.options[0]
        case Kind.TEXT:
            return _BY_KIND[Kind.TEXT][: attribute.max_length or None]
        case Kind.PHONES | Kind.PHONE:
            region = dialplan().region
            kind = (
                phonenumbers.PhoneNumberType.MOBILE
                if attribute.is_list
                else phonenumbers.PhoneNumberType.FIXED_LINE
            )
            number = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number("DE")
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else ""
    return _BY_KIND[attribute.kind]


Cell = str | Decimal

LABELS = "labels"
"""The column of the labels, which is none of the attributes."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")

_MOST_EXACT_DIGITS = 15
"""How many digits of a number a spreadsheet keeps."""


class UnknownColumn(ValueError):
    """There are no columns of these keys; the message quotes them."""

    def __init__(self, keys: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            _("There is no column %(keys)s; there are: %(known)s.")
            % {"keys": ", ".join(map(quoted, keys)), "known": ", ".join(known)}
        )


def chosen_columns(keys: Sequence[str], schema: Schema) -> list[str]:
    """Return the columns to export in order: ``keys``, or all where there are none. Raises UnknownColumn."""
    known = [*schema.by_key, LABELS]
    if unknown := [key for key in keys if key not in known]:
        raise UnknownColumn(unknown, known)
    return list(dict.fromkeys(keys)) or known


def records(
    ids: Sequence[UUID], columns: Sequence[str], schema: Schema, sight: Sight
) -> Iterator[list[Cell]]:
    """Yield the cells of each customer as ``sight`` may see them; a column that is archived by now is empty.

    Two queries. Customers that are gone by now are left out.
    """
    labels = _labels(ids) if LABELS in columns else {}
    place = {column: number for number, column in enumerate(columns_of(schema))}
    attributes = [schema.by_key.get(key) for key in columns]
    for row in rows_of(ids, schema):
        yield [
            ";".join(labels.get(row[0], ()))
            if key == LABELS
            else ""
            if attribute is None
            else _cell(row[place[attribute.column]], attribute, sight)
            for key, attribute in zip(columns, attributes, strict=True)
        ]


def _cell(stored: object, attribute: Attribute, sight: Sight) -> Cell:
    value = from_column(stored, attribute.kind)
    if value is None:
        return ""
    if attribute.key in sight.masked:
        return MASK
    return value if isinstance(value, Decimal) else to_text(value)


def _labels(ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    rows = CustomerLabel.objects.filter(customer_id__in=ids).order_by("label__name")
    for customer, name in rows.values_list("customer_id", "label__name"):
        found.setdefault(customer, []).append(name)
    return found


def escaped(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it for a formula; ``dialects.unguarded`` gives it back (C27)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# CSV


def csv_piece(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return rows of a CSV file, in UTF-8."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(
        [escaped(cell if isinstance(cell, str) else to_text(cell)) for cell in row] for row in rows
    )
    return out.getvalue().encode()


def csv_file(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a CSV file of ``pieces``, with the mark by which spreadsheets know UTF-8."""
    yield b"\xef\xbb\xbf"
    yield from pieces


# XLSX: the smallest workbook that every spreadsheet opens, its one sheet streamed

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Customers" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}

# What XML cannot hold, and what would be read as standing for it.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def xlsx_piece(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return rows of the sheet of an XLSX file. Numbers stay numbers where a spreadsheet keeps all their digits."""
    return "".join(f"<row>{''.join(map(_xlsx_cell, row))}</row>" for row in rows).encode()


def xlsx_file(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an XLSX file of ``pieces``."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, part in _PARTS.items():
            archive.writestr(name, _XML + part)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for piece in pieces:
                sheet.write(piece)
                yield sink.taken()
            sheet.write(b"</sheetData></worksheet>")
    yield sink.taken()


def _xlsx_cell(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        if len(cell.as_tuple().digits) <= _MOST_EXACT_DIGITS:
            return f"<c><v>{cell}</v></c>"
        cell = to_text(cell)
    if not cell:
        return "<c/>"
    text = escape(_UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", escaped(cell)))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


class _Sink(io.RawIOBase):
    """Holds what was written until it is taken away; so an archive is sent while it is made."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
