from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    name = "customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        from customers.receivers import make_predefined_attributes

        post_migrate.connect(make_predefined_attributes, sender=self, dispatch_uid="customers.predefined")
