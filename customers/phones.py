"""What is typed becomes a number that can be compared (C11): one predicate for every path."""

import re
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneMetadata

_SEPARATORS = re.compile(r"[\s()\-./\u2010-\u2015\u00a0\u202a-\u202e\u2066-\u2069]+")
_EXTENSION_TAIL = re.compile(r"(?:;ext=|\s*(?:ext\.?|x|#)\s*)\d{1,7}$", re.IGNORECASE)
_EXACT = re.compile(r"\+[1-9]\d{6,14}")
_SPREADSHEET = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)


class InvalidPhone(ValueError):
    """The text is no number that C11 accepts; the message quotes it and says what would be right."""


@dataclass(frozen=True)
class Dialplan:
    """How numbers without a country code are read: default region and length of internal extensions."""

    region: str
    shortest_extension: int = 3
    longest_extension: int = 6


def normalize(typed: str, plan: Dialplan) -> str:
    """Return the E.164 form of ``typed``, or its digits when it is an internal extension (C11).

    With ``+`` or ``00`` the number must be *possible*, without it must be *valid* in the region of ``plan``.
    Raises InvalidPhone otherwise.
    """
    text = typed.strip().removeprefix("tel:").removeprefix("'")
    if _SPREADSHEET.fullmatch(text):
        raise InvalidPhone(
            _(
                "“%(typed)s” is a number that a spreadsheet has shortened; its digits are lost."
                " Give all digits, e.g. %(example)s."
            )
            % {"typed": typed, "example": _example(plan)}
        )
    bare = _SEPARATORS.sub("", _EXTENSION_TAIL.sub("", text))
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if bare.startswith("+"):
        if is_plainly_possible(bare):
            return bare
        return _parsed(typed, bare, plan, phonenumbers.is_possible_number)
    try:
        return _parsed(typed, bare, plan, phonenumbers.is_valid_number)
    except InvalidPhone:
        if (
            bare.isascii()
            and bare.isdigit()
            and plan.shortest_extension <= len(bare) <= plan.longest_extension
        ):
            return bare
        raise


def from_address(text: str) -> str:
    """Return a number as it was meant in an address: there a plus that nobody has escaped means a space."""
    return re.sub(r"^ (?=[1-9][\d ()./-]{6})", "+", text)


def is_extension(number: str) -> bool:
    """Tell whether a normal form is an internal extension rather than E.164."""
    return not number.startswith("+")


def _parsed(typed: str, bare: str, plan: Dialplan, accepts: "type[bool] | object") -> str:
    if not any(char.isalpha() for char in bare):
        try:
            number = phonenumbers.parse(bare, plan.region)
        except phonenumbers.NumberParseException:
            number = None
        if number is not None and accepts(number):  # type: ignore[operator]
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise InvalidPhone(
        _("“%(typed)s” is not a phone number. Give it with its country code, e.g. %(example)s.")
        % {"typed": typed, "example": _example(plan)}
    )


def _example(plan: Dialplan) -> str:
    number = phonenumbers.example_number(plan.region)
    if number is None:
        return "+49 30 1234567"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def is_plainly_possible(number: str) -> bool:
    """Tell, without the library's parser, that ``number`` is E.164 already and possible.

    True only where parse, is_possible_number and format would give the same text back (3 µs instead of 40):
    a known country code, a national length that its metadata calls possible, no leading zero, and no national
    prefix that parsing would strip. Everything else goes to the library.
    """
    if not _EXACT.fullmatch(number) or not number.isascii():
        return False
    for length in (1, 2, 3):
        code = number[1 : 1 + length]
        rules = _national_rules(code)
        if rules is None:
            continue
        national = number[1 + length :]
        lengths, stripped = rules
        return (
            len(national) in lengths
            and national[0] != "0"
            and (stripped is None or not stripped.match(national))
        )
    return False


_rules_by_code: dict[str, tuple[frozenset[int], "re.Pattern[str] | None"] | None] = {}


def _national_rules(code: str) -> "tuple[frozenset[int], re.Pattern[str] | None] | None":
    if code not in _rules_by_code:
        _rules_by_code[code] = _read_rules(int(code))
    return _rules_by_code[code]


def _read_rules(code: int) -> "tuple[frozenset[int], re.Pattern[str] | None] | None":
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
    if regions is None:
        return None
    if regions[0] == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        metadata = PhoneMetadata.metadata_for_nongeo_region(code, None)
    else:
        metadata = PhoneMetadata.metadata_for_region(regions[0], None)
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None
