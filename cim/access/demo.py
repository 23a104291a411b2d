"""The users of a demonstration: one per role."""

import secrets

from django.contrib.auth.models import Group, User
from django.db import transaction

from cim.access.permissions import ROLES


def create_users(password: str = "") -> list[str]:
    """Make one user per role and return the lines that tell how to sign in.

    Users who exist stay as they are, but a given password becomes theirs too. Without one, the new users
    share a random one, which nobody can read again.
    """
    generated = password or secrets.token_urlsafe(9)
    lines = []
    with transaction.atomic():
        for role in ROLES:
            user, created = User.objects.get_or_create(
                username=role.lower(),
                defaults={"first_name": "Demo", "last_name": role, "is_staff": role == "Admin"},
            )
            if created:
                user.groups.add(Group.objects.get(name=role))
            elif not password:
                continue
            # Hashing takes a third of a second a user: a password that is already theirs is left alone.
            if created or not user.check_password(generated):
                user.set_password(generated)
                user.save(update_fields=["password"])
            lines.append(f"{user.username:<12} {generated}")
    return lines
