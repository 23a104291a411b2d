"""Customers that stay in the CRM: an only match becomes a customer here, the CRM keeps the details (M30–M32, M34)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from cim.access import audit
from crm_mappings.models import Configuration, CrmAnswer
from customers import profiles
from customers.models import Customer
from customers.profiles import NumberTaken, OnConflict
from customers.resolving import survivor_of
from customers.schema import Given, InvalidProfile, Schema
from customers.values import Value
from interactions import linking, popping
from interactions.models import Interaction, Link
from interactions.signals import Change, announce

logger = structlog.get_logger(__name__)

_PREDEFINED = {
    "first_name": "first_name",
    "last_name": "last_name",
    "phones": "phones",
    "emails": "emails",
    "address": "addresses",
    "postal_code": "postal_codes",
    "crm_id": "crm_id",
    "account_id": "account_id",
}


def store(answer: CrmAnswer, now: dt.datetime) -> UUID | None:
    """Make an only match a customer here, or bring the one that is here up to date; return its id.

    None where the CRM's values do not fit the attributes, or its numbers are somebody else's: then the match is shown
    as a candidate and nothing is stored.
    """
    (record,) = (record for record in answer.records if record["type"] == "customer")
    actor = audit.system_actor("crm")
    schema = Schema.current()
    given = given_by(record, answer.configuration.gateway_fields, schema)
    try:
        if answer.customer is not None:
            customer = survivor_of(answer.customer)
            profiles.edit(customer.pk, given, actor, schema=schema, now=now)
            return customer.pk
        return _take_in(answer, given, schema, actor, now)
    except (InvalidProfile, NumberTaken, Customer.DoesNotExist) as refusal:
        logger.info(
            "crm.not_stored", configuration=str(answer.configuration_id), reason=type(refusal).__name__
        )
        return None


def _take_in(
    answer: CrmAnswer, given: Given, schema: Schema, actor: audit.Actor, now: dt.datetime
) -> UUID | None:
    """Create the customer and link the interaction that asked, in one transaction, unless it has a customer by now."""
    with transaction.atomic():
        locked = Interaction.objects.select_for_update(no_key=True, of=("self",))
        interaction = locked.filter(crm_answers=answer).first()
        if interaction is None or interaction.customer_id is not None or interaction.is_linked_by_hand:
            return None
        outcome = profiles.create(given, actor, schema=schema, on_conflict=OnConflict.REJECT, now=now)
        # It was looked up before, and found nobody.
        interaction.looked_up = ""
        links = linking.link_by_themselves([interaction], now)
        interaction.save(
            update_fields=[
                "customer",
                "linked_how",
                "linked_by",
                "linked_at",
                "linked_why",
                "candidates",
                "looked_up",
            ]
        )
        Link.objects.bulk_create(links)
        popping.show_again([interaction], now)
        announce([Change(interaction, state_before=interaction.state, relinked=bool(links))])
        _move(answer, outcome.customer)
    return outcome.customer.pk


def _move(answer: CrmAnswer, customer: Customer) -> None:
    """Let the answer about a caller be the answer about the customer that the caller became."""
    if not CrmAnswer.objects.filter(
        customer=customer, configuration=answer.configuration_id, interaction=None
    ).exists():
        CrmAnswer.objects.filter(pk=answer.pk).update(customer=customer, interaction=None)


def given_by(record: Mapping[str, Any], rows: Sequence[Mapping[str, str]], schema: Schema) -> Given:
    """Read a CRM's customer as values of attributes: the first of several, but for lists, which take all (M31).

    A value that does not fit its attribute is left out.
    """
    person = record.get("person") or {}
    raw: dict[str, Any] = {key: person.get(source) for key, source in _PREDEFINED.items()}
    raw |= {row["attribute"]: record["values"].get(row["crm_field"]) for row in rows}
    values: dict[str, Value] = {}
    typed: dict[str, str] = {}
    for key, value in raw.items():
        attribute = schema.by_key.get(key)
        if attribute is None or not attribute.is_writable or value in (None, "", []):
            continue
        if attribute.is_list:
            items = value if isinstance(value, list) else [value]
        else:
            items = None
            value = value[0] if isinstance(value, list) else value
        given = _read(key, items if items is not None else value, schema)
        if given is None and items is not None:
            # One bad number must not cost the good ones.
            good = [item for item in items if _read(key, [item], schema) is not None]
            given = _read(key, good, schema) if good else None
        if given is not None:
            values |= given.values
            typed |= given.typed
    return Given(values, typed)


def _read(key: str, value: Any, schema: Schema) -> Given | None:
    try:
        return schema.read_json({key: value})
    except InvalidProfile:
        pass
    try:
        return None if isinstance(value, list) else schema.read_text({key: str(value)})
    except InvalidProfile:
        return None


def alternatives(record: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return, by attribute, the values beyond the first, which were kept and not stored (M31)."""
    person = record.get("person") or {}
    found = {
        "address": list(person.get("addresses") or [])[1:],
        "postal_code": list(person.get("postal_codes") or [])[1:],
    }
    for row in rows:
        value = record["values"].get(row["crm_field"])
        if isinstance(value, list):
            found[row["attribute"]] = [str(item) for item in value[1:]]
    return {key: values for key, values in found.items() if values}


def take_over(
    record: Mapping[str, Any], configuration: Configuration, actor: audit.Actor, now: dt.datetime
) -> Customer:
    """Make a customer of a record that somebody chose (M34). Raises InvalidProfile, NumberTaken."""
    schema = Schema.current()
    given = given_by(record, configuration.gateway_fields, schema)
    with transaction.atomic():
        outcome = profiles.create(given, actor, schema=schema, on_conflict=OnConflict.REJECT, now=now)
        CrmAnswer.objects.update_or_create(
            customer=outcome.customer,
            configuration=configuration,
            interaction=None,
            defaults={
                "outcome": CrmAnswer.Outcome.ONE,
                "records": [dict(record)],
                "fetched_at": now,
                "answered_at": now,
                "asked_at": now,
            },
        )
    return outcome.customer
