"""A typed value: what is read, what is refused and how, and that it is written as it is read (C3)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.phones import Dialplan
from customers.values import BadValue, Kind, Reading, Rules, from_json, from_text, to_json, to_text

READING = Reading(Dialplan("DE"))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.TEXT, "  Ünal  ", "Ünal"),
        (Kind.TEXT, "=1+1", "=1+1"),
        (Kind.TEXT, "   ", None),
        (Kind.NUMBER, "1234.50", Decimal("1234.5")),
        (Kind.NUMBER, "-0.0000000001", Decimal("-0.0000000001")),
        (Kind.NUMBER, "1e3", Decimal(1000)),
        (Kind.NUMBER, "9" * 28, Decimal("9" * 28)),
        (Kind.BOOLEAN, "Yes", True),
        (Kind.BOOLEAN, "0", False),
        (Kind.DATE, "2026-11-30", date(2026, 11, 30)),
        (Kind.DATE, "30.11.2026", date(2026, 11, 30)),
        (Kind.DATE, "11/30/2026", date(2026, 11, 30)),
        (Kind.DATETIME, "2026-11-30T14:05:00+01:00", datetime(2026, 11, 30, 13, 5, tzinfo=UTC)),
        (Kind.DATETIME, "2026-11-30 14:05", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        (Kind.EMAIL, "j.weiss@example.org", "j.weiss@example.org"),
        (Kind.URL, "https://example.org/a?b=c", "https://example.org/a?b=c"),
        (Kind.CHOICE, "GOLD", "gold"),
        (Kind.PHONE, "030 23125077", "+493023125077"),
        (Kind.PHONES, "030 23125077; 4711;4711", ["+493023125077", "4711"]),
    ],
)
def test_text_is_read(kind: Kind, text: str, value: Any) -> None:
    assert from_text(text, Rules(kind, ("gold", "silver")), READING) == value


@pytest.mark.parametrize(
    ("kind", "text", "right"),
    [
        (Kind.TEXT, "x" * 1001, "1000"),
        (Kind.TEXT, "a\x00b", "NUL"),
        (Kind.NUMBER, "12,5", "1234.5"),
        (Kind.NUMBER, "NaN", "1234.5"),
        (Kind.NUMBER, "9" * 29, "28"),
        (Kind.NUMBER, "0.00000000001", "10"),
        (Kind.NUMBER, "1e99", "28"),
        (Kind.BOOLEAN, "maybe", "true or false"),
        (Kind.DATE, "31.02.2027", "2026-11-30"),
        (Kind.DATE, "01/02/2027", "2026-11-30"),
        (Kind.DATETIME, "yesterday", "2026-11-30T14:05:00Z"),
        (Kind.EMAIL, "j.weiss@", "name@example.org"),
        (Kind.URL, "javascript:alert(1)", "https://"),
        (Kind.CHOICE, "bronze", "gold, silver"),
        (Kind.PHONE, "12", "country code"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_what_would_be_right(kind: Kind, text: str, right: str) -> None:
    with pytest.raises(BadValue) as refusal:
        from_text(text, Rules(kind, ("gold", "silver")), READING)

    assert right in str(refusal.value)
    assert text[:80].replace("\x00", "␀") in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.TEXT, 5),
        (Kind.NUMBER, "5"),
        (Kind.NUMBER, True),
        (Kind.BOOLEAN, 1),
        (Kind.BOOLEAN, "true"),
        (Kind.DATE, 20261130),
        (Kind.PHONES, "+493023125077"),
        (Kind.PHONES, [493023125077]),
        (Kind.NUMBER, float("inf")),
    ],
)
def test_json_of_another_type_is_refused(kind: Kind, raw: Any) -> None:
    with pytest.raises(BadValue, match="“"):
        from_json(raw, Rules(kind), READING)


def test_decimal_comma_is_an_option() -> None:
    comma = Reading(Dialplan("DE"), decimal_comma=True)

    assert from_text("1.234,5", Rules(Kind.NUMBER), comma) == Decimal("1234.5")
    assert from_text("12,5", Rules(Kind.NUMBER), comma) == Decimal("12.5")


@pytest.mark.parametrize(("day_first", "value"), [(True, date(2027, 2, 1)), (False, date(2027, 1, 2))])
def test_ambiguous_date_is_read_as_the_option_says(day_first: bool, value: date) -> None:
    assert from_text("01/02/2027", Rules(Kind.DATE), Reading(Dialplan("DE"), day_first=day_first)) == value


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**17), max_value=10**17)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.one_of(numbers, moments, st.booleans(), st.dates()))
def test_what_is_written_is_read_back(value: Any) -> None:
    kind = {bool: Kind.BOOLEAN, Decimal: Kind.NUMBER, datetime: Kind.DATETIME, date: Kind.DATE}[type(value)]

    assert from_text(to_text(value), Rules(kind), READING) == value
    assert from_json(to_json(value, kind), Rules(kind), READING) == value
