from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cim import backups, embedded


class Command(BaseCommand):
    help = (
        "Moves the embedded database to another major version of PostgreSQL: reads it with the programs that made it,"
        " fills a new one with those in use (CIM_PG_BIN, or the wheel's). Stop `make run` before."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "old_programs", type=Path, help="folder with postgres and initdb of the old version"
        )

    def handle(self, *args: Any, old_programs: Path, **options: Any) -> None:
        if not (old_programs / "postgres").exists():
            raise CommandError(
                f"{old_programs} does not hold postgres and initdb: name the folder of the old version."
            )
        try:
            kept = backups.upgrade(old_programs)
        except (backups.Failed, embedded.Refused, OSError) as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"Done. The old data is in {kept}; delete it once all is well.")
