"""Who did what is kept, attached to what changed, and never changed itself."""

import pytest
from django.db import connection

from cim.access import audit
from cim.access.models import AuditEntry
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def attached_entry() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(current_setting('cim.audit_entry', true), '')")
        return cursor.fetchone()[0]


def test_recorded_attaches_what_the_block_changes():
    actor = audit.actor_for(make_user("Agent"), "page")

    with audit.recorded(
        actor, "customer.create", object_type="customer", object_id=7, fields=["phones"]
    ) as entry:
        assert attached_entry() == str(entry.pk)

    assert attached_entry() == ""
    kept = AuditEntry.objects.get()
    assert (kept.actor_id, kept.actor_name, kept.via) == (actor.user_id, "Aylin Aksoy", "page")
    assert (kept.action, kept.object_type, kept.object_id) == ("customer.create", "customer", "7")
    assert kept.data == {"fields": ["phones"]}
    assert kept.at is not None
