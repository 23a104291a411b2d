from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "cim.access"
    label = "access"
    verbose_name = _("Access")

    def ready(self) -> None:
        from cim.access import receivers

        post_migrate.connect(receivers.make_groups, sender=self, dispatch_uid="access.make_groups")
        receivers.connect_sign_in()


class SiteConfig(AdminConfig):
    """The Django admin with the sign-in page, lockout and 403 of everything else (Q2, Q3)."""

    default_site = "cim.access.admin_site.Site"
