"""What is typed becomes a number (C11), and the fast way round the library agrees with it."""

import random

import phonenumbers
import pytest

from customers.phones import Dialplan, InvalidPhone, is_extension, normalize
from customers.phones import is_plainly_possible as plainly_possible

GERMANY = Dialplan("DE")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+49 30 23125 077", "+493023125077"),
        ("0049 30 23125077", "+493023125077"),
        ("030 / 23125-077", "+493023125077"),
        ("(030) 23125 077", "+493023125077"),
        ("+49 (0)30 23125077", "+493023125077"),
        ("tel:+493023125077", "+493023125077"),
        ("+4915112345678", "+4915112345678"),
        ("+1 617 555 0148", "+16175550148"),
        ("\u202a+49 30 23125077\u202c", "+493023125077"),
        ("4711", "4711"),
        ("12-34", "1234"),
    ],
)
def test_number_is_read_in_any_notation(typed: str, number: str) -> None:
    assert normalize(typed, GERMANY) == number


@pytest.mark.parametrize(
    "typed", ["12", "abc", "+49", "+999 123456", "4.41E+11", "0", "call me", "1234567890123456"]
)
def test_what_is_no_number_is_refused_and_quoted(typed: str) -> None:
    with pytest.raises(InvalidPhone, match="“") as refusal:
        normalize(typed, GERMANY)

    assert f"“{typed}”" in str(refusal.value)


def test_extension_is_told_from_a_number() -> None:
    assert is_extension(normalize("4711", GERMANY))
    assert not is_extension(normalize("030 23125077", GERMANY))


def test_region_decides_what_a_national_number_means() -> None:
    assert normalize("020 7946 0312", Dialplan("GB")) == "+442079460312"


def test_fast_path_gives_what_the_library_gives() -> None:
    chance = random.Random(7)
    codes = list(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    taken = 0
    for _round in range(20_000):
        digits = "".join(chance.choices("0123456789", k=chance.randint(3, 12)))
        number = f"+{chance.choice(codes)}{digits}"
        if plainly_possible(number):
            taken += 1
            parsed = phonenumbers.parse(number)
            assert phonenumbers.is_possible_number(parsed), number
            assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    assert taken > 1000
