from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CrmMappingsConfig(AppConfig):
    name = "crm_mappings"
    verbose_name = _("CRM mappings")

    def ready(self) -> None:
        from crm_mappings.receivers import follow_interactions
        from interactions.signals import interaction_changed

        interaction_changed.connect(follow_interactions, dispatch_uid="crm_mappings.follow_interactions")
