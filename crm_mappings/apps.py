from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CrmMappingsConfig(AppConfig):
    name = "crm_mappings"
    verbose_name = _("CRM mappings")

    def ready(self) -> None:
        from crm_mappings import receivers
        from customers.signals import customer_erased
        from interactions.signals import interaction_changed

        interaction_changed.connect(
            receivers.follow_interactions, dispatch_uid="crm_mappings.follow_interactions"
        )
        customer_erased.connect(receivers.erase, dispatch_uid="crm_mappings.erase")
