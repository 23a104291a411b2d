"""From a configuration to an adapter that may be called, with the circuit breaker around the call."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import structlog
from django.utils.translation import gettext as _

from crm_mappings import throttling
from crm_mappings.adapters import (
    Adapter,
    Busy,
    Connection,
    Locked,
    Refused,
    Unavailable,
    UnknownType,
    adapter_of,
)
from crm_mappings.models import Configuration
from crm_mappings.outgoing import Outgoing, Timeouts
from crm_mappings.sealing import Unreadable, unseal

logger = structlog.get_logger(__name__)


class Resting(Exception):
    """The CRM is left alone at present; nothing was asked."""


def connect(configuration: Configuration, timeouts: Timeouts) -> Adapter:
    """Return the adapter of a configuration, with its credentials. Raises Locked where they cannot be read."""
    try:
        made = adapter_of(configuration.type)
        credentials = unseal(configuration.sealed)
    except UnknownType:
        raise Refused(_("No adapter for “%(type)s” is installed.") % {"type": configuration.type}) from None
    except Unreadable as unreadable:
        raise Locked(str(unreadable)) from None
    outgoing = Outgoing(
        configuration.base_url,
        made.hosts,
        secrets=tuple(credentials.values()),
        timeouts=timeouts,
        before=partial(throttling.take_turn, configuration.pk),
    )
    return made(Connection(configuration.base_url, configuration.screenpop_url, credentials, outgoing))


@contextmanager
def asking(configuration: Configuration, timeouts: Timeouts, now: dt.datetime) -> Iterator[Adapter]:
    """Lend the adapter for one piece of work and tell the circuit breaker how it went. Raises Resting.

    What the adapter raises goes on to the caller; anything else that it raises against its promise is Unavailable.
    """
    if not throttling.may_ask(configuration.pk, now):
        raise Resting
    try:
        yield connect(configuration, timeouts)
    except Locked as locked:
        _note_failed_credentials(configuration.pk, str(locked), configuration.credentials_version)
        throttling.went_wrong(configuration.pk, str(locked), now, at_once=True)
        raise
    except Busy as busy:
        throttling.leave_alone(configuration.pk, busy.retry_after, str(busy), now)
        raise
    except Unavailable as unavailable:
        if unavailable.retry_after is not None:
            throttling.leave_alone(configuration.pk, unavailable.retry_after, str(unavailable), now)
        throttling.went_wrong(configuration.pk, str(unavailable), now)
        raise
    except Refused:
        throttling.went_well(configuration.pk)
        raise
    except Exception as broken:
        # Only its type: the message may quote what the CRM said about a person.
        logger.error("crm.adapter_failed", type=configuration.type, error=type(broken).__name__)
        reason = _("Its adapter failed (%(error)s).") % {"error": type(broken).__name__}
        throttling.went_wrong(configuration.pk, reason, now)
        raise Unavailable(reason) from None
    throttling.went_well(configuration.pk)


def _note_failed_credentials(configuration_id: UUID, reason: str, version: int) -> None:
    Configuration.objects.filter(pk=configuration_id, credentials_version=version).update(
        status=Configuration.Status.FAILED, status_detail=reason[:1000]
    )
