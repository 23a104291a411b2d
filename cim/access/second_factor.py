"""The second factor: a code of an authenticator app, or one of the recovery codes (Q3).

Its keys are kept by allauth; they are encrypted under the secret key of the installation, so that the database alone
opens no account.
"""

import base64
import contextlib
import datetime as dt
import functools

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from axes.models import AccessAttempt
from axes.utils import reset
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from cim.access import audit
from cim.access.models import RoleRule

WRONG_CODES = 10
"""So many wrong codes of one user, from wherever, close the second step for a while."""


class Adapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _box(settings.SECRET_KEY).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box(settings.SECRET_KEY).decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def get_totp_issuer(self) -> str:
        return "CIM"


@functools.cache
def _box(secret: str) -> Fernet:
    key = salted_hmac("cim.access.second_factor", b"", secret=secret, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))


_FACTORS = Authenticator.objects.filter(type=Authenticator.Type.TOTP)
_ASKING = RoleRule.objects.filter(second_factor=True)
LACKED = Exists(_ASKING.filter(role__user=OuterRef("pk"))) & ~Exists(_FACTORS.filter(user=OuterRef("pk")))
"""That a role of a user asks for a second factor, and there is none."""


def is_missing(request: HttpRequest) -> bool:
    """Say whether whoever holds this session must set a second factor up before anything else.

    Who came by single sign-on was asked by the provider: the second factor is its job then. No query.
    """
    if not getattr(request.user, "lacks_second_factor", False):
        return False
    assert isinstance(request.user, User)  # noqa: S101 - nobody else lacks one
    ways = get_authentication_records(request, request.user)
    return not any(way["method"] == "socialaccount" for way in ways)


def is_asked_of(user: User) -> bool:
    """Say whether a role of the user asks for a second factor."""
    return _ASKING.filter(role__user=user).exists()


def ask_of_role(role: Group, asked: bool, actor: audit.Actor) -> None:
    """Have every sign-in of a role's members ask for a second factor, or leave it to them (Q3)."""
    with transaction.atomic():
        rule, _created = RoleRule.objects.select_for_update().get_or_create(role=role)
        if rule.second_factor == asked:
            return
        rule.second_factor = asked
        rule.save(update_fields=["second_factor"])
        audit.note(
            actor,
            "role.change",
            object_type="role",
            object_id=role.pk,
            name=role.name,
            before={"second_factor": not asked},
            after={"second_factor": asked},
        )


def roles() -> list[Group]:
    """List the roles with how many may sign in by each, how many of them have a second factor, and who must."""
    members = Q(user__is_active=True)
    return list(
        Group.objects.annotate(
            members=Count("user", filter=members, distinct=True),
            secured=Count(
                "user",
                filter=members & Q(user__authenticator__type=Authenticator.Type.TOTP),
                distinct=True,
            ),
            asks=Coalesce("rule__second_factor", False),
        ).order_by("name")
    )


def is_on(user: User) -> bool:
    return _FACTORS.filter(user=user).exists()


def turn_on(user: User, secret: str, code: str) -> list[str] | None:
    """Ask for a code at each sign-in from now on, and return the recovery codes; None when the code is wrong.

    The code that proves the set-up counts as used.
    """
    counter = _matching(secret, code)
    if counter is None:
        return None
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        Authenticator.objects.filter(user=user).delete()
        factor = totp.TOTP.activate(user, secret).instance
        factor.data["counter"] = counter
        factor.save(update_fields=["data"])
        return RecoveryCodes.activate(user).generate_codes()


def turn_off(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()


def new_recovery_codes(user: User) -> list[str]:
    """Make new recovery codes; the old ones open nothing any more."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
        return RecoveryCodes.activate(user).generate_codes()


def recovery_codes_left(user: User) -> int:
    kept = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(kept).get_unused_codes()) if kept else 0


def accepts(user: User, code: str) -> bool:
    """Say whether the code opens the account, and use it up: no code is good twice, whichever process is asked."""
    code = "".join(code.split())
    with transaction.atomic():
        for factor in Authenticator.objects.filter(user=user).select_for_update().order_by("pk"):
            if factor.type == Authenticator.Type.RECOVERY_CODES:
                if RecoveryCodes(factor).validate_code(code):
                    return True
            elif factor.type == Authenticator.Type.TOTP:
                counter = _matching(decrypt(factor.data["secret"]), code)
                if counter is not None and counter > factor.data.get("counter", -1):
                    factor.data["counter"] = counter
                    factor.last_used_at = timezone.now()
                    factor.save(update_fields=["data", "last_used_at"])
                    return True
    return False


def _matching(secret: str, code: str) -> int | None:
    """Return the half minute that the code belongs to: this one, or its neighbours, for clocks that differ."""
    for counter in totp.yield_hotp_counters_from_time():
        if constant_time_compare(totp.format_hotp_value(totp.hotp_value(secret, counter)), code):
            return counter
    return None


# Wrong codes are failures like wrong passwords, kept under a name of their own: a lock of the second step must not
# depend on the address, since whoever is there knows the password, and nobody else can bring it about.


def note_wrong_code(request: HttpRequest, user: User) -> None:
    # The lockout says so by raising; whoever asks next is told.
    with contextlib.suppress(PermissionDenied):
        user_login_failed.send(__name__, credentials={"username": _name(user)}, request=request)


def is_closed(user: User) -> bool:
    """Say whether the second step is closed to everybody after too many wrong codes."""
    since = timezone.now() - dt.timedelta(hours=settings.AXES_COOLOFF_TIME)
    attempts = AccessAttempt.objects.filter(username=_name(user), attempt_time__gte=since)
    wrong = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return bool(wrong >= WRONG_CODES)


def forget_wrong_codes(user: User) -> None:
    reset(username=_name(user))


def _name(user: User) -> str:
    # No user name has a space.
    return f"{user.pk} second step"
