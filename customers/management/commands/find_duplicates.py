from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from customers import duplicates


class Command(BaseCommand):
    help = "Looks for likely duplicates among the customers that changed since the last search; --afresh, among all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--afresh", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        found = duplicates.find(timezone.now(), afresh=options["afresh"])
        self.stdout.write("Another search is running." if found is None else f"{found} pairs are listed.")
