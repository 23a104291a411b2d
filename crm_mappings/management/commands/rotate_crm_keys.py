from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_mappings import configuring, sealing


class Command(BaseCommand):
    help = (
        "Encrypt the credentials of all CRM configurations anew with the first key of CIM_CRM_KEYS. "
        "Every later key there still opens what was encrypted with it, and can be removed afterwards."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = configuring.rotate_keys()
        except sealing.Unreadable as unreadable:
            raise CommandError(f"{unreadable} Nothing was changed.") from None
        self.stdout.write(f"Encrypted the credentials of {count} configurations with the current key.")
