"""Where a user is signed in, and how that ends (Q3)."""

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User


def of(user: User) -> list[UserSession]:
    """List the sessions of the user who asks, the one asking first, then the latest."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda it: (not it.is_current(), -it.created_at.timestamp()))


def end_others(user: User) -> int:
    """End every session of the user but the one asking; return how many."""
    others = [session for session in of(user) if not session.is_current()]
    for session in others:
        session.end()
    return len(others)
