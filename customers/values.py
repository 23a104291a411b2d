"""A typed value: how it is read, kept and shown (C3). Nothing here knows the database.

A value is one of ``str``, ``Decimal``, ``bool``, ``date``, ``datetime`` (aware, UTC), or ``None`` for *empty*; the two
list attributes hold ``list[str]``. ``from_json`` reads what the API sends, ``from_text`` what stands in a file's cell.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from customers import phones

Value = str | Decimal | bool | date | datetime | list[str] | None

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

LONGEST_TEXT = 1000
LONGEST_EMAIL = 254
MOST_IN_LIST = 50
MOST_DIGITS = 28
MOST_DECIMALS = 10


class Kind(StrEnum):
    """The type of an attribute, as stored in ``Attribute.type``."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    CHOICE = "choice"
    PHONES = "phones"
    EMAILS = "emails"


TEXT_LIKE = frozenset({Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.URL, Kind.CHOICE})
LISTS = frozenset({Kind.PHONES, Kind.EMAILS})


class BadValue(ValueError):
    """A value that its attribute does not take; the message quotes it and says what would be right."""


@dataclass(frozen=True)
class Rules:
    """What one attribute accepts, beyond its kind."""

    kind: Kind
    options: Sequence[str] = ()
    max_length: int | None = None


@dataclass(frozen=True)
class Reading:
    """How text is read where it leaves room: dial plan, decimal comma, order of day and month, time zone, words."""

    plan: phones.Dialplan
    decimal_comma: bool = False
    day_first: bool | None = None
    zone: str = "UTC"
    words: Mapping[str, bool] | None = None


def quoted(value: object) -> str:
    """Return ``value`` in quotation marks, shortened to what fits an error message."""
    text = str(value)
    return _("“%s”") % (f"{text[:80]}…" if len(text) > 80 else text)


def from_json(raw: Any, rules: Rules, reading: Reading) -> Value:
    """Return the value of ``raw``, parsed JSON. Raises BadValue for another JSON type or a value out of bounds.

    A number may be ``int`` or ``Decimal``; a float is taken by its shortest decimal form.
    """
    if raw is None:
        return None
    kind = rules.kind
    if kind in LISTS:
        return _list_from_json(raw, rules, reading)
    if kind is Kind.BOOLEAN:
        if not isinstance(raw, bool):
            raise BadValue(_("%(value)s is not true or false.") % {"value": quoted(raw)})
        return raw
    if kind is Kind.NUMBER:
        if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
            raise BadValue(
                _("%(value)s is not a JSON number; give it without quotes, e.g. 12.5.")
                % {"value": quoted(raw)}
            )
        return _number(str(raw), quoted(raw))
    if not isinstance(raw, str):
        raise BadValue(_("%(value)s is not a string.") % {"value": quoted(raw)})
    return from_text(raw, rules, reading)


def from_text(raw: str, rules: Rules, reading: Reading) -> Value:
    """Return the value that the text ``raw`` means, None when it is blank. Raises BadValue.

    A list attribute takes several values separated by ``;``.
    """
    text = raw.strip()
    if not text:
        return None
    if _NO_TEXT.search(text):
        raise BadValue(
            _("%(value)s holds a character that is no text (NUL).")
            % {"value": quoted(text.replace("\x00", "␀"))}
        )
    return _READERS[rules.kind](text, rules, reading)


def to_json(value: Value, kind: Kind) -> Any:
    """Return the JSON form of the contract: number as number, times ISO 8601 UTC. Decimals stay Decimal."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain_decimal(value)
    return value


def to_text(value: Value) -> str:
    """Return the text that ``from_text`` reads back to the same value; ``""`` when empty."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Decimal():
            return format(plain_decimal(value), "f")
        case list():
            return ";".join(value)
    return str(value)


def converted(value: Value, rules: Rules, reading: Reading) -> Value:
    """Return the single value ``value`` as one of another type (C7).

    Raises BadValue where it is none, or would lose a part: a date and time becomes a date at midnight (UTC) only.
    """
    if value is None:
        return None
    if rules.kind is Kind.DATE and isinstance(value, datetime):
        moment = value.astimezone(UTC)
        if moment.time() != time():
            raise BadValue(_("%(value)s would lose its time of day.") % {"value": quoted(to_text(value))})
        return moment.date()
    if rules.kind is Kind.DATETIME and isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = (
        ("1" if value else "0") if rules.kind is Kind.NUMBER and isinstance(value, bool) else to_text(value)
    )
    return from_text(text, rules, reading)


def plain_decimal(value: Decimal) -> Decimal:
    """Return ``value`` without trailing zeros and never in scientific notation."""
    if value == value.to_integral_value():
        return Decimal(int(value))
    return Decimal(format(value, "f").rstrip("0"))


def _list_from_json(raw: Any, rules: Rules, reading: Reading) -> list[str] | None:
    if not isinstance(raw, list):
        raise BadValue(_("%(value)s is not a list of strings.") % {"value": quoted(raw)})
    for item in raw:
        if not isinstance(item, str):
            raise BadValue(_("%(value)s is not a string; give a list of strings.") % {"value": quoted(item)})
    return read_list(raw, rules.kind, reading)


def read_list(items: Sequence[str], kind: Kind, reading: Reading) -> list[str] | None:
    """Return the distinct values of ``items`` in their order, blank ones left out; None when nothing is left."""
    element = Rules(Kind.PHONE if kind is Kind.PHONES else Kind.EMAIL)
    found: dict[str, None] = {}
    for item in items:
        value = from_text(item, element, reading)
        if value is not None:
            found.setdefault(str(value))
    if len(found) > MOST_IN_LIST:
        raise BadValue(
            _("%(count)d values; at most %(most)d are kept.") % {"count": len(found), "most": MOST_IN_LIST}
        )
    return list(found) or None


def _text(text: str, rules: Rules, reading: Reading) -> str:
    longest = min(rules.max_length or LONGEST_TEXT, LONGEST_TEXT)
    if len(text) > longest:
        raise BadValue(
            _("%(value)s has %(length)d characters; at most %(longest)d are allowed.")
            % {"value": quoted(text), "length": len(text), "longest": longest}
        )
    return text


def _number(text: str, shown: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadValue(_("%(value)s is not a number; give e.g. 1234.5.") % {"value": shown})
    if number.adjusted() > MOST_DIGITS:
        raise BadValue(
            _("%(value)s has more than %(digits)d digits.") % {"value": shown, "digits": MOST_DIGITS}
        )
    if number.adjusted() < -MOST_DECIMALS and number:
        raise BadValue(
            _("%(value)s has more than %(digits)d decimal places.")
            % {"value": shown, "digits": MOST_DECIMALS}
        )
    plain = plain_decimal(number)
    _sign, digits, exponent = plain.as_tuple()
    if len(digits) > MOST_DIGITS:
        raise BadValue(
            _("%(value)s has more than %(digits)d digits.") % {"value": shown, "digits": MOST_DIGITS}
        )
    if isinstance(exponent, int) and -exponent > MOST_DECIMALS:
        raise BadValue(
            _("%(value)s has more than %(digits)d decimal places.")
            % {"value": shown, "digits": MOST_DECIMALS}
        )
    return plain


_PLAIN_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(E[+-]?\d{1,2})?", re.IGNORECASE | re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d*)?", re.ASCII)


def _number_from_text(text: str, rules: Rules, reading: Reading) -> Decimal:
    plain = text
    if reading.decimal_comma and not _PLAIN_NUMBER.fullmatch(text.replace(".", "x")):
        if not _COMMA_NUMBER.fullmatch(text) or not any(char.isdigit() for char in text):
            raise BadValue(
                _("%(value)s is not a number with a decimal comma; give e.g. 1234,5.")
                % {"value": quoted(text)}
            )
        plain = text.replace(".", "").replace(",", ".")
    elif not _PLAIN_NUMBER.fullmatch(text):
        raise BadValue(_("%(value)s is not a number; give e.g. 1234.5.") % {"value": quoted(text)})
    return _number(plain, quoted(text))


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _boolean(text: str, rules: Rules, reading: Reading) -> bool:
    word = text.casefold()
    known = {**_WORDS, **(reading.words or {})}
    if word not in known:
        raise BadValue(
            _("%(value)s is not yes or no; give true or false, yes or no, 1 or 0.") % {"value": quoted(text)}
        )
    return known[word]


_DAY_MONTH = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


def _date(text: str, rules: Rules, reading: Reading) -> date:
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif (match := _DAY_MONTH.fullmatch(text)) and (order := _order(match, reading)):
        day, month, year = (int(match[group]) for group in order)
    else:
        raise BadValue(_("%(value)s is not a date; give it as 2026-11-30.") % {"value": quoted(text)})
    try:
        return date(year, month, day)
    except ValueError:
        raise BadValue(
            _("%(value)s is no day of the calendar; give a date such as 2026-11-30.")
            % {"value": quoted(text)}
        ) from None


def _order(match: re.Match[str], reading: Reading) -> tuple[int, int, int] | None:
    """Return the groups that hold day, month and year, or None where the text does not say which is which."""
    if reading.day_first is not None:
        return (1, 3, 4) if reading.day_first else (3, 1, 4)
    # A dot is written between day and month only in countries that put the day first.
    if match[2] == "." or int(match[1]) > 12 or match[1] == match[3]:
        return 1, 3, 4
    return (3, 1, 4) if int(match[3]) > 12 else None


def _datetime(text: str, rules: Rules, reading: Reading) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if len(text) < 11:
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=None)  # noqa: DTZ001 - zone follows
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(reading.zone))
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadValue(
            _("%(value)s is not a date and time; give it as 2026-11-30T14:05:00Z.") % {"value": quoted(text)}
        ) from None
    return moment


def _phone(text: str, rules: Rules, reading: Reading) -> str:
    try:
        return phones.normalize(text, reading.plan)
    except phones.InvalidPhone as refusal:
        raise BadValue(str(refusal)) from None


_EMAIL = re.compile(r"[^@\s,;<>\"()\[\]\\:]+@[^@\s,;<>\"()\[\]\\:.]+(\.[^@\s,;<>\"()\[\]\\:.]+)+")


def is_email(text: str) -> bool:
    """Tell whether ``text``, as it stands, is an email address."""
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def _email(text: str, rules: Rules, reading: Reading) -> str:
    if not is_email(text):
        raise BadValue(
            _("%(value)s is not an email address; give one such as name@example.org.")
            % {"value": quoted(text)}
        )
    return text


def _url(text: str, rules: Rules, reading: Reading) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s<>\"]", text)
    except ValueError:
        good = False
    if not good:
        raise BadValue(
            _("%(value)s is not a web address; give one that starts with https:// or http://.")
            % {"value": quoted(text)}
        )
    return _text(text, Rules(Kind.URL), reading)


def _choice(text: str, rules: Rules, reading: Reading) -> str:
    if text in rules.options:
        return text
    close = [option for option in rules.options if option.casefold() == text.casefold()]
    if len(close) == 1:
        return close[0]
    raise BadValue(
        _("%(value)s is not one of the options: %(options)s.")
        % {"value": quoted(text), "options": ", ".join(rules.options)}
    )


def _several(text: str, rules: Rules, reading: Reading) -> list[str] | None:
    return read_list(text.split(";"), rules.kind, reading)


_READERS: Mapping[Kind, Callable[[str, Rules, Reading], Value]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number_from_text,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _datetime,
    Kind.PHONE: _phone,
    Kind.EMAIL: _email,
    Kind.URL: _url,
    Kind.CHOICE: _choice,
    Kind.PHONES: _several,
    Kind.EMAILS: _several,
}
