"""What a user may do: what the groups grant, and by a scoped key only what it names (Q3)."""

from collections.abc import Iterable

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.db.models import Model

from cim.access import second_factor
from cim.access.models import GRANTED
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
    def get_user(self, user_id: int) -> User | None:
        """Return who a session belongs to, and say on the way whether a second factor is missing. One query."""
        user = User.objects.annotate(lacks_second_factor=second_factor.LACKED).filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Model | None = None) -> set[str]:
        limited: set[str] | None = getattr(user_obj, "key_permissions", None)
        if limited is not None:
            return limited
        if obj is None and user_obj.is_active and isinstance(user_obj, User) and not user_obj.is_superuser:
            # One query where the ordinary backend needs two: every page begins with it.
            if not hasattr(user_obj, "_perm_cache"):
                with connection.cursor() as cursor:
                    cursor.execute(f"select {GRANTED} from auth_user u where u.id = %s", [user_obj.pk])  # noqa: S608
                    found = cursor.fetchone()
                user_obj._perm_cache = set(found[0]) if found else set()  # type: ignore[attr-defined]
            granted: set[str] = user_obj._perm_cache  # type: ignore[attr-defined]
            return granted
        return super().get_all_permissions(user_obj, obj)
