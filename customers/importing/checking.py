"""Which rows of a file are good, and the typed values that they hold (C11, C62, C63).

Cells are read by ``customers.values``, the predicates of every other path, once per distinct text of a column: columns
of a file repeat themselves, and a dictionary is the fastest validator there is. Nothing here knows the database.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from customers import values
from customers.dialects import Match, unguarded, width_is_right
from customers.importing.planning import Use
from customers.models import Attribute
from customers.phones import is_plainly_possible
from customers.policy import MASK
from customers.schema import Schema
from customers.values import BadValue, Kind, Reading, Rules, Value

NULL = "\\N"
"""How COPY writes an empty value."""

_MOST_KEPT = 50_000
_PLAIN_NUMBERS = re.compile(r"(?:(?:-?[0-9]{1,15}(?:\.[0-9]{1,8})?)?(?:;|$))*")
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BAD_BYTES = re.compile("[\ud800-\udfff]")
_SEPARATORS = re.compile("[\x00-\x1f\x7f]+")
# The first byte of a UTF-8 character, and a following one, as Windows-1252 shows them.
_MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]"
)

WORDS: Mapping[str, Mapping[str, bool]] = {
    "fr": {"oui": True, "vrai": True, "non": False, "faux": False},
    "de": {"ja": True, "wahr": True, "nein": False, "falsch": False},
}
"""What else means yes and no, by language (C63)."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a row: the line, the headers of the columns, their values, the reason in plain words."""

    line: int
    column: str
    value: str
    reason: str


@dataclass
class Batch:
    """Checked rows: the good ones as lines for COPY, and what is wrong with the others."""

    read: int = 0
    last_line: int = 0
    lines: list[str] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)


class _Bad(str):
    """A message that stands where a value would."""


def _are_plain_numbers(column: Sequence[str]) -> bool:
    joined = ";".join(column)
    return joined.count(";") == len(column) - 1 and _PLAIN_NUMBERS.fullmatch(joined) is not None


class _Cells(dict[str, str]):
    """What each text of a column becomes for COPY; a text that is no value becomes a ``_Bad`` message."""

    def __init__(self, attribute: Attribute, reading: Reading) -> None:
        self.rules, self.reading = attribute.rules, reading
        self.has_bad = False
        self.longest = min(self.rules.max_length or values.LONGEST_TEXT, values.LONGEST_TEXT)

    def read(self, column: Sequence[str]) -> list[str]:
        """Return what stands for each cell of ``column``."""
        match self.rules.kind:
            case Kind.TEXT if self._is_plain_text(column):
                return [cell or NULL for cell in column]
            case Kind.NUMBER if not self.reading.decimal_comma and _are_plain_numbers(column):
                return [cell or NULL for cell in column]
        return [self[cell] for cell in column]

    def _is_plain_text(self, column: Sequence[str]) -> bool:
        """Tell, for all cells at once, that each is kept as it is: nothing to strip, escape, repair or refuse."""
        joined = "|".join(column)
        return (
            joined.isprintable()
            and max(map(len, column)) <= self.longest
            and "\\" not in joined
            and MASK not in joined
            and "|'" not in joined
            and "| " not in joined
            and " |" not in joined
            and joined == joined.strip()
            and not joined.startswith("'")
            and (joined.isascii() or not _MOJIBAKE.search(joined))
        )

    def __missing__(self, raw: str) -> str:
        try:
            found = copied(values.from_text(_unmasked(repaired(raw)), self.rules, self.reading))
        except BadValue as refusal:
            self.has_bad = True
            found = _Bad(refusal)
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[raw] = found
        return found


class _ListCells(dict[str, tuple[tuple[str, str], ...] | _Bad]):
    """The distinct values of a cell of phones or emails, each with the text as it was typed where that differs."""

    def __init__(self, kind: Kind, reading: Reading, *, several: bool) -> None:
        self.kind, self.reading, self.several = kind, reading, several
        self.is_phone = kind in (Kind.PHONE, Kind.PHONES)
        self.has_bad = False

    def __missing__(self, raw: str) -> tuple[tuple[str, str], ...] | _Bad:
        found: tuple[tuple[str, str], ...] | _Bad
        # Most cells hold one value in its normal form; keeping those would only cost memory.
        if self.is_phone:
            if is_plainly_possible(raw):
                return ((raw, ""),)
        elif raw.isprintable() and raw.isascii() and values.is_email(raw):
            return ((raw, ""),)
        try:
            text = _unmasked(repaired(raw))
            parts = text.split(";") if self.several else [text]
            found = tuple(self._pairs(parts).items())
        except BadValue as refusal:
            self.has_bad = True
            found = _Bad(refusal)
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[raw] = found
        return found

    def _pairs(self, parts: list[str]) -> dict[str, str]:
        pairs: dict[str, str] = {}
        rules = Rules(Kind.PHONE if self.is_phone else Kind.EMAIL)
        for part in parts:
            value = values.from_text(part, rules, self.reading)
            if isinstance(value, str):
                typed = _SEPARATORS.sub(" ", part).strip()
                pairs.setdefault(value, escaped(typed) if self.is_phone and typed != value else "")
        return pairs


class Checker:
    """Reads the rows of one file under one schema. Rows must come in the order of the file's columns."""

    def __init__(
        self,
        columns: Sequence[Match],
        schema: Schema,
        reading: Reading,
        stop_numbers: frozenset[str],
        encoding: str,
    ) -> None:
        self.columns, self.schema, self.reading = columns, schema, reading
        self.stop_numbers, self.encoding = stop_numbers, encoding
        places: dict[str, list[int]] = {}
        for place, column in enumerate(columns):
            if column.attribute is not None and column.attribute in schema.by_key:
                places.setdefault(column.attribute, []).append(place)
        self.mapped = tuple(item for item in schema.writable if item.key in places)
        self.single = [
            (item, places[item.key][0], _Cells(item, reading))
            for item in self.mapped
            if item.kind not in (Kind.PHONES, Kind.PHONE, Kind.EMAILS)
        ]
        self.several = [
            (item, places[item.key], _ListCells(item.kind, reading, several=item.is_list))
            for item in self.mapped
            if item.kind in (Kind.PHONES, Kind.PHONE, Kind.EMAILS)
        ]
        self.naming = [
            item.key
            for item in self.mapped
            if item.key in {"last_name", "first_name", "emails", *schema.phone_keys}
        ]

    @property
    def staged_attributes(self) -> list[Attribute]:
        """The attributes that the file has columns for, in the schema's order."""
        return list(self.mapped)

    @property
    def target(self) -> list[str]:
        """The columns of the staging table, in the order of the lines for COPY."""
        listed = [item.column for item, *_rest in [*self.single, *self.several]]
        return ["line", "uses", "lacking", "lacking_update", *listed]

    def check(self, rows: Sequence[tuple[int, list[str]]]) -> Batch:
        """Check ``rows`` (line and cells) and return them as lines for COPY, but for the bad ones."""
        width = len(self.columns)
        complaints: dict[int, list[tuple[str, str, str]]] = {}
        lines: list[int] = []
        good: list[list[str]] = []
        for line, cells in rows:
            if len(cells) == width or width_is_right(cells, width):
                lines.append(line)
                good.append(cells)
            else:
                reason = _("The row has %(count)d cells where the header has %(width)d.")
                complaints[line] = [("", "", reason % {"count": len(cells), "width": width})]
        if good:
            table = list(zip(*good, strict=True))
            self._check_table(table, lines, complaints)
            copies = self._lines(table, lines, complaints)
        else:
            copies = []
        found = [_complaint(line, problems) for line, problems in sorted(complaints.items())]
        return Batch(len(rows), rows[-1][0] if rows else 0, copies, found)

    def _check_table(
        self,
        table: list[tuple[str, ...]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> None:
        self._read = [cells.read(table[place]) for _item, place, cells in self.single]
        self._read_lists = [
            [list(map(cells.__getitem__, table[place])) for place in places]
            for _item, places, cells in self.several
        ]
        for (_item, place, cells), found in zip(self.single, self._read, strict=True):
            if cells.has_bad:
                self._complain(found, place, table, lines, complaints)
        for (_item, places, list_cells), by_place in zip(self.several, self._read_lists, strict=True):
            if list_cells.has_bad:
                for place, found_lists in zip(places, by_place, strict=True):
                    self._complain(found_lists, place, table, lines, complaints)

    def _complain(
        self,
        found: Sequence[object],
        place: int,
        table: list[tuple[str, ...]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> None:
        header = self.columns[place].header
        for position, value in enumerate(found):
            if value.__class__ is _Bad:
                raw = table[place][position]
                reason = str(value)
                if _BAD_BYTES.search(raw):
                    raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                    reason = _(
                        "%(value)s holds bytes that are not %(encoding)s; the file mixes encodings."
                    ) % {
                        "value": values.quoted(raw),
                        "encoding": self.encoding.removesuffix("-sig").upper(),
                    }
                complaints.setdefault(lines[position], []).append((header, raw.replace("\x00", "␀"), reason))

    def _lines(
        self,
        table: list[tuple[str, ...]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> list[str]:
        count = len(lines)
        texts: dict[str, Sequence[str]] = {
            item.key: found for (item, *_rest), found in zip(self.single, self._read, strict=True)
        }
        uses: list[dict[str, list[str]]] = [{} for _line in lines]
        for (item, places, cells), by_place in zip(self.several, self._read_lists, strict=True):
            read = self._phones if cells.is_phone else self._emails
            texts[item.key] = read(item, places, by_place, uses, lines, complaints)
        self._complain_of_nobody(texts, lines, complaints)
        lacking, lacking_update = self._lacking(texts, count)
        columns = [texts[item.key] for item, *_rest in [*self.single, *self.several]]
        packed = [pack(found) if found else "" for found in uses]
        return [
            "\t".join(fields)
            for line, fields in zip(
                lines,
                zip(map(str, lines), packed, lacking, lacking_update, *columns, strict=True),
                strict=True,
            )
            if line not in complaints
        ]

    def _phones(
        self,
        item: Attribute,
        places: Sequence[int],
        by_place: Sequence[Sequence[tuple[tuple[str, str], ...] | _Bad]],
        uses: list[dict[str, list[str]]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> list[str]:
        key, is_list, stop = item.key, item.is_list, self.stop_numbers
        found = []
        for position, cells in enumerate(zip(*by_place, strict=True)):
            if not any(cells):
                found.append(NULL)
                continue
            own = uses[position]
            shown: dict[str, None] = {}
            for place, pairs in zip(places, cells, strict=True):
                if pairs.__class__ is _Bad:
                    continue
                for number, typed in pairs:
                    if number in shown:
                        continue
                    shown[number] = None
                    if number in stop:
                        continue
                    if number in own:
                        own[number][1] += f",{key}"
                    else:
                        own[number] = [typed, key, str(place)]
            if len(shown) > values.MOST_IN_LIST:
                self._complain_of_many(item, len(shown), lines[position], complaints)
            if not shown:
                found.append(NULL)
            elif is_list:
                found.append("{" + ",".join(shown) + "}")
            else:
                found.append(next(iter(shown)))
        return found

    def _emails(
        self,
        item: Attribute,
        places: Sequence[int],
        by_place: Sequence[Sequence[tuple[tuple[str, str], ...] | _Bad]],
        uses: list[dict[str, list[str]]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> list[str]:
        if len(places) == 1:
            return [
                _array([email for email, _typed in pairs]) if isinstance(pairs, tuple) else NULL
                for pairs in by_place[0]
            ]
        found = []
        for position, cells in enumerate(zip(*by_place, strict=True)):
            shown = {email: None for pairs in cells if pairs.__class__ is not _Bad for email, _typed in pairs}
            if len(shown) > values.MOST_IN_LIST:
                self._complain_of_many(item, len(shown), lines[position], complaints)
            found.append(_array(shown))
        return found

    def _complain_of_many(
        self, item: Attribute, count: int, line: int, complaints: dict[int, list[tuple[str, str, str]]]
    ) -> None:
        reason = _("%(count)d values; at most %(most)d are kept.") % {
            "count": count,
            "most": values.MOST_IN_LIST,
        }
        complaints.setdefault(line, []).append((item.title, str(count), reason))

    def _complain_of_nobody(
        self,
        texts: Mapping[str, Sequence[str]],
        lines: list[int],
        complaints: dict[int, list[tuple[str, str, str]]],
    ) -> None:
        nobody: Sequence[int] = range(len(lines))
        for key in self.naming:
            found = texts[key]
            nobody = [position for position in nobody if found[position] == NULL]
            if not nobody:
                return
        for position in nobody:
            if lines[position] not in complaints:
                reason = _("Give at least one of first name, last name, phone, email or identifier.")
                complaints[lines[position]] = [("", "", reason)]

    def _lacking(self, texts: Mapping[str, Sequence[str]], count: int) -> tuple[Sequence[str], Sequence[str]]:
        """Return, per row, the required attributes that creating, and that clearing by an update, would leave empty."""
        required = [item for item in self.schema.writable if item.required]
        if not required:
            return [NULL] * count, [NULL] * count
        creating = [
            (item.key, texts.get(item.key)) for item in required if item.key not in self.schema.defaults
        ]
        clearing = [(item.key, texts[item.key]) for item in required if item.key in texts]
        return _missing(creating, count), _missing(clearing, count)


def _array(emails: Collection[str]) -> str:
    """Write addresses as an array for COPY; they hold neither quotes nor backslashes."""
    return '{"' + '","'.join(emails) + '"}' if emails else NULL


def _missing(wanted: Sequence[tuple[str, Sequence[str] | None]], count: int) -> list[str]:
    return [
        ",".join(key for key, found in wanted if found is None or found[position] == NULL) or NULL
        for position in range(count)
    ]


def _complaint(line: int, problems: Sequence[tuple[str, str, str]]) -> Complaint:
    headers, shown, reasons = zip(*problems, strict=True)
    return Complaint(
        line, "; ".join(filter(None, headers)), "; ".join(filter(None, shown))[:2000], " ".join(reasons)
    )


def repaired(raw: str) -> str:
    """Undo what spreadsheets do to a cell, where that is exact: the escape of a formula, UTF-8 read as Windows-1252."""
    text = unguarded(raw)
    if not text.isascii() and _MOJIBAKE.search(text):
        try:
            return text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return text
    return text


def _unmasked(text: str) -> str:
    """Return ``text``. Raises BadValue for what an export shows in place of a hidden value (C36)."""
    if text.strip() == MASK:
        raise BadValue(
            _(
                "%(value)s stands for a value that was hidden from the person who exported the file."
                " Leave the column out, or give the value."
            )
            % {"value": values.quoted(MASK)}
        )
    return text


def escaped(text: str) -> str:
    """Return ``text`` as COPY reads it."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], text) if _ESCAPED.search(text) else text


def copied(value: Value) -> str:
    """Return a single value as COPY writes it into its column: a boolean as 0 or 1, a date as midnight UTC."""
    match value:
        case None:
            return NULL
        case str():
            return escaped(value)
        case bool():
            return "1" if value else "0"
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
        case date():
            return f"{value.isoformat()} 00:00:00+00"
    raise TypeError(value)


# The numbers of a row travel through the staging table as one text: fields and items are kept apart by control
# characters, which no number, key or typed text holds.


def pack(uses: Mapping[str, Sequence[str]]) -> str:
    """Write the numbers of a row, each with [typed text if different, attributes, column of the file]."""
    return "\x1e".join(
        f"{number}\x1f{typed}\x1f{used_in}\x1f{place}" for number, (typed, used_in, place) in uses.items()
    )


def unpack(text: str) -> dict[str, Use]:
    """Read what ``pack`` wrote."""
    found = {}
    if text:
        for item in text.split("\x1e"):
            number, typed, used_in, place = item.split("\x1f")
            found[number] = Use(typed or number, tuple(used_in.split(",")), int(place))
    return found


__all__ = [
    "NULL",
    "WORDS",
    "Batch",
    "Checker",
    "Complaint",
    "copied",
    "escaped",
    "pack",
    "repaired",
    "unpack",
]
