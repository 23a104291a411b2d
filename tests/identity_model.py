"""The algebra of identity as a small plain-Python model (C10–C17, C64): what each operation does to values and numbers.

It is the judge: every path of the product – page, API, import – is run beside it and must end in the same state.
Profiles are plain dictionaries ``{key: value}`` without empty values; ``phones`` is a list; the keys named in
``phone_keys`` hold one number each. Numbers are already normal. Nothing here knows Django or a database.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Profile = dict[str, Any]


class Refused(Exception):
    """Nothing was written; ``customers`` are the ids that stand in the way."""

    def __init__(self, reason: str, customers: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.customers = sorted(customers)


@dataclass
class Known:
    """One customer: the current profile, whether it is deleted, and every earlier profile."""

    profile: Profile
    deleted: bool = False
    versions: list[Profile] = field(default_factory=list)


@dataclass
class Identity:
    """All customers, and who owns which number. ``defaults`` are given to what a new profile leaves out."""

    phone_keys: Sequence[str] = ()
    defaults: Profile = field(default_factory=dict)
    customers: dict[int, Known] = field(default_factory=dict)
    owner: dict[str, int] = field(default_factory=dict)
    next_id: int = 1

    def numbers(self, profile: Mapping[str, Any]) -> set[str]:
        own = set(profile.get("phones", ()))
        return own | {profile[key] for key in self.phone_keys if profile.get(key)}

    def owners(self, profile: Mapping[str, Any]) -> list[int]:
        return sorted({self.owner[number] for number in self.numbers(profile) if number in self.owner})

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
        known = self.customers[customer]
        if known.deleted:
            raise Refused("deleted", [customer])
        after = merged(known.profile, changes)
        others = [owner for owner in self.owners(after) if owner != customer]
        if others:
            raise Refused("number taken", others)
        self.put(customer, after)

    def delete(self, customer: int) -> None:
        """C10b: deleting releases the numbers and keeps the values."""
        known = self.customers[customer]
        if known.deleted:
            raise Refused("deleted", [customer])
        known.deleted = True
        self.release(customer)

    def undelete(self, customer: int) -> dict[str, int]:
        """C10b: all values come back, and those numbers that are still free; the others are answered."""
        known = self.customers[customer]
        known.deleted = False
        return self.bring_back(customer, known.profile)

    def restore(self, customer: int, version: int) -> dict[str, int]:
        """C16: the profile of an earlier version comes back as a new version."""
        return self.bring_back(customer, self.customers[customer].versions[version])

    def bring_back(self, customer: int, profile: Profile) -> dict[str, int]:
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
        self.put(customer, without_empty(kept))
        return taken

    def import_rows(self, rows: Sequence[Profile], on_conflict: str) -> list[str]:
        """C64: an import is its rows created one by one, in file order, with the same option."""
        fates = []
        for row in rows:
            try:
                fates.append(self.create(row, on_conflict)[0])
            except Refused as refusal:
                fates.append(f"error: {refusal.reason}")
        return fates

    def put(self, customer: int, profile: Profile) -> None:
        known = self.customers[customer]
        if profile != known.profile:
            known.versions.append(known.profile)
        known.profile = deepcopy(profile)
        self.release(customer)
        for number in self.numbers(profile):
            assert self.owner.setdefault(number, customer) == customer, "C10: one owner"

    def release(self, customer: int) -> None:
        self.owner = {number: owner for number, owner in self.owner.items() if owner != customer}

    def filled(self, given: Profile) -> Profile:
        return {**self.defaults, **without_empty(given)}

    def need_a_customer(self, given: Profile) -> None:
        """C12b: at least one of first name, last name, phone, email (or an identifier)."""
        if not (self.numbers(given) or any(given.get(key) for key in ("first_name", "last_name", "emails"))):
            raise Refused("nobody")

    def state(self) -> list[tuple[bool, Profile]]:
        """What C64 compares: the current profiles, without ids, history and times."""
        return sorted(((known.deleted, known.profile) for known in self.customers.values()), key=repr)


def merged(before: Profile, given: Profile) -> Profile:
    return without_empty({**before, **given})


def without_empty(profile: Profile) -> Profile:
    return {key: value for key, value in profile.items() if value not in (None, "", [])}
