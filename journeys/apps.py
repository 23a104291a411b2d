from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "journeys"
    verbose_name = _("Journeys")

    def ready(self) -> None:
        from customers.signals import contacts_expiring, customer_erased, customers_unmerged
        from interactions.signals import interaction_changed
        from journeys import receivers

        interaction_changed.connect(
            receivers.follow_interactions, dispatch_uid="journeys.follow_interactions"
        )
        # After those of interactions, which this app follows.
        customers_unmerged.connect(receivers.separate, dispatch_uid="journeys.separate")
        customer_erased.connect(receivers.erase, dispatch_uid="journeys.erase")
        contacts_expiring.connect(receivers.still_in_contact, dispatch_uid="journeys.still_in_contact")
