"""Two thousand random questions to the list, each answered by a plain-Python oracle too (C22–C25)."""

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.http import Http404
from django.http.request import QueryDict

from customers import filters, listing
from customers.listing import plans
from tests.customers.listing.oracle import crowd as made
from tests.customers.listing.oracle.conftest import Crowd
from tests.customers.listing.oracle.crowd import Person, fits, has_word

pytestmark = pytest.mark.django_db

QUERIES = 2_000
BATCH = 100

Predicate = Callable[[Person], bool]

TEXTS = [
    "first_name",
    "last_name",
    "phones",
    "emails",
    "address",
    "postal_code",
    "crm_id",
    "account_id",
    "language",
] + [key for key, kind in made.KINDS.items() if kind in {"text", "phone", "email", "url", "choice"}]
RANGES = ["created_at", "updated_at", "score", "born", "seen"]


def written(value: Any) -> str:
    """Write a value as an address has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def disguised(dice: random.Random, key: str, text: str) -> str:
    """Write a text otherwise, where that compares equal."""
    if key in made.EXACT:
        return text
    return dice.choice(
        [text, text.upper(), text.lower(), text.replace("ü", "u\u0308"), text.replace("ss", "ß")]
    )


def some_value(dice: random.Random, crowd: Crowd, key: str) -> Any:
    while True:
        value = dice.choice(crowd.people).values[key]
        if isinstance(value, list):
            value = dice.choice(value) if value else None
        if value is not None:
            return value


def piece(dice: random.Random, text: str) -> str:
    start = dice.randrange(len(text))
    return text[start : start + dice.choice([1, 1, 2, 3, 4, 8])]


def condition(dice: random.Random, crowd: Crowd) -> tuple[list[tuple[str, str]], Predicate]:
    """Make up a condition: its parameters, and whom it fits."""
    key = dice.choice([*TEXTS, *RANGES, "active"])
    if dice.random() < 0.1:
        asked = dice.random() < 0.5
        return [(f"{key}__isempty", written(asked))], lambda person: fits(person, key, "isempty", asked)
    if key in TEXTS:
        return text_condition(dice, crowd, key)
    value = some_value(dice, crowd, key)
    if key == "active":
        return [(key, written(value))], lambda person: fits(person, key, "", value)
    operator = dice.choice(["", "gte", "lte", "between"])
    if operator == "between":
        low, high = sorted([value, some_value(dice, crowd, key)])
        parameters = [(f"{key}__gte", written(low)), (f"{key}__lte", written(high))]
        dice.shuffle(parameters)
        return parameters, lambda person: fits(person, key, "between", (low, high))
    name = f"{key}__{operator}" if operator else key
    return [(name, written(value))], lambda person: fits(person, key, operator, value)


def text_condition(dice: random.Random, crowd: Crowd, key: str) -> tuple[list[tuple[str, str]], Predicate]:
    value = some_value(dice, crowd, key)
    is_number = key in {"phones", "mobile"}
    match operator := dice.choice(["", "contains", "contains", "startswith", "in"]):
        case "contains":
            digits = "".join(filter(str.isdigit, value))
            asked = (
                piece(dice, digits.lstrip("0") or "0")
                if is_number
                else disguised(dice, key, piece(dice, value))
            )
            if is_number and asked.startswith("0"):
                asked = "7"
        case "startswith":
            asked = value[: dice.choice([1, 2, 5])]
            if is_number and asked[0] != "+":
                asked = "+4917"
            asked = disguised(dice, key, asked)
        case "in":
            asked = [value, *(some_value(dice, crowd, key) for _ in range(dice.randrange(3)))]
            asked = [text for text in asked if "," not in text]
            return [(f"{key}__in", ",".join(asked) or "x")], lambda person: fits(person, key, "in", asked)
        case _:
            asked = disguised(dice, key, value)
    name = f"{key}__{operator}" if operator else key
    return [(name, asked)], lambda person: fits(person, key, operator, asked)


def question(dice: random.Random, crowd: Crowd) -> tuple[QueryDict, Predicate, str, bool]:
    """Make up a question: its parameters, whom it fits, and its order."""
    parameters = QueryDict(mutable=True)
    conditions = []
    for _ in range(dice.choice([0, 1, 1, 2, 2, 3, 4])):
        pairs, predicate = condition(dice, crowd)
        if any(
            name.partition("__")[0] == other.partition("__")[0] for name, _ in pairs for other in parameters
        ):
            continue
        conditions.append(predicate)
        for name, text in pairs:
            parameters.appendlist(name, text)
    narrowing: list[Predicate] = []
    match_any = dice.random() < 0.3
    if match_any:
        parameters["match"] = "any"
    stage = dice.choice(["curated", "curated", "curated", "identified", "all"])
    if stage != "curated":
        parameters["stage"] = stage
    if stage != "all":
        narrowing.append(lambda person: person.stage == stage)
    if dice.random() < 0.15:
        labels = set(dice.sample(made.LABELS, dice.choice([1, 1, 2])))
        parameters.setlist("label", [dice.choice([str.upper, str])(label) for label in labels])
        narrowing.append(lambda person: labels <= person.labels)
    if dice.random() < 0.2:
        words = [
            disguised(dice, "first_name", piece(dice, some_value(dice, crowd, "first_name")))
            for _ in range(2)
        ]
        words = [
            word
            for word in " ".join(words).split()
            if not any(char.isdigit() or char in "()./+-" for char in word)
        ]
        parameters["q"] = "  ".join(words)
        narrowing.append(lambda person: all(has_word(person, word) for word in words))
    key = dice.choice(list(crowd.schema.by_key))
    descending = dice.random() < 0.5
    parameters["ordering"] = f"-{key}" if descending else key
    parameters["page_size"] = str(dice.choice([1, 7, 50, 200]))
    any_or_all = any if match_any else all

    def fits_all(person: Person) -> bool:
        return all(fit(person) for fit in narrowing) and (
            not conditions or any_or_all(fit(person) for fit in conditions)
        )

    return parameters, fits_all, key, descending


def sizes(dice: random.Random) -> dict[str, float]:
    """Choose thresholds that lead through every plan."""
    return dice.choice(
        [
            {"SMALL": 20_000, "CAP": 20_000, "WALK": 4_000},
            {"SMALL": 0, "CAP": 300, "WALK": 60, "LONG_WALK": 3_000, "CHEAP": 0},
            {"SMALL": 0, "CAP": 300, "WALK": 20, "LONG_WALK": 10**6, "CHEAP": 10**9},
            {"SMALL": 0, "CAP": 9_000, "WALK": 1, "LONG_WALK": 10**6, "CHEAP": 400},
            {"SMALL": 0, "CAP": 300, "WALK": 20, "LONG_WALK": 10**6, "CHEAP": 400, "WALKING": 0.001},
        ]
    )


@pytest.mark.parametrize("batch", range(QUERIES // BATCH))
def test_answers_equal_the_oracle(crowd: Crowd, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(f"listing {batch}")
    for _ in range(BATCH):
        for name, size in sizes(dice).items():
            monkeypatch.setattr(plans, name, size)
        parameters, predicate, key, descending = question(dice, crowd)
        expected = [person.id for person in crowd.in_order(key, descending=descending) if predicate(person)]
        check(crowd, parameters, expected, dice)


def check(crowd: Crowd, parameters: QueryDict, expected: list[Any], dice: random.Random) -> None:
    size = int(parameters["page_size"])
    pages = max(1, -(-len(expected) // size))
    number = dice.choice([1, 1, pages, dice.randint(1, pages), pages + 1])
    parameters["page"] = str(number)
    query = filters.parse(parameters, crowd.schema, crowd.sight)
    wanted = expected[(number - 1) * size : number * size]
    address = parameters.urlencode()
    if dice.random() < 0.3:
        assert listing.count(query) == len(expected), address
    if not wanted and number > 1:
        with pytest.raises(Http404):
            listing.page(query, crowd.sight)
        return
    page = listing.page(query, crowd.sight)
    assert [customer["id"] for customer in page.results] == list(map(str, wanted)), address
    assert page.has_next == (len(expected) > number * size), address
    if page.count_is_exact:
        assert (page.count, page.pages) == (len(expected), pages), address
    else:
        assert page.pages is None
        assert len(wanted) <= page.count <= len(expected), address
