"""Configurations, mappings and calls for the tests of this app, made through the doors that people and programs use."""

import datetime as dt
import itertools
from typing import Any

from cim.access import audit
from crm_mappings import configuring, mapping
from crm_mappings.models import (
    Configuration,
    DynamicDataMapping,
    MemorialisationMapping,
    SkillSetup,
    Workflow,
)
from customers import profiles
from customers.models import Customer
from customers.schema import Schema
from interactions import recording
from interactions.models import Interaction

ACTOR = audit.system_actor("command")
KEY = "k-double"
PHONE = "+4930123456"
_numbers = itertools.count(1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def body(**changes: Any) -> dict[str, Any]:
    """What the API takes for a configuration."""
    return {
        "name": f"Kustomer {next(_numbers)}",
        "type": "kustomer",
        "region": "EMEA",
        "credentials": {"api_key": KEY},
        "base_url": "https://acme.api.kustomerapp.com",
        "screenpop_url": "https://acme.kustomerapp.com/app/customers",
        **changes,
    }


def make_configuration(**changes: Any) -> Configuration:
    return configuring.create(body(**changes), ACTOR, now())


def make_mapping(
    configuration: Configuration, entities: dict[str, list[tuple[str, str, str]]]
) -> MemorialisationMapping:
    row = MemorialisationMapping()
    given = {
        "configuration": configuration.pk,
        "name": f"Mapping {next(_numbers)}",
        "entities": [
            {
                "entity_type": entity_type,
                "rows": [
                    {"crm_field": name, "channel": channel, "data_field": source}
                    for name, channel, source in rows
                ],
            }
            for entity_type, rows in entities.items()
        ],
    }
    mapping.save_memorialisation(row, given, ACTOR, now())
    return row


def make_dynamic(configuration: Configuration, **record_types: list[tuple[str, str]]) -> DynamicDataMapping:
    row = DynamicDataMapping()
    given = {
        "configuration": configuration.pk,
        "name": f"Shown {next(_numbers)}",
        "record_types": [
            {
                "record_type": name.replace("_", "-"),
                "fields": [{"crm_field": field, "data_type": kind} for field, kind in fields],
            }
            for name, fields in record_types.items()
        ],
    }
    mapping.save_dynamic_data(row, given, ACTOR, now())
    return row


def make_workflow(configuration: Configuration, **changes: Any) -> Workflow:
    row = Workflow()
    given = {
        "configuration": configuration.pk,
        "name": f"Workflow {next(_numbers)}",
        "match_on": [{"crm_field": "phones", "attribute": "phones"}],
        **changes,
    }
    mapping.save_workflow(row, given, ACTOR, now())
    return row


def make_skill(configuration: Configuration, **changes: Any) -> SkillSetup:
    row = SkillSetup()
    mapping.save_skill(row, {"configuration": configuration.pk, **changes}, ACTOR, now())
    return row


def make_customer(**values: Any) -> Customer:
    schema = Schema.current()
    given = schema.read_json({"first_name": "Ana", "last_name": "Ruiz", "phones": [PHONE], **values})
    return profiles.create(given, ACTOR, schema=schema).customer


class Call:
    """A contact that is told event by event, each a second after the one before."""

    def __init__(self, channel: str = "voice", agent: str = "aylin", **always: Any) -> None:
        self.name = f"call-{next(_numbers)}"
        self.at = now() - dt.timedelta(minutes=2)
        self.channel = channel
        self.agent = agent
        self.always = {
            "address": PHONE if channel == "voice" else "visitor-7",
            "identifiers": [{"type": "phone", "value": always.get("address", PHONE)}],
            "direction": "inbound",
            "dialled": "+49305550",
            **always,
        }
        self.count = 0

    def event(self, type: str, **said: Any) -> dict[str, Any]:
        self.count += 1
        self.at += dt.timedelta(seconds=1)
        agent = (
            {} if type == "ended" else {"agent": {"id": self.agent, "name": "Aylin Aksoy", "team": "Billing"}}
        )
        return {
            "event_id": f"{self.name}-{self.count}",
            "source": "pbx",
            "interaction_id": self.name,
            "type": type,
            "occurred_at": self.at.isoformat(),
            "channel": self.channel,
            **(self.always if self.count == 1 else {}),
            **agent,
            **said,
        }

    def tell(self, *types: str | tuple[str, dict[str, Any]]) -> "Call":
        events = [self.event(it) if isinstance(it, str) else self.event(it[0], **it[1]) for it in types]
        recorded = recording.record(events, now())
        assert recorded.rejected == []
        return self

    @property
    def row(self) -> Interaction:
        return Interaction.objects.get(external_id=self.name)


def ended(by: str = "agent") -> tuple[str, dict[str, Any]]:
    return ("ended", {"ended_by": by})


def wrapped(code: str = "Billing") -> tuple[str, dict[str, Any]]:
    return (
        "wrapped_up",
        {"code": code, "notes": "Asked about March.", "status": "solved", "tags": ["vip", "bill"]},
    )
