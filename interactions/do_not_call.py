"""The list of numbers that nobody dials (I32): independent of customers, kept when a number changes hands."""

from django.contrib.auth.models import User

from cim.access import audit
from customers.phones import normalize
from customers.schema import dialplan
from interactions.models import DoNotCall


class Listed(Exception):
    """The number is on the list."""

    def __init__(self, entry: DoNotCall) -> None:
        super().__init__(entry.number)
        self.entry = entry


def add(typed: str, reason: str, user: User, actor: audit.Actor) -> tuple[DoNotCall, bool]:
    """Put a number on the list, and say whether it is new there. Raises InvalidPhone."""
    number = normalize(typed, dialplan())
    with audit.recorded(actor, "do_not_call.add", object_type="do_not_call"):
        return DoNotCall.objects.get_or_create(number=number, defaults={"reason": reason, "added_by": user})


def remove(entry: DoNotCall, actor: audit.Actor) -> None:
    with audit.recorded(actor, "do_not_call.remove", object_type="do_not_call", object_id=entry.pk):
        entry.delete()


def refuse_listed(number: str) -> None:
    """Raise Listed for a number on the list. One query."""
    if entry := DoNotCall.objects.filter(number=number).first():
        raise Listed(entry)
