"""How profiles become one, and one becomes several again: the algebra of merging, without a database (C49).

A state is what one customer has, by name, in text form: a text, a list of texts, or nothing. A merge is a *line*: the
state before it, the state it set, its parts and how each value was chosen. What people changed between two lines is the
difference between what the earlier one set and what the later one found. So undoing a merge means: take its line out,
begin with the state before it, do again what people changed, join again what the later lines joined.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Item = str | list[str] | None
State = dict[str, Item]

STAGE, LABELS, IDENTIFIERS, PHONES, EMAILS = "@stage", "@labels", "@identifiers", "phones", "emails"
LISTS = frozenset({LABELS, IDENTIFIERS, PHONES, EMAILS})
STAGES = ("ephemeral", "identified", "curated")


@dataclass(frozen=True)
class FromPart:
    """The value is that of one part; where that part has none, the survivor's."""

    customer: UUID


@dataclass(frozen=True)
class Exactly:
    """The value was given, and nothing can change it."""

    value: str | None


@dataclass(frozen=True)
class Listed:
    """A list was given: its items in order, those of the joined list that it drops, those that nobody had."""

    given: tuple[str, ...]
    dropped: frozenset[str]
    added: frozenset[str]


Choice = FromPart | Exactly | Listed


@dataclass
class Touched:
    """What people wrote between two lines, whether or not it ended where it began: names, and items of lists."""

    names: set[str] = field(default_factory=set)
    items: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Line:
    """A merge in the life of its survivor; ``version`` is the survivor's version that it made."""

    merge: UUID
    version: int
    parts: Sequence[UUID]
    before: State
    set: State
    choices: Mapping[str, Choice]


def combine(
    before: State,
    parts: Mapping[UUID, State],
    choices: Mapping[str, Choice],
    single_numbers: Collection[str] = (),
) -> State:
    """Return what a survivor has once ``parts`` are joined to it.

    Lists are joined in order, unless they were given. A number that one of the fields ``single_numbers`` loses is kept
    among the phones.
    """
    found = dict(before)
    for name, choice in choices.items():
        match choice:
            case FromPart(customer):
                value = parts[customer].get(name) if customer in parts else None
                found[name] = before.get(name) if value is None else value
            case Exactly(value):
                found[name] = value
    sources = [before, *parts.values()]
    found[STAGE] = max((text_of(source, STAGE) or STAGES[0] for source in sources), key=STAGES.index)
    for name in sorted(LISTS):
        found[name] = joined(items_of(source, name) for source in sources)
    shown = {found.get(name) for name in single_numbers} | set(items_of(found, PHONES))
    lost = (text_of(source, name) for source in sources for name in single_numbers)
    found[PHONES] = joined(
        [items_of(found, PHONES), [number for number in lost if number and number not in shown]]
    )
    for name, choice in choices.items():
        if isinstance(choice, Listed):
            there = items_of(found, name)
            kept = [item for item in choice.given if item in there or item in choice.added]
            rest = [item for item in there if item not in choice.given and item not in choice.dropped]
            found[name] = kept + rest
    return found


def listed(given: Sequence[str], there: Sequence[str]) -> Listed:
    """Say how a given list departs from the joined one."""
    return Listed(tuple(given), frozenset(there) - frozenset(given), frozenset(given) - frozenset(there))


def redo(state: State, before: State, after: State, touched: Touched) -> State:
    """Do to ``state`` what led from ``before`` to ``after``."""
    found = dict(state)
    for name in {*before, *after}:
        if name in LISTS:
            written = touched.items.get(name, set())
            found[name] = _redo_list(
                items_of(state, name), items_of(before, name), items_of(after, name), written
            )
        elif before.get(name) != after.get(name) or name in touched.names:
            found[name] = after.get(name)
    return found


def _redo_list(
    items: Sequence[str], before: Sequence[str], after: Sequence[str], written: Collection[str]
) -> list[str]:
    gone = {item for item in {*before, *written} if item not in after}
    stays = [item for item in after if item in items or item not in before or item in written]
    return stays + [item for item in items if item not in after and item not in gone]


def replay(
    lines: Sequence[Line],
    state: State,
    begins: State,
    now: State,
    touched: Sequence[Touched],
    parts: Mapping[UUID, State],
    single_numbers: Collection[str],
) -> State:
    """Return what a customer has now, had it been ``state`` where it was ``begins``.

    ``lines`` are the merges since, whose ``before`` and ``set`` are rewritten; ``touched`` says what people wrote
    before each of them and after the last, so it is one longer.
    """
    for line, written in zip(lines, touched[:-1], strict=True):
        state = redo(state, begins, line.before, written)
        line.before, begins = state, line.set
        chosen = {part: parts[part] for part in line.parts}
        state = line.set = combine(state, chosen, line.choices, single_numbers)
    return redo(state, begins, now, touched[-1])


def differences(before: State, after: State) -> list[str]:
    """Return the names whose value differs, an empty list being none."""
    return sorted(
        name for name in {*before, *after} if (before.get(name) or None) != (after.get(name) or None)
    )


def items_of(state: State, name: str) -> list[str]:
    value = state.get(name)
    return value if isinstance(value, list) else []


def text_of(state: State, name: str) -> str | None:
    value = state.get(name)
    return value if isinstance(value, str) else None


def joined(lists: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(item for items in lists for item in items))


def choice_to_json(choice: Choice | None) -> Any:
    match choice:
        case FromPart(customer):
            return {"from": str(customer)}
        case Exactly(value):
            return {"value": value}
        case Listed(given, dropped, added):
            return {"given": list(given), "dropped": sorted(dropped), "added": sorted(added)}
    return None


def choice_from_json(stored: Any) -> Choice | None:
    if stored is None:
        return None
    if "from" in stored:
        return FromPart(UUID(stored["from"]))
    if "value" in stored:
        return Exactly(stored["value"])
    return Listed(tuple(stored["given"]), frozenset(stored["dropped"]), frozenset(stored["added"]))
