"""Which record of the CRM stands for a customer: known already, found by a workflow, or made (M16, M30, M32)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from crm_mappings.adapters import Adapter, Record, Refused
from crm_mappings.models import Configuration, CrmAnswer, SkillSetup, Workflow
from customers.models import Customer
from customers.schema import Schema
from customers.values import to_json
from interactions.families import family_of
from interactions.models import Interaction

DEFAULT_MATCH: Final = (
    {"crm_field": "phones", "attribute": "phones"},
    {"crm_field": "emails", "attribute": "emails"},
)
"""How a customer is found where no workflow says it."""


@dataclass(frozen=True)
class Known:
    """What is known about somebody by attribute key, each with its values in order: a customer, or only a caller."""

    values: Mapping[str, Sequence[str]]
    key: str
    record_id: str = ""

    def first(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")


class Ambiguous(Refused):
    """Several records fit, and the workflow leaves the choice to people (M32)."""

    def __init__(self, reason: str, records: Sequence[Record]) -> None:
        super().__init__(reason)
        self.records = records


class Nobody(Refused):
    """No record fits, and the workflow makes none."""


@dataclass(frozen=True)
class Rules:
    """The workflows of a setup, with what holds where there are none."""

    match_on: Sequence[Mapping[str, str]] = DEFAULT_MATCH
    on_none: str = Workflow.OnNone.CREATE
    on_one: str = Workflow.OnOne.USE
    on_several: str = Workflow.OnSeveral.ASK
    create_with: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def rules_of(setup: SkillSetup | None) -> Rules:
    """Return what a skill's workflows say. Without any the record is found by phone and email, and made if missing."""
    search = setup.search_workflow if setup else None
    create = setup.create_workflow if setup else None
    if search is None:
        return Rules(create_with=create.create_with if create else ())
    create_with = create.create_with if create else search.create_with
    return Rules(search.match_on, search.on_none, search.on_one, search.on_several, create_with)


def known_of(
    customer: Customer | None, interaction: Interaction | None, configuration: Configuration
) -> Known:
    """Gather what is known: of the customer everything, of a mere caller the address and the name. Few queries."""
    if customer is not None:
        schema = Schema.current()
        values: dict[str, Sequence[str]] = {"id": [str(customer.pk)]}
        for attribute in schema.attributes:
            value = customer.value_of(attribute)
            if value is not None:
                items = value if isinstance(value, list) else [to_json(value, attribute.kind)]
                values[attribute.key] = [_text(item) for item in items]
        return Known(values, f"cim-{customer.pk}", record_of(customer.pk, configuration))
    values = {}
    if interaction is not None:
        for kind, value in interaction.identity():
            name = {"phone": "phones", "whatsapp": "phones", "email": "emails", "crm": "crm_id"}.get(kind)
            if name and value:
                values[name] = [*values.get(name, ()), value]
        if interaction.customer_name:
            values["name"] = [interaction.customer_name]
    return Known(values, f"cim-caller-{interaction.pk}" if interaction else "cim")


def record_of(customer_id: UUID, configuration: Configuration) -> str:
    """Return the id of the CRM's record that answers for a customer, or for one merged into it; empty for none."""
    answers = CrmAnswer.objects.filter(
        customer__in=family_of(customer_id), configuration=configuration, outcome=CrmAnswer.Outcome.ONE
    )
    for answer in answers.order_by("-answered_at"):
        for record in answer.records:
            if record["type"] == "customer":
                return str(record["id"])
    return ""


def find(adapter: Adapter, known: Known, rules: Rules) -> Sequence[Record]:
    """Return the customer records that fit: by the known id, else by the first field of the workflow that finds any."""
    if known.record_id:
        record = adapter.fetch("customer", known.record_id)
        if record is not None:
            return [record]
    if crm_id := known.first("crm_id"):
        record = adapter.fetch("customer", crm_id)
        if record is not None:
            return [record]
    for criterion in rules.match_on:
        found: dict[str, Record] = {}
        for value in known.values.get(criterion["attribute"], ()):
            found |= {record.id: record for record in adapter.find("customer", criterion["crm_field"], value)}
        if found:
            return list(found.values())
    return []


def find_or_make(adapter: Adapter, known: Known, rules: Rules, *, repeated: bool) -> Record:
    """Return the record that stands for somebody, made where the workflow says so. Raises Ambiguous, Nobody."""
    found = find(adapter, known, rules)
    if len(found) > 1:
        if rules.on_several == Workflow.OnSeveral.FIRST:
            return found[0]
        raise Ambiguous(
            _("%(count)d customers of the CRM fit; one has to be chosen.") % {"count": len(found)}, found
        )
    if found:
        if rules.on_one == Workflow.OnOne.NOTHING:
            raise Nobody(_("The workflow does nothing with a customer that is found."))
        return found[0]
    if rules.on_none != Workflow.OnNone.CREATE:
        raise Nobody(_("No customer of the CRM fits, and the workflow creates none."))
    values = creation_values(known, rules)
    if not values:
        raise Nobody(_("Nothing is known with which a customer could be made in the CRM."))
    return adapter.write("customer", values, key=known.key, customer=None, parent_key="", repeated=repeated)


def creation_values(known: Known, rules: Rules) -> dict[str, str]:
    """Return the fields a new customer record is made with: those of the workflow, else name, phones and emails."""
    if rules.create_with:
        values = {
            item["crm_field"]: item["text"]
            if "text" in item
            else ", ".join(known.values.get(item["attribute"], ()))
            for item in rules.create_with
        }
    else:
        name = " ".join(filter(None, (known.first("first_name"), known.first("last_name"))))
        values = {
            "name": name or known.first("name"),
            "phones": ", ".join(known.values.get("phones", ())),
            "emails": ", ".join(known.values.get("emails", ())),
        }
    return {name: text for name, text in values.items() if text}


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
