"""What happens after a migration (the groups) and at a sign-in (a line in the audit trail)."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.http import HttpRequest
from django.utils import translation

from cim.access import audit
from cim.access.models import AuditEntry
from cim.access.permissions import APP_LABEL, PERMISSIONS, ROLES


def make_groups(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Make the permissions of the table, and the groups with exactly those that it gives them (Q1).

    Runs after every migration instead of inside one, so that a changed table needs no migration of its own. A
    permission that left the table goes; groups that an installation made for itself stay.
    """
    if "access_apikey" not in connections[using].introspection.table_names():
        # Migrated back to before the app.
        return
    content_type, _ = ContentType.objects.using(using).get_or_create(app_label=APP_LABEL, model="access")
    with translation.override("en"):
        wanted = [
            Permission(content_type=content_type, codename=codename, name=str(name))
            for codename, name in PERMISSIONS.items()
        ]
    permissions = Permission.objects.using(using).filter(content_type=content_type)
    permissions.exclude(codename__in=PERMISSIONS).delete()
    Permission.objects.using(using).bulk_create(wanted, ignore_conflicts=True)
    rows = {permission.codename: permission for permission in permissions}
    for role, codenames in ROLES.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([rows[codename] for codename in codenames])


def _signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    audit.note(audit.actor_for(user, AuditEntry.Via.PAGE), "session.sign_in")


def _signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.note(audit.actor_for(user, AuditEntry.Via.PAGE), "session.sign_out")


def connect_sign_in() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="access.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="access.signed_out")
