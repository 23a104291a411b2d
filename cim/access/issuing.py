"""Issuing and revoking API keys, each together with its entry in the audit trail (Q3, Q4)."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import transaction

from cim.access import audit
from cim.access.models import ApiKey


def issue(wanted: ApiKey, actor: audit.Actor, now: dt.datetime) -> tuple[ApiKey, str]:
    """Make the key that an unsaved one describes; return it with its secret, which is shown now and never again.

    Raises `ValidationError`, by field, for what `ApiKey.refusals` names.
    """
    if refused := wanted.refusals(now):
        raise ValidationError(refused)
    with transaction.atomic():
        key, secret = ApiKey.objects.issue(
            wanted.user, name=wanted.name, scopes=wanted.scopes or None, expires_at=wanted.expires_at
        )
        _note(actor, "apikey.create", key, scopes=key.scopes, expires_at=key.expires_at)
    return key, secret


def revoke(key: ApiKey, actor: audit.Actor, now: dt.datetime) -> bool:
    """End a key for good, from the next request on; say whether it was this call that did."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)
        if ended:
            _note(actor, "apikey.revoke", key)
    return bool(ended)


def _note(actor: audit.Actor, action: str, key: ApiKey, **data: object) -> None:
    audit.note(
        actor,
        action,
        object_type="apikey",
        object_id=key.pk,
        # The user by name: the trail outlives the account, and the key goes with it.
        name=str(key),
        purpose=key.name,
        user=key.user.get_username(),
        **data,
    )
