"""What the ground floor keeps: audit trail, API keys, answers to repeated POSTs, preferences."""

import datetime as dt
import hashlib
import secrets
import zoneinfo
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cim.access.permissions import APP_LABEL, PERMISSIONS
from cim.access.prepared import prepared


class Access(models.Model):
    """The thing that the permissions of `cim.access.permissions` are about; it has no table.

    The permissions are not in its Meta: they are made with the groups (`receivers.make_groups`), so that a
    changed table needs no migration.
    """

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("access")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def readable_by(self, user: User) -> Self:
        """Keep what a user may read: all of it, or what the user and the own team did (Q1)."""
        if user.has_perm("access.audit"):
            return self
        team = TeamMembership.objects.filter(user=user).values_list("team", flat=True).first()
        if not team:
            return self.filter(actor=user)
        return self.filter(
            models.Q(actor=user) | models.Q(actor__in=TeamMembership.objects.in_team(team).values("user"))
        )

    def matching(
        self,
        *,
        actor: str = "",
        action: str = "",
        via: str = "",
        object_type: str = "",
        object_id: str = "",
        since: dt.date | None = None,
        until: dt.date | None = None,
        before: int | None = None,
    ) -> Self:
        """Keep those that meet every given condition, newest first.

        Both days count, in the time zone in force.
        """
        entries = self.order_by("-id")
        if actor:
            entries = entries.filter(
                models.Q(actor_name__icontains=actor) | models.Q(actor__username__iexact=actor)
            )
        if action:
            entries = entries.filter(action__startswith=action)
        if via:
            entries = entries.filter(via=via)
        if object_type:
            entries = entries.filter(object_type=object_type)
        if object_id:
            entries = entries.filter(object_id=object_id)
        if since:
            entries = entries.filter(at__date__gte=since)
        if until:
            entries = entries.filter(at__date__lte=until)
        if before:
            entries = entries.filter(id__lt=before)
        return entries


class AuditEntry(models.Model):
    """One thing that somebody, or some program, did or saw; never changed, deleted by a purge only (Q4)."""

    class Via(models.TextChoices):
        PAGE = "page", _("page")
        API = "api", _("API")
        IMPORT = "import", _("import")
        CRM = "crm", _("CRM")
        MERGE = "merge", _("merge")
        COMMAND = "command", _("command")
        SYSTEM = "system", _("system")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("at"), db_default=Now(), db_index=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    # Kept beside the key: who did it must stay readable after the account is gone.
    actor_name = models.CharField(_("name"), max_length=200)
    action = models.CharField(_("action"), max_length=60)
    via = models.CharField(_("via"), max_length=10, choices=Via)
    object_type = models.CharField(_("kind of object"), max_length=40, default="", blank=True)
    object_id = models.TextField(_("object"), default="", blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True, encoder=DjangoJSONEncoder)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        default_permissions = ()
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["object_type", "object_id", "id"], name="audit_by_object"),
            models.Index(fields=["actor", "id"], name="audit_by_actor"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(via__in=["page", "api", "import", "crm", "merge", "command", "system"]),
                name="audit_via_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.object_type} {self.object_id}".rstrip()


def _hashed(key: str) -> str:
    # A key has 256 random bits: a plain hash cannot be reversed by guessing, and can be looked up by index.
    return hashlib.sha256(key.encode()).hexdigest()


# What user `u` is granted, by its groups and by itself.
GRANTED = """
    array(
        select c.app_label || '.' || p.codename from auth_permission p
        join django_content_type c on c.id = p.content_type_id
        where p.id in (
            select g.permission_id from auth_group_permissions g join auth_user_groups m using (group_id)
            where m.user_id = u.id
            union all
            select o.permission_id from auth_user_user_permissions o where o.user_id = u.id
        )
    )
"""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def ended_last(self, now: dt.datetime) -> Self:
        """Sort those that expired or were revoked behind the others, and the newest first."""
        ended = models.Q(revoked_at__isnull=False) | models.Q(expires_at__lte=now)
        return self.order_by(models.Case(models.When(ended, then=1), default=0), "-id")

    def issue(
        self,
        user: User,
        *,
        name: str = "",
        scopes: list[str] | None = None,
        expires_at: dt.datetime | None = None,
    ) -> tuple["ApiKey", str]:
        """Make a key and return it with its secret, which is shown now and never again."""
        prefix = secrets.token_hex(4)
        secret = f"cim_{prefix}_{secrets.token_urlsafe(32)}"
        key = self.create(
            user=user, name=name, prefix=prefix, hashed=_hashed(secret), scopes=scopes, expires_at=expires_at
        )
        return key, secret

    def matching(self, secret: str, now: dt.datetime) -> "ApiKey | None":
        """Find the valid key with this secret, with its user and what that user may do. One query.

        Written out, since every request of a program begins with it.
        """
        keys, users = ([field.attname for field in model._meta.concrete_fields] for model in (ApiKey, User))
        columns = ", ".join([*(f"k.{name}" for name in keys), *(f"u.{name}" for name in users)])
        with prepared() as cursor:
            cursor.execute(
                f"""
                select {columns}, {GRANTED} from access_apikey k join auth_user u on u.id = k.user_id
                where k.hashed = %s and k.revoked_at is null and u.is_active
                    and (k.expires_at is null or k.expires_at > %s)
                """,  # noqa: S608 - names of columns of our own
                [_hashed(secret), now],
            )
            row = cursor.fetchone()
        if row is None:
            return None
        key = ApiKey.from_db(self.db, keys, row[: len(keys)])
        key.user = User.from_db(self.db, users, row[len(keys) : -1])
        if not key.user.is_superuser:
            # Where Django's own backend keeps what it has read.
            key.user._perm_cache = set(row[-1])  # type: ignore[attr-defined]
        return key

    def touch(self, key: "ApiKey", now: dt.datetime) -> None:
        """Remember that the key was used, at most once a minute: a busy key costs no write a request."""
        if key.last_used_at is None or now - key.last_used_at > dt.timedelta(minutes=1):
            self.filter(pk=key.pk).update(last_used_at=now)


class ApiKey(models.Model):
    """A secret with which a program acts as a user; only its hash is kept (Q3)."""

    class State(models.TextChoices):
        VALID = "valid", _("Valid")
        LOCKED = "locked", _("User locked")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", pgettext_lazy("API key", "Revoked")

    LONGEST = dt.timedelta(days=36_500)

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(_("name"), max_length=100, default="", blank=True)
    prefix = models.CharField(_("begins with"), max_length=8, editable=False)
    hashed = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("limited to"),
        null=True,
        blank=True,
        help_text=_(
            "Permissions of the user that the key may use, separated by commas; empty means all of them."
        ),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        default_permissions = ()

    def __str__(self) -> str:
        return f"cim_{self.prefix}_…"

    def clean(self) -> None:
        for codename in self.scopes or ():
            if codename not in PERMISSIONS:
                message = _("“%(codename)s” is not a permission; these are: %(known)s.")
                params = {"codename": codename, "known": ", ".join(sorted(PERMISSIONS))}
                raise ValidationError({"scopes": ValidationError(message, params=params)})
        # What its user may, and whether they sign in, can change later: the key stays, and opens less.
        if self._state.adding and (refused := self.refusals(timezone.now())):
            raise ValidationError(refused)

    def refusals(self, now: dt.datetime) -> dict[str, ValidationError]:
        """Say by field why the key must not be issued; empty when it may.

        It is for a user who may sign in, for what that user may, and until a time ahead.
        """
        refused = {}
        if self.user_id:
            who = {"name": self.user.get_full_name() or self.user.get_username()}
            beyond = [name for name in self.scopes or () if not self.user.has_perm(f"{APP_LABEL}.{name}")]
            if not self.user.is_active:
                refused["user"] = ValidationError(_("%(name)s may not sign in."), params=who)
            elif beyond:
                words = ", ".join(str(PERMISSIONS.get(name, name)) for name in beyond)
                message = _("%(name)s may not: %(permissions)s.")
                refused["scopes"] = ValidationError(message, params={**who, "permissions": words})
        if self.expires_at and not now < self.expires_at <= now + self.LONGEST:
            refused["expires_at"] = ValidationError(_("It must lie ahead, and within 100 years."))
        return refused

    def state(self, now: dt.datetime) -> State:
        if self.revoked_at:
            return self.State.REVOKED
        if self.expires_at and self.expires_at <= now:
            return self.State.EXPIRED
        return self.State.VALID if self.user.is_active else self.State.LOCKED


class IdempotencyRecordQuerySet(models.QuerySet["IdempotencyRecord"]):
    KEPT_FOR = dt.timedelta(hours=72)

    def claim(self, user: User, key: str, request_hash: str, now: dt.datetime) -> bool:
        """Say whether this request is the first with its key; if so, the record is the caller's.

        Waits for a running transaction that claimed the same key: if that one commits, the answer is no, if
        it rolls back, yes. A record older than 72 hours counts as none (Q25). Must run inside a transaction.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                insert into access_idempotencyrecord as record
                    (user_id, key, request_hash, status, headers, body, created_at)
                values (%(user)s, %(key)s, %(hash)s, 0, '{}', '', %(now)s)
                on conflict (user_id, key) do update
                    set request_hash = excluded.request_hash, status = 0, headers = '{}', body = '',
                        created_at = excluded.created_at
                    where record.created_at < %(expired)s
                """,
                {
                    "user": user.pk,
                    "key": key,
                    "hash": request_hash,
                    "now": now,
                    "expired": now - self.KEPT_FOR,
                },
            )
            return cursor.rowcount == 1

    def expired(self, now: dt.datetime) -> Self:
        return self.filter(created_at__lt=now - self.KEPT_FOR)


class IdempotencyRecord(models.Model):
    """The answer that a POST with an `Idempotency-Key` got, kept for 72 hours to be given again (Q25)."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField()
    created_at = models.DateTimeField(db_index=True)

    objects = IdempotencyRecordQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_is_unique_per_user"),
        ]

    def __str__(self) -> str:
        return self.key


class UserPreference(models.Model):
    """How one user wants the pages: language, time zone, light or dark."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="preference"
    )
    # Empty means: as the browser asks.
    language = models.CharField(_("language"), max_length=10, default="", blank=True)
    # Empty means: the time zone of the installation.
    time_zone = models.CharField(_("time zone"), max_length=60, default="", blank=True)
    theme = models.CharField(_("theme"), max_length=6, choices=Theme, default=Theme.SYSTEM)
    # When the first steps were taken or passed by; until then the start page shows them.
    welcomed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)

    @property
    def zone(self) -> zoneinfo.ZoneInfo | None:
        return zoneinfo.ZoneInfo(self.time_zone) if self.time_zone else None


class RoleRule(models.Model):
    """What an installation asks of the members of a role: a second factor at sign-in, or nothing."""

    role = models.OneToOneField(Group, primary_key=True, on_delete=models.CASCADE, related_name="rule")
    second_factor = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.role)


class TeamMembershipQuerySet(models.QuerySet["TeamMembership"]):
    def in_team(self, team: str) -> Self:
        """Keep those of a team, ignoring case."""
        return self.filter(team__iexact=team)


class TeamMembership(models.Model):
    """In which team somebody works; whoever may audit the own team reads what its members did (Q1)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="membership"
    )
    team = models.CharField(_("team"), max_length=100)

    objects = TeamMembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership of a team")
        verbose_name_plural = _("memberships of teams")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}: {self.team}"
