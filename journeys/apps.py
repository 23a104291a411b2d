from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "journeys"
    verbose_name = _("Journeys")

    def ready(self) -> None:
        from interactions.signals import interaction_changed
        from journeys.receivers import follow_interactions

        interaction_changed.connect(follow_interactions, dispatch_uid="journeys.follow_interactions")
