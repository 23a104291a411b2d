from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from cim.access.audit import system_actor
from customers import seeding
from customers.models import Customer

BATCH = 100_000


class Command(BaseCommand):
    help = "Adds N made-up customers for benchmarks; the same seed makes the same ones. A later run adds further ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int)
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = system_actor("command")
        seeding.demo_schema(actor)
        start = Customer.objects.count()
        for first in range(start, start + options["count"], BATCH):
            count = min(BATCH, start + options["count"] - first)
            seeding.seed(count, actor, start=first, seed_number=options["seed"])
            self.stdout.write(f"{first + count - start} of {options['count']} customers")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE customers_customer, customers_phone, customers_customerlabel")
