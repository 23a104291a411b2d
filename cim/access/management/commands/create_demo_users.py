from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from cim.access.demo import create_users


class Command(BaseCommand):
    help = (
        "Make the demo users admin, supervisor, agent, importer and integration, one per role. Existing ones "
        "stay as they are, unless CIM_DEMO_PASSWORD is set: then it becomes their password."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for line in create_users(settings.DEMO_PASSWORD):
            self.stdout.write(line)
