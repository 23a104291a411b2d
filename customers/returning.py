"""Whether somebody who was erased is coming back: by keyed hashes, since nothing else is left of them (C17)."""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from customers.folding import fold
from customers.models import Erasure, Phone


def mark(text: str) -> str:
    """Return the keyed hash of a text: without the key of the installation nobody can try numbers against it."""
    key = hashlib.sha256(b"customers.erasing:" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, text.encode(), "sha256").hex()[:40]


def mark_of_name(first_name: object, last_name: object) -> str:
    """Return the hash of a whole name, or an empty text where there is none."""
    words = " ".join(fold(str(part)).strip() for part in (first_name, last_name) if part)
    return mark(f"name {words}") if words else ""


def mark_of_number(number: str) -> str:
    return mark(f"number {number}")


def mark_of_email(email: str) -> str:
    return mark(f"email {fold(email).strip()}")


@dataclass(frozen=True)
class _Marks:
    names: frozenset[str]
    emails: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class Watch:
    """Everybody who was erased and is still remembered."""

    by_number: Mapping[str, Collection[_Marks]]

    @classmethod
    def now(cls, now: datetime, numbers: Collection[str] | None = None) -> "Watch":
        """Read who is remembered, all of them or those with any of ``numbers``. One query."""
        rows = Erasure.objects.remembered(now)
        if numbers is not None:
            rows = rows.filter(numbers__overlap=[mark_of_number(number) for number in numbers])
        found: dict[str, list[_Marks]] = {}
        for names, emails, marks, at in rows.values_list("names", "emails", "numbers", "at"):
            person = _Marks(frozenset(names), frozenset(emails), at)
            for number in marks:
                found.setdefault(number, []).append(person)
        return cls(found)

    def __bool__(self) -> bool:
        return bool(self.by_number)

    def knows(self, number: str) -> bool:
        """Say whether an erased person had the number; it may be somebody else's by now."""
        return mark_of_number(number) in self.by_number

    def erased_on(
        self, numbers: Iterable[str], first_name: object, last_name: object, emails: Iterable[str]
    ) -> datetime | None:
        """Return when the person with one of these numbers, and this name or one of these emails, was erased."""
        for number in numbers:
            for person in self.by_number.get(mark_of_number(number), ()):
                if mark_of_name(first_name, last_name) in person.names or any(
                    mark_of_email(email) in person.emails for email in emails
                ):
                    return person.at
        return None


def refusal(at: datetime) -> str:
    """Say why a row or an answer about an erased person is left out."""
    return _("This person was erased on %(date)s and is not brought back.") % {"date": at.date().isoformat()}


def warnings(numbers: Collection[str], now: datetime) -> list[str]:
    """Say of each number that an erased person had it (C17). At most two queries, none without numbers."""
    watch = Watch.now(now, numbers) if numbers else Watch({})
    return [
        _("%(number)s belonged to a person who was erased. Make sure that this is somebody else.")
        % {"number": number}
        for number in doubtful(numbers, watch)
    ]


def doubtful(numbers: Collection[str], watch: Watch) -> list[str]:
    """Keep the numbers that an erased person had and nobody has by now: one in use was given to somebody else.

    At most one query.
    """
    known = [number for number in numbers if watch.knows(number)] if watch else []
    if not known:
        return []
    in_use = set(Phone.objects.current().filter(number__in=known).values_list("number", flat=True))
    return [number for number in known if number not in in_use]
