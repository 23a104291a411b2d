"""Five thousand people made from a seed, and what the list must say about them, in plain Python."""

import functools
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from customers import folding

fold = functools.cache(folding.fold)

SIZE = 5_000
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

FIRST_NAMES = [
    *(
        "Anna",
        "anna",
        "ANNA",
        "Änna",
        "Bob",
        "José",
        "Jose",
        "Zoë",
        "zoe",
        "Łukasz",
        "Ōkubo",
        "İpek",
        "ipek",
        "ı",
    ),
    *(
        "Straße",
        "STRASSE",
        "strasse",
        "O'Brien",
        'Ann "Nan"',
        "50% off",
        "5_0",
        "50",
        "C:\\temp",
        "C:\\",
        "a b",
    ),
    *("محمد", "مُحَمَّد", "שרה", "שָׂרָה", "Ελένη", "ΕΛΕΝΗΣ", "Ελενης", "Жанна", "жанна", "ﬁona", "Fiona", "李"),
    *("たろう", "タロウ", "ﾀﾛｳ", "a", "A", "á", "Ⅷ", "😀", "z", "%", "_", "\\", "'"),
]
LAST_NAMES = [
    "Müller",
    "Mueller",
    "Muller",
    "MÜLLER",
    "Schmidt",
    "Nguyễn",
    "Nguyen",
    "García",
    "al-Fārsī",
    "D'Arcy",
    "Ng",
]
LABELS = ["VIP", "Münster", "50% rebate"]
OPTIONS = ["Gold", "Silber", "Bronzé", "100 %"]
NOTES = [
    "Called about the invoice\nand again",
    "likes 100% wool",
    "under_score",
    "back\\slash",
    "x" * 590 + "y",
    "x" * 590 + "z",
    "Ünïcode",
]

KINDS = {
    "note": "text",
    "city": "text",
    "score": "number",
    "active": "boolean",
    "born": "date",
    "seen": "datetime",
    "mobile": "phone",
    "work_mail": "email",
    "site": "url",
    "tier": "choice",
}


@dataclass
class Person:
    """What is stored of one customer, by attribute key, and how the list treats it."""

    id: uuid.UUID
    stage: str
    is_live: bool
    values: dict[str, Any]
    labels: set[str] = field(default_factory=set)


def people(seed: int = 7) -> list[Person]:
    dice = random.Random(seed)
    return [_person(dice, number) for number in range(SIZE)]


def _person(dice: random.Random, number: int) -> Person:
    def maybe(value: Any, chance: float = 0.8) -> Any:
        return value if dice.random() < chance else None

    phones = [_number(dice, number, place) for place in range(dice.choice([0, 1, 1, 1, 2, 3]))]
    emails = [_email(dice, number) for _ in range(dice.choice([0, 1, 1, 2]))]
    moment = NOON - timedelta(
        seconds=dice.randrange(50) * 86_400 + dice.choice([0, 0, dice.randrange(86_400)])
    )
    values = {
        "first_name": maybe(dice.choice(FIRST_NAMES)),
        "last_name": maybe(dice.choice(LAST_NAMES)),
        "phones": phones,
        "emails": emails,
        "address": maybe(f"{dice.choice(LAST_NAMES)}weg {dice.randrange(40)}"),
        "postal_code": maybe(f"{dice.randrange(400):05}"),
        "crm_id": maybe(dice.choice(["K", "k", "Ké"]) + str(dice.randrange(900))),
        "account_id": maybe(f"A-{dice.randrange(50)}", 0.3),
        "language": maybe(dice.choice(["de", "DE", "fr", "ar"])),
        "created_at": moment,
        "updated_at": moment + timedelta(microseconds=dice.randrange(3)),
        "note": maybe(dice.choice(NOTES), 0.5),
        "city": maybe(dice.choice(["Köln", "koln", "Kölln", "Zürich", "ZURICH", "Nîmes", ""]) or None),
        "score": maybe(Decimal(dice.randrange(-3000, 3000)).scaleb(-dice.randrange(4))),
        "active": maybe(dice.random() < 0.5, 0.9),
        "born": maybe(date(1950, 1, 1) + timedelta(days=dice.randrange(600) * 40)),
        "seen": maybe(moment + timedelta(microseconds=dice.randrange(2))),
        "mobile": maybe(_number(dice, number, 9), 0.3),
        "work_mail": maybe(_email(dice, number), 0.5),
        "site": maybe(f"https://Example.org/{dice.choice('aAbB')}/{dice.randrange(30)}"),
        "tier": maybe(dice.choice(OPTIONS)),
    }
    stage = dice.choices(["curated", "identified", "ephemeral"], [90, 6, 4])[0]
    labels = {label for label in LABELS if dice.random() < 0.15}
    return Person(uuid.UUID(int=dice.getrandbits(128)), stage, dice.random() > 0.03, values, labels)


def _number(dice: random.Random, number: int, place: int) -> str:
    """A number nobody else has: every person has a block of ten; some first ones are extensions."""
    if place == 0 and number % 40 == 0:
        return f"7{number // 40:03}"
    return dice.choice(["+49171", "+4930", "+33612"]) + f"{number:05}{place}"


def _email(dice: random.Random, number: int) -> str:
    name, domain = (
        dice.choice(["Anna", "bob", "Zoë", "o_b", "100%"]),
        dice.choice(["example.org", "Müller.example"]),
    )
    return f"{name}.{number % 700}@{domain}"


EXACT = {"crm_id", "account_id", "site", "mobile", "phones"}


def comparable(key: str, text: str) -> str:
    return text if key in EXACT else fold(text)


def sort_key(person: Person, key: str) -> Any:
    value = person.values[key]
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        return comparable(key, value).encode()
    return value


def in_order(crowd: list[Person], key: str, *, descending: bool) -> list[Person]:
    by_id = sorted(crowd, key=lambda person: person.id)
    filled = [person for person in by_id if sort_key(person, key) is not None]
    # Sorting is stable in both directions, so ties stay in the order of their ids.
    filled.sort(key=lambda person: sort_key(person, key), reverse=descending)
    return filled + [person for person in by_id if sort_key(person, key) is None]


def fits(person: Person, key: str, operator: str, asked: Any) -> bool:
    """Tell whether one condition holds; ``asked`` is a value of the attribute's own type."""
    value = person.values[key]
    if operator == "isempty":
        return (value is None or value == []) is asked
    texts = (
        [comparable(key, item) for item in (value if isinstance(value, list) else [value])]
        if _is_text(value)
        else []
    )
    match operator:
        case "contains":
            return any(comparable(key, asked) in text for text in texts)
        case "startswith":
            return any(text.startswith(comparable(key, asked)) for text in texts)
        case "in":
            return any(text in [comparable(key, item) for item in asked] for text in texts)
        case "gte":
            return value is not None and value >= asked
        case "lte":
            return value is not None and value <= asked
        case "between":
            return value is not None and asked[0] <= value <= asked[1]
    return comparable(key, asked) in texts if isinstance(asked, str) else value is not None and value == asked


def _is_text(value: Any) -> bool:
    return isinstance(value, str | list)


def has_word(
    person: Person, word: str, keys: tuple[str, ...] = ("first_name", "last_name", "phones", "emails")
) -> bool:
    folded = fold(word)
    return any(
        folded in fold(text)
        for key in keys
        for text in (
            person.values[key] if isinstance(person.values[key], list) else [person.values[key] or ""]
        )
    )
