"""One person with secrets goes through everything: no log, message or cache learns them, no table keeps them (C17)."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from cim.access.models import AuditEntry
from crm_mappings import fetching
from crm_mappings.models import Configuration, CrmAnswer
from customers import merging, profiles
from customers.importing import running
from customers.models import Customer, Erasure
from customers.schema import Schema
from interactions import recording
from interactions.models import Event, Interaction
from journeys.contexts import drop_value
from journeys.wire import Call
from tests.crm_mappings.making import make_configuration, make_mapping
from tests.customers.importing import files
from tests.factories import api_for, client_for
from tests.interactions.calls import now_event
from tests.journeys.making import make_context
from tests.privacy import world as worlds
from tests.privacy.test_matrix import SURFACES, _ask
from tests.privacy.world import ACTOR, MAIL, NAME, PHONE, SECRET, World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CANARIES = (
    *("uorxley", "998877", "998855", "5550199", "PX77CANARY", "ACC-CANARY"),
    *("QUIETNOTE", "CANARYSECRET"),
)

# Numbers that nobody dials stay: they keep the person from being called (C17, I32).
ALLOWED = {"interactions_donotcall"}


@pytest.fixture
def said() -> Iterator[Callable[[], str]]:
    """Read what has been logged, at every level and as in production, and what was sent to workers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    formats = [known.formatter for known in root.handlers if "structlog" in str(type(known.formatter))]
    handler.setFormatter(formats[0] if formats else logging.Formatter("%(message)s"))
    loggers = [root, logging.getLogger("django")]
    levels = [item.level for item in loggers]
    for item in loggers:
        item.addHandler(handler)
        item.setLevel(logging.DEBUG)
    messages: list[str] = []

    def keep(body: Any = None, headers: Any = None, **_kwargs: Any) -> None:
        messages.append(repr((body, headers)))

    before_task_publish.connect(keep, weak=False)
    try:
        yield lambda: "\n".join([stream.getvalue(), *messages])
    finally:
        before_task_publish.disconnect(keep)
        for item, level in zip(loggers, levels, strict=True):
            item.removeHandler(handler)
            item.setLevel(level)


def found_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


def tables() -> dict[str, str]:
    """Read every column of every row of every table as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm')"
            " AND c.relnamespace = current_schema()::regnamespace ORDER BY 1"
        )
        names = [row[0] for row in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute(
                "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.atttypid = 'bytea'::regtype"
                " AND a.attnum > 0 AND NOT a.attisdropped",
                [name],
            )
            bytes_too = "".join(f" || encode({column[0]}, 'escape')" for column in cursor.fetchall())
            cursor.execute(f"SELECT coalesce(string_agg(t::text{bytes_too}, chr(10)), '') FROM \"{name}\" t")
            found[name] = cursor.fetchone()[0]
    return found


def left() -> dict[str, list[str]]:
    return {
        name: canaries
        for name, text in tables().items()
        if (canaries := found_in(text)) and name not in ALLOWED
    }


def erase_all(world: World) -> None:
    """Erase the person, and the others that the world gave the same name and mail."""
    api = api_for("Admin")
    refused = api.post(f"/api/v1/customers/{world.ids['zoe']}/erase/")
    assert refused.status_code == 409, "a checked file names her"
    api.post(f"/api/v1/imports/{world.ids['import']}/cancel/", {"keep": False})
    running.work()
    for name in ("zoe", "twin", "undone"):
        answer = api.post(f"/api/v1/customers/{world.ids[name]}/erase/")
        assert answer.status_code == 204, answer.content


def test_logs_and_messages_never_learn_of_a_person(
    said: Callable[[], str],
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    settings.CIM_CRM_LOCAL_ADDRESS = "127.0.0.1:9"
    with django_capture_on_commit_callbacks(execute=True):
        world = worlds.build()
    api, page = api_for("Admin"), client_for("Admin")
    api.role = page.role = "Admin"  # type: ignore[attr-defined]
    for surface in SURFACES:
        with transaction.atomic(), django_capture_on_commit_callbacks(execute=True):
            _ask(
                surface,
                world,
                page if surface.address.startswith(("/cust", "/journ", "/audit", "/crm")) else api,
            )
            transaction.set_rollback(True)
    # A CRM that does not answer.
    CrmAnswer.objects.update(asked_at=timezone.now(), answered_at=None)
    fetching.fetch(CrmAnswer.objects.get(customer_id=world.ids["zoe"]).pk, timezone.now())
    # An error of the database that quotes the row, in the middle of a request.
    monkeypatch.setattr(profiles, "create", _break)
    page.raise_request_exception = False
    body = {"first_name": "Zoe", "last_name": NAME, "phones": [PHONE]}
    with transaction.atomic():
        broken = page.post("/api/v1/customers/", json.dumps(body), content_type="application/json")
        transaction.set_rollback(True)

    assert broken.status_code == 500
    assert found_in(broken.content.decode()) == []
    assert "request_finished" in said()
    assert [line for line in said().splitlines() if found_in(line)] == []
    for cache in caches.all(initialized_only=True):
        assert found_in(repr(vars(cache))) == []
    for file in (
        Path(django_settings.MEDIA_ROOT).rglob("*") if Path(django_settings.MEDIA_ROOT).exists() else ()
    ):
        assert not file.is_file() or found_in(file.read_bytes().decode("latin-1")) == []


def _break(*_args: Any, **_kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_phone (number, customer_id, typed, used_in, valid_from)"
            " SELECT number, customer_id, typed, used_in, valid_from FROM customers_phone WHERE number = %s",
            [PHONE],
        )


def test_nothing_is_left_of_an_erased_person() -> None:
    world = worlds.build()
    api = api_for("Agent")
    api.post(
        "/api/v1/customers/?on_conflict=update",
        {"first_name": "Zoe", "phones": [PHONE]},
        HTTP_IDEMPOTENCY_KEY="k1",
    )
    api_for("Admin").post("/api/v1/exports/", {"format": "csv", "query": {"q": ["zoe"]}})
    before = left()
    assert {"customers_customer", "customers_version", "customers_phone", "interactions_event"} <= set(before)

    erase_all(world)

    assert left() == {}
    assert Erasure.objects.count() == 3
    assert AuditEntry.objects.filter(action="customer.erase").count() == 3
    assert SECRET not in str(list(Configuration.objects.values()))


def test_erasure_stays_erased_whatever_comes_later() -> None:
    world = worlds.build()
    erase_all(world)
    admin, now = api_for("Admin"), timezone.now()

    late = {
        "customer_name": f"Zoe {NAME}",
        "address": PHONE,
        "data": {"mail": MAIL},
        "notes": "QUIETNOTE again",
    }
    recording.record([now_event("data", 0, call="known", **late)], now)
    again = files.run_import(
        files.csv_file(["first_name", "last_name", "phone", "email"], [["Zoe", NAME, PHONE, MAIL]])
    )
    answers = [
        admin.post(f"/api/v1/merges/{world.ids['merge']}/undo/").status_code,
        admin.post(f"/api/v1/customers/{world.ids['zoe']}/restore/").status_code,
        admin.post(f"/api/v1/customers/{world.ids['zoe']}/versions/1/restore/").status_code,
        admin.post(f"/api/v1/imports/{world.ids['import_done']}/undo/").status_code,
    ]
    running.work()

    assert (again.counts["skipped"], again.counts.get("created", 0)) == (1, 0)
    assert answers[:3] == [404, 404, 404]
    kept = Interaction.objects.get(external_id="known")
    assert found_in(str(Interaction.objects.filter(pk=kept.pk).values().get())) == []
    assert found_in(str(list(Event.objects.filter(interaction=kept).values_list("said", flat=True)))) == []
    # The file that tried to bring her back is the importer's, until its time is over.
    remaining = {name: canaries for name, canaries in left().items() if name != "customers_importpiece"}
    assert remaining == {}
    assert not Customer.objects.live().filter(last_name=NAME).exists()


def test_nothing_of_an_erased_person_is_left_with_whom_it_was_merged_for_a_while() -> None:
    schema = Schema.current()
    ada = worlds.make_person(
        first_name="Ada", last_name="Able", phones=["+4930100001"], emails=["ada@able.example"]
    )
    bob = worlds.make_person(first_name="Bob", last_name="Able", phones=["+4930100002"])
    zoe = worlds.make_person(
        first_name="Zoe",
        last_name=NAME,
        phones=[PHONE],
        emails=[MAIL],
        account_id=worlds.ACCOUNT,
        language="fr",
    )
    with_zoe = merging.merge(bob.pk, [zoe.pk], ACTOR, schema=schema).merge
    with_bob = merging.merge(ada.pk, [bob.pk], ACTOR, schema=schema).merge
    profiles.edit(ada.pk, schema.read_json({"address": "Hill Road 9"}), ACTOR, schema=schema)
    api_for("Agent").post(
        "/api/v1/customers/?on_conflict=update", {"phones": ["+4930100001", PHONE], "postal_code": "1"}
    )
    configuration, now = make_configuration(), timezone.now()
    make_mapping(configuration, {"note": [("body", "voice", "ani")]})
    told = {
        "asked_at": now,
        "answered_at": now,
        "records": [{"values": {"name": f"Zoe {NAME}", "phones": [PHONE]}}],
    }
    CrmAnswer.objects.create(configuration=configuration, customer=ada, outcome="one", **told)
    call = {"channel": "voice", "direction": "inbound", "agent": "aylin"}
    kinds = ("offered", "answered", "wrapped_up", "ended", "acw_ended")
    for said in (
        {"call": "hers", "address": PHONE, "customer_name": NAME},
        {"call": "adas", "address": "+4930100001"},
    ):
        recording.record([now_event(kind, place, **call, **said) for place, kind in enumerate(kinds)], now)
    make_context(ada, now, data={"channel": "Voice", "phone": PHONE, "mail": MAIL})
    merging.undo(with_bob.pk, ACTOR, schema=schema)
    without = merging.Picked(without={"phones": {"+4930100002"}})
    with_bob = merging.merge(ada.pk, [bob.pk], ACTOR, schema=schema, picked=without).merge
    merging.undo(with_zoe.pk, ACTOR, schema=schema)

    api_for("Admin").post(f"/api/v1/customers/{zoe.pk}/erase/")

    assert left() == {}

    merging.undo(with_bob.pk, ACTOR, schema=schema)

    assert left() == {}
    assert Customer.objects.get(pk=ada.pk).phones == ["+4930100001"]
    assert Customer.objects.get(pk=bob.pk).phones == ["+4930100002"]
    assert Interaction.objects.get(external_id="adas").address == "+4930100001"
    call_command("check_integrity")


def test_what_tells_of_others_is_left_when_a_person_is_erased() -> None:
    """A longer number that begins like hers is somebody else's; what a stranger told of her is the stranger's."""
    zoe = worlds.make_person(first_name="Zoe", last_name=NAME, phones=[PHONE], emails=[MAIL])
    ada = worlds.make_person(first_name="Ada", last_name="Able", phones=[f"{PHONE}55"])
    longer = {"call": "longer", "channel": "voice", "address": f"{PHONE}5"}
    recording.record([now_event("queued", **longer)], timezone.now())
    contexts = [
        make_context(ada, timezone.now(), data={"channel": "Voice", "phone": f"{PHONE}55"}),
        make_context(ada, timezone.now(), data={"channel": "Voice", "friend": MAIL}),
        make_context(None, timezone.now(), data={"channel": "Voice", "phone": f"{PHONE}5"}),
    ]
    hers = make_context(None, timezone.now(), data={"channel": "Voice", "mail": f"to {MAIL}."})
    once = make_context(None, timezone.now(), data={"channel": "Voice", "mail": MAIL})
    drop_value(once.context_id, "mail", Call(touchpoint="POM"), timezone.now())

    api_for("Admin").post(f"/api/v1/customers/{zoe.pk}/erase/")

    assert Interaction.objects.get(external_id="longer").address == f"{PHONE}5"
    for context in contexts:
        before = context.data
        context.refresh_from_db()
        assert context.data == before
    hers.refresh_from_db()
    assert hers.data == {}
    assert not any(MAIL in json.dumps(version.state) for version in once.versions.all())
