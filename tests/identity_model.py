"""The algebra of identity as a small plain-Python model (C10–C17, C42–C49, C64, C68).

It is the judge: every path of the product – page, API, import – is run beside it and must end in the same state.
Profiles are plain dictionaries ``{key: value}`` without empty values; ``phones`` is a list; the keys named in
``phone_keys`` hold one number each. Numbers are already normal. Nothing here knows Django or a database.

A profile is what its *log* comes to: edits, which name what they changed, and merges, which name the parts they took
values from. Undoing a merge takes its line out of the log, so that no order of undoing can matter.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Profile = dict[str, Any]

LISTS = ("phones", "emails", "@labels", "@identifiers")
"""What is a list. Keys with an @ stand beside the profile: overwriting and restoring leave them alone (C12)."""


class Refused(Exception):
    """Nothing was written; ``customers`` are the ids that stand in the way."""

    def __init__(self, reason: str, customers: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.customers = sorted(customers)


@dataclass
class Edit:
    """That somebody changed a profile: only what differs between the two is done again when the log is read."""

    before: Profile
    after: Profile

    def on(self, state: Profile) -> Profile:
        found = dict(state)
        for key in {*self.before, *self.after}:
            before, after = self.before.get(key), self.after.get(key)
            if before == after:
                continue
            if key in LISTS:
                found[key] = changed_list(state.get(key) or [], before or [], after or [])
            else:
                found[key] = after
        return without_empty(found)


def changed_list(items: list[str], before: list[str], after: list[str]) -> list[str]:
    stays = [item for item in after if item in items or item not in before]
    return stays + [item for item in items if item not in after and item not in before]


@dataclass
class GivenList:
    """A list that was given to a merge: its items, those of the joined list that it drops, those that nobody had."""

    items: list[str]
    dropped: set[str]
    added: set[str]


@dataclass
class Merge:
    """That ``parts`` were merged into ``survivor``: from which of them each value is, and which lists were given."""

    survivor: int
    parts: list[int]
    picks: dict[str, int]
    lists: dict[str, GivenList] = field(default_factory=dict)
    at: int = 0
    undone: bool = False


@dataclass
class Known:
    """One customer: the current profile, how it came to be, and every earlier profile."""

    profile: Profile
    deleted: bool = False
    versions: list[Profile] = field(default_factory=list)
    log: list[Edit | Merge] = field(default_factory=list)
    merged_into: int | None = None
    erased: bool = False
    changes: int = 0

    @property
    def is_live(self) -> bool:
        return not self.deleted and self.merged_into is None


@dataclass
class Contact:
    """One interaction: the number it came from, and the customer that it was linked to."""

    number: str
    customer: int | None
    by_hand: bool
    at: int


@dataclass
class Identity:
    """All customers, and who owns which number. ``defaults`` are given to what a new profile leaves out."""

    phone_keys: Sequence[str] = ()
    defaults: Profile = field(default_factory=dict)
    customers: dict[int, Known] = field(default_factory=dict)
    owner: dict[str, int] = field(default_factory=dict)
    merges: dict[int, Merge] = field(default_factory=dict)
    interactions: dict[int, Contact] = field(default_factory=dict)
    imports: dict[int, dict[int, tuple[Profile | None, int]]] = field(default_factory=dict)
    next_id: int = 1
    clock: int = 0

    def numbers(self, profile: Mapping[str, Any]) -> set[str]:
        own = set(profile.get("phones", ()))
        return own | {profile[key] for key in self.phone_keys if profile.get(key)}

    def owners(self, profile: Mapping[str, Any]) -> list[int]:
        return sorted({self.owner[number] for number in self.numbers(profile) if number in self.owner})

    # One customer

    def create(self, given: Profile, on_conflict: str = "overwrite") -> tuple[str, int]:
        """C12, C13: a number that one customer holds replaces that customer's profile, under the same id."""
        owners = self.owners(given)
        if len(owners) > 1:
            raise Refused("several owners", owners)
        if not owners:
            self.need_a_customer(given)
            new, self.next_id = self.next_id, self.next_id + 1
            self.customers[new] = Known({})
            self.put(new, self.filled(given))
            self.customers[new].versions.clear()
            return "created", new
        (owner,) = owners
        if on_conflict == "reject":
            raise Refused("number taken", owners)
        if on_conflict == "update":
            self.put(owner, merged(self.customers[owner].profile, given))
            return "updated", owner
        self.put(owner, self.filled(given))
        return "overwritten", owner

    def edit(self, customer: int, changes: Profile) -> None:
        """C14: taking another customer's number is never an overwrite. An empty value clears."""
        known = self.live(customer)
        after = merged(known.profile, changes)
        others = [owner for owner in self.owners(after) if owner != customer]
        if others:
            raise Refused("number taken", others)
        self.put(customer, after)

    def carry(self, customer: int, key: str, items: Sequence[str]) -> None:
        """Say which labels or identifiers a live customer carries, beside the profile (C15, C29)."""
        known = self.live(customer)
        after = without_empty({**known.profile, key: list(items)})
        known.log.append(Edit(known.profile, after))
        known.profile = after

    def delete(self, customer: int) -> None:
        """C10b: deleting releases the numbers and keeps the values."""
        known = self.live(customer)
        known.deleted = True
        known.changes += 1
        self.release(customer)

    def undelete(self, customer: int) -> dict[str, int]:
        """C10b: all values come back, and those numbers that are still free; the others are answered."""
        known = self.customers[customer]
        if known.erased:
            raise Refused("erased", [customer])
        known.deleted = False
        known.changes += 1
        return self.bring_back(customer, known.profile)

    def restore(self, customer: int, version: int) -> dict[str, int]:
        """C16: the profile of an earlier version comes back as a new version."""
        return self.bring_back(customer, self.live(customer).versions[version])

    def bring_back(self, customer: int, profile: Profile) -> dict[str, int]:
        kept, taken = self.without_taken(customer, profile)
        self.put(customer, kept)
        return taken

    def without_taken(self, customer: int, profile: Profile) -> tuple[Profile, dict[str, int]]:
        """C10b: a profile without the numbers that are somebody else's, and whose they are."""
        taken = {
            number: self.owner[number]
            for number in self.numbers(profile)
            if self.owner.get(number, customer) != customer
        }
        kept = {
            key: value for key, value in profile.items() if key not in self.phone_keys or value not in taken
        }
        if "phones" in kept:
            kept["phones"] = [number for number in kept["phones"] if number not in taken]
        return without_empty(kept), taken

    def erase(self, customer: int) -> None:
        """C17: the person goes, with all that was merged into it; the ids stay, and nothing brings them back."""
        for member in self.family(self.survivor(customer)):
            known = self.customers[member]
            self.release(member)
            for merge in [line for line in known.log if isinstance(line, Merge)]:
                merge.undone = True
            self.customers[member] = Known({}, deleted=True, erased=True, merged_into=known.merged_into)
        for contact in self.interactions.values():
            if contact.customer is not None and self.customers[contact.customer].erased:
                contact.number = ""

    # Imports

    def import_rows(self, rows: Sequence[Profile], on_conflict: str, run: int = 0) -> list[str]:
        """C64: an import is its rows created one by one, in file order, with the same option."""
        fates = []
        written = self.imports.setdefault(run, {})
        for row in rows:
            before = {key: known.profile for key, known in self.customers.items()}
            changes = {key: known.changes for key, known in self.customers.items()}
            try:
                fate, customer = self.create(row, on_conflict)
            except Refused as refusal:
                fates.append(f"error: {refusal.reason}")
                continue
            fates.append(fate)
            now = self.customers[customer].changes
            if now != changes.get(customer, 0):
                first = written.pop(customer)[0] if customer in written else before.get(customer)
                written[customer] = (first, now)
        return fates

    def undo_import(self, run: int) -> list[int]:
        """C68: what it created goes, what it overwrote comes back; returns whom somebody has changed since."""
        changed = []
        for customer, (before, changes) in reversed(self.imports.pop(run).items()):
            known = self.customers[customer]
            if not known.is_live or known.changes != changes:
                changed.append(customer)
            elif before is None:
                self.delete(customer)
            else:
                self.bring_back(customer, before)
        return changed

    # Several customers that are one person

    def merge(
        self,
        into: int,
        parts: Sequence[int],
        picks: Mapping[str, int] | None = None,
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> int:
        """C49: the parts count for the survivor; each value is that of the customer picked for it, or the survivor's.

        Lists are joined, unless they are given. A number that a field loses is kept among the phones.
        """
        for customer in [into, *parts]:
            self.live(customer)
        if into in parts or len(set(parts)) != len(parts) or not parts:
            raise Refused("the same customer", [into])
        self.clock += 1
        line = Merge(into, list(parts), dict(picks or {}), at=self.clock)
        before = self.customers[into].profile
        joined = self.joined(before, line)
        for key, given in (lists or {}).items():
            there = set(joined.get(key, ()))
            line.lists[key] = GivenList(list(given), there - set(given), set(given) - there)
        after = self.joined(before, line)
        others = [owner for owner in self.owners(after) if owner not in {into, *parts}]
        if others:
            raise Refused("number taken", others)
        for part in parts:
            self.release(part)
            self.customers[part].merged_into = into
            self.customers[part].changes += 1
        known = self.customers[into]
        known.versions.append(profile_only(known.profile))
        known.log.append(line)
        known.profile = after
        known.changes += 1
        self.release(into)
        self.own(into)
        number = len(self.merges) + 1
        self.merges[number] = line
        return number

    def joined(self, before: Profile, line: Merge) -> Profile:
        parts = [self.evaluated(part) for part in line.parts]
        found = dict(before)
        for key, picked in line.picks.items():
            if picked in line.parts:
                value = parts[line.parts.index(picked)].get(key)
                found[key] = before.get(key) if value is None else value
        for key in LISTS:
            found[key] = distinct([item for profile in (before, *parts) for item in profile.get(key, ())])
        shown = {found[key] for key in self.phone_keys if found.get(key)} | set(found["phones"])
        own = [profile[key] for profile in (before, *parts) for key in self.phone_keys if profile.get(key)]
        found["phones"] = distinct([*found["phones"], *(number for number in own if number not in shown)])
        for key, given in line.lists.items():
            there = found[key]
            found[key] = [item for item in given.items if item in there or item in given.added]
            found[key] += [item for item in there if item not in given.items and item not in given.dropped]
        return without_empty(found)

    def evaluated(self, customer: int) -> Profile:
        """Read the log of a customer, and of all that were merged into it, from the beginning."""
        state: Profile = {}
        for line in self.customers[customer].log:
            if isinstance(line, Edit):
                state = line.on(state)
            elif not line.undone:
                state = self.joined(state, line)
        return state

    def unmerge(self, number: int) -> dict[str, int]:
        """C49: the parts stand for themselves again, in any order of undoing; later edits of the survivor are kept.

        C10b: numbers that somebody else has by now are answered, and stay where they are.
        """
        line = self.merges[number]
        if line.undone:
            raise Refused("undone", line.parts)
        if any(self.customers[customer].erased for customer in (line.survivor, *line.parts)):
            raise Refused("erased", line.parts)
        line.undone = True
        root = self.survivor(line.survivor)
        for part in line.parts:
            self.customers[part].merged_into = None
        self.customers[line.survivor].profile = self.evaluated(line.survivor)
        for member in self.family(root):
            self.customers[member].profile = self.evaluated(member)
        taken = self.return_numbers(root) if not self.customers[root].deleted else {}
        for part in line.parts:
            taken |= self.return_numbers(part)
        for customer in (root, *line.parts):
            self.customers[customer].changes += 1
        for contact in self.interactions.values():
            side = self.owner.get(contact.number)
            if (
                contact.customer in self.path(line.survivor)
                and not contact.by_hand
                and contact.at >= line.at
                and side in line.parts
            ):
                contact.customer = side
        return taken

    def return_numbers(self, customer: int) -> dict[str, int]:
        """Give a customer the numbers of its profile that are free; it keeps those that it has and still shows."""
        known = self.customers[customer]
        self.release(customer, but=self.numbers(known.profile))
        kept, taken = self.without_taken(customer, known.profile)
        if kept != known.profile:
            known.log.append(Edit(known.profile, kept))
            known.profile = kept
        self.own(customer)
        return taken

    def path(self, customer: int) -> list[int]:
        """The customer and those that it was merged into, one after the other."""
        found = [customer]
        while (into := self.customers[found[-1]].merged_into) is not None:
            found.append(into)
        return found

    def survivor(self, customer: int) -> int:
        return self.path(customer)[-1]

    def family(self, customer: int) -> list[int]:
        """The customer and all that were merged into it."""
        found = [customer]
        for member in found:
            found += [key for key, known in self.customers.items() if known.merged_into == member]
        return found

    # What they did

    def event(self, interaction: int, number: str) -> None:
        """C42: an interaction is linked by itself to the one customer that its number means."""
        self.clock += 1
        known = self.interactions.get(interaction)
        if known is None:
            customer = self.owner.get(number)
            self.interactions[interaction] = Contact(number, customer, by_hand=False, at=self.clock)

    def link(self, interaction: int, customer: int | None) -> None:
        """C44, C48: somebody links an interaction, or takes it off; nothing that runs by itself changes that."""
        contact = self.interactions[interaction]
        if customer is not None:
            self.live(customer)
        contact.customer, contact.by_hand = customer, True

    def whose(self, interaction: int) -> int | None:
        customer = self.interactions[interaction].customer
        return None if customer is None else self.survivor(customer)

    # What every operation is made of

    def live(self, customer: int) -> Known:
        known = self.customers[customer]
        if not known.is_live:
            raise Refused("deleted" if known.deleted else "merged", [customer])
        return known

    def put(self, customer: int, profile: Profile) -> None:
        known = self.customers[customer]
        after = {**beside(known.profile), **deepcopy(profile_only(profile))}
        if after != known.profile:
            known.versions.append(profile_only(known.profile))
            known.log.append(Edit(known.profile, after))
            known.changes += 1
        known.profile = after
        self.release(customer)
        self.own(customer)

    def own(self, customer: int) -> None:
        for number in self.numbers(self.customers[customer].profile):
            assert self.owner.setdefault(number, customer) == customer, "C10: one owner"

    def release(self, customer: int, but: set[str] | None = None) -> None:
        self.owner = {
            number: owner
            for number, owner in self.owner.items()
            if owner != customer or number in (but or set())
        }

    def filled(self, given: Profile) -> Profile:
        return {**self.defaults, **without_empty(given)}

    def need_a_customer(self, given: Profile) -> None:
        """C12b: at least one of first name, last name, phone, email (or an identifier)."""
        if not (self.numbers(given) or any(given.get(key) for key in ("first_name", "last_name", "emails"))):
            raise Refused("nobody")

    def state(self) -> list[tuple[bool, Profile]]:
        """What C64 compares: the current profiles, without ids, history and times."""
        return sorted(((known.deleted, known.profile) for known in self.customers.values()), key=repr)

    def check(self) -> None:
        """What holds after every step, whatever it was."""
        for number, owner in self.owner.items():
            known = self.customers[owner]
            assert known.is_live, "C10b: an owner is live"
            assert number in self.numbers(known.profile), "C10b: an owner shows the number"
        for customer, known in self.customers.items():
            assert known.profile == self.evaluated(customer), "a profile is what its log comes to"
            if known.is_live:
                assert self.numbers(known.profile) <= self.owner.keys(), "C10: who shows a number owns it"
        for interaction in self.interactions:
            whose = self.whose(interaction)
            assert whose is None or whose in self.customers, "no interaction without its customer"


def merged(before: Profile, given: Profile) -> Profile:
    return without_empty({**before, **given})


def without_empty(profile: Profile) -> Profile:
    return {key: value for key, value in profile.items() if value not in (None, "", [])}


def profile_only(profile: Profile) -> Profile:
    return {key: value for key, value in profile.items() if not key.startswith("@")}


def beside(profile: Profile) -> Profile:
    return {key: value for key, value in profile.items() if key.startswith("@")}


def distinct(items: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))
