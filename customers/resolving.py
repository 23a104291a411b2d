"""From identifiers to the customer they belong to, or to ranked candidates with the reason for each rank (C40, C42)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from customers.folding import fold
from customers.models import Customer, Identifier, Never, Phone, Stage
from customers.numbers import identifying
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
    since: datetime | None = None


def resolve(identifiers: Iterable[tuple[str, str]], *, other_than: UUID | None = None) -> Resolution:
    """Return who the ``(type, value)`` pairs mean; several customers are never guessed between (C42).

    A WhatsApp number tried as a phone only makes a candidate below the others, and never a match (C47). The likeliest
    candidate comes first: by what is the same, then by who was changed last. With ``other_than`` the question is who
    else may be that customer: itself is left out, and so is whoever was said never to be this person (C50). Phones are
    read with the installation's dial plan; one that cannot be read means nobody. At most one query per kind of
    identifier, one for the customers, and one for *never this person*.
    """
    found = list(_evidence(list(identifiers)))
    customers = _survivors({item.customer for item in found})
    if other_than is not None:
        unwanted = {other_than, *never_this_person(other_than)}
        customers = {key: row for key, row in customers.items() if row.id not in unwanted}
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
    strong = [item for item in candidates if item.weight > _WEAK]
    # Who has a name or an address is not rivalled by the visitor of a page, who has none (C41).
    known = [item for item in strong if current[item.customer].stage != Stage.EPHEMERAL]
    meant = known or strong
    if len(meant) == 1:
        return Resolution(meant[0].customer, (), meant[0].reason)
    return Resolution(None, candidates)


def never_this_person(customer: UUID) -> set[UUID]:
    """Return whom this customer was said not to be, as the live customers that they count for by now (C50)."""
    said = Never.objects.filter(Q(customer=customer) | Q(other=customer)).values_list(
        "customer_id", "other_id"
    )
    others = {one if other == customer else other for one, other in said}
    return {row.id for row in _survivors(others).values()}


def _evidence(pairs: Sequence[tuple[str, str]]) -> Iterable[_Evidence]:
    owned = list(_by_phone([value for kind, value in pairs if kind == "phone"], "phone", _WEIGHTS["phone"]))
    yield from owned
    yield from _by_phone([value for kind, value in pairs if kind == "whatsapp"], "whatsapp", _WEAK)
    yield from _by_email({fold(value) for kind, value in pairs if kind == "email"})
    yield from _by_column("crm", "crm_id", {value for kind, value in pairs if kind == "crm"})
    yield from _by_column("account", "account_id", {value for kind, value in pairs if kind == "account"})
    # A number belongs to its owner, whoever else was said to be reached by it (C10).
    numbers = {evidence.value for evidence in owned}
    yield from _by_identifier(
        [pair for pair in pairs if pair[0] != "phone" or identifier_value(*pair) not in numbers]
    )


def _by_phone(typed: Sequence[str], kind: str, weight: int) -> Iterable[_Evidence]:
    numbers = set()
    for text in typed:
        try:
            numbers.add(normalize(text, dialplan()))
        except InvalidPhone:
            continue
    rows = Phone.objects.current().filter(number__in=identifying(numbers))
    for number, owner, since in rows.values_list("number", "customer_id", "valid_from"):
        yield _Evidence(owner, kind, number, weight, since)


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
        # The id of a customer that was merged counts for its survivor.
        rows = Customer.objects.filter(**{f"{column}__in": sorted(wanted)})
        for customer, value in rows.values_list("id", column):
            yield _Evidence(customer, kind, value, _WEIGHTS[kind])


def _by_identifier(pairs: Sequence[tuple[str, str]]) -> Iterable[_Evidence]:
    wanted = {(kind, identifier_value(kind, value)) for kind, value in pairs}
    if not wanted:
        return
    query = Q()
    for kind, value in wanted:
        query |= Q(type=kind, value=value)
    rows = Identifier.objects.filter(query).values_list("customer_id", "type", "value", "created_at")
    for customer, kind, value, since in rows:
        yield _Evidence(customer, kind, value, _WEIGHTS.get(kind, 50), since)


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


def standing(customer_id: UUID) -> Customer:
    """Return the live customer of this id, the survivor for a merged one. Raises Customer.DoesNotExist."""
    customer = survivor_of(Customer.objects.get(id=customer_id))
    if not customer.is_live:
        raise Customer.DoesNotExist
    return customer


def _reason(items: Iterable[_Evidence]) -> str:
    words = {
        "phone": _("phone %(value)s"),
        "email": _("email %(value)s"),
        "crm": _("CRM id %(value)s"),
        "account": _("account %(value)s"),
        "whatsapp": _("WhatsApp number %(value)s"),
    }
    found = sorted(items, key=lambda item: -item.weight)
    same = _("same ") + ", ".join(
        words.get(item.type, item.type + " %(value)s") % {"value": item.value} for item in found
    )
    since = max((item.since for item in found if item.since is not None), default=None)
    if since is None:
        return same
    return _("%(same)s, known since %(date)s") % {
        "same": same,
        "date": date_format(localtime(since), "j M Y"),
    }
