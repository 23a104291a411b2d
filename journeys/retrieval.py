"""How the customer id of an outbound attempt is come by: the table of modes (J5, J6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from django.utils.translation import gettext as _

from cim.access.strictness import quoted
from customers.resolving import resolve
from journeys.elements import customer_of_id
from journeys.models import RetrievalMode

MOST_PHONES: Final = 4
"""How many numbers may come with the attempted one."""

SOCIAL: Final = ("facebook", "instagram", "x", "line", "whatsapp")


class IdIsMandatory(Exception):
    """Several numbers come with an attempt, and nothing says which attribute is the customer id (J5)."""

    def __str__(self) -> str:
        return _("With several phone numbers the attribute that is the customer id is mandatory.")


class TooManyPhones(Exception):
    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def __str__(self) -> str:
        return _("%(count)d phone numbers came with the attempted one; %(most)d are the most.") % {
            "count": self.count,
            "most": MOST_PHONES,
        }


@dataclass(frozen=True)
class Plan:
    """What is done about one attempt: use an id as it is, or ask with these; `asks` is empty where nobody is asked."""

    customer_id: str = ""
    asks: tuple[tuple[str, str], ...] = ()

    @property
    def is_asked(self) -> bool:
        return bool(self.asks)

    @property
    def numbers(self) -> list[str]:
        return [value for kind, value in self.asks if kind == "phone"]


def plan(mode: str, value: str, attempted: str, phones: Sequence[str] = (), *, names_id: bool = True) -> Plan:
    """Decide by the mode what becomes of an attempt. No query. Raises IdIsMandatory, TooManyPhones.

    `value` is that of the attribute that is the customer id. With a blank value in the mode *blank* the selected
    numbers are tried as well, where the product that this follows tries the attempted one only (J5, lifts).
    """
    phones = [phone for phone in phones if phone.strip()]
    if len(phones) > MOST_PHONES:
        raise TooManyPhones(len(phones))
    if phones and not names_id:
        raise IdIsMandatory
    value = value.strip()
    if mode == RetrievalMode.NEVER or (mode == RetrievalMode.BLANK and value):
        return Plan(customer_id=value)
    asks = [("id", value)] if value else []
    asks += [("phone", number.strip()) for number in (attempted, *phones) if number.strip()]
    return Plan(asks=tuple(dict.fromkeys(asks)))


@dataclass(frozen=True)
class Answer:
    """Whom the customer management means: one customer, or why none is named."""

    customer: UUID | None
    found: Literal["one", "none", "several"]


def ask(pairs: Sequence[tuple[str, str]]) -> Answer:
    """Return the one customer that the identifiers mean; several are told, never guessed between (J6).

    Besides the types of `customers.resolving` it knows `id` – one of ours, else a CRM, account or external id – and
    `social`, an id in any of the social channels. Several identifiers that mean one customer are one answer; those that
    mean nobody are passed over.
    """
    meant: list[tuple[str, str]] = []
    known: set[UUID] = set()
    for kind, value in pairs:
        if kind == "id":
            if customer := customer_of_id(value):
                known.add(customer)
            else:
                meant += [(other, value) for other in ("crm", "account", "external")]
        elif kind == "social":
            meant += [(channel, value) for channel in SOCIAL]
        elif kind == "email" and "@" not in value:
            continue
        else:
            meant.append((kind, value))
    resolution = resolve(meant) if meant else None
    if resolution and resolution.match:
        known.add(resolution.match)
    elif resolution:
        known |= {candidate.customer for candidate in resolution.candidates}
    if len(known) == 1:
        return Answer(known.pop(), "one")
    return Answer(None, "several" if known else "none")


def describe(answer: Answer, pairs: Sequence[tuple[str, str]]) -> str:
    """Say in a sentence why no customer is named."""
    asked = ", ".join(quoted(value) for _kind, value in pairs)
    if answer.found == "several":
        return _("%(asked)s means several customers; ask by a number or an id that only one of them has.") % {
            "asked": asked
        }
    return _("%(asked)s means no customer.") % {"asked": asked}
