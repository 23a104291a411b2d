"""A CRM to try things with: connected to the double of Kustomer that runs beside a development installation."""

import datetime as dt
from typing import Any, Final

from cim.access import audit
from crm_mappings import configuring, mapping
from crm_mappings.models import Configuration, DynamicDataMapping, MemorialisationMapping

_CALLS: Final = (
    ("conversation", "name", "voice", "skill_name"),
    ("conversation", "direction", "voice", "direction"),
    ("conversation", "custom.agentStr", "voice", "agent_name"),
    ("conversation", "custom.statusStr", "voice", "status"),
    ("conversation", "custom.wrapUpStr", "voice", "disposition_name"),
    ("conversation", "custom.startedAt", "voice", "start_time"),
    ("note", "body", "voice", "disposition_notes"),
)
_CHATS: Final = (
    ("conversation", "name", "digital", "channel_name"),
    ("conversation", "custom.agentStr", "digital", "agent_name"),
    ("conversation", "custom.wrapUpStr", "digital", "disposition_name"),
    ("conversation", "custom.transcriptTxt", "digital", "transcription_text"),
)
_SHOWN: Final = (
    ("customer", "name", "string"),
    ("customer", "phones", "string"),
    ("conversation", "name", "string"),
)


def connect(key: str, now: dt.datetime) -> Configuration | None:
    """Connect the demonstration CRM and say what is written and shown; None where a CRM is connected already."""
    if Configuration.objects.exists():
        return None
    actor = audit.system_actor("command")
    configuration = configuring.create(
        {
            "name": "Kustomer (demo)",
            "description": "A stand-in on this machine; nothing leaves it.",
            "type": "kustomer",
            "region": "EMEA",
            "credentials": {"api_key": key},
            "base_url": "https://demo.api.kustomerapp.com",
            "screenpop_url": "https://demo.kustomerapp.com/app/customers",
        },
        actor,
        now,
    )
    for name, rows in (("Calls", _CALLS), ("Digital contacts", _CHATS)):
        entities: dict[str, list[dict[str, str]]] = {}
        for entity_type, crm_field, channel, data_field in rows:
            row = {"crm_field": crm_field, "channel": channel, "data_field": data_field}
            entities.setdefault(entity_type, []).append(row)
        given: dict[str, Any] = {
            "configuration": configuration.pk,
            "name": name,
            "entities": [{"entity_type": key_, "rows": found} for key_, found in entities.items()],
        }
        mapping.save_memorialisation(MemorialisationMapping(), given, actor, now)
    shown: dict[str, list[dict[str, str]]] = {}
    for record_type, crm_field, data_type in _SHOWN:
        shown.setdefault(record_type, []).append({"crm_field": crm_field, "data_type": data_type})
    mapping.save_dynamic_data(
        DynamicDataMapping(),
        {
            "configuration": configuration.pk,
            "name": "For agents",
            "record_types": [{"record_type": key_, "fields": found} for key_, found in shown.items()],
        },
        actor,
        now,
    )
    return configuration
