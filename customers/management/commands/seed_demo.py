from typing import Any

from django.core.management.base import BaseCommand

from cim.access.audit import system_actor
from customers import seeding

CUSTOMERS = 2000


class Command(BaseCommand):
    help = f"Fills an empty database with {CUSTOMERS} made-up customers and fifteen attributes. Does nothing otherwise."

    def handle(self, *args: Any, **options: Any) -> None:
        if not seeding.is_empty():
            self.stdout.write("There are customers already; nothing was added.")
            return
        actor = system_actor("command")
        seeding.demo_schema(actor)
        count = seeding.seed(CUSTOMERS, actor)
        self.stdout.write(f"{count} made-up customers were added.")
