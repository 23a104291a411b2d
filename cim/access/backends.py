"""What a user may do: what the groups grant, and by a scoped key only what it names (Q3)."""

from collections.abc import Iterable

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model

from cim.access.permissions import full_name


def limit_to(user: User, codenames: Iterable[str]) -> None:
    """Take every other permission from this instance of the user, for as long as the request lasts.

    It narrows `has_perm` itself and not only the check of an endpoint, since what is shown (masking) is asked
    there too.
    """
    user.key_permissions = user.get_all_permissions() & {full_name(codename) for codename in codenames}  # type: ignore[attr-defined]
    # To Django, a superuser has every permission without a backend being asked.
    user.is_superuser = False


class ScopedBackend(ModelBackend):
    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Model | None = None) -> set[str]:
        limited: set[str] | None = getattr(user_obj, "key_permissions", None)
        return super().get_all_permissions(user_obj, obj) if limited is None else limited
