"""The Django admin of access, by the same permissions as everything else (Q1)."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cim.access import audit
from cim.access.issuing import issue, revoke
from cim.access.models import ApiKey, AuditEntry
from cim.access.permissions import full_name


class NeedsPermission(admin.ModelAdmin[Any]):
    """An admin page that one permission of the table opens, for reading and for writing."""

    needed: ClassVar[str]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(full_name(self.needed))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(full_name(self.needed))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(full_name(self.needed))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(full_name(self.needed))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(full_name(self.needed))


class Recorded(NeedsPermission):
    """An admin page whose changes are in the audit trail, by the names of the fields (Q4)."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._note(request, obj, "create", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._note(request, obj, "change", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            self._note(request, obj, "delete", [])
        return super().log_deletions(request, queryset)

    def _note(self, request: HttpRequest, obj: Model, verb: str, message: Any) -> None:
        kind = obj._meta.model_name or ""
        audit.note(
            audit.actor_of(request),
            f"{kind}.{verb}",
            object_type=kind,
            object_id=obj.pk,
            name=str(obj),
            changes=message,
        )


class ReadOnly(NeedsPermission):
    """An admin page that shows and changes nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(Recorded, UserAdmin[User]):
    needed = "manage_users"


@admin.register(Group)
class RoleAdmin(ReadOnly, GroupAdmin):
    """Roles are shown only: they are made from the table in the code after every migration."""

    needed = "manage_users"


@admin.register(ApiKey)
class ApiKeyAdmin(Recorded):
    needed = "manage_users"
    list_display = ("__str__", "user", "name", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("user",)
    fields = ("user", "name", "scopes", "expires_at", "revoked_at", "created_at", "last_used_at")
    readonly_fields = ("created_at", "last_used_at")
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        # A key that changed hands would act as somebody who never got it.
        return ("user", *self.readonly_fields) if obj else ("revoked_at", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key, secret = issue(obj, audit.actor_of(request), timezone.now())
        obj.pk, obj.prefix = key.pk, key.prefix
        messages.warning(request, _("The key, shown this once: %(secret)s") % {"secret": secret})

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        # Issuing has recorded it.
        return admin.ModelAdmin.log_addition(self, request, obj, message)

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("user"):
            revoke(key, audit.actor_of(request), timezone.now())
        messages.success(request, _("The keys are revoked."))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    needed = "audit"
    list_display = ("at", "actor_name", "action", "via", "object_type", "object_id")
    list_filter = ("via", "action")
    search_fields = ("actor_name", "object_id")
    show_full_result_count = False
