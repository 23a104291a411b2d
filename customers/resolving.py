"""From identifiers to the customer they belong to, or to ranked candidates with the reason for each rank (C40, C42)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from customers.folding import fold
from customers.models import Customer, Identifier
from customers.numbers import identifying, owners_of
from customers.phones import InvalidPhone, normalize
from customers.schema import dialplan

_WEIGHTS = {"phone": 100, "crm": 90, "external": 90, "account": 80, "email": 70, "whatsapp": 70, "web": 40}
_WEAK = 30
"""The weight of a WhatsApp number tried as a phone: it makes a candidate, never a match (C47)."""


@dataclass(frozen=True)
class Candidate:
    """A customer that may be meant, and why: every identifier that points there."""

    customer: UUID
    reason: str
    weight: int
    updated_at: datetime


@dataclass(frozen=True)
class Resolution:
    """The one customer that the identifiers mean, or several candidates, the likeliest first, or neither.

    ``reason`` says why the match is one.
    """

    match: UUID | None
    candidates: Sequence[Candidate]
    reason: str = ""


@dataclass(frozen=True)
class _Evidence:
    customer: UUID
    type: str
    value: str
    weight: int


def resolve(identifiers: Iterable[tuple[str, str]]) -> Resolution:
    """Return who the ``(type, value)`` pairs mean; several customers are never guessed between (C42).

    Phones are read with the installation's dial plan; one that cannot be read means nobody. At most one query per kind
    of identifier, and one for the survivors.
    """
    found = list(_evidence(list(identifiers)))
    customers = _survivors({item.customer for item in found})
    by_customer: dict[UUID, dict[tuple[str, str], _Evidence]] = {}
    for item in found:
        customer = customers.get(item.customer)
        if customer is not None:
            by_customer.setdefault(customer.id, {})[item.type, item.value] = item
    current = {customer.id: customer for customer in customers.values()}
    candidates = [
        Candidate(
            key, _reason(items.values()), sum(item.weight for item in items.values()), current[key].updated_at
        )
        for key, items in by_customer.items()
    ]
    candidates.sort(key=lambda item: (item.weight, item.updated_at), reverse=True)
    if len(candidates) == 1 and candidates[0].weight > _WEAK:
        return Resolution(candidates[0].customer, (), candidates[0].reason)
    return Resolution(None, candidates)


def _evidence(pairs: Sequence[tuple[str, str]]) -> Iterable[_Evidence]:
    yield from _by_phone([value for kind, value in pairs if kind == "phone"], "phone", _WEIGHTS["phone"])
    yield from _by_phone([value for kind, value in pairs if kind == "whatsapp"], "whatsapp", _WEAK)
    yield from _by_email({fold(value) for kind, value in pairs if kind == "email"})
    yield from _by_column("crm", "crm_id", {value for kind, value in pairs if kind == "crm"})
    yield from _by_column("account", "account_id", {value for kind, value in pairs if kind == "account"})
    yield from _by_identifier(pairs)


def _by_phone(typed: Sequence[str], kind: str, weight: int) -> Iterable[_Evidence]:
    numbers = set()
    for text in typed:
        try:
            numbers.add(normalize(text, dialplan()))
        except InvalidPhone:
            continue
    for number, owner in owners_of(identifying(numbers)).items():
        yield _Evidence(owner, kind, number, weight)


def _by_email(emails: set[str]) -> Iterable[_Evidence]:
    if not emails:
        return
    rows = Customer.objects.live().extra(
        where=["emails <> '{}' AND cim_fold_all(emails) && %s::text[]"], params=[sorted(emails)]
    )
    for customer, addresses in rows.values_list("id", "emails"):
        for address in addresses:
            if fold(address) in emails:
                yield _Evidence(customer, "email", fold(address), _WEIGHTS["email"])


def _by_column(kind: str, column: str, wanted: set[str]) -> Iterable[_Evidence]:
    if wanted:
        rows = Customer.objects.live().filter(**{f"{column}__in": sorted(wanted)})
        for customer, value in rows.values_list("id", column):
            yield _Evidence(customer, kind, value, _WEIGHTS[kind])


def _by_identifier(pairs: Sequence[tuple[str, str]]) -> Iterable[_Evidence]:
    wanted = {(kind, identifier_value(kind, value)) for kind, value in pairs}
    if not wanted:
        return
    query = Q()
    for kind, value in wanted:
        query |= Q(type=kind, value=value)
    for customer, kind, value in Identifier.objects.filter(query).values_list("customer_id", "type", "value"):
        yield _Evidence(customer, kind, value, _WEIGHTS.get(kind, 50))


def identifier_value(kind: str, value: str) -> str:
    """Return the form in which an identifier of ``kind`` is stored and compared: emails folded, numbers normal."""
    text = value.strip()
    if kind == Identifier.Type.EMAIL:
        return fold(text)
    if kind in {Identifier.Type.PHONE, Identifier.Type.WHATSAPP}:
        try:
            return normalize(text, dialplan())
        except InvalidPhone:
            return text
    return text


def _survivors(ids: set[UUID]) -> dict[UUID, Customer]:
    """Map each id to its live customer, or for a merged one to the survivor; deleted ones are left out."""
    found: dict[UUID, Customer] = {}
    rows = Customer.objects.in_bulk(list(ids)) if ids else {}
    for key, row in rows.items():
        survivor = survivor_of(row)
        if survivor.is_live:
            found[key] = survivor
    return found


def survivor_of(customer: Customer) -> Customer:
    """Follow the merges from ``customer`` to the one that counts; itself when it was never merged."""
    while customer.merged_into_id is not None:
        customer = Customer.objects.get(pk=customer.merged_into_id)
    return customer


def _reason(items: Iterable[_Evidence]) -> str:
    words = {
        "phone": _("phone %(value)s"),
        "email": _("email %(value)s"),
        "crm": _("CRM id %(value)s"),
        "account": _("account %(value)s"),
        "whatsapp": _("WhatsApp number %(value)s"),
    }
    return _("same ") + ", ".join(
        words.get(item.type, item.type + " %(value)s") % {"value": item.value}
        for item in sorted(items, key=lambda item: -item.weight)
    )
