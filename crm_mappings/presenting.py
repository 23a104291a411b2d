"""How configurations, mappings, deliveries and CRM data look outside (contract 6.4), masked by the one policy (C36)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from crm_mappings import gateway
from crm_mappings.adapters import Kind, adapter_of, types
from crm_mappings.fetching import Shown
from crm_mappings.memorising import Line
from crm_mappings.models import (
    Configuration,
    CrmAnswer,
    Delivery,
    DynamicDataMapping,
    MemorialisationMapping,
    SkillSetup,
    Workflow,
)
from customers.models import Customer
from customers.policy import MASK, Sight

# Fields of CRMs that show what an attribute holds; the table of the gateway adds its own.
_SAME_AS: Final[Mapping[str, str]] = {
    "name": "last_name",
    "displayName": "last_name",
    "firstName": "first_name",
    "lastName": "last_name",
    "phones": "phones",
    "sharedPhones": "phones",
    "emails": "emails",
    "sharedEmails": "emails",
    "locations": "address",
}


def moment(at: dt.datetime | None) -> str | None:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if at else None


def configuration_json(it: Configuration, now: dt.datetime) -> dict[str, Any]:
    circuit = getattr(it, "circuit", None)
    made = types().get(it.type)
    return {
        "id": str(it.pk),
        "name": it.name,
        "description": it.description,
        "type": it.type,
        "label": made.label if made else it.type,
        "region": it.region,
        "base_url": it.base_url,
        "screenpop_url": it.screenpop_url,
        "status": it.status,
        "status_detail": it.status_detail,
        "checked_at": moment(it.checked_at),
        "system_user": it.system_user,
        "time_zone": it.time_zone,
        "enabled": it.is_enabled,
        "gateway": it.is_gateway,
        "gateway_fields": it.gateway_fields,
        "resting_until": moment(circuit.open_until) if circuit and circuit.is_open(now) else None,
        "resting_reason": circuit.reason if circuit and circuit.is_open(now) else "",
        "paused": bool(circuit and circuit.is_paused),
    }


def type_json(name: str) -> dict[str, Any]:
    """Describe an adapter for the page that makes configurations and mappings."""
    made = adapter_of(name)
    return {
        "type": name,
        "label": made.label,
        "credentials": list(made.credentials),
        "base_url": made.base_url.expected,
        "screenpop_url": made.screenpop_url.expected,
        "record_types": [
            {"name": item.name, "label": str(item.label), "appends": item.appends}
            for item in made.record_types
        ],
    }


def memorialisation_json(it: MemorialisationMapping, warnings: Sequence[str]) -> dict[str, Any]:
    return {
        "id": str(it.pk),
        "configuration": str(it.configuration_id),
        "name": it.name,
        "description": it.description,
        "entities": it.entities,
        "version": it.version,
        "updated_at": moment(it.updated_at),
        "warnings": list(warnings),
    }


def dynamic_data_json(it: DynamicDataMapping) -> dict[str, Any]:
    return {
        "id": str(it.pk),
        "configuration": str(it.configuration_id),
        "name": it.name,
        "description": it.description,
        "record_types": it.record_types,
        "updated_at": moment(it.updated_at),
    }


def workflow_json(it: Workflow) -> dict[str, Any]:
    return {
        "id": str(it.pk),
        "configuration": str(it.configuration_id),
        "name": it.name,
        "purpose": it.purpose,
        "record_type": it.record_type,
        "match_on": it.match_on,
        "on_none": it.on_none,
        "on_one": it.on_one,
        "on_several": it.on_several,
        "create_with": it.create_with,
    }


def skill_json(it: SkillSetup) -> dict[str, Any]:
    return {
        "id": str(it.pk),
        "configuration": str(it.configuration_id),
        "skill": it.skill,
        "screen_pop": it.screen_pop,
        "after_call_work": it.after_call_work,
        "customer_first": it.customer_first,
        **{
            name: str(value) if (value := getattr(it, f"{name}_id")) else None
            for name in (
                "search_workflow",
                "create_workflow",
                "memorialisation_mapping",
                "dynamic_data_mapping",
            )
        },
    }


def delivery_json(it: Delivery, *, whole: bool = False) -> dict[str, Any]:
    """Return a delivery; `whole` adds what was sent and the tries."""
    customer = it.customer
    shown = {
        "id": str(it.pk),
        "configuration": str(it.configuration_id),
        "mapping": str(it.mapping_id) if it.mapping_id else None,
        "interaction": str(it.interaction_id),
        "interaction_id": it.interaction.external_id,
        "channel": it.interaction.channel or None,
        "customer": str(it.customer_id) if it.customer_id else None,
        "customer_name": customer.display_name if customer else it.interaction.customer_name or None,
        "entity_type": it.entity_type,
        "moment": it.moment.partition(":")[0],
        "state": it.state,
        "reason": it.reason,
        "tries": it.tries,
        "due_at": moment(it.due_at) if it.state in ("waiting", "retrying") else None,
        "created_at": moment(it.created_at),
        "delivered_at": moment(it.delivered_at),
        "took_ms": it.took_ms,
        "record_id": it.record_id or None,
        "record_url": it.record_url or None,
        "replayed_at": moment(it.replayed_at),
        "replayed_by": it.replayed_by.get_full_name() or it.replayed_by.get_username()
        if it.replayed_by
        else None,
        "cut": it.cut,
    }
    if whole:
        shown |= {"fields": it.fields, "history": it.history, "key": it.key}
    return shown


def preview_json(entities: Iterable[tuple[str, Sequence[Line]]]) -> list[dict[str, Any]]:
    return [
        {
            "entity_type": entity_type,
            "rows": [
                {
                    "crm_field": line.crm_field,
                    "channel": line.channel,
                    "data_field": line.data_field,
                    "text": line.text,
                    "written": bool(line.applies and line.text),
                    "why_not": ""
                    if line.applies and line.text
                    else "channel"
                    if not line.applies
                    else "empty",
                    "cut_at": line.cut_at,
                }
                for line in lines
            ],
        }
        for entity_type, lines in entities
    ]


def answer_json(
    answer: CrmAnswer,
    configuration: Configuration,
    shown: Shown,
    sight: Sight,
    now: dt.datetime,
    *,
    fetching: bool,
) -> dict[str, Any]:
    """Return what a CRM said of somebody, with its age; values of masked attributes are masked."""
    hidden = _hidden_fields(configuration, sight)
    is_several = answer.outcome == CrmAnswer.Outcome.SEVERAL
    return {
        "configuration": {
            "id": str(configuration.pk),
            "name": configuration.name,
            "type": configuration.type,
        },
        "outcome": answer.outcome or None,
        "fetching": fetching or _is_on_its_way(answer, now),
        "fetched_at": moment(answer.fetched_at),
        "age_seconds": int((now - answer.fetched_at).total_seconds()) if answer.fetched_at else None,
        "reason": answer.reason or None,
        "records": []
        if is_several
        else [
            {
                "record_type": record["type"],
                "id": record["id"],
                "url": record["url"] or None,
                "fields": [
                    _field_json(name, kind, record["values"].get(name), masked=name in hidden)
                    for name, kind in shown.record_types.get(record["type"], {}).items()
                ],
                "alternatives": _alternatives(record, configuration, sight)
                if record["type"] == "customer"
                else {},
            }
            for record in answer.records
        ],
        "candidates": [candidate_json(record, sight) for record in answer.records] if is_several else [],
    }


def _is_on_its_way(answer: CrmAnswer, now: dt.datetime) -> bool:
    return (
        answer.asked_at is not None
        and (answer.answered_at is None or answer.answered_at < answer.asked_at)
        and now - answer.asked_at < dt.timedelta(minutes=2)
    )


def _hidden_fields(configuration: Configuration, sight: Sight) -> set[str]:
    attributes = {row["crm_field"]: row["attribute"] for row in configuration.gateway_fields}
    return {
        name
        for name, attribute in {**_SAME_AS, **attributes}.items()
        if attribute in sight.masked or (name == "name" and "first_name" in sight.masked)
    }


def _field_json(name: str, kind: str, value: Any, *, masked: bool) -> dict[str, Any]:
    first, others = (value[0] if value else None, value[1:]) if isinstance(value, list) else (value, [])
    if masked and first is not None:
        first, others = MASK, [MASK] * len(others)
    return {
        "crm_field": name,
        "data_type": kind,
        "value": first if kind != Kind.TEXT or first is None else str(first),
        "alternatives": others,
    }


def _alternatives(
    record: Mapping[str, Any], configuration: Configuration, sight: Sight
) -> dict[str, list[str]]:
    return {
        key: [MASK] * len(values) if key in sight.masked else values
        for key, values in gateway.alternatives(record, configuration.gateway_fields).items()
    }


def candidate_json(record: Mapping[str, Any], sight: Sight) -> dict[str, Any]:
    """Return a customer of the CRM as one of several that may be meant (M32)."""
    person = record.get("person") or {}
    names = [person.get(name) or "" for name in ("first_name", "last_name")]
    masked = sight.masked & {"first_name", "last_name"}
    return {
        "id": record["id"],
        "url": record["url"] or None,
        "name": MASK if masked else " ".join(filter(None, names)),
        "phones": [MASK if "phones" in sight.masked else item for item in person.get("phones") or []],
        "emails": [MASK if "emails" in sight.masked else item for item in person.get("emails") or []],
    }


def known_here(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Map records of the CRM to the customers here that carry their ids. One query."""
    rows = Customer.objects.live().filter(crm_id__in=[record["id"] for record in records])
    return {crm_id: str(key) for key, crm_id in rows.values_list("pk", "crm_id") if crm_id}
