"""Making, changing and checking configurations of CRMs (M1–M3); no secret leaves this module."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from cim.access import audit
from cim.access.prepared import prepared
from cim.access.strictness import quoted
from crm_mappings import sealing, throttling
from crm_mappings.adapters import Adapter, Refused, Unavailable, adapter_of, types
from crm_mappings.connecting import connect
from crm_mappings.models import Configuration, Delivery
from crm_mappings.outgoing import patient

_PLAIN: Final = (
    "name",
    "description",
    "base_url",
    "screenpop_url",
    "is_enabled",
    "is_gateway",
    "gateway_fields",
)
_LONGEST_SECRET: Final = 4000


def any_in_use() -> bool:
    """Say whether any CRM is in use; asked whenever a call rings or ends."""
    with prepared() as cursor:
        cursor.execute("select exists (select 1 from crm_mappings_configuration where is_enabled)")
        return cursor.fetchone() == (True,)


class InvalidConfiguration(Exception):
    """What was given makes no configuration; `errors` says why, by field."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = dict(errors)


class InUse(Exception):
    """Deliveries wait to be sent through the configuration; deleting it would lose them."""

    def __init__(self, waiting: int) -> None:
        super().__init__(waiting)
        self.waiting = waiting

    def __str__(self) -> str:
        return _(
            "%(count)d deliveries are not sent yet and would be lost. Send them first, or switch the configuration off."
        ) % {"count": self.waiting}


def create(given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime) -> Configuration:
    """Make a configuration; its credentials are checked by `check`, in a worker. Raises InvalidConfiguration."""
    made = _adapter(given["type"])
    errors = _errors(given, made)
    errors |= _credential_errors(given.get("credentials") or {}, made)
    _refuse(errors)
    _refuse_taken_name(given["name"], None)
    configuration = Configuration(
        type=given["type"],
        region=given["region"],
        created_by_id=actor.user_id,
        updated_at=now,
        sealed=sealing.seal(given["credentials"]),
        **{name: given[name] for name in _PLAIN if name in given},
    )
    with audit.recorded(
        actor,
        "crm.configuration.create",
        object_type="crm_configuration",
        object_id=configuration.id,
        type=configuration.type,
        region=configuration.region,
    ):
        configuration.save(force_insert=True)
        throttling.circuit_of(configuration.pk)
    return configuration


def change(
    configuration_id: UUID, given: Mapping[str, Any], actor: audit.Actor, now: dt.datetime
) -> tuple[Configuration, bool]:
    """Change a configuration; the second value tells whether its credentials have to be checked anew.

    Region and type stay what they are (M1). Another host needs the credentials again, so that nobody can have those
    that are stored sent elsewhere. Raises Configuration.DoesNotExist, InvalidConfiguration.
    """
    with transaction.atomic():
        configuration = Configuration.objects.select_for_update().get(pk=configuration_id)
        made = _adapter(configuration.type)
        errors = _errors(given, made)
        for name, message in (
            (
                "region",
                _("%(value)s: the region cannot be changed; it is %(current)s. Make a new configuration."),
            ),
            (
                "type",
                _("%(value)s: the type cannot be changed; it is %(current)s. Make a new configuration."),
            ),
        ):
            current = getattr(configuration, name)
            if name in given and given[name] != current:
                errors[name] = [message % {"value": quoted(given[name]), "current": quoted(current)}]
        secrets = given.get("credentials")
        if secrets is not None:
            errors |= _credential_errors(secrets, made)
        elif given.get("base_url", configuration.base_url) != configuration.base_url:
            errors.setdefault("credentials", []).append(
                _(
                    "Another base address needs the credentials again; those that are stored stay with the old one."
                )
            )
        _refuse(errors)
        if "name" in given:
            _refuse_taken_name(given["name"], configuration_id)
        changed = [name for name in _PLAIN if name in given and getattr(configuration, name) != given[name]]
        for name in changed:
            setattr(configuration, name, given[name])
        must_check = secrets is not None or "base_url" in changed
        if secrets is not None:
            configuration.sealed = sealing.seal(secrets)
        if must_check:
            configuration.credentials_version += 1
            configuration.status, configuration.status_detail = Configuration.Status.UNVERIFIED, ""
        configuration.updated_at = now
        fields = changed + (["credentials"] if secrets is not None else [])
        with audit.recorded(
            actor,
            "crm.configuration.change",
            object_type="crm_configuration",
            object_id=configuration.id,
            fields=fields,
        ):
            configuration.save(
                update_fields=[
                    *changed,
                    "sealed",
                    "credentials_version",
                    "status",
                    "status_detail",
                    "updated_at",
                ]
            )
            if must_check:
                throttling.reset(configuration.pk)
    return configuration, must_check


def delete(configuration_id: UUID, actor: audit.Actor) -> None:
    """Delete a configuration with its mappings and past deliveries. Raises Configuration.DoesNotExist, InUse."""
    with transaction.atomic():
        configuration = Configuration.objects.select_for_update().get(pk=configuration_id)
        waiting = Delivery.objects.unfinished().filter(configuration=configuration).count()
        if waiting:
            raise InUse(waiting)
        with audit.recorded(
            actor, "crm.configuration.delete", object_type="crm_configuration", object_id=configuration.id
        ):
            configuration.delete()


def check(configuration_id: UUID, now: dt.datetime) -> str:
    """Try the credentials and note what came of it (M2); return the status. Does nothing for one that is gone.

    A result about credentials that were replaced meanwhile is dropped.
    """
    configuration = Configuration.objects.filter(pk=configuration_id).first()
    if configuration is None:
        return ""
    throttling.circuit_of(configuration.pk)
    found: dict[str, Any]
    try:
        adapter = connect(configuration, patient())
        user = adapter.check()
        found = {
            "status": Configuration.Status.ACTIVE,
            "status_detail": "",
            "system_user": user.name[:200],
            "time_zone": user.time_zone[:60],
            "known_fields": _fields(adapter),
        }
        throttling.reset(configuration.pk)
    except (Unavailable, Refused) as failure:
        found = {"status": Configuration.Status.FAILED, "status_detail": str(failure)[:1000]}
    Configuration.objects.filter(
        pk=configuration_id, credentials_version=configuration.credentials_version
    ).update(checked_at=now, **found)
    return str(found["status"])


def _fields(adapter: Adapter) -> dict[str, Any]:
    """List the fields of every record type that the CRM describes; what it does not is typed by hand."""
    described: dict[str, Any] = {}
    for record_type in adapter.record_types:
        try:
            described[record_type.name] = [
                {"name": it.name, "kind": it.kind.value, "limit": it.limit, "label": it.label}
                for it in adapter.fields(record_type.name)[:1000]
            ]
        except (Unavailable, Refused):
            continue
    return described


def rotate_keys() -> int:
    """Encrypt all credentials anew with the current key; return how many. Raises sealing.Unreadable, changing none."""
    with transaction.atomic():
        rows = list(Configuration.objects.select_for_update().exclude(sealed="").order_by("id"))
        for row in rows:
            row.sealed = sealing.rotated(row.sealed)
        Configuration.objects.bulk_update(rows, ["sealed"])
    return len(rows)


def unchecked(now: dt.datetime) -> list[UUID]:
    """List the configurations whose check was lost on the way."""
    since = now - dt.timedelta(minutes=2)
    rows = Configuration.objects.filter(status=Configuration.Status.UNVERIFIED, updated_at__lt=since)
    return list(rows.values_list("pk", flat=True))


def _adapter(type_name: str) -> type[Adapter]:
    if type_name not in types():
        raise InvalidConfiguration(
            {
                "type": [
                    _("%(value)s is not a type of CRM; these are: %(known)s.")
                    % {"value": quoted(type_name), "known": ", ".join(sorted(types()))}
                ]
            }
        )
    return adapter_of(type_name)


def _errors(given: Mapping[str, Any], made: type[Adapter]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for name, form in (("base_url", made.base_url), ("screenpop_url", made.screenpop_url)):
        if name in given and not form.pattern.fullmatch(given[name]):
            errors[name] = [
                _("%(value)s is not the address of a %(crm)s organisation; write it like %(expected)s.")
                % {"value": quoted(given[name]), "crm": made.label, "expected": form.expected}
            ]
    return errors


def _credential_errors(secrets: Mapping[str, str], made: type[Adapter]) -> dict[str, list[str]]:
    """Say what is wrong with secrets without quoting any of them."""
    known = ", ".join(made.credentials)
    errors = [
        _("%(name)s is not a credential of %(crm)s; it takes: %(known)s.")
        % {"name": quoted(name), "crm": made.label, "known": known}
        for name in secrets
        if name not in made.credentials
    ]
    for name in made.credentials:
        value = secrets.get(name, "")
        if not value.strip():
            errors.append(_("%(name)s is missing.") % {"name": quoted(name)})
        elif len(value) > _LONGEST_SECRET or not (value.isascii() and value.isprintable()) or " " in value:
            errors.append(
                _("%(name)s takes 1 to %(limit)d visible ASCII characters.")
                % {"name": quoted(name), "limit": _LONGEST_SECRET}
            )
    return {"credentials": errors} if errors else {}


def _refuse(errors: Mapping[str, list[str]]) -> None:
    if errors:
        raise InvalidConfiguration(errors)


def _refuse_taken_name(name: str, own: UUID | None) -> None:
    same = Configuration.objects.filter(name__iexact=name)
    if (same.exclude(pk=own) if own else same).exists():
        raise InvalidConfiguration(
            {"name": [_("There is a configuration %(name)s already.") % {"name": quoted(name)}]}
        )


def gateway_errors(rows: Sequence[Mapping[str, str]], attributes: Collection[str]) -> list[str]:
    """Say which rows of a gateway's table name no attribute that may be written (M30)."""
    return [
        _("%(value)s is not an attribute; these are: %(known)s.")
        % {"value": quoted(row["attribute"]), "known": ", ".join(attributes)}
        for row in rows
        if row["attribute"] not in attributes
    ]
