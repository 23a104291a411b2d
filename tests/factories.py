"""The people and things that tests are about: plain functions with defaults that may be overridden."""

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.test import APIClient

from cim.access.models import ApiKey

NAMES = {
    "Admin": ("Ada", "Amani"),
    "Supervisor": ("Sunniva", "Strand"),
    "Agent": ("Aylin", "Aksoy"),
    "Importer": ("Imre", "Illés"),
    "Integration": ("PBX", "bridge"),
}


def make_user(role: str | None = "Agent", **changes: Any) -> User:
    """Make the user who plays this role, or return them if the test has made them before; None plays no
    role.
    """
    first_name, last_name = NAMES.get(role or "", ("Noor", "Nobody"))
    username = changes.pop("username", first_name.lower())
    user, created = User.objects.get_or_create(
        username=username,
        defaults={"first_name": first_name, "last_name": last_name, "is_staff": role == "Admin", **changes},
    )
    if created and role:
        user.groups.add(Group.objects.get(name=role))
    return user


def client_for(role: str | None = "Agent", **options: Any) -> Client:
    """Make a browser in which that role's user is signed in; None is an anonymous visitor."""
    client = Client(**options)
    if role:
        # By hand, since `force_login` leaves a sign-in in the audit trail.
        user, session = make_user(role), client.session
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "cim.access.backends.ScopedBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
    return client


def api_for(role: str | None = "Agent", **key: Any) -> APIClient:
    """Make a program that calls the API with a key of that role's user; None sends no key."""
    client = APIClient()
    if role:
        _key, secret = ApiKey.objects.issue(make_user(role), **key)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client
