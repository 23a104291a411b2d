"""When several customers are one person, and when they turn out not to be (C49, C10b).

A merge is a link: the parts keep their rows as they were, and count for the survivor through ``merged_into``. What it
did to the survivor is kept per attribute, so that it can be taken back in any order; ``customers.combining`` is the
algebra, ``tests/identity_model.py`` its judge. Locks are taken as ``customers.numbers`` says.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cim.access import audit
from customers import combining, history, numbers, values
from customers.combining import EMAILS, IDENTIFIERS, LABELS, PHONES, STAGE, State
from customers.models import (
    ArchivedValue,
    Attribute,
    Customer,
    CustomerLabel,
    Identifier,
    Label,
    Merge,
    MergedField,
    MergePart,
    MergeWrite,
    Never,
    Phone,
    SlotLease,
)
from customers.models.customer import to_column
from customers.numbers import Use
from customers.profiles import Moved, NumberTaken, save_version, until_unmoved
from customers.schema import Given, Schema, dialplan
from customers.signals import customers_merged, customers_unmerged
from customers.values import BadValue, Reading, Value


class NotMergeable(Exception):
    """These customers cannot become one; the message says why, ``customers`` names them."""

    def __init__(self, message: str, customers: Collection[UUID]) -> None:
        super().__init__(message)
        self.customers = sorted(customers)


class AlreadyUndone(Exception):
    """The merge was taken back before."""

    def __init__(self, merge: Merge) -> None:
        super().__init__(merge.id)
        self.merge = merge

    def __str__(self) -> str:
        return _("This merge was taken back on %(at)s.") % {
            "at": self.merge.undone_at.date().isoformat() if self.merge.undone_at else ""
        }


@dataclass(frozen=True)
class Picked:
    """What the person who merges decided.

    Values given as such, fields taken from one of the customers, labels given whole, items left out of joined lists.
    """

    given: Given = field(default_factory=lambda: Given({}))
    choices: Mapping[str, UUID] = field(default_factory=dict)
    labels: Sequence[int] | None = None
    without: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    merge: Merge
    customer: Customer


@dataclass(frozen=True)
class Unmerged:
    """The survivor, the customers that stand for themselves again, and numbers that others have taken since (C10b)."""

    merge: Merge
    survivor: Customer
    separated: Sequence[Customer]
    not_returned: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Draft:
    """What a merge would do: where each value comes from (the survivor where a name is missing), and what it sets."""

    before: State
    parts: Mapping[UUID, State]
    choices: Mapping[str, combining.Choice]
    after: State


# Merging


def merge(
    into: UUID,
    parts: Sequence[UUID],
    actor: audit.Actor,
    *,
    schema: Schema,
    picked: Picked | None = None,
    now: datetime | None = None,
) -> Merged:
    """Make ``parts`` count for ``into``, all of them live (C49).

    A value that was not decided is the most recently changed one that is not empty; lists are joined. Raises
    Customer.DoesNotExist, NotMergeable, InvalidProfile, NumberTaken for a given number of somebody else.
    """
    now = now or timezone.now()
    picked = picked or Picked()
    ids = [into, *parts]
    if len(parts) < 1 or len(set(ids)) != len(ids):
        raise NotMergeable(_("Give two or more different customers."), set(ids))

    def attempt() -> Merged:
        rows = _live(ids)
        _refuse_those_said_to_differ(ids)
        draft = _draft(rows, into, parts, schema, picked)
        profile = _profile(draft.after, schema)
        schema.check_required(profile, among=picked.given.values)
        uses = schema.uses_of(profile, {**_typed(ids), **picked.given.typed})
        held = numbers.hold(uses, into, ids, now=now)
        _refuse_moved(held, rows)
        if taken := {number: owner for number, owner in held.owners.items() if owner not in set(parts)}:
            raise NumberTaken(taken)
        survivor = held.customers[into]
        with audit.recorded(
            actor,
            "customer.merge",
            object_type="customer",
            object_id=into,
            merged=[str(part) for part in parts],
        ) as entry:
            made = Merge.objects.create(survivor=survivor, version=survivor.version + 1, at=now, entry=entry)
            _write(survivor, draft.before, draft.after, schema, now, always=True)
            for part in parts:
                held.customers[part].merged_into = survivor
                save_version(held.customers[part], ["merged_into"], now)
            _move_numbers(survivor, parts, uses, made, now)
            _keep(made, draft, parts, schema, [held.customers[part] for part in ids])
        for part in parts:
            audit.note(
                actor,
                "customer.merged_into",
                object_type="customer",
                object_id=part,
                into=str(into),
                merge=str(made.id),
            )
        customers_merged.send(Merge, merge=made, survivor=into, merged=list(parts), now=now)
        return Merged(made, survivor)

    return until_unmoved(attempt)


def draft(into: UUID, parts: Sequence[UUID], *, schema: Schema, picked: Picked | None = None) -> Draft:
    """Say what merging would do; nothing is written or locked. Raises Customer.DoesNotExist, NotMergeable."""
    ids = [into, *parts]
    if len(set(ids)) != len(ids):
        raise NotMergeable(_("Give two or more different customers."), set(ids))
    rows = _live(ids)
    _refuse_those_said_to_differ(ids)
    return _draft(rows, into, parts, schema, picked or Picked())


def _live(ids: Sequence[UUID]) -> dict[UUID, Customer]:
    rows = {row.id: row for row in Customer.objects.live().filter(id__in=ids)}
    if missing := [key for key in ids if key not in rows]:
        raise Customer.DoesNotExist(missing[0])
    return {key: rows[key] for key in ids}


def _refuse_moved(held: numbers.Held, seen: Mapping[UUID, Customer]) -> None:
    for key, row in seen.items():
        current = held.customers.get(key)
        if current is None or current.version != row.version:
            raise Moved


def _refuse_those_said_to_differ(ids: Sequence[UUID]) -> None:
    """Respect *never this person*, said of a customer or of anybody merged into it (C50)."""
    families = {key: family_of(key) for key in ids}
    members = {member: key for key, family in families.items() for member in family}
    said = Never.objects.filter(customer__in=members, other__in=members).values_list(
        "customer_id", "other_id"
    )
    for one, other in said:
        if members[one] != members[other]:
            raise NotMergeable(
                _("They were said to be different people. Take that back first, then merge them."),
                {members[one], members[other]},
            )


def family_of(customer: UUID) -> list[UUID]:
    """Return the customer and all that were merged into it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE family AS (SELECT %s::uuid AS id UNION"
            " SELECT c.id FROM customers_customer c JOIN family f ON c.merged_into_id = f.id) SELECT id FROM family",
            [customer],
        )
        return [row[0] for row in cursor.fetchall()]


def _draft(
    rows: Mapping[UUID, Customer], into: UUID, parts: Sequence[UUID], schema: Schema, picked: Picked
) -> Draft:
    states = _states(list(rows.values()), schema)
    before, others = states[into], {part: states[part] for part in parts}
    choices = _by_recency(rows, into, parts, states, schema, set(picked.given.values) | set(picked.choices))
    for name, part in picked.choices.items():
        if part != into:
            choices[name] = combining.FromPart(part)
    lists: dict[str, Sequence[str]] = {}
    for name, value in picked.given.values.items():
        attribute = schema.by_key[name]
        if attribute.is_list:
            lists[name] = value if isinstance(value, list) else []
            continue
        text = values.to_text(value) or None
        if text != before.get(name):
            owner = next(
                (part for part in parts if text is not None and others[part].get(name) == text), None
            )
            choices[name] = combining.FromPart(owner) if owner else combining.Exactly(text)
    if picked.labels is not None:
        lists[LABELS] = [str(label) for label in picked.labels]
    singles = _single_numbers(schema)
    natural = combining.combine(before, others, choices, singles)
    for name, left_out in picked.without.items():
        there = lists.get(name, combining.items_of(natural, name))
        lists[name] = [item for item in there if item not in left_out]
    for name, given in lists.items():
        if list(given) != combining.items_of(natural, name):
            choices[name] = combining.listed(given, combining.items_of(natural, name))
    return Draft(before, others, choices, combining.combine(before, others, choices, singles))


def _by_recency(
    rows: Mapping[UUID, Customer],
    into: UUID,
    parts: Sequence[UUID],
    states: Mapping[UUID, State],
    schema: Schema,
    decided: Collection[str],
) -> dict[str, combining.Choice]:
    """Choose the most recently changed value that is not empty; the survivor's where there is nothing between them."""
    changed = last_changed(list(rows.values()), schema)
    found: dict[str, combining.Choice] = {}
    for attribute in schema.writable:
        name = attribute.key
        if attribute.is_list or name in decided:
            continue
        best = into if states[into].get(name) is not None else None
        for part in parts:
            if states[part].get(name) is None:
                continue
            if best is None or changed[part, name] > changed[best, name]:
                best = part
        if best is not None and best != into and states[best].get(name) != states[into].get(name):
            found[name] = combining.FromPart(best)
    return found


def last_changed(rows: Sequence[Customer], schema: Schema) -> dict[tuple[UUID, str], datetime]:
    """Return when each value of each customer was written last. Two queries."""
    found = {(row.id, item.key): row.created_at for row in rows for item in schema.writable}
    by_column = {item.column: item for item in schema.writable}
    since = dict(SlotLease.objects.filter(until=None).values_list("slot", "since"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.customer_id, k.name, max(v.at) FROM customers_version v"
            " CROSS JOIN LATERAL skeys(v.before) AS k(name) WHERE v.customer_id = ANY(%s) GROUP BY 1, 2",
            [[row.id for row in rows]],
        )
        for customer, column, at in cursor.fetchall():
            item = by_column.get(column)
            if item is not None and (not item.is_custom or at >= since.get(item.slot or 0, at)):
                found[customer, item.key] = max(at, found[customer, item.key])
    return found


def _move_numbers(
    survivor: Customer, parts: Sequence[UUID], uses: numbers.Uses, made: Merge, now: datetime
) -> None:
    """Close the parts' ownerships; those that the survivor shows go on with it, tagged with the merge (C10b)."""
    owned = list(Phone.objects.current().filter(customer__in=parts).order_by("number"))
    Phone.objects.filter(id__in=[phone.id for phone in owned]).update(valid_to=now)
    Phone.objects.bulk_create(
        [
            Phone(
                number=phone.number,
                customer=survivor,
                typed=uses[phone.number].typed,
                used_in=list(uses[phone.number].used_in),
                valid_from=now,
                merge=made,
            )
            for phone in owned
            if phone.number in uses
        ]
    )
    numbers.settle(survivor.id, uses, now=now)


def _keep(
    made: Merge, draft: Draft, parts: Sequence[UUID], schema: Schema, written: Sequence[Customer]
) -> None:
    MergePart.objects.bulk_create(
        [MergePart(merge=made, customer_id=part, place=place) for place, part in enumerate(parts, 1)]
    )
    MergeWrite.objects.bulk_create(
        [MergeWrite(merge=made, customer_id=row.id, version=row.version) for row in written]
    )
    names = [
        name
        for name in {*draft.before, *draft.after, *draft.choices}
        if draft.before.get(name) or draft.after.get(name) or name in draft.choices
    ]
    MergedField.objects.bulk_create(
        [
            MergedField(
                merge=made,
                attribute=schema.by_key.get(name),
                name=name,
                before=draft.before.get(name),
                set=draft.after.get(name),
                choice=combining.choice_to_json(draft.choices.get(name)),
            )
            for name in sorted(names)
            if name in schema.by_key or name.startswith("@")
        ]
    )


# Undoing


def undo(merge_id: UUID, actor: audit.Actor, *, schema: Schema, now: datetime | None = None) -> Unmerged:
    """Let the parts of a merge stand for themselves again, in any order of undoing (C49).

    The survivor loses what this merge alone gave it; later edits are kept, and so is what later merges gave. Numbers go
    back, but for those that somebody else has by now (C10b). Raises Merge.DoesNotExist, AlreadyUndone.
    """
    now = now or timezone.now()

    def attempt() -> Unmerged:
        made = Merge.objects.get(id=merge_id)
        if made.undone_at is not None:
            raise AlreadyUndone(made)
        undoing = _Undoing(made, schema)
        undoing.plan()
        wanted = undoing.wanted()
        held = numbers.hold(wanted, undoing.root, undoing.ids, now=now)
        _refuse_moved(held, undoing.rows)
        # Labels and identifiers have no version: what was read before the locks may be out of date.
        undoing.plan()
        with audit.recorded(
            actor,
            "customer.unmerge",
            object_type="customer",
            object_id=undoing.root,
            separated=[str(part) for part in undoing.parts],
        ) as entry:
            found = undoing.write(held, entry.pk, now)
        for part in undoing.parts:
            audit.note(
                actor, "customer.separated", object_type="customer", object_id=part, merge=str(made.id)
            )
        customers_unmerged.send(
            Merge,
            merge=made,
            survivor=undoing.root,
            path=list(undoing.path),
            separated=list(undoing.parts),
            since=made.at,
            now=now,
        )
        return found

    return until_unmoved(attempt)


class _Undoing:
    """The undoing of one merge: who is concerned, what each of them has afterwards, and writing that."""

    def __init__(self, made: Merge, schema: Schema) -> None:
        self.made, self.schema = made, schema
        self.parts = [part.customer_id for part in MergePart.objects.filter(merge=made).order_by("place")]
        self.path = _path(made.survivor_id)
        self.root = self.path[-1]
        self.ids = [*self.path, *self.parts]
        self.rows = Customer.objects.in_bulk(self.ids)
        self.singles = _single_numbers(schema)
        self.lines: dict[UUID, list[combining.Line]] = {}
        self.before: dict[UUID, State] = {}
        self.after: dict[UUID, State] = {}
        self.stored: dict[UUID, tuple[State, State]] = {}

    def plan(self) -> None:
        """Find out what every customer on the way to the end of the links has without the merge."""
        standing = _standing_lines(self.path)
        members = {part for line in standing for part in line.parts}
        rows = {**self.rows, **Customer.objects.in_bulk(list(members - self.rows.keys()))}
        states = _states(list(rows.values()), self.schema)
        self.before = {key: states[key] for key in self.ids}
        self.stored = {line.merge: (dict(line.before), dict(line.set)) for line in standing}
        self.lines = {}
        own: dict[UUID, list[combining.Line]] = {key: [] for key in self.path}
        survivors = dict(Merge.objects.filter(id__in=self.stored).values_list("id", "survivor_id"))
        for line in standing:
            own[survivors[line.merge]].append(line)
        below: UUID | None = None
        for key in self.path:
            place, begins = self._first(own[key], below)
            line = own[key][place]
            if below is None:
                state = line.before
            else:
                chosen = {part: states[part] for part in line.parts}
                state = line.set = combining.combine(line.before, chosen, line.choices, self.singles)
            later = own[key][place + 1 :]
            touched = _touched(self.rows[key], line.version, later, self.schema)
            states[key] = combining.replay(later, state, begins, states[key], touched, states, self.singles)
            self.lines[key] = own[key][place + (below is None) :]
            below = key
        self.after = {key: states[key] for key in self.ids}

    def _first(self, own: Sequence[combining.Line], below: UUID | None) -> tuple[int, State]:
        """Return the place of the merge to be undone, or of the one that took the customer below; and what it set."""
        for place, line in enumerate(own):
            if line.merge == self.made.id or (below is not None and below in line.parts):
                return place, line.set
        raise Moved

    def wanted(self) -> dict[str, Use]:
        return {number: use for key in [*self.parts, self.root] for number, use in self._uses(key).items()}

    def _uses(self, key: UUID) -> dict[str, Use]:
        if self.rows[key].deleted_at is not None:
            return {}
        typed = dict(Phone.objects.filter(customer=key).order_by("id").values_list("number", "typed"))
        return self.schema.uses_of(_profile(self.after[key], self.schema), typed)

    def write(self, held: numbers.Held, entry_id: int, now: datetime) -> Unmerged:
        root = self.root
        kept = {number: use for number, use in self._uses(root).items() if number not in held.owners}
        lost: dict[UUID, dict[str, UUID]] = {
            root: {number: held.owners[number] for number in self._uses(root) if number in held.owners}
        }
        given: dict[UUID, dict[str, Use]] = {}
        gone = {**held.owners, **dict.fromkeys(kept, root)}
        for part in self.parts:
            uses = self._uses(part)
            lost[part] = {number: gone[number] for number in uses if number in gone}
            given[part] = {number: use for number, use in uses.items() if number not in gone}
            gone |= dict.fromkeys(given[part], part)
        for key, taken in lost.items():
            self.after[key] = _without(self.after[key], set(taken), self.singles)
        for part in self.parts:
            self._return_numbers(part, given[part], now)
        if self.rows[root].deleted_at is None:
            numbers.settle(root, kept, now=now)
        for part in self.parts:
            numbers.settle(part, given[part], now=now)
        written = []
        for key in self.ids:
            row = held.customers[key]
            if key in self.parts:
                row.merged_into = None
            if _write(
                row,
                self.before[key],
                self.after[key],
                self.schema,
                now,
                also=["merged_into"] if key in self.parts else [],
            ):
                written.append(row)
        not_returned = [
            {"number": number, "owner": str(owner)}
            for number, owner in sorted({n: o for taken in lost.values() for n, o in taken.items()}.items())
        ]
        self._record(written, not_returned, entry_id, now)
        separated = [held.customers[part] for part in self.parts]
        return Unmerged(self.made, held.customers[root], separated, not_returned)

    def _return_numbers(self, part: UUID, uses: Mapping[str, Use], now: datetime) -> None:
        """Give numbers back; where they only ever went along with merges, as if they had never been away."""
        rows: dict[str, list[Phone]] = {}
        for phone in Phone.objects.filter(number__in=uses).order_by("id"):
            rows.setdefault(phone.number, []).append(phone)
        closed, reopened, made = [], [], []
        for number in sorted(uses):
            history = rows.get(number, [])
            own = max((place for place, row in enumerate(history) if row.customer_id == part), default=None)
            later = history if own is None else history[own + 1 :]
            if own is not None and all(row.merge_id is not None for row in later):
                Phone.objects.filter(id__in=[row.id for row in later]).delete()
                reopened.append(history[own].id)
                continue
            current = [row for row in later if row.valid_to is None]
            # What was claimed a moment ago was nobody's: it begins with the part.
            Phone.objects.filter(id__in=[row.id for row in current if row.valid_from == now]).delete()
            closed += [row.id for row in current if row.valid_from != now]
            made.append(
                Phone(
                    number=number,
                    customer_id=part,
                    typed=uses[number].typed,
                    used_in=list(uses[number].used_in),
                    valid_from=now,
                )
            )
        Phone.objects.filter(id__in=closed).update(valid_to=now)
        Phone.objects.filter(id__in=reopened).update(valid_to=None)
        Phone.objects.bulk_create(made)

    def _record(
        self,
        written: Sequence[Customer],
        not_returned: Sequence[Mapping[str, str]],
        entry_id: int,
        now: datetime,
    ) -> None:
        MergePart.objects.filter(merge=self.made).update(is_separated=True)
        MergeWrite.objects.bulk_create(
            [MergeWrite(merge=self.made, customer_id=row.id, version=row.version) for row in written]
        )
        made = self.made
        made.undone_at, made.undone_entry_id, made.not_returned = now, entry_id, list(not_returned)
        made.save(update_fields=["undone_at", "undone_entry", "not_returned"])
        for lines in self.lines.values():
            for line in lines:
                self._rewrite(line)

    def _rewrite(self, line: combining.Line) -> None:
        """Store what a later merge has found and set now that an earlier one has gone."""
        before, after = self.stored[line.merge]
        names = {*combining.differences(before, line.before), *combining.differences(after, line.set)}
        for name in sorted(names):
            if name in self.schema.by_key or name.startswith("@"):
                MergedField.objects.update_or_create(
                    merge_id=line.merge,
                    name=name,
                    defaults={"before": line.before.get(name), "set": line.set.get(name)},
                    create_defaults={
                        "attribute": self.schema.by_key.get(name),
                        "before": line.before.get(name),
                        "set": line.set.get(name),
                    },
                )


def _path(customer: UUID) -> list[UUID]:
    """Return the customer and those it was merged into, one after the other."""
    found = [customer]
    while True:
        into: UUID | None = Customer.objects.values_list("merged_into_id", flat=True).get(id=found[-1])
        if into is None:
            return found
        found.append(into)


def _standing_lines(survivors: Sequence[UUID]) -> list[combining.Line]:
    """Return the merges that stand, of each survivor in the order in which they were made. Three queries."""
    rows = list(Merge.objects.standing().filter(survivor__in=survivors).order_by("survivor_id", "version"))
    lines = {row.id: combining.Line(row.id, row.version, [], {}, {}, {}) for row in rows}
    for part in MergePart.objects.filter(merge__in=rows).order_by("place"):
        line = lines[part.merge_id]
        line.parts = [*line.parts, part.customer_id]
    for item in MergedField.objects.filter(merge__in=rows):
        line = lines[item.merge_id]
        line.before[item.name], line.set[item.name] = item.before, item.set
        choice = combining.choice_from_json(item.choice)
        if choice is not None:
            line.choices = {**line.choices, item.name: choice}
    return list(lines.values())


def _touched(
    row: Customer, version: int, later: Sequence[combining.Line], schema: Schema
) -> list[combining.Touched]:
    """Say what people wrote after ``version``, before each of the ``later`` merges and after the last."""
    found = [combining.Touched() for _line in range(len(later) + 1)]
    if row.version == version:
        return found
    ours = set(MergeWrite.objects.filter(customer=row).values_list("version", flat=True))
    for change in history.versions_of(row, schema):
        if change.version <= version or change.version in ours:
            continue
        written = found[sum(line.version < change.version for line in later)]
        for key, (old, new) in change.changes.items():
            # Whoever saves a profile makes it a curated one (C41).
            written.names |= {key, STAGE}
            if isinstance(old, list) or isinstance(new, list):
                items = set(old or []) ^ set(new or [])  # type: ignore[arg-type]
                written.items.setdefault(key, set()).update(map(str, items))
    return found


# States: what a customer has, as text


def _states(rows: Sequence[Customer], schema: Schema) -> dict[UUID, State]:
    """Return what each customer has, archived values included. Four queries."""
    found: dict[UUID, State] = {}
    archived = list(Attribute.objects.archived())
    for row in rows:
        state: State = {STAGE: row.stage, LABELS: [], IDENTIFIERS: []}
        for attribute in [*schema.writable, *(item for item in archived if item.slot is not None)]:
            value = row.value_of(attribute)
            if attribute.is_list:
                state[attribute.key] = list(value) if isinstance(value, list) else []
            else:
                state[attribute.key] = values.to_text(value) or None
        found[row.id] = state
    ids = list(found)
    for item in ArchivedValue.objects.filter(
        customer__in=ids, attribute__archived_at__isnull=False
    ).select_related("attribute"):
        found[item.customer_id][item.attribute.key] = _archived_text(item)
    for customer, label in (
        CustomerLabel.objects.filter(customer__in=ids).order_by("id").values_list("customer_id", "label_id")
    ):
        combining.items_of(found[customer], LABELS).append(str(label))
    for customer, kind, value in (
        Identifier.objects.filter(customer__in=ids).order_by("id").values_list("customer_id", "type", "value")
    ):
        combining.items_of(found[customer], IDENTIFIERS).append(f"{kind} {value}")
    return found


def _archived_text(item: ArchivedValue) -> str | None:
    return values.to_text(history.from_stored(item.value, item.attribute.kind)) or None


def _write(
    row: Customer,
    before: State,
    after: State,
    schema: Schema,
    now: datetime,
    *,
    also: Sequence[str] = (),
    always: bool = False,
) -> bool:
    """Bring a locked customer from one state to another; return whether that made a version."""
    changed = combining.differences(before, after)
    columns = list(also)
    reading = Reading(dialplan())
    for name in changed:
        attribute = schema.by_key.get(name)
        if attribute is not None and attribute.is_writable:
            columns += schema.put(row, attribute, _value(after.get(name), attribute, reading))
    if STAGE in changed:
        row.stage = str(after[STAGE])
        columns.append("stage")
    if columns or always:
        schema.hold(columns)
        save_version(row, columns, now)
    if LABELS in changed:
        _write_labels(row, before, after)
    if IDENTIFIERS in changed:
        _write_identifiers(row, before, after, now)
    if rest := [name for name in changed if name not in schema.by_key and not name.startswith("@")]:
        _write_archived(row, after, rest)
    return bool(columns) or always


def _value(text: combining.Item, attribute: Attribute, reading: Reading) -> Value:
    if isinstance(text, list):
        return text or None
    try:
        return values.from_text(text or "", attribute.rules, reading)
    except BadValue:
        # The attribute has changed its type since, and this value means nothing in the new one.
        return None


def _write_labels(row: Customer, before: State, after: State) -> None:
    old, new = combining.items_of(before, LABELS), combining.items_of(after, LABELS)
    CustomerLabel.objects.filter(
        customer=row, label__in=[int(item) for item in old if item not in new]
    ).delete()
    wanted = [int(item) for item in new if item not in old]
    known = set(Label.objects.filter(id__in=wanted).values_list("id", flat=True))
    CustomerLabel.objects.bulk_create(
        [CustomerLabel(customer=row, label_id=label) for label in wanted if label in known],
        ignore_conflicts=True,
    )


def _write_identifiers(row: Customer, before: State, after: State, now: datetime) -> None:
    old, new = combining.items_of(before, IDENTIFIERS), combining.items_of(after, IDENTIFIERS)
    gone = Q(pk=None)
    for item in old:
        if item not in new:
            kind, _blank, value = item.partition(" ")
            gone |= Q(type=kind, value=value)
    Identifier.objects.filter(gone, customer=row).delete()
    wanted = [item.partition(" ") for item in new if item not in old]
    Identifier.objects.bulk_create(
        [Identifier(customer=row, type=kind, value=value, created_at=now) for kind, _blank, value in wanted],
        ignore_conflicts=True,
    )


def _write_archived(row: Customer, after: State, names: Sequence[str]) -> None:
    for attribute in Attribute.objects.archived().filter(key__in=names):
        value = _value(after.get(attribute.key), attribute, Reading(dialplan()))
        if value is None:
            ArchivedValue.objects.filter(attribute=attribute, customer=row).delete()
        else:
            ArchivedValue.objects.update_or_create(
                attribute=attribute,
                customer=row,
                defaults={"value": str(to_column(value, attribute.kind))},
            )
        if attribute.slot is not None:
            # Not moved away yet.
            Customer.objects.filter(id=row.id).update(**{attribute.column: None})


def _profile(state: State, schema: Schema) -> dict[str, Value]:
    reading = Reading(dialplan())
    return {item.key: _value(state.get(item.key), item, reading) for item in schema.writable}


def _single_numbers(schema: Schema) -> list[str]:
    return [key for key in schema.phone_keys if key != PHONES]


def _without(state: State, taken: Collection[str], singles: Collection[str]) -> State:
    """Return the state without numbers that are somebody else's."""
    found = dict(state)
    found[PHONES] = [number for number in combining.items_of(state, PHONES) if number not in taken]
    for name in singles:
        if found.get(name) in taken:
            found[name] = None
    return found


def _typed(customers: Iterable[UUID]) -> dict[str, str]:
    known = Phone.objects.current().filter(customer__in=list(customers))
    return dict(known.values_list("number", "typed"))


# The story of a merge


def merges_of(customer: UUID) -> list[Merge]:
    """Return the merges that the customer and those merged into it took part in, newest first, undone ones too."""
    members = family_of(customer)
    concerned = Merge.objects.filter(Q(survivor__in=members) | Q(parts__customer__in=members))
    return list(
        concerned.distinct().select_related("entry", "undone_entry").prefetch_related("parts").order_by("-at")
    )


def profile_of(state: State, schema: Schema) -> dict[str, Value]:
    """Return the values that a state means, by attribute key."""
    return _profile(state, schema)


def forget(customers: Collection[UUID]) -> None:
    """Remove the values that merges keep of erased customers (C17); the links stay."""
    concerned = Merge.objects.filter(Q(survivor__in=customers) | Q(parts__customer__in=customers)).distinct()
    MergedField.objects.filter(merge__in=concerned).delete()


__all__ = [
    "EMAILS",
    "AlreadyUndone",
    "Draft",
    "Merged",
    "NotMergeable",
    "Picked",
    "Unmerged",
    "draft",
    "family_of",
    "forget",
    "last_changed",
    "merge",
    "merges_of",
    "profile_of",
    "undo",
]
