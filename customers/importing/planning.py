"""What becomes of each row of a file, one after the other, as if each were created through the API (C12, C13, C64).

The plan is plain data about numbers and who owns them; values are compared and written by others. Nothing here knows
the database, so a plan can be made for a chunk that is about to be written as well as for a whole file that is not.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Id = TypeVar("Id", bound=Hashable)


class Conflict(StrEnum):
    """What a row does whose number one existing customer holds (C12)."""

    OVERWRITE = "overwrite"
    UPDATE = "update"
    REJECT = "reject"


class Use(NamedTuple):
    """How a customer shows a number: as typed, and in which attributes; ``place`` is the column of the file."""

    typed: str
    used_in: tuple[str, ...]
    place: int = 0


class Row(NamedTuple):
    """A checked row: its numbers, the phone attributes it gives, and the required attributes that it lacks."""

    line: int
    uses: dict[str, Use]
    gives: Collection[str] = ()
    lacking: str | None = None
    lacking_update: str | None = None


class Problem(StrEnum):
    """Why a valid row cannot be applied."""

    SEVERAL = "several"
    TAKEN = "taken"
    LACKING = "lacking"


class Refusal(NamedTuple, Generic[Id]):
    """A row that writes nothing: the numbers in the way and their owners, or the attributes that are missing."""

    problem: Problem
    owners: Mapping[str, Id]
    lacking: str = ""


class Step(NamedTuple, Generic[Id]):
    """A row that writes: to which customer; ``new`` when it creates that customer."""

    line: int
    customer: Id
    new: bool


@dataclass
class Plan(Generic[Id]):
    """The numbers as they are after the rows planned so far, and what each of those rows does.

    ``owner`` maps every number that the rows show to its owner; ``holdings`` maps each of those owners to all
    numbers it holds, with how it shows them. Both must be loaded before rows that show these numbers are added.
    ``phone_keys`` are the phone attributes in the order in which a number lists them.
    """

    on_conflict: Conflict
    new_id: Callable[[], Id]
    phone_keys: Sequence[str] = ()
    owner: dict[str, Id] = field(default_factory=dict)
    holdings: dict[Id, dict[str, Use]] = field(default_factory=dict)
    steps: list[Step[Id]] = field(default_factory=list)
    refusals: dict[int, Refusal[Id]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Decide about ``rows`` in their order, each on the numbers as the earlier ones leave them."""
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        owner = self.owner
        owners = {number: owner[number] for number in row.uses if number in owner}
        concerned = set(owners.values())
        if len(concerned) > 1:
            self.refusals[row.line] = Refusal(Problem.SEVERAL, owners)
        elif not concerned:
            if row.lacking:
                self.refusals[row.line] = Refusal(Problem.LACKING, {}, row.lacking)
                return
            customer = self.new_id()
            self.holdings[customer] = row.uses
            for number in row.uses:
                owner[number] = customer
            self.steps.append(Step(row.line, customer, new=True))
        else:
            self._meet(row, concerned.pop(), owners)

    def _meet(self, row: Row, customer: Id, owners: Mapping[str, Id]) -> None:
        if self.on_conflict is Conflict.REJECT:
            self.refusals[row.line] = Refusal(Problem.TAKEN, owners)
            return
        lacking = row.lacking if self.on_conflict is Conflict.OVERWRITE else row.lacking_update
        if lacking:
            self.refusals[row.line] = Refusal(Problem.LACKING, {}, lacking)
            return
        before = self.holdings[customer]
        after = row.uses if self.on_conflict is Conflict.OVERWRITE else _folded(before, row, self.phone_keys)
        for number in before:
            if number not in after:
                del self.owner[number]
        for number in after:
            self.owner[number] = customer
        self.holdings[customer] = after
        self.steps.append(Step(row.line, customer, new=False))


def _folded(before: Mapping[str, Use], row: Row, order: Sequence[str]) -> dict[str, Use]:
    """Return the numbers of a customer after an update: the phone attributes that the row gives are replaced."""
    after: dict[str, Use] = {}
    for number, use in before.items():
        if kept := tuple(key for key in use.used_in if key not in row.gives):
            after[number] = Use(use.typed, kept)
    for number, use in row.uses.items():
        kept = after[number].used_in if number in after else ()
        after[number] = Use(
            use.typed, tuple(key for key in order if key in kept or key in use.used_in), use.place
        )
    return after
