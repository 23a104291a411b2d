"""The wire of the Context Store, spoken by a client that knows nothing but its published facts."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import Customer
from journeys import contexts
from journeys.models import Context, ContextVersion, Element
from tests.factories import api_for

pytestmark = pytest.mark.django_db

BASES = ["/services/ContextStoreRest/cs/contexts/", "/services/CSRest/cs/contexts/"]
CREATE_QUERY = "?lease=7200&sid=Not%20Specified&rid=0&rules=false&shortid=false&touchpoint=POM"
RENEWAL = {
    "groupId": "C-1042",
    "persistToEDM": True,
    "topic": "English Billing",
    "data": {"campaign": "Renewals", "attemptAddress": "+15550100", "result": "Answer_Human"},
}


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def unconfirmed(settings) -> None:
    settings.CIM_CONTEXT_STORE_UNCONFIRMED = True


@pytest.fixture
def client():
    return api_for("Integration")


def create(client, base=BASES[0], query=CREATE_QUERY, **changes) -> str:
    response = client.post(f"{base}{query}", {**RENEWAL, **changes})
    assert response.status_code == 200, response.content
    return response.json()["data"]["contextId"]


def later(monkeypatch, seconds: int) -> None:
    """Let the clock of this process run ahead."""
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + dt.timedelta(seconds=seconds))


def test_client_runs_create_upsert_get_audit_and_expiry(base, client, unconfirmed, monkeypatch):
    created = client.post(
        f"{base}?lease=60&sid=Not%20Specified&rid=0&rules=false&shortid=false&touchpoint=POM",
        {**RENEWAL, "persistToEDM": False},
    )
    assert created.status_code == 200
    assert set(created.json()) == {"data"}
    assert set(created.json()["data"]) == {"contextId"}
    context_id = created.json()["data"]["contextId"]

    upserted = client.put(
        f"{base}upsert/{context_id}?touchpoint=WEB&rid=0", {"groupId": "C-1042", "data": {"step": "payment"}}
    )
    assert (upserted.status_code, upserted.content) == (200, b"")

    got = client.get(f"{base}{context_id}?rid=0&touchpoint=AGENT")
    assert got.status_code == 200
    assert got.headers["Content-Type"] == "application/json"
    assert got.json() == {
        "data": {
            "campaign": "Renewals",
            "attemptAddress": "+15550100",
            "result": "Answer_Human",
            "step": "payment",
        }
    }

    audit = client.get(f"{base}audit/{context_id}?rid=0")
    assert audit.status_code == 200
    assert [(item["versionId"], item["touchpoint"], item["operation"]) for item in audit.json()] == [
        (1, "POM", "Create"),
        (2, "WEB", "Update"),
        (3, "AGENT", "Read"),
    ]

    later(monkeypatch, 61)
    assert client.get(f"{base}{context_id}?rid=0").status_code == 404
    assert client.get(f"{base}audit/{context_id}?rid=0").status_code == 404
    assert contexts.expire(timezone.now() + dt.timedelta(seconds=61)) == 1
    assert not ContextVersion.objects.exists()
    assert not Element.objects.exists()


def test_upsert_makes_what_is_not_there_and_merges_what_is(base, client):
    made = client.put(f"{base}upsert/web-7?touchpoint=WEB", {"data": {"page": "prices", "visits": 1}})
    changed = client.put(
        f"{base}upsert/web-7?touchpoint=WEB", {"data": {"visits": 2, "nested": {"a": [1, 2.5]}}}
    )

    assert (made.status_code, made.content, changed.status_code) == (200, b"", 200)
    assert client.get(f"{base}web-7").json() == {
        "data": {"page": "prices", "visits": 2, "nested": {"a": [1, 2.5]}}
    }


def test_both_bases_serve_the_same_contexts(client):
    context_id = create(client, BASES[0])

    assert client.get(f"{BASES[1]}{context_id}").json()["data"]["campaign"] == "Renewals"


def test_create_takes_a_body_of_any_media_type_and_a_truth_as_text(client):
    response = client.generic(
        "POST", BASES[0].rstrip("/"), b'{"persistToEDM": "true", "contextId": ""}', content_type=""
    )

    assert response.status_code == 200
    assert Context.objects.get(context_id=response.json()["data"]["contextId"]).permanent


def test_short_id_is_short(client):
    assert re.fullmatch(r"[2-9a-z]{10}", create(client, query="?shortid=true"))
    assert len(create(client, query="")) == 32


def test_routing_ids_keep_contexts_apart(client, base):
    create(client, base, "?rid=1", contextId="same")
    create(client, base, "?rid=2", contextId="same", data={"side": "two"})

    assert client.get(f"{base}same?rid=2").json() == {"data": {"side": "two"}}
    assert client.get(f"{base}same").status_code == 404


def test_lease_ends_a_context_and_not_a_permanent_one(client, base):
    create(client, base, "?lease=1", contextId="kept")
    create(client, base, "?lease=1", contextId="leased", persistToEDM=False)
    soon = timezone.now() + dt.timedelta(seconds=2)

    assert contexts.expire(soon) == 1
    assert [context.context_id for context in Context.objects.all()] == ["kept"]


def test_upsert_renews_a_lease_and_makes_permanent_but_never_the_other_way(client, base):
    create(client, base, "?lease=10", contextId="leased", persistToEDM=False)
    short = Context.objects.get().expires_at
    client.put(f"{base}upsert/leased", {"data": {"a": 1}})
    assert Context.objects.get().expires_at == short
    client.put(f"{base}upsert/leased?lease=600", {"data": {"a": 1}})
    assert Context.objects.get().expires_at > short + dt.timedelta(seconds=500)

    client.put(f"{base}upsert/leased", {"persistToEDM": "true"})
    client.put(f"{base}upsert/leased?lease=1", {"persistToEDM": False})

    kept = Context.objects.get()
    assert (kept.permanent, kept.expires_at) == (True, None)


def test_id_of_an_expired_context_is_free_again(client, base, monkeypatch):
    create(client, base, "?lease=1", contextId="again", persistToEDM=False)
    later(monkeypatch, 2)

    assert create(client, base, "", contextId="again", data={"new": True}) == "again"
    assert client.get(f"{base}again").json() == {"data": {"new": True}}


def test_permanent_context_keeps_all_its_versions(client, base):
    context_id = create(client, base)
    client.put(
        f"{base}upsert/{context_id}?touchpoint=IVR",
        {"data": {"result": "Callback"}, "topic": "English Renewal"},
    )
    client.get(f"{base}{context_id}?touchpoint=AGENT")

    kept = [(version.operation, version.state) for version in ContextVersion.objects.order_by("version")]

    assert [operation for operation, _state in kept] == ["Create", "Update", "Read"]
    assert kept[0][1]["data"]["result"] == "Answer_Human"
    assert kept[1][1]["data"]["result"] == "Callback"
    assert (kept[0][1]["topic"], kept[1][1]["topic"], kept[2][1]) == (
        "English Billing",
        "English Renewal",
        None,
    )


@pytest.mark.parametrize(
    ("query", "body", "quoted"),
    [
        ("?rid=%20", {}, "rid is blank"),
        ("?lease=0", {}, "“0”"),
        ("?lease=2147483648", {}, "“2147483648”"),
        ("?lease=soon", {}, "“soon”"),
        ("", {"contextId": "x" * 256}, "256 characters"),
        ("", {"aliasIds": ["a", "b", "c", "d"]}, "4 were sent"),
        ("", {"aliasIds": "a"}, "“a” is no list"),
        ("", {"data": [1]}, "“[1]” is no JSON object"),
        ("", {"persistToEDM": "perhaps"}, "“perhaps”"),
        ("", {"routingId": " "}, "routingId is blank"),
        ("", [1], "“[1]” is no JSON object"),
        ("", {"data": {"a": "\x00"}}, "NUL"),
    ],
)
def test_malformed_request_is_refused_in_words(client, query, body, quoted):
    response = client.post(f"{BASES[0]}{query}", body)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["type"] == "BadRequest"
    assert quoted in error["message"]
    assert not Context.objects.exists()


def test_body_that_is_no_json_is_refused(client):
    response = client.generic("POST", BASES[0], b'{"data": ', content_type="application/json")

    assert response.status_code == 400
    assert response.json()["errors"][0]["type"] == "BadRequest"


def test_id_in_use_is_a_conflict_and_unknown_is_missing(client, base):
    create(client, base, "", contextId="one")

    conflict = client.post(base, {"contextId": "one"})
    missing = client.get(f"{base}none")

    assert conflict.status_code == 409
    assert "“one”" in conflict.json()["errors"][0]["message"]
    assert missing.status_code == 404
    assert missing.json()["errors"][0]["type"] == "NotFound"


def test_long_lease_is_warned_about_and_granted(client):
    response = client.post(f"{BASES[0]}?lease=14401", {})

    assert response.status_code == 200
    assert "Warning" in response.headers
    assert "Warning" not in client.post(f"{BASES[0]}?lease=14400", {}).headers


def test_stale_write_is_refused_when_the_client_asks_for_it(client, base):
    context_id = create(client, base)
    etag = client.get(f"{base}{context_id}").headers["ETag"]
    client.get(f"{base}{context_id}")

    first = client.put(f"{base}upsert/{context_id}", {"data": {"a": 1}}, headers={"If-Match": etag})
    second = client.put(f"{base}upsert/{context_id}", {"data": {"a": 2}}, headers={"If-Match": etag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert client.get(f"{base}{context_id}").json()["data"]["a"] == 1


@pytest.mark.parametrize("path", ["audit/x", "groups/C-1042", "alias/a", "x/keys", "x/keys/campaign"])
def test_unconfirmed_paths_are_off_by_default(client, base, path):
    create(client, base, "", contextId="x", aliasIds=["a"])

    assert client.get(f"{base}{path}").status_code == 404


def test_unconfirmed_methods_are_off_by_default(client, base):
    create(client, base, "", contextId="x")

    assert client.put(f"{base}x", {"data": {}}).status_code == 405
    assert client.delete(f"{base}x").status_code == 405
    assert client.get(f"{base}x").status_code == 200


def test_values_keys_groups_aliases_update_and_delete_where_they_are_on(client, base, unconfirmed):
    create(client, base, "", contextId="x", aliasIds=["a", "b"], data={"one": 1})
    create(client, base, "", contextId="y", data={})

    assert client.get(f"{base}x/keys").json() == ["one"]
    assert client.put(f"{base}x/keys/two", {"value": [2]}).status_code == 200
    assert client.get(f"{base}x/keys/two").json() == {"data": {"two": [2]}}
    assert client.delete(f"{base}x/keys/one").status_code == 200
    assert client.delete(f"{base}x/keys/one").status_code == 404
    assert client.get(f"{base}alias/b").json() == {"data": {"two": [2]}}
    assert [item["contextId"] for item in client.get(f"{base}groups/C-1042").json()] == ["y", "x"]
    assert client.put(f"{base}x", {"data": {"three": 3}}).content == b""
    assert client.get(f"{base}x").json() == {"data": {"two": [2], "three": 3}}
    assert client.put(f"{base}nobody", {"data": {}}).status_code == 404
    assert client.delete(f"{base}x").status_code == 200
    assert client.get(f"{base}x").status_code == 404
    assert client.get(f"{base}audit/x").json()[-1]["operation"] == "Delete"


def test_newest_context_has_the_alias(client, base, unconfirmed):
    create(client, base, "", contextId="old", aliasIds=["mine"], data={"which": "old"})
    create(client, base, "", contextId="new", aliasIds=["mine"], data={"which": "new"})

    assert client.get(f"{base}alias/mine").json() == {"data": {"which": "new"}}


def test_context_of_a_known_customer_is_an_element(client, base, ada: Customer):
    context_id = create(client, base, groupId=str(ada.id))

    element = Element.objects.get()
    assert (element.customer, element.work_request_id) == (ada, context_id)
    assert (element.channel, element.direction, element.topic) == ("voice", "outbound", "English Billing")
    assert (element.status, element.is_open) == ("Answer_Human", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"groupId": "CRM-7"},
        {"groupId": "", "data": {"callerNumber": "0301 234567"}},
        {"groupId": "unknown", "data": {"attributes": {"Phone 1": "+49301234567"}}},
        {"groupId": "", "data": {"from": "ada@example.org"}},
    ],
)
def test_customer_is_found_by_other_ids_and_by_addresses(client, ada, changes):
    create(client, **changes)

    assert Element.objects.get().customer == ada


def test_element_waits_for_its_customer(client, base, ada):
    create(client, base, "", contextId="w", groupId="", data={})
    assert Element.objects.get().customer is None

    client.put(f"{base}upsert/w", {"groupId": str(ada.id)})

    assert Element.objects.get().customer == ada


@pytest.fixture
def ada() -> Customer:
    client = api_for("Admin")
    response = client.post(
        "/api/v1/customers/",
        {"first_name": "Ada", "phones": ["+49301234567"], "emails": ["ada@example.org"], "crm_id": "CRM-7"},
    )
    return Customer.objects.get(pk=response.json()["id"])


@pytest.mark.django_db(transaction=True)
def test_racing_upserts_of_a_new_context_lose_nothing():
    client = api_for("Integration")
    header = client._credentials["HTTP_AUTHORIZATION"]

    def upsert(number: int) -> int:
        one = api_for(None)
        one.credentials(HTTP_AUTHORIZATION=header)
        try:
            return one.put(f"{BASES[0]}upsert/race", {"data": {f"key{number}": number}}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(upsert, range(16)))

    assert statuses == [200] * 16
    context = Context.objects.get()
    assert context.data == {f"key{number}": number for number in range(16)}
    assert [version.version for version in context.versions.order_by("version")] == list(range(1, 17))


# Ways to authenticate


def test_without_a_key_nobody_is_let_in():
    response = api_for(None).post(BASES[0], {})

    assert response.status_code == 401
    assert response.json()["errors"][0]["type"] == "Unauthorized"


def test_raw_token_is_a_way_where_it_is_allowed(settings, client):
    raw = api_for(None)
    raw.credentials(HTTP_AUTHORIZATION=client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    assert raw.post(BASES[0], {}).status_code == 401

    settings.CIM_CONTEXT_STORE_AUTH = ["key", "raw"]

    assert raw.post(BASES[0], {}).status_code == 200
    assert client.post(BASES[0], {}).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"), [("10.1.2.3", 200), ("10.2.2.3", 401), ("not an address", 401)]
)
def test_no_credentials_are_a_way_from_allowed_networks_only(settings, client, address, status):
    settings.CIM_CONTEXT_STORE_AUTH = ["none"]
    settings.CIM_CONTEXT_STORE_NETWORKS = [ip_network("10.1.0.0/16")]
    settings.CIM_CONTEXT_STORE_USER = "pbx"

    assert api_for(None).post(BASES[0], {}, REMOTE_ADDR=address).status_code == status


def test_certificate_is_a_way_when_the_proxy_vouches_for_it(settings, client):
    settings.CIM_CONTEXT_STORE_AUTH = ["certificate"]
    settings.CIM_CONTEXT_STORE_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.CIM_CONTEXT_STORE_USER = "pbx"
    stranger = api_for(None)

    assert stranger.post(BASES[0], {}, headers={"X-Client-Verify": "SUCCESS"}).status_code == 200
    assert stranger.post(BASES[0], {}, headers={"X-Client-Verify": "NONE"}).status_code == 401
    assert (
        stranger.post(
            BASES[0], {}, headers={"X-Client-Verify": "SUCCESS"}, REMOTE_ADDR="192.0.2.1"
        ).status_code
        == 401
    )
