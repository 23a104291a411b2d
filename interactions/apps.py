from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InteractionsConfig(AppConfig):
    name = "interactions"
    verbose_name = _("Interactions")

    def ready(self) -> None:
        from customers import signals
        from interactions import receivers
        from interactions.signals import interaction_changed

        # Before any other app hears of it.
        interaction_changed.connect(receivers.forget_late_news, dispatch_uid="interactions.forget_late_news")
        signals.customers_unmerged.connect(receivers.separate, dispatch_uid="interactions.separate")
        signals.customer_erased.connect(receivers.erase, dispatch_uid="interactions.erase")
        signals.contacts_expiring.connect(receivers.still_in_contact, dispatch_uid="interactions.in_contact")
        signals.person_exported.connect(receivers.tell_all, dispatch_uid="interactions.tell_all")
