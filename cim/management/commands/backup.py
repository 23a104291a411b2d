from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cim import backups, embedded


class Command(BaseCommand):
    help = (
        "Writes the whole database into a file, as it is at one instant, while everybody goes on working. The file"
        " holds personal data; only its owner may read it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            with backups.server():
                backups.dump(file)
        except (backups.Failed, embedded.Refused, OSError) as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{file} holds the database ({file.stat().st_size / 1e6:.1f} MB).")
