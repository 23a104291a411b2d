"""Who did what is kept, attached to what changed, and never changed itself."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

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


def test_block_inside_a_block_has_its_own_entry():
    actor = audit.system_actor("system")

    with audit.recorded(actor, "outer") as outer:
        with audit.recorded(actor, "inner") as inner:
            assert attached_entry() == str(inner.pk)
        assert attached_entry() == str(outer.pk)
        with pytest.raises(ValueError, match="wrong"), audit.recorded(actor, "failed"):
            raise ValueError("wrong")
        assert attached_entry() == str(outer.pk)

    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == ["outer", "inner"]


def test_entry_can_be_continued():
    entry = audit.note(audit.system_actor("import"), "import.run")

    with audit.continue_entry(entry.pk):
        assert attached_entry() == str(entry.pk)

    assert attached_entry() == ""


def test_failed_continuation_detaches():
    entry = audit.note(audit.system_actor("import"), "import.run")

    with pytest.raises(DatabaseError), audit.continue_entry(entry.pk), connection.cursor() as cursor:
        cursor.execute("select 1/0")

    assert attached_entry() == ""


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_attached_after_the_transaction():
    with audit.recorded(audit.system_actor("system"), "merge"):
        pass

    assert attached_entry() == ""


@pytest.mark.django_db(transaction=True)
def test_effect_and_entry_share_their_fate():
    def fail() -> None:
        with audit.recorded(audit.system_actor("system"), "merge"):
            make_user("Agent")
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()

    assert AuditEntry.objects.count() == 0
    assert User.objects.count() == 0


def test_recording_costs_two_queries_and_one_more_inside_a_transaction(django_assert_num_queries):
    actor = audit.system_actor("system")

    # Savepoint, entry, setting, setting back, release.
    with django_assert_num_queries(5), audit.recorded(actor, "merge"):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "update access_auditentry set action = 'nothing'",
        "update access_auditentry set actor_id = null, actor_name = 'nobody'",
        "delete from access_auditentry",
    ],
)
def test_entry_cannot_be_changed(statement):
    audit.note(audit.actor_for(make_user("Agent"), "page"), "customer.reveal")

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditEntry.objects.get().action == "customer.reveal"


def test_entry_outlives_its_actor():
    aylin = make_user("Agent")
    audit.note(audit.actor_for(aylin, "page"), "customer.reveal")

    aylin.delete()

    kept = AuditEntry.objects.get()
    assert (kept.actor_id, kept.actor_name) == (None, "Aylin Aksoy")


def test_purge_deletes_the_old_and_says_so():
    actor = audit.system_actor("system")
    for _day in range(3):
        audit.note(actor, "customer.view")
    newest = AuditEntry.objects.latest("id")

    assert audit.purge(newest.at) == 2

    left = AuditEntry.objects.order_by("id")
    assert [entry.action for entry in left] == ["customer.view", "audit.purge"]
    assert left[1].data["entries"] == 2
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        left.delete()


def test_time_of_an_entry_is_that_of_its_statement():
    before = timezone.now() - dt.timedelta(seconds=5)

    entry = audit.note(audit.system_actor("system"), "customer.view")

    assert before < entry.at < timezone.now() + dt.timedelta(seconds=5)


def test_search_meets_every_condition():
    aylin = audit.actor_for(make_user("Agent"), "page")
    sunniva = audit.actor_for(make_user("Supervisor"), "api")
    first = audit.note(aylin, "customer.create", object_type="customer", object_id="7")
    second = audit.note(sunniva, "customer.reveal", object_type="customer", object_id="8")
    today = first.at.date()

    def found(**conditions) -> list[AuditEntry]:
        return list(AuditEntry.objects.matching(**conditions))

    assert found() == [second, first]
    assert (
        found(actor="aylin")
        == found(actor="aks")
        == found(action="customer.c")
        == found(via="page")
        == [first]
    )
    assert found(object_type="customer", object_id="8") == [second]
    assert found(before=second.pk) == [first]
    assert found(since=today, until=today) == [second, first]
    assert found(until=today - dt.timedelta(days=1)) == found(actor="aylin", via="api") == []
