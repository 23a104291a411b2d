from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InteractionsConfig(AppConfig):
    name = "interactions"
    verbose_name = _("Interactions")

    def ready(self) -> None:
        from customers import signals
        from interactions import receivers

        signals.customers_unmerged.connect(receivers.separate, dispatch_uid="interactions.separate")
        signals.customer_erased.connect(receivers.erase, dispatch_uid="interactions.erase")
        signals.contacts_expiring.connect(receivers.still_in_contact, dispatch_uid="interactions.in_contact")
