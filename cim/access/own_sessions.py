"""Where a user is signed in, and how that ends (Q3)."""

from allauth.usersessions.models import UserSession
from django.http import HttpRequest


def of(request: HttpRequest) -> list[UserSession]:
    """List the sessions of the user who asks, the one asking first, then the latest."""
    found: list[UserSession] = UserSession.objects.purge_and_list(request.user)
    if not any(session.is_current() for session in found):
        # A changed password has given this session another key.
        UserSession.objects.create_from_request(request)
        found = UserSession.objects.purge_and_list(request.user)
    return sorted(found, key=lambda it: (not it.is_current(), -it.created_at.timestamp()))


def end_others(request: HttpRequest) -> int:
    """End every session of the user but the one asking; return how many."""
    others = [session for session in of(request) if not session.is_current()]
    for session in others:
        session.end()
    return len(others)
