"""The contract of CRMs (6.4), by the API."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet

from cim.access.models import AuditEntry
from crm_mappings import configuring, sealing, tasks
from crm_mappings.datafields import CATALOGUE, Kind
from crm_mappings.models import Configuration, Delivery, MemorialisationMapping
from tests.crm_mappings.conftest import Kustomer
from tests.crm_mappings.making import (
    ACTOR,
    Call,
    body,
    ended,
    make_configuration,
    make_customer,
    make_mapping,
    make_skill,
    now,
    wrapped,
)
from tests.factories import api_for, make_user

pytestmark = pytest.mark.django_db

CONFIGURATIONS = "/api/v1/crm/configurations/"
MEMORIALISATION = "/api/v1/crm/memorialisation-mappings/"
DYNAMIC = "/api/v1/crm/dynamic-data-mappings/"
SECRET = "k-planted-7f3a91c04e"


def rows(*given: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"crm_field": name, "channel": channel, "data_field": source} for name, channel, source in given]


def mapping_body(
    configuration: Configuration, *given: tuple[str, str, str], **changes: Any
) -> dict[str, Any]:
    entities = [{"entity_type": "conversation", "rows": rows(*given)}]
    return {"configuration": str(configuration.pk), "name": "Calls", "entities": entities, **changes}


def test_configuration_is_made_and_read_without_its_credentials():
    api = api_for("Admin")

    made = api.post(CONFIGURATIONS, body(name="EMEA", credentials={"api_key": SECRET}))

    assert made.status_code == 201
    shown = made.json()
    assert {
        name: shown[name] for name in ("name", "type", "region", "base_url", "screenpop_url", "status")
    } == {
        "name": "EMEA",
        "type": "kustomer",
        "region": "EMEA",
        "base_url": "https://acme.api.kustomerapp.com",
        "screenpop_url": "https://acme.kustomerapp.com/app/customers",
        "status": "unverified",
    }
    assert "credentials" not in shown
    assert api.get(f"{CONFIGURATIONS}{shown['id']}/").json() == shown
    assert api.get(CONFIGURATIONS).json() == [shown]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"base_url": "https://acme.kustomer.com"}, "base_url", "https://{org}.api.kustomerapp.com"),
        ({"base_url": "http://acme.api.kustomerapp.com"}, "base_url", "https://{org}.api.kustomerapp.com"),
        ({"base_url": "https://acme.api.kustomerapp.com.evil.example"}, "base_url", "evil"),
        ({"base_url": "https://acme.api.kustomerapp.com@10.0.0.1"}, "base_url", "10.0.0.1"),
        (
            {"screenpop_url": "https://acme.kustomerapp.com/app"},
            "screenpop_url",
            "https://{org}.kustomerapp.com/app/customers",
        ),
        ({"region": "EUROPE"}, "region", "EUROPE"),
        ({"type": "salesforce"}, "type", "kustomer"),
        ({"credentials": {}}, "credentials", "api_key"),
        ({"credentials": {"password": "x"}}, "credentials", "password"),
        ({"credentials": "k-as-a-text"}, "credentials", "api_key"),
        ({"name": ""}, "name", ""),
        ({"gateway_fields": [{"crm_field": "x", "attribute": "nothing"}]}, "gateway_fields", "nothing"),
    ],
)
def test_wrong_configuration_is_refused_in_words(changes, field, words):
    answer = api_for("Admin").post(CONFIGURATIONS, body(**changes))

    assert answer.status_code == 400
    errors = answer.json()["errors"]
    (name,) = [name for name in errors if name.startswith(field)]
    assert words in " ".join(errors[name])
    assert not Configuration.objects.exists()


def test_region_and_type_stay():
    configuration = make_configuration()
    api = api_for("Admin")

    answer = api.patch(f"{CONFIGURATIONS}{configuration.pk}/", {"region": "APAC"})

    assert answer.status_code == 400
    assert "APAC" in answer.json()["errors"]["region"][0]
    assert (
        api.patch(f"{CONFIGURATIONS}{configuration.pk}/", {"region": "EMEA", "name": "New"}).status_code
        == 200
    )
    assert Configuration.objects.get().name == "New"


def test_another_base_address_needs_the_credentials_again():
    configuration = make_configuration()
    address = f"{CONFIGURATIONS}{configuration.pk}/"
    api = api_for("Admin")

    refused = api.patch(address, {"base_url": "https://other.api.kustomerapp.com"})
    taken = api.patch(
        address, {"base_url": "https://other.api.kustomerapp.com", "credentials": {"api_key": "k-2"}}
    )

    assert (refused.status_code, taken.status_code) == (400, 200)
    assert sealing.unseal(Configuration.objects.get().sealed)["api_key"] == "k-2"


def test_same_name_is_refused_whatever_its_case():
    make_configuration(name="Kustomer EMEA")

    answer = api_for("Admin").post(CONFIGURATIONS, body(name="kustomer emea"))

    assert answer.status_code == 400
    assert "already" in answer.json()["errors"]["name"][0]


def test_check_marks_active_with_the_system_user(kustomer: Kustomer, transactional_db: None):
    configuration = make_configuration()

    tasks.check_configuration(str(configuration.pk))

    configuration.refresh_from_db()
    assert (configuration.status, configuration.status_detail) == ("active", "")
    assert (configuration.system_user, configuration.time_zone) == ("CIM system user", "Europe/Berlin")
    fields = (
        api_for("Admin").get(f"{CONFIGURATIONS}{configuration.pk}/fields/?record_type=conversation").json()
    )
    assert "custom.callReasonStr" in {field["name"] for field in fields["fields"]}


def test_check_marks_failed_with_the_reason(kustomer: Kustomer):
    configuration = make_configuration(credentials={"api_key": SECRET})

    assert configuring.check(configuration.pk, now()) == "failed"

    configuration.refresh_from_db()
    assert "does not accept the key" in configuration.status_detail
    assert SECRET not in configuration.status_detail


def test_configuration_outlives_its_maker():
    maker = make_user("Admin")
    api_for("Admin").post(CONFIGURATIONS, body())

    maker.delete()

    assert Configuration.objects.get().created_by is None


def test_configuration_with_deliveries_on_their_way_is_kept():
    configuration = make_configuration()
    make_mapping(configuration, {"conversation": [("name", "voice", "agent_name")]})
    Call().tell("offered", "answered", ended(), "acw_ended")
    api = api_for("Admin")

    assert api.delete(f"{CONFIGURATIONS}{configuration.pk}/").status_code == 409

    Delivery.objects.update(state="failed")
    assert api.delete(f"{CONFIGURATIONS}{configuration.pk}/").status_code == 204


def test_mapping_takes_every_data_field_of_its_channel():
    configuration = make_configuration()
    api = api_for("Admin")

    for kind, count in ((Kind.DIGITAL, 22), (Kind.VOICE, 21)):
        targets = {"moment": "custom.m{}At", "truth": "custom.b{}Bool", "address": "custom.u{}Url"}
        given = [
            (targets.get(field.form.value, "custom.t{}Str").format(place), kind.value, name)
            for place, (name, field) in enumerate(CATALOGUE[kind].items())
        ]
        answer = api.post(MEMORIALISATION, mapping_body(configuration, *given, name=kind.value))

        assert len(given) == count
        assert answer.status_code == 201, answer.json()
        assert answer.json()["entities"][0]["rows"] == rows(*given)


def test_script_variable_is_lower_cased():
    answer = api_for("Admin").post(
        MEMORIALISATION, mapping_body(make_configuration(), ("custom.reasonStr", "script", "CallReason"))
    )

    assert answer.json()["entities"][0]["rows"][0]["data_field"] == "callreason"


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        (
            [("custom.aStr", "digital", "status"), ("custom.bStr", "script", "reason")],
            "entities.0.rows.1.channel",
            "script",
        ),
        ([("custom.aStr", "digital", "ani")], "entities.0.rows.0.data_field", "voice"),
        ([("custom.aStr", "voice", "channel_name")], "entities.0.rows.0.data_field", "digital"),
        ([("custom.aStr", "voice", "nonsense")], "entities.0.rows.0.data_field", "nonsense"),
        ([("custom.aStr", "email", "status")], "entities.0.rows.0.channel", "email"),
        ([("custom.aNum", "voice", "agent_name")], "entities.0.rows.0.crm_field", "only text"),
        ([("custom.aAt", "voice", "agent_name")], "entities.0.rows.0.crm_field", "only text"),
        ([("custom.aStr", "script", "two words")], "entities.0.rows.0.data_field", "two words"),
        (
            [("custom.aStr", "voice", "ani"), ("custom.aStr", "voice", "dnis")],
            "entities.0.rows.1.crm_field",
            "row 1",
        ),
        (
            [("custom.aStr", "voice", "ani"), ("custom.aStr", "script", "x")],
            "entities.0.rows.1.crm_field",
            "row 1",
        ),
        ([("", "voice", "ani")], "entities.0.rows.0.crm_field", "name"),
        ([], "entities.0.rows", "at least one"),
    ],
)
def test_mapping_that_could_never_write_is_refused(given, place, words):
    answer = api_for("Admin").post(MEMORIALISATION, mapping_body(make_configuration(), *given))

    assert answer.status_code == 400
    assert words in " ".join(answer.json()["errors"][place])
    assert not MemorialisationMapping.objects.exists()


def test_voice_and_digital_may_write_the_same_field():
    answer = api_for("Admin").post(
        MEMORIALISATION,
        mapping_body(
            make_configuration(), ("name", "voice", "skill_name"), ("name", "digital", "channel_name")
        ),
    )

    assert answer.status_code == 201


def test_field_that_is_too_short_is_told_when_saving():
    answer = api_for("Admin").post(
        MEMORIALISATION,
        mapping_body(
            make_configuration(),
            ("custom.textStr", "digital", "transcription_text"),
            ("odd", "digital", "status"),
        ),
    )

    assert answer.status_code == 201
    first, second = answer.json()["warnings"]
    assert "1024" in first
    assert "odd" in second


def test_mapping_is_changed_and_deleted():
    configuration = make_configuration()
    row = make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    api, address = api_for("Admin"), f"{MEMORIALISATION}{row.pk}/"

    changed = api.put(address, mapping_body(configuration, ("name", "voice", "dnis")))
    partly = api.patch(address, {"description": "For calls"})

    assert (changed.json()["version"], partly.json()["version"]) == (2, 3)
    assert partly.json()["entities"][0]["rows"] == rows(("name", "voice", "dnis"))
    assert api.delete(address).status_code == 204
    assert not MemorialisationMapping.objects.exists()


def test_script_variables_need_the_screen_pop_of_the_skill():
    configuration = make_configuration()
    row = make_mapping(configuration, {"conversation": [("custom.reasonStr", "script", "reason")]})
    plain = make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    api = api_for("Admin")

    refused = api.post(
        "/api/v1/crm/skills/",
        {
            "configuration": str(configuration.pk),
            "skill": "billing",
            "screen_pop": False,
            "memorialisation_mapping": str(row.pk),
        },
    )
    make_skill(configuration, skill="sales", screen_pop=False, memorialisation_mapping=plain.pk)
    later = api.patch(
        f"{MEMORIALISATION}{plain.pk}/",
        {
            "entities": [
                {"entity_type": "conversation", "rows": rows(("custom.reasonStr", "script", "reason"))}
            ]
        },
    )

    assert refused.status_code == 400
    assert "screen pop" in refused.json()["errors"]["screen_pop"][0]
    assert later.status_code == 400
    assert "sales" in later.json()["errors"]["entities"][0]


def test_mapping_in_use_is_not_deleted():
    configuration = make_configuration()
    row = make_mapping(configuration, {"conversation": [("name", "voice", "ani")]})
    make_skill(configuration, skill="billing", memorialisation_mapping=row.pk)

    answer = api_for("Admin").delete(f"{MEMORIALISATION}{row.pk}/")

    assert answer.status_code == 409
    assert answer.json()["skills"] == ["billing"]


def shown(*kinds: str) -> list[dict[str, str]]:
    return [{"crm_field": f"field{place}", "data_type": kind} for place, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "status", "words"),
    [
        (["string"] * 5 + ["number", "boolean", "datetime"], 201, ""),
        (["string"] * 6, 400, "at most 5 string"),
        (["number"] * 4, 400, "at most 3"),
        (["string"], 201, ""),
    ],
)
def test_dynamic_data_has_limits_per_record_type(kinds, status, words):
    configuration = make_configuration()
    answer = api_for("Admin").post(
        DYNAMIC,
        {
            "configuration": str(configuration.pk),
            "name": "Shown",
            "record_types": [
                {"record_type": "customer", "fields": shown(*kinds)},
                {"record_type": "order", "fields": shown("string")},
            ],
        },
    )

    assert answer.status_code == status
    if words:
        assert words in answer.json()["errors"]["record_types.0.fields"][0]


def test_dynamic_data_field_of_another_type_is_refused():
    answer = api_for("Admin").post(
        DYNAMIC,
        {
            "configuration": str(make_configuration().pk),
            "name": "Shown",
            "record_types": [
                {
                    "record_type": "customer",
                    "fields": [{"crm_field": "custom.balanceNum", "data_type": "string"}],
                }
            ],
        },
    )

    assert answer.status_code == 400
    assert "number" in answer.json()["errors"]["record_types.0.fields.0.data_type"][0]


def test_workflow_and_skill_are_kept_as_given():
    configuration = make_configuration()
    api = api_for("Admin")
    given = {
        "configuration": str(configuration.pk),
        "name": "By phone",
        "purpose": "search",
        "record_type": "customer",
        "match_on": [{"crm_field": "phones", "attribute": "phones"}],
        "on_none": "create",
        "on_one": "use",
        "on_several": "ask",
        "create_with": [
            {"crm_field": "name", "attribute": "last_name"},
            {"crm_field": "custom.sourceStr", "text": "CIM"},
        ],
    }

    workflow = api.post("/api/v1/crm/workflows/", given)
    skill = api.post(
        "/api/v1/crm/skills/",
        {
            "configuration": str(configuration.pk),
            "skill": "billing",
            "search_workflow": workflow.json()["id"],
        },
    )
    wrong = api.patch(f"/api/v1/crm/skills/{skill.json()['id']}/", {"create_workflow": workflow.json()["id"]})

    assert workflow.status_code == 201, workflow.json()
    assert {name: workflow.json()[name] for name in given} == given
    assert skill.status_code == 201
    assert skill.json()["search_workflow"] == workflow.json()["id"]
    assert "create_workflow" in wrong.json()["errors"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"match_on": []}, "match_on"),
        ({"match_on": [{"crm_field": "phones", "attribute": "nothing"}]}, "match_on.0.attribute"),
        ({"create_with": [{"crm_field": "name"}]}, "create_with.0"),
        ({"create_with": [{"crm_field": "name", "text": "a", "attribute": "last_name"}]}, "create_with.0"),
        ({"record_type": "No!"}, "record_type"),
        ({"purpose": "create", "create_with": []}, "create_with"),
    ],
)
def test_wrong_workflow_is_refused(changes, place):
    given = {
        "configuration": str(make_configuration().pk),
        "name": "W",
        "match_on": [{"crm_field": "phones", "attribute": "phones"}],
    }
    answer = api_for("Admin").post("/api/v1/crm/workflows/", {**given, **changes})

    assert answer.status_code == 400
    assert place in answer.json()["errors"]


def test_test_run_shows_what_would_be_written_and_writes_nothing():
    configuration = make_configuration()
    row = make_mapping(
        configuration,
        {
            "conversation": [("name", "voice", "agent_name"), ("custom.statusStr", "voice", "status")],
            "message": [("preview", "digital", "channel_name")],
        },
    )
    call = Call().tell("offered", "answered", ended(), wrapped())

    answer = api_for("Admin").post(f"{MEMORIALISATION}{row.pk}/test-run/", {"interaction": str(call.row.pk)})

    assert answer.status_code == 200
    conversation, message = answer.json()["entities"]
    assert [(line["text"], line["written"]) for line in conversation["rows"]] == [
        ("Aylin Aksoy", True),
        ("solved", True),
    ]
    assert message["rows"][0]["why_not"] == "channel"
    assert not Delivery.objects.exists()


def test_deliveries_are_searched_paged_and_shown():
    configuration = make_configuration()
    make_mapping(
        configuration, {"conversation": [("name", "voice", "agent_name")], "note": [("body", "voice", "ani")]}
    )
    customer = make_customer()
    call = Call().tell("offered", "answered", ended(), "acw_ended")
    Delivery.objects.filter(entity_type="note").update(state="failed", reason="No such field")
    api = api_for("Admin")
    address = "/api/v1/crm/deliveries/"

    whole = api.get(address).json()
    found = {
        query: [it["entity_type"] for it in api.get(f"{address}?{query}").json()["results"]]
        for query in (
            "state=failed",
            "entity_type=conversation",
            f"customer={customer.pk}",
            f"interaction={call.row.pk}",
            "q=such+field",
            "q=ruiz",
            "q=nothing",
            "page_size=1&page=2",
            "from=2020-01-01",
            "to=2020-01-01",
        )
    }

    assert (whole["count"], whole["states"]["failed"], whole["states"]["waiting"]) == (2, 1, 1)
    both = ["note", "conversation"]
    assert list(found.values()) == [
        ["note"],
        ["conversation"],
        *(both, both),
        ["note"],
        both,
        [],
        ["conversation"],
        both,
        [],
    ]
    one = api.get(f"{address}{whole['results'][0]['id']}/").json()
    assert one["fields"] == {"body": "+4930123456"}
    assert one["customer_name"] == "Ana Ruiz"


@pytest.mark.parametrize(
    "query", ["state=lost", "page=0", "from=yesterday", "configuration=x", "colour=red", "page_size=201"]
)
def test_wrong_search_of_deliveries_is_refused(query):
    answer = api_for("Admin").get(f"/api/v1/crm/deliveries/?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["errors"]


def test_agent_may_see_no_configuration():
    make_configuration()

    assert api_for("Agent").get(CONFIGURATIONS).status_code == 403
    assert api_for("Agent").get("/api/v1/crm/deliveries/").status_code == 403


def test_keys_are_rotated(settings):
    configuration = make_configuration(credentials={"api_key": SECRET})
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    before = Configuration.objects.get().sealed

    settings.CIM_CRM_KEYS = [first]
    assert sealing.unseal(before)["api_key"] == SECRET
    settings.CIM_CRM_KEYS = [second, first]
    assert configuring.rotate_keys() == 1

    after = Configuration.objects.get(pk=configuration.pk).sealed
    settings.CIM_CRM_KEYS = [second]
    assert after != before
    assert sealing.unseal(after)["api_key"] == SECRET
    settings.CIM_CRM_KEYS = [first]
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(after)


def test_idempotent_post_makes_one_mapping():
    configuration = make_configuration()
    api = api_for("Admin")
    given = mapping_body(configuration, ("name", "voice", "ani"))

    first = api.post(MEMORIALISATION, given, headers={"Idempotency-Key": "m-1"})
    again = api.post(MEMORIALISATION, given, headers={"Idempotency-Key": "m-1"})

    assert first.json() == again.json()
    assert MemorialisationMapping.objects.count() == 1


def test_audit_trail_names_fields_and_no_secret():
    configuration = make_configuration(credentials={"api_key": SECRET})
    configuring.change(configuration.pk, {"credentials": {"api_key": SECRET + "2"}}, ACTOR, now())

    entries = AuditEntry.objects.filter(object_type="crm_configuration").order_by("id")

    assert [entry.action for entry in entries] == ["crm.configuration.create", "crm.configuration.change"]
    assert entries[1].data["fields"] == ["credentials"]
    assert SECRET not in json.dumps([entry.data for entry in entries])
