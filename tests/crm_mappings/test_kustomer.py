"""The adapter against a Kustomer that is as strict as the vendor: over HTTP, nothing of the client replaced."""

import re
from typing import Any

import pytest

from crm_mappings.adapters import Busy, Connection, Kind, Locked, Refused, Unavailable
from crm_mappings.adapters.kustomer import Kustomer as Adapter
from crm_mappings.outgoing import Outgoing, Timeouts
from tests.crm_mappings.conftest import Kustomer


def adapter(key: str = "k-double", seconds: float = 5, **changes: Any) -> Adapter:
    base = "https://acme.api.kustomerapp.com"
    pages = "https://acme.kustomerapp.com/app/customers"
    out = Outgoing(
        base, Adapter.hosts, secrets=(key,), timeouts=Timeouts(seconds, seconds, seconds + 1), **changes
    )
    return Adapter(Connection(base, pages, {"api_key": key}, out))


def make_person(crm: Adapter, **values: str) -> Any:
    given = {"name": "Ana Ruiz", "phones": "+15550100", "emails": "ana@example.com", **values}
    return crm.write("customer", given, key="cim-1", customer=None, parent_key="", repeated=False)


def test_check_names_the_system_user(kustomer: Kustomer) -> None:
    user = adapter().check()

    assert (user.name, user.time_zone) == ("CIM system user", "Europe/Berlin")


def test_wrong_key_is_locked_and_its_echo_is_blotted_out(kustomer: Kustomer) -> None:
    with pytest.raises(Locked) as refusal:
        adapter("k-wrong-and-secret").check()

    assert "Invalid key •••" in str(refusal.value)
    assert "k-wrong" not in str(refusal.value)


def test_customer_is_made_once_and_found_by_phone_email_and_key(kustomer: Kustomer) -> None:
    crm = adapter()
    made = make_person(crm)

    assert make_person(crm).id == made.id
    found = {
        crm.find("customer", name, value)[0].id
        for name, value in (("phones", "+15550100"), ("emails", "ana@example.com"), ("externalId", "cim-1"))
    }
    assert found == {made.id}
    assert crm.find("customer", "phones", "+15550199") == []
    assert made.url == f"https://acme.kustomerapp.com/app/customers/{made.id}"
    assert any("phone=%2B15550100" in request["path"] for request in kustomer.requests())


def test_shared_number_finds_everybody_who_has_it(kustomer: Kustomer) -> None:
    for name in ("Ana", "Luis"):
        kustomer.add(name=name, sharedPhones=[{"type": "home", "phone": "+15550111"}])

    assert len(adapter().find("customer", "phones", "+15550111")) == 2


def test_number_of_another_customer_is_refused_for_good(kustomer: Kustomer) -> None:
    kustomer.add(name="Luis", phones=[{"type": "mobile", "phone": "+15550100"}])

    with pytest.raises(Refused, match="another customer") as refusal:
        make_person(adapter())

    assert refusal.value.status == 409


def test_update_keeps_the_company_and_adds_to_lists(kustomer: Kustomer) -> None:
    crm = adapter()
    company = "65f4aaaaaaaaaaaaaaaaaaaa"
    record = kustomer.add(
        name="Ana", company=company, tags=["old"], phones=[{"type": "home", "phone": "+15550100"}]
    )
    found = crm.fetch("customer", record["id"])
    assert found is not None

    crm.update(found, {"tags": "new, old", "custom.tierStr": "Gold", "phones": "+15550101"})

    (after,) = kustomer.records("customer")
    assert after["relationships"]["company"]["data"]["id"] == company
    assert after["attributes"]["tags"] == ["old", "new"]
    assert [item["phone"] for item in after["attributes"]["phones"]] == ["+15550100", "+15550101"]
    assert after["attributes"]["custom"] == {"tierStr": "Gold"}


def test_conversation_message_and_note_are_written_under_their_customer(kustomer: Kustomer) -> None:
    crm = adapter()
    owner = make_person(crm)
    for repeated in (False, True):
        for kind, values in (
            ("conversation", {"name": "Billing", "custom.callReasonStr": "Bill"}),
            ("message", {"preview": "Call", "direction": "inbound"}),
            ("note", {"body": "Asked about March."}),
        ):
            crm.write(
                kind,
                values,
                key="cim-9" if kind == "conversation" else f"cim-9-{kind}",
                customer=owner,
                parent_key="cim-9",
                repeated=repeated,
            )

    (conversation,) = kustomer.records("conversation")
    (message,) = kustomer.attributes("message")
    (note,) = kustomer.attributes("note")
    assert conversation["attributes"]["name"] == "Billing"
    assert conversation["attributes"]["custom"] == {"callReasonStr": "Bill"}
    assert (message["preview"], message["direction"], message["app"]) == ("Call", "in", "cim")
    assert note["body"] == "Asked about March."


def test_custom_object_is_written_and_changed_whole(kustomer: Kustomer) -> None:
    crm = adapter()
    owner = make_person(crm)
    given = {"key": "cim-9", "customer": owner, "parent_key": "", "repeated": False}

    crm.write("cim-interaction", {"title": "Call", "wrapUpStr": "Billing"}, **given)  # type: ignore[arg-type]
    crm.write("cim-interaction", {"custom.noteTxt": "Later"}, **given)  # type: ignore[arg-type]

    (record,) = kustomer.attributes("klass")
    assert record["title"] == "Call"
    assert record["externalId"] == "cim-9"
    assert record["custom"] == {"wrapUpStr": "Billing", "noteTxt": "Later"}
    assert crm.related(owner, "cim-interaction")[0].values["wrapUpStr"] == "Billing"


def test_repeated_message_is_looked_for_on_every_page(kustomer: Kustomer) -> None:
    crm = adapter()
    owner = make_person(crm)
    conversation = crm.write("conversation", {}, key="c", customer=owner, parent_key="", repeated=False)
    kustomer.add("message", customer=owner.id, conversation=conversation.id, externalId="wanted")
    for number in range(120):
        kustomer.add("message", customer=owner.id, conversation=conversation.id, externalId=f"m{number}")

    crm.write("message", {"preview": "x"}, key="m119", customer=owner, parent_key="c", repeated=True)

    assert len(kustomer.records("message")) == 121
    sizes = {found[1] for it in kustomer.requests() if (found := re.search(r"pageSize=(\d+)", it["path"]))}
    assert sizes == {"100"}


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ({"kind": "error"}, Unavailable, "500"),
        ({"kind": "garbage"}, Unavailable, "not the JSON"),
        ({"kind": "down"}, Unavailable, "No connection"),
        ({"kind": "hang", "seconds": 2}, Unavailable, "in time"),
        ({"kind": "busy", "seconds": 7}, Busy, "Slow down"),
    ],
)
def test_fault_is_told_apart(
    kustomer: Kustomer, fault: dict[str, Any], expected: type[Unavailable], words: str
) -> None:
    kustomer.fail(fault)

    with pytest.raises(Unavailable, match=words) as failure:
        adapter(seconds=0.5).check()

    assert type(failure.value) is expected
    assert failure.value.retry_after == (7.0 if expected is Busy else None)


def test_too_many_requests_say_how_long_to_wait(kustomer: Kustomer) -> None:
    kustomer.set(limit=1)
    crm = adapter()
    crm.check()

    with pytest.raises(Busy) as busy:
        crm.check()

    assert busy.value.retry_after == 2.0


def test_token_renewal_is_sat_out(kustomer: Kustomer) -> None:
    kustomer.fail({"kind": "renew", "seconds": 0.8, "times": 1})

    assert adapter(seconds=2).check().name


def test_body_too_large_is_refused_for_good(kustomer: Kustomer) -> None:
    with pytest.raises(Refused, match="100 kB"):
        make_person(adapter(), name="x" * 100_001)


@pytest.mark.parametrize(
    ("name", "kind", "limit"),
    [
        ("custom.callReasonStr", Kind.TEXT, 1024),
        ("transcriptTxt", Kind.TEXT, 20_000),
        ("balanceNum", Kind.NUMBER, None),
        ("custom.renewalAt", Kind.DATETIME, None),
        ("vipBool", Kind.BOOLEAN, None),
        ("name", Kind.TEXT, None),
        ("priority", Kind.NUMBER, None),
    ],
)
def test_field_is_known_by_its_name(name: str, kind: Kind, limit: int | None) -> None:
    field = Adapter.field("conversation", name)

    assert (field.kind, field.limit, field.known) == (kind, limit, True)


def test_record_types_are_those_of_the_vendor_and_custom_objects() -> None:
    assert [
        Adapter.record_type(name) is not None for name in ("Customer", "klass:cim-call", "order", "No!")
    ] == [
        *(True, True, True),
        False,
    ]


def test_fields_come_from_the_metadata(kustomer: Kustomer) -> None:
    fields = {field.name: field for field in adapter().fields("conversation")}

    assert fields["custom.callReasonStr"].label == "Call reason"
    assert "name" in fields
    assert "createdAt" not in fields


def test_search_finds_by_name_phone_and_email(kustomer: Kustomer) -> None:
    crm = adapter()
    made = make_person(crm)

    assert [crm.search(text)[0].id for text in ("ruiz", "+15550100", "ana@example.com")] == [made.id] * 3
    assert crm.search("nobody") == []


def test_person_is_read_with_every_value(kustomer: Kustomer) -> None:
    record = kustomer.add(
        name="Ana María Ruiz",
        phones=[{"type": "home", "phone": "+15550100"}, {"type": "work", "phone": "+15550101"}],
        emails=[{"type": "work", "email": "ana@example.com"}],
        locations=[{"address": "Calle 1", "cityName": "Cádiz", "zipCode": "11001"}, {"zipCode": "11002"}],
        company="65f4aaaaaaaaaaaaaaaaaaaa",
    )
    crm = adapter()
    found = crm.fetch("customer", record["id"])
    assert found is not None
    person = crm.person(found)

    assert (person.first_name, person.last_name) == ("Ana María", "Ruiz")
    assert list(person.phones) == ["+15550100", "+15550101"]
    assert list(person.addresses) == ["Calle 1, Cádiz"]
    assert list(person.postal_codes) == ["11001", "11002"]
    assert (person.crm_id, person.account_id) == (record["id"], "65f4aaaaaaaaaaaaaaaaaaaa")
