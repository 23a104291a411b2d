"""The key of a CRM is nowhere to be seen: one is planted, everything is done with it, all is searched (M1)."""

import io
import json
import logging
import pickle
import traceback
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from cim.access.models import AuditEntry, IdempotencyRecord
from crm_mappings import configuring, connecting, delivering, fetching, sealing
from crm_mappings.models import Configuration, Delivery
from crm_mappings.outgoing import patient
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import Call, body, ended, make_customer, make_dynamic, make_mapping, now
from tests.factories import api_for, client_for

pytestmark = pytest.mark.django_db

SECRET = "k-planted-7f3a91c04e5b"


@pytest.fixture
def heard() -> Any:
    """Every log line of every logger, at the lowest level, as it is formatted."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(exc_text)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_secret_is_nowhere(kustomer: Kustomer, heard: io.StringIO, settings: Any) -> None:
    settings.CIM_CRM_TIMEOUT = 2
    said: list[str] = []
    api, client = api_for("Admin"), client_for("Admin", raise_request_exception=False)

    def keep(response: Any) -> Any:
        said.append(response.content.decode())
        said.append(json.dumps(dict(response.headers)))
        return response

    address = "/api/v1/crm/configurations/"
    for wrong in (
        {"region": "MARS"},
        {"credentials": SECRET},
        {"credentials": [SECRET]},
        {"credentials": {"api_key": SECRET, "more": SECRET}},
        {"credentials": {"api_key": f"{SECRET} with a space"}},
        {"credentials": {"api_key": [SECRET]}},
        {"credentials": {"api_key": SECRET * 400}},
        {"base_url": "https://elsewhere.example"},
    ):
        keep(api.post(address, body(**{"credentials": {"api_key": SECRET}, **wrong})))
    made = keep(api.post(address, body(credentials={"api_key": SECRET}), headers={"Idempotency-Key": "1"}))
    one = f"{address}{made.json()['id']}/"
    keep(api.get(one))
    keep(api.get(address))
    keep(api.patch(one, {"credentials": {"api_key": SECRET}, "name": "Renamed"}))
    keep(api.patch(one, {"region": "APAC"}))
    keep(api.options(address))
    configuration = Configuration.objects.get()
    for path in ("mapping", "connection", "deliveries", "dynamic-data", "workflows"):
        keep(client.get(f"/crm/{configuration.pk}/{path}/"))

    # The CRM accepts the key, then it does not, and repeats it in its complaint.
    make_customer()
    make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    make_dynamic(configuration, customer=[("name", "string")])
    for keys in ([SECRET], ["another"]):
        kustomer.set(keys=keys)
        configuring.check(configuration.pk, now())
        Call().tell("offered", "answered", ended(), "acw_ended")
        delivering.send_due(configuration.pk)
        answer, _asked = fetching.ask_about(configuration, now(), customer=make_customer(), anew=True)
        fetching.fetch(answer.pk, now())
        found, _must = fetching.search(configuration, "ana@example.com", now())
        fetching.look_for(found.pk, now())
    keep(api.get(one))
    keep(api.get("/api/v1/crm/deliveries/"))
    for delivery in Delivery.objects.all():
        keep(api.get(f"/api/v1/crm/deliveries/{delivery.pk}/"))
    keep(client.get("/audit/"))

    # What a program may print of it.
    configuration.refresh_from_db()
    credentials = sealing.unseal(configuration.sealed)
    adapter = connecting.connect(configuration, patient())
    said += [
        repr(it) for it in (configuration, credentials, adapter, adapter._outgoing, configuration.__dict__)
    ]  # type: ignore[attr-defined]
    said += [str(credentials), f"{credentials}", serializers.serialize("json", [configuration])]
    try:
        adapter.check()
    except Exception as failure:
        said += [repr(failure), "".join(traceback.format_exception(failure))]
    with pytest.raises(TypeError):
        pickle.dumps(credentials)
    output = io.StringIO()
    call_command("rotate_crm_keys", stdout=output)
    said.append(output.getvalue())

    said += [json.dumps(entry.data) + entry.object_id for entry in AuditEntry.objects.all()]
    said += [record.body + record.request_hash for record in IdempotencyRecord.objects.all()]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"select coalesce(string_agg(t::text, chr(10)), '') from \"{table}\" t")
            said.append(cursor.fetchone()[0])

    lines = heard.getvalue()
    assert "Renamed" in "".join(said)
    assert [text[:300] for text in [*said, *lines.splitlines()] if SECRET in text] == []
