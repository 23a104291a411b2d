"""What agents see of a CRM, fetched in the background: dynamic data, and customers that stay there (M20–M32).

Pages and pops read the last answer and its age from the database; a worker asks the CRM. No page ever waits for one.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from crm_mappings import finding, gateway
from crm_mappings.adapters import Adapter, Person, Record, Refused, Unavailable
from crm_mappings.connecting import Resting, asking
from crm_mappings.memorising import setup_among
from crm_mappings.models import Configuration, CrmAnswer, CrmSearch, DynamicDataMapping, SkillSetup
from crm_mappings.outgoing import brisk
from customers.models import Customer
from customers.phones import InvalidPhone, normalize
from customers.resolving import survivor_of
from customers.returning import Watch
from customers.schema import dialplan
from interactions.models import Interaction

logger = structlog.get_logger(__name__)

MOST_CANDIDATES: Final = 20
_LONGEST_VALUE: Final = 2000
_SEARCH_KEPT: Final = dt.timedelta(seconds=60)


@dataclass(frozen=True)
class Shown:
    """Which fields of which record types are shown from a CRM: the union of its mappings, or that of one skill."""

    record_types: Mapping[str, Mapping[str, str]]

    @property
    def is_empty(self) -> bool:
        return not self.record_types


def worth_asking() -> list[Configuration]:
    """List the configurations from which anything is shown, or in which unknown callers are looked for. One query."""
    return list(
        Configuration.objects.in_use()
        .filter(Q(is_gateway=True) | Q(dynamic_data_mappings__isnull=False))
        .distinct()
        .order_by("name")
    )


def ask_about(
    configuration: Configuration,
    now: dt.datetime,
    *,
    customer: Customer | None = None,
    interaction: Interaction | None = None,
    anew: bool = False,
) -> tuple[CrmAnswer, bool]:
    """Return the last answer about somebody, and whether a new one was asked for, which a worker has to fetch.

    An answer is asked for when there is none or it is stale, and not while another one is on its way.
    """
    about: dict[str, Any] = {"customer": customer, "interaction": None if customer else interaction}
    answer, _made = CrmAnswer.objects.get_or_create(configuration=configuration, **about)
    stale = answer.fetched_at is None or now - answer.fetched_at > _fresh_for()
    retried = answer.answered_at is not None and now - answer.answered_at > dt.timedelta(seconds=15)
    on_its_way = (
        answer.asked_at is not None
        and (answer.answered_at is None or answer.answered_at < answer.asked_at)
        and now - answer.asked_at < dt.timedelta(seconds=60)
    )
    if on_its_way or not (anew or (stale and (answer.answered_at is None or retried))):
        return answer, False
    # Conditional, so that of two pages opened at once one asks.
    asked = CrmAnswer.objects.filter(pk=answer.pk, asked_at=answer.asked_at).update(asked_at=now)
    answer.asked_at = now
    return answer, bool(asked)


def _fresh_for() -> dt.timedelta:
    return dt.timedelta(seconds=settings.CIM_CRM_FRESH)


def wanted(now: dt.datetime) -> list[UUID]:
    """List the answers that were asked for a while ago and that nobody is fetching: their message was lost."""
    rows = CrmAnswer.objects.wanted(now).filter(
        asked_at__lt=now - dt.timedelta(seconds=20), asked_at__gt=now - dt.timedelta(minutes=30)
    )
    return list(rows.values_list("pk", flat=True)[:100])


def fetch(answer_id: UUID, now: dt.datetime) -> str:
    """Ask the CRM and keep what it says; return the outcome, empty where there is nothing to do.

    Found as the only one, an unknown caller becomes a customer where the configuration is a gateway; several are kept
    as candidates and nothing is stored of them (M32).
    """
    lease = now + dt.timedelta(seconds=settings.CIM_CRM_TIMEOUT * 2)
    if not CrmAnswer.objects.wanted(now).filter(pk=answer_id).order_by().update(leased_until=lease):
        return ""
    answer = CrmAnswer.objects.select_related("configuration", "customer", "interaction").get(pk=answer_id)
    configuration = answer.configuration
    try:
        with asking(configuration, brisk(), now) as adapter:
            found = _found(answer, adapter)
    except Resting:
        return _keep(answer, CrmAnswer.Outcome.FAILED, now, reason=_("The CRM is left alone for a while."))
    except (Unavailable, Refused) as failure:
        return _keep(answer, CrmAnswer.Outcome.FAILED, now, reason=str(failure))
    found, erased = _without_erased(found, now)
    if erased:
        logger.info("crm.erased_person_left_out", configuration=str(configuration.pk), count=erased)
    outcome = (CrmAnswer.Outcome.NONE, CrmAnswer.Outcome.ONE, CrmAnswer.Outcome.SEVERAL)[
        min(_people(found), 2)
    ]
    if outcome == CrmAnswer.Outcome.SEVERAL:
        logger.info("crm.ambiguous", configuration=str(configuration.pk), count=_people(found))
    _keep(
        answer,
        outcome,
        now,
        records=found[:MOST_CANDIDATES],
        reason=_("This person was erased here and is not brought back.") if erased else "",
    )
    if outcome == CrmAnswer.Outcome.ONE and configuration.is_gateway:
        gateway.store(answer, now)
    return str(outcome)


def _without_erased(records: Sequence[dict[str, Any]], now: dt.datetime) -> tuple[list[dict[str, Any]], int]:
    """Leave out people who were erased here; with an only match go the records that belong to it (C17)."""
    numbers = {
        record["id"]: _numbers(record["person"].get("phones") or ()) for record in records if record["person"]
    }
    watch = Watch.now(now, {number for found in numbers.values() for number in found})
    back = {
        record["id"]
        for record in records
        if record["person"]
        and watch.erased_on(
            numbers[record["id"]],
            record["person"].get("first_name"),
            record["person"].get("last_name"),
            record["person"].get("emails") or (),
        )
    }
    if not back:
        return list(records), 0
    if _people(records) == 1:
        return [], 1
    return [record for record in records if record["id"] not in back], len(back)


def _numbers(typed: Sequence[str]) -> set[str]:
    found = set()
    for text in typed:
        try:
            found.add(normalize(str(text), dialplan()))
        except InvalidPhone:
            continue
    return found


def _people(records: Sequence[Mapping[str, Any]]) -> int:
    return sum(record["type"] == "customer" for record in records)


def _found(answer: CrmAnswer, adapter: Adapter) -> list[dict[str, Any]]:
    customer = survivor_of(answer.customer) if answer.customer else None
    known = finding.known_of(customer, answer.interaction, answer.configuration)
    setup = setup_for(answer.configuration, answer.interaction)
    people = finding.find(adapter, known, finding.rules_of(setup))
    shown = shown_of(answer.configuration)
    fields = {
        *shown.record_types.get("customer", {}),
        *(row["crm_field"] for row in answer.configuration.gateway_fields),
    }
    found = [as_json(record, fields, adapter.person(record)) for record in people]
    if len(people) == 1:
        for record_type, names in shown.record_types.items():
            if record_type != "customer":
                newest = adapter.related(people[0], record_type)[:1]
                found += [as_json(record, names) for record in newest]
    return found


def as_json(record: Record, fields: Any, person: Person | None = None) -> dict[str, Any]:
    """Keep of a record what is shown of it, and who it is."""
    return {
        "type": record.type,
        "id": record.id,
        "url": record.url,
        "values": {name: _storable(value_at(record.values, name)) for name in fields},
        "person": None
        if person is None
        else {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "phones": list(person.phones),
            "emails": list(person.emails),
            "addresses": list(person.addresses),
            "postal_codes": list(person.postal_codes),
            "crm_id": person.crm_id,
            "account_id": person.account_id,
        },
    }


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, also one inside another, such as `conversationCounts.open`."""
    if name in values:
        return values[name]
    value: Any = values
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _storable(value: Any) -> Any:
    """Bound what a CRM may put into our database; several values stay a list (M31)."""
    match value:
        case str():
            return value.replace("\x00", "")[:_LONGEST_VALUE]
        case bool() | int() | float() | None:
            return value
        case list():
            return [_storable(item) for item in value[:20]]
        case Mapping():
            inner = next(
                (value[name] for name in ("phone", "email", "url", "name", "id") if name in value), None
            )
            return _storable(inner if inner is not None else str(dict(value)))
    return str(value)[:_LONGEST_VALUE]


def _keep(
    answer: CrmAnswer,
    outcome: str,
    now: dt.datetime,
    *,
    reason: str = "",
    records: list[dict[str, Any]] | None = None,
) -> str:
    answer.answered_at, answer.leased_until = max(now, answer.asked_at or now), None
    answer.reason = reason[:500]
    changed = ["answered_at", "leased_until", "reason"]
    if records is not None:
        answer.records, answer.fetched_at, answer.outcome = records, now, outcome
        changed += ["records", "fetched_at", "outcome"]
    elif not answer.outcome:
        answer.outcome = outcome
        changed.append("outcome")
    answer.save(update_fields=changed)
    return str(outcome)


def setup_for(configuration: Configuration, interaction: Interaction | None) -> SkillSetup | None:
    """Return the setup that applies to an interaction, or, without one, the one for every other skill."""
    skills = {
        setup.skill.casefold(): setup
        for setup in SkillSetup.objects.whole().filter(configuration=configuration)
    }
    return setup_among(skills, interaction) if interaction is not None else skills.get("")


def shown_of(configuration: Configuration, interaction: Interaction | None = None) -> Shown:
    """Say which fields are shown: for an interaction those of its skill's mapping, else those of every mapping."""
    setup = setup_for(configuration, interaction) if interaction is not None else None
    if setup is not None and setup.dynamic_data_mapping is not None:
        mappings = [setup.dynamic_data_mapping]
    else:
        mappings = list(DynamicDataMapping.objects.filter(configuration=configuration).order_by("id"))
    shown: dict[str, dict[str, str]] = {}
    for mapping in mappings:
        for item in mapping.record_types:
            fields = shown.setdefault(item["record_type"], {})
            fields.update({field["crm_field"]: field["data_type"] for field in item["fields"]})
    return Shown(shown)


def ask_for_pop(interaction_id: UUID, now: dt.datetime) -> list[UUID]:
    """Ask about whoever is on an interaction that rings; return the answers to fetch (M30b)."""
    interaction = Interaction.objects.select_related("customer").filter(pk=interaction_id).first()
    if interaction is None:
        return []
    customer = survivor_of(interaction.customer) if interaction.customer else None
    wanted_answers = []
    for configuration in worth_asking():
        if customer is None and not configuration.is_gateway:
            continue
        answer, asked = ask_about(configuration, now, customer=customer, interaction=interaction)
        if asked:
            wanted_answers.append(answer.pk)
    return wanted_answers


def search(configuration: Configuration, text: str, now: dt.datetime) -> tuple[CrmSearch, bool]:
    """Return what was found for a text, and whether a worker has to look for it (M34)."""
    found, made = CrmSearch.objects.get_or_create(
        configuration=configuration, text=text, defaults={"asked_at": now}
    )
    if made:
        return found, True
    if now - (found.answered_at or found.asked_at) < _SEARCH_KEPT:
        return found, False
    # Conditional, so that of two that type the same one asks.
    asked = CrmSearch.objects.filter(pk=found.pk, asked_at=found.asked_at).update(
        asked_at=now, answered_at=None, records=[], reason=""
    )
    return CrmSearch.objects.get(pk=found.pk), bool(asked)


def look_for(search_id: UUID, now: dt.datetime) -> int:
    """Search the CRM for what somebody typed; return how many fit."""
    wanted = CrmSearch.objects.select_related("configuration").filter(pk=search_id, answered_at=None).first()
    if wanted is None:
        return 0
    fields = [row["crm_field"] for row in wanted.configuration.gateway_fields]
    reason, records = "", list[dict[str, Any]]()
    try:
        with asking(wanted.configuration, brisk(), now) as adapter:
            found = list(adapter.search(wanted.text))[:MOST_CANDIDATES]
            shown = [as_json(record, fields, adapter.person(record)) for record in found]
            records, _erased = _without_erased(shown, now)
    except Resting:
        reason = _("It is left alone for a while, since it did not answer.")
    except (Unavailable, Refused) as failure:
        reason = str(failure)[:500]
    CrmSearch.objects.filter(pk=search_id).update(answered_at=now, records=records, reason=reason)
    return len(records)


def forget_searches(now: dt.datetime) -> int:
    """Delete what was searched for more than an hour ago."""
    return CrmSearch.objects.filter(asked_at__lt=now - dt.timedelta(hours=1)).delete()[0]


def record_seen(configuration: Configuration, record_id: str) -> Mapping[str, Any] | None:
    """Return a customer's record as a search or an answer showed it; None for one that nobody was shown."""
    at = [{"id": record_id, "type": "customer"}]
    for model in (CrmSearch, CrmAnswer):
        rows = model._default_manager.filter(configuration=configuration, records__contains=at).order_by(
            "-answered_at"
        )
        for row in rows[:1]:
            return next(
                record for record in row.records if record["id"] == record_id and record["type"] == "customer"
            )
    return None
