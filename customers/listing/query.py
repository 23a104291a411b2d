"""What a list is asked for: conditions, words, order and page. Nothing here knows the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from customers.models import Attribute, Stage
from customers.schema import Schema
from customers.values import TEXT_LIKE, Kind

Operand = Decimal | datetime | bool | tuple[str, ...] | tuple[Decimal | datetime, ...]

PAGE_SIZES = (25, 50, 100, 200)
LARGEST_PAGE = 200
STANDARD_PAGE = 50


class Operator(StrEnum):
    """How a value is compared; the value is what follows ``__`` in a parameter's name."""

    EQUALS = ""
    CONTAINS = "contains"
    STARTS_WITH = "startswith"
    AT_LEAST = "gte"
    AT_MOST = "lte"
    BELOW = "lt"
    IN = "in"
    IS_EMPTY = "isempty"


_TEXT = (Operator.EQUALS, Operator.CONTAINS, Operator.STARTS_WITH, Operator.IN, Operator.IS_EMPTY)
_RANGE = (Operator.EQUALS, Operator.AT_LEAST, Operator.AT_MOST, Operator.IS_EMPTY)


def operators_for(kind: Kind) -> tuple[Operator, ...]:
    """Return the operators that values of ``kind`` take (C23)."""
    if kind in TEXT_LIKE or kind in (Kind.PHONES, Kind.EMAILS):
        return _TEXT
    if kind is Kind.BOOLEAN:
        return (Operator.EQUALS, Operator.IN, Operator.IS_EMPTY)
    # A day stands for all its moments, which no list of moments says.
    return _RANGE if kind is Kind.DATETIME else (*_RANGE, Operator.IN)


@dataclass(frozen=True)
class Condition:
    """One comparison of an attribute.

    The operand is what the column holds: a Decimal for numbers and booleans, a moment in UTC for dates; for text, and
    for IN, the alternatives of which one must fit, texts folded where the attribute compares folded (C22). BELOW is
    never asked for by name: it is what a day as the upper bound of a moment becomes.
    """

    attribute: Attribute
    operator: Operator
    operand: Operand


@dataclass(frozen=True)
class Word:
    """One word of the quick search: found where any of ``needles``, all folded, stands (C24).

    A number is one word in however many groups it was typed.
    """

    needles: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One question to the list.

    ``conditions`` hold all together, or with ``match_any`` one of them; a condition is itself a group of comparisons
    that hold together. Labels, stage and words always narrow. ``stage`` None means every stage.
    """

    schema: Schema
    conditions: Sequence[Sequence[Condition]] = ()
    match_any: bool = False
    label_ids: Sequence[int] = ()
    stage: Stage | None = Stage.CURATED
    words: Sequence[Word] = ()
    searched: Sequence[str] = ()
    order_by: Attribute | None = None
    descending: bool = True
    page: int = 1
    page_size: int = STANDARD_PAGE
    looked_up: Sequence[str] = ()

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size

    @property
    def order(self) -> Attribute:
        """The attribute that the customers are sorted by: the newest created first unless asked otherwise (C20)."""
        return self.order_by or self.schema.by_key["created_at"]

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the stage decides who is on the list."""
        return bool(self.conditions or self.label_ids or self.words)
