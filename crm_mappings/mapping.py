"""Saving mappings, workflows and the setups of skills; what cannot work is refused here (M10, M11, M15, M16, M20)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.strictness import quoted
from crm_mappings.adapters import adapter_of
from crm_mappings.mapping_rules import check_entities, check_record_types, has_script_rows
from crm_mappings.models import (
    Configuration,
    DynamicDataMapping,
    MemorialisationMapping,
    SkillSetup,
    Workflow,
)
from customers.schema import Schema

Row = TypeVar("Row", MemorialisationMapping, DynamicDataMapping, Workflow, SkillSetup)

_CALLER_KEYS: Final = ("id",)


class InvalidMapping(Exception):
    """What was given cannot work; `errors` says why, by place."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = dict(errors)


class MappingInUse(Exception):
    """Skills use it; they would write or show nothing without it."""

    def __init__(self, skills: Sequence[str]) -> None:
        super().__init__(skills)
        self.skills = list(skills)

    def __str__(self) -> str:
        return _("It is used by: %(skills)s. Choose another one there first.") % {
            "skills": ", ".join(self.skills)
        }


def save_memorialisation(
    row: MemorialisationMapping, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime
) -> list[str]:
    """Save a mapping, new or changed, and return what is worth knowing about it. Raises InvalidMapping."""
    warnings: list[str] = []
    with transaction.atomic():
        _adopt(row, given, ("name", "description"))
        if "entities" in given:
            checked = check_entities(given["entities"], adapter_of(row.configuration.type))
            errors = dict(checked.errors)
            if not errors:
                errors |= _conflicts_with_skills(row, checked.document)
            _refuse(errors)
            row.entities, warnings = checked.document, checked.warnings
        row.version = row.version if row._state.adding else row.version + 1
        _save(row, "memorialisation_mapping", actor, now)
    return warnings


def warnings_of(row: MemorialisationMapping) -> list[str]:
    return check_entities(row.entities, adapter_of(row.configuration.type)).warnings


def _conflicts_with_skills(
    row: MemorialisationMapping, entities: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """A script variable has no value where the skill pops no screen; say so now rather than write nothing then."""
    if row._state.adding or not has_script_rows(entities):
        return {}
    without = row.skills.filter(screen_pop=False).values_list("skill", flat=True)
    if not without:
        return {}
    return {
        "entities": [
            _("It has script variables, but the skill %(skill)s, which uses it, has no screen pop.")
            % {"skill": quoted(without[0] or _("every other skill"))}
        ]
    }


def save_dynamic_data(
    row: DynamicDataMapping, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime
) -> None:
    """Save a dynamic data mapping, new or changed. Raises InvalidMapping, naming the limit that is passed (M20)."""
    with transaction.atomic():
        _adopt(row, given, ("name", "description"))
        if "record_types" in given:
            checked = check_record_types(given["record_types"], adapter_of(row.configuration.type))
            _refuse(checked.errors)
            row.record_types = checked.document
        _save(row, "dynamic_data_mapping", actor, now)


def save_workflow(row: Workflow, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime) -> None:
    """Save a workflow, new or changed. Raises InvalidMapping."""
    with transaction.atomic():
        _adopt(row, given, ("name", "purpose", "record_type", "on_none", "on_one", "on_several"))
        adapter = adapter_of(row.configuration.type)
        errors: dict[str, list[str]] = {}
        record_type = adapter.record_type(row.record_type)
        if record_type is None:
            known = ", ".join(known.name for known in adapter.record_types)
            errors["record_type"] = [
                _("%(value)s is not a record type of %(crm)s; these are: %(known)s.")
                % {"value": quoted(row.record_type), "crm": adapter.label, "known": known}
            ]
        else:
            row.record_type = record_type.name
        for name in ("match_on", "create_with"):
            if name in given:
                errors |= _check_sources(given[name], name)
                setattr(row, name, [dict(item) for item in given[name]])
        if row.purpose == Workflow.Purpose.SEARCH and not row.match_on:
            errors.setdefault("match_on", []).append(_("A search needs at least one field to match on."))
        if row.purpose == Workflow.Purpose.CREATE and not row.create_with:
            errors.setdefault("create_with", []).append(_("A record is created with at least one field."))
        _refuse(errors)
        _save(row, "workflow", actor, now)


def _check_sources(items: Sequence[Mapping[str, str]], where: str) -> dict[str, list[str]]:
    schema = Schema.current()
    known = [*_CALLER_KEYS, *(attribute.key for attribute in schema.attributes)]
    errors: dict[str, list[str]] = {}
    for place, item in enumerate(items):
        if "attribute" in item and item["attribute"] not in known:
            errors[f"{where}.{place}.attribute"] = [
                _("%(value)s is not an attribute; these are: %(known)s.")
                % {"value": quoted(item["attribute"]), "known": ", ".join(known)}
            ]
        if ("attribute" in item) == ("text" in item):
            errors[f"{where}.{place}"] = [
                _(
                    "A field is filled from an attribute or with a fixed text: give one of “attribute” and “text”."
                )
            ]
        if where == "match_on" and "text" in item:
            errors[f"{where}.{place}"] = [_("A fixed text finds nobody; give “attribute”.")]
    return errors


def save_skill(row: SkillSetup, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime) -> None:
    """Save what applies to a skill. Raises InvalidMapping, also for script variables without a screen pop (M11)."""
    with transaction.atomic():
        _adopt(row, given, ("skill", "screen_pop", "after_call_work", "customer_first"))
        errors: dict[str, list[str]] = {}
        for name, model in (
            ("search_workflow", Workflow),
            ("create_workflow", Workflow),
            ("memorialisation_mapping", MemorialisationMapping),
            ("dynamic_data_mapping", DynamicDataMapping),
        ):
            if name in given:
                errors |= _choose(row, name, model, given[name])
        taken = SkillSetup.objects.filter(configuration=row.configuration, skill__iexact=row.skill)
        if taken.exclude(pk=row.pk).exists():
            errors["skill"] = [
                _("The skill %(skill)s is set up already.") % {"skill": quoted(row.skill)}
                if row.skill
                else _("Every other skill is set up already; name the skill.")
            ]
        mapping = row.memorialisation_mapping
        if mapping is not None and not row.screen_pop and has_script_rows(mapping.entities):
            errors["screen_pop"] = [
                _("The mapping %(mapping)s has script variables, which need the screen pop of the skill.")
                % {"mapping": quoted(mapping.name)}
            ]
        _refuse(errors)
        _save(row, "skill", actor, now)


def _choose(
    row: SkillSetup, name: str, model: type[models.Model], chosen: UUID | None
) -> dict[str, list[str]]:
    if chosen is None:
        setattr(row, name, None)
        return {}
    found = model._default_manager.filter(pk=chosen, configuration=row.configuration).first()
    if found is None:
        return {name: [_("%(value)s is none of this configuration.") % {"value": quoted(str(chosen))}]}
    wanted = {"search_workflow": Workflow.Purpose.SEARCH, "create_workflow": Workflow.Purpose.CREATE}.get(
        name
    )
    if isinstance(found, Workflow) and found.purpose != wanted:
        return {
            name: [
                _("The workflow %(name)s is one for “%(purpose)s”.")
                % {"name": quoted(found.name), "purpose": found.get_purpose_display()}
            ]
        }
    setattr(row, name, found)
    return {}


def delete(row: Row, kind: str, actor: audit.Actor) -> None:
    """Delete a mapping, a workflow or a setup. Raises MappingInUse where a skill uses it."""
    with transaction.atomic():
        users: list[str] = []
        if isinstance(row, MemorialisationMapping | DynamicDataMapping):
            users = list(row.skills.values_list("skill", flat=True))
        elif isinstance(row, Workflow):
            users = [*row.searching_skills.values_list("skill", flat=True)]
            users += row.creating_skills.values_list("skill", flat=True)
        if users:
            raise MappingInUse([name or _("every other skill") for name in users])
        with audit.recorded(actor, f"crm.{kind}.delete", object_type=f"crm_{kind}", object_id=row.pk):
            row.delete()


def _adopt(row: Row, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Take over the plain members; a name is unique in its configuration, and the configuration stays."""
    configuration_id = given.get("configuration")
    if row._state.adding:
        row.configuration = _configuration(configuration_id)
    elif configuration_id is not None and configuration_id != row.configuration_id:
        raise InvalidMapping(
            {"configuration": [_("The configuration cannot be changed; make a new one there.")]}
        )
    for name in names:
        if name in given:
            setattr(row, name, given[name].strip() if isinstance(given[name], str) else given[name])
    if not isinstance(row, SkillSetup):
        same = type(row)._default_manager.filter(configuration=row.configuration, name__iexact=row.name)
        if same.exclude(pk=row.pk).exists():
            raise InvalidMapping({"name": [_("There is a %(name)s already.") % {"name": quoted(row.name)}]})


def _configuration(configuration_id: UUID | None) -> Configuration:
    found = Configuration.objects.filter(pk=configuration_id).first() if configuration_id else None
    if found is None:
        raise InvalidMapping(
            {
                "configuration": [
                    _("%(value)s is the id of no configuration.") % {"value": quoted(str(configuration_id))}
                ]
            }
        )
    return found


def _save(row: Row, kind: str, actor: audit.Actor, now: dt.datetime) -> None:
    action = "create" if row._state.adding else "change"
    row.updated_at = now
    with audit.recorded(
        actor,
        f"crm.{kind}.{action}",
        object_type=f"crm_{kind}",
        object_id=row.pk,
        configuration=str(row.configuration_id),
    ):
        row.save()


def _refuse(errors: Mapping[str, list[str]]) -> None:
    if errors:
        raise InvalidMapping(errors)
