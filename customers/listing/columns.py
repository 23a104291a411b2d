"""How each attribute is read in SQL: its sort key, its comparisons, and the indexes that serve them (C22).

A *key* is what an attribute is sorted and compared by: the value itself for numbers and times, the folded text for most
texts, the first value for lists. Texts count with their first ``KEY_LENGTH`` characters only, which is the most that
an index entry holds whatever the letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from customers.listing.query import Condition, Operand, Operator, Word
from customers.models import Attribute
from customers.numbers import identifying
from customers.values import Kind

KEY_LENGTH = 600
SHORTEST_NEEDLE = 3
"""How many letters or digits in a row a search must have for the trigram index to serve it."""

EXACT = frozenset({"crm_id", "account_id"})
"""The predefined texts that compare exactly (C22)."""

DOCUMENT = "cim_document(c.first_name, c.last_name, c.phones, c.emails)"
"""What the quick search looks through, in the very words of its index."""

_IN_DOCUMENT = frozenset({"first_name", "last_name", "phones", "emails"})


@dataclass(frozen=True)
class Fragment:
    """A piece of SQL, the values for its placeholders, and the columns of the customer that it reads."""

    sql: str
    parameters: tuple[Any, ...] = ()
    columns: frozenset[str] = frozenset()


def joined(fragments: Sequence[Fragment], word: str) -> Fragment:
    """Return ``fragments`` connected by AND or OR, in parentheses."""
    return Fragment(
        f"({f' {word} '.join(fragment.sql for fragment in fragments)})",
        tuple(parameter for fragment in fragments for parameter in fragment.parameters),
        frozenset().union(*(fragment.columns for fragment in fragments)),
    )


def escaped(text: str) -> str:
    """Return ``text`` for use inside a LIKE pattern, every character standing for itself."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def is_indexable(needle: str) -> bool:
    """Tell whether a trigram index can find ``needle``: it has three ASCII letters or digits in a row."""
    run = 0
    for char in needle:
        run = run + 1 if char.isascii() and char.isalnum() else 0
        if run == SHORTEST_NEEDLE:
            return True
    return False


@dataclass(frozen=True)
class Column:
    """The SQL of one attribute of the row ``c``; for the definition of an index the row has no name."""

    attribute: Attribute
    row: str = "c."

    @cached_property
    def name(self) -> str:
        return self.attribute.column

    @cached_property
    def raw(self) -> str:
        return f"{self.row}{self.name}"

    @cached_property
    def is_text(self) -> bool:
        return self.attribute.kind not in (Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME)

    @cached_property
    def is_folded(self) -> bool:
        """Whether texts compare folded rather than exactly."""
        return (
            self.is_text
            and self.attribute.kind not in (Kind.URL, Kind.PHONE, Kind.PHONES)
            and self.attribute.key not in EXACT
        )

    @cached_property
    def text(self) -> str:
        """The whole text that is searched; of a list, its values one to a line."""
        if self.attribute.is_list:
            # Not the immutable twin that the index needs: this one is inlined.
            return self._comparable(f"array_to_string({self.raw}, E'\\n')")
        return self._comparable(self.raw)

    @cached_property
    def key(self) -> str:
        """What the customers are sorted by; NULL where empty."""
        if not self.is_text:
            return self.raw
        return f'left({self._comparable(self._first)}, {KEY_LENGTH}) COLLATE "C"'

    @cached_property
    def is_empty(self) -> str:
        """Whether there is no key."""
        return f"({self._first} IS NULL)"

    @property
    def _first(self) -> str:
        return f"{self.raw}[1]" if self.attribute.is_list else self.raw

    def _comparable(self, text: str) -> str:
        return f"cim_fold({text})" if self.is_folded else text

    def fragment(self, condition: Condition, *, with_document: bool) -> Fragment:
        """Return the SQL of ``condition``; it never yields NULL as true.

        With ``with_document`` the quick search's index may serve it: a condition that is wider, but indexed, is added.
        """
        compare = self._compare_list if self.attribute.is_list else self._compare_single
        exact = compare(condition)
        if with_document and (wider := self._in_document(condition)):
            return joined([wider, exact], "AND")
        return exact

    def _fragment(self, sql: str, *parameters: Any) -> Fragment:
        return Fragment(sql, parameters, frozenset({self.name}))

    def _compare_single(self, condition: Condition) -> Fragment:
        operand = condition.operand
        match condition.operator:
            case Operator.IS_EMPTY:
                return self._fragment(f"{self.raw} IS NULL" if operand else f"{self.raw} IS NOT NULL")
            case Operator.AT_LEAST:
                return self._fragment(f"{self.raw} >= %s", operand)
            case Operator.AT_MOST:
                return self._fragment(f"{self.raw} <= %s", operand)
            case Operator.BELOW:
                return self._fragment(f"{self.raw} < %s", operand)
            case Operator.EQUALS if not self.is_text:
                return self._fragment(f"{self.raw} = %s", operand)
            case Operator.IN if isinstance(operand, tuple) and not self.is_text:
                return self._fragment(f"{self.raw} = ANY(%s)", list(operand))
            case Operator.CONTAINS:
                pieces = [
                    self._fragment(f"{self.text} LIKE %s", f"%{escaped(text)}%") for text in _texts(operand)
                ]
                # That it is not NULL goes without saying, but for the index that leaves NULL out.
                return joined([self._fragment(f"{self.raw} IS NOT NULL"), joined(pieces, "OR")], "AND")
            case Operator.STARTS_WITH:
                return self._starts_with(_texts(operand))
        return self._is_one_of(_texts(operand))

    def _starts_with(self, beginnings: tuple[str, ...]) -> Fragment:
        return joined(
            [
                # A beginning that fits the key is compared with the key, which may be indexed.
                self._fragment(
                    f"{self.key if len(beginning) <= KEY_LENGTH else self.text} LIKE %s",
                    f"{escaped(beginning)}%",
                )
                for beginning in beginnings
            ],
            "OR",
        )

    def _is_one_of(self, wanted: tuple[str, ...]) -> Fragment:
        if self.attribute.kind is Kind.PHONE:
            return _owned(wanted, self._any(f'{self.raw} COLLATE "C"', wanted))
        if self.attribute.key in EXACT:
            return self._any(f'{self.raw} COLLATE "C"', wanted)
        if all(len(text) < KEY_LENGTH for text in wanted):
            return self._any(self.key, wanted)
        return joined(
            [self._any(self.key, tuple(text[:KEY_LENGTH] for text in wanted)), self._any(self.text, wanted)],
            "AND",
        )

    def _any(self, expression: str, wanted: tuple[str, ...]) -> Fragment:
        if len(wanted) == 1:
            return self._fragment(f"{expression} = %s", wanted[0])
        return self._fragment(f"{expression} = ANY(%s::text[])", list(wanted))

    def _compare_list(self, condition: Condition) -> Fragment:
        operand = condition.operand
        if condition.operator is Operator.IS_EMPTY:
            return self._fragment(f"{self.raw} {'=' if operand else '<>'} '{{}}'")
        # No value of a list has a line break, which is what separates them in the joined text.
        texts = tuple(text for text in _texts(operand) if "\n" not in text)
        if not texts:
            return self._fragment("false")
        lines = f"(E'\\n' || {self.text} || E'\\n')"
        match condition.operator:
            case Operator.CONTAINS:
                return self._any_like(self.text, [f"%{escaped(text)}%" for text in texts])
            case Operator.STARTS_WITH:
                return self._any_like(lines, [f"%\n{escaped(text)}%" for text in texts])
        equal = self._any_like(lines, [f"%\n{escaped(text)}\n%" for text in texts])
        if self.attribute.kind is Kind.PHONES:
            return _owned(texts, equal)
        # The index answers where it pays; in a scan the cheap comparison comes first and spares this one.
        indexed = f"({self.raw} <> '{{}}' AND cim_fold_all({self.raw}) && %s::text[])"
        return joined([self._fragment(indexed, list(texts)), equal], "AND")

    def _any_like(self, expression: str, patterns: list[str]) -> Fragment:
        filled = f"{self.raw} <> '{{}}'"
        return joined(
            [self._fragment(f"({filled} AND {expression} LIKE %s)", pattern) for pattern in patterns], "OR"
        )

    def _in_document(self, condition: Condition) -> Fragment | None:
        """Return what the quick search's index can say about ``condition``, None where it has nothing to say."""
        served = (Operator.CONTAINS, Operator.STARTS_WITH) if self.attribute.is_list else (Operator.CONTAINS,)
        if self.attribute.key not in _IN_DOCUMENT or condition.operator not in served:
            return None
        needles = [text for text in _texts(condition.operand) if "\n" not in text]
        if not needles or not all(map(is_indexable, needles)):
            return None
        # In the document each value of a list begins a line.
        before = "\n" if condition.operator is Operator.STARTS_WITH else ""
        return document([before + needle for needle in needles])


def document(needles: Sequence[str]) -> Fragment:
    """Return the condition that any of ``needles`` stands in what the quick search looks through."""
    columns = frozenset({"first_name", "last_name", "phones", "emails"})
    pieces = [Fragment(f"{DOCUMENT} LIKE %s", (f"%{escaped(needle)}%",), columns) for needle in needles]
    return joined(pieces, "OR")


def word(asked: Word, columns: Sequence[Column], *, with_document: bool) -> Fragment:
    """Return the condition that ``asked`` stands in one of ``columns``."""
    pieces = [
        Fragment(f"{column.text} LIKE %s", (f"%{escaped(needle)}%",), frozenset({column.name}))
        for column in columns
        for needle in asked.needles
    ]
    if not pieces:
        return Fragment("false")
    exact = joined(pieces, "OR")
    if not with_document or not all(map(is_indexable, asked.needles)):
        return exact
    if {column.name for column in columns} == _IN_DOCUMENT:
        return document(asked.needles)
    return joined([document(asked.needles), exact], "AND")


def _owned(numbers: tuple[str, ...], exact: Fragment) -> Fragment:
    """Return ``exact``, answered by the index that is the ownership rule where that knows the numbers (C10)."""
    if len(identifying(numbers)) < len(set(numbers)):
        return exact
    owners = "SELECT customer_id FROM customers_phone WHERE number = ANY(%s::text[]) AND valid_to IS NULL"
    return joined(
        [Fragment(f"c.id = ANY(ARRAY({owners}))", (list(numbers),), frozenset({"id"})), exact], "AND"
    )


def _texts(operand: Operand) -> tuple[str, ...]:
    if not isinstance(operand, tuple):
        raise TypeError(f"{operand!r} is no operand of a text")
    return cast(tuple[str, ...], operand)
