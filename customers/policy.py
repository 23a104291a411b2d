"""Who may see and write which attribute: the one policy that every surface asks (C36)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.models import AnonymousUser, User

from customers.models import Attribute
from customers.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "••••••"
"""What stands in place of a value that the reader may not see."""


@dataclass(frozen=True)
class Sight:
    """What one user may see: the attributes shown masked, and those shown but not to be written."""

    masked: frozenset[str]
    locked: frozenset[str]
    may_reveal: bool


def sight_of(user: User | AnonymousUser | Any, schema: Schema) -> Sight:
    """Return what ``user`` may see and write under ``schema``. No query but for the user's permissions."""
    may_reveal = user.has_perm("access.reveal")
    masked = frozenset() if may_reveal else frozenset(item.key for item in schema.attributes if item.pii)
    is_agent = not any(
        user.has_perm(f"access.{right}") for right in ("schema", "import_customers", "delete_customers")
    )
    locked = (
        frozenset(item.key for item in schema.attributes if item.read_only_for_agents)
        if is_agent
        else frozenset()
    )
    return Sight(masked, locked, may_reveal)


def visible_attributes(user: User | AnonymousUser) -> "Iterable[Attribute]":
    """Return the active attributes whose values ``user`` sees unmasked, in order (C36)."""
    schema = Schema.current()
    sight = sight_of(cast("User", user), schema)
    return tuple(attribute for attribute in schema.attributes if attribute.key not in sight.masked)
