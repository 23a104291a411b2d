from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm_mappings import configuring, demo

KEY = "k-double"


class Command(BaseCommand):
    help = (
        "Connect the stand-in for Kustomer that runs beside a development installation, with mappings for calls and "
        "chats. Does nothing where a CRM is connected already."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        configuration = demo.connect(KEY, timezone.now())
        if configuration is None:
            self.stdout.write("A CRM is connected already.")
            return
        status = configuring.check(configuration.pk, timezone.now())
        self.stdout.write(f"Connected the demonstration CRM ({status}).")
