from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cim import backups, embedded, erasure_log


class Command(BaseCommand):
    help = (
        "Fills an empty database from a back-up, applies the migrations it lacks and erases again who was erased since"
        " (by the log of erasures, CIM_ERASURE_LOG). Stop web and workers before."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="lose what is in the database now")
        parser.add_argument("--erasures", type=Path, help="another log of erasures than CIM_ERASURE_LOG")

    def handle(self, *args: Any, file: Path, replace: bool, erasures: Path | None, **options: Any) -> None:
        log = erasures or settings.ERASURE_LOG
        if erasures and not erasures.is_file():
            raise CommandError(f"There is no file {erasures}.")
        try:
            with backups.server(alone=True):
                backups.load(file, replace=replace)
                call_command("migrate", interactive=False, verbosity=0)
                # What migrations have made needs its rights as well.
                if settings.APP_ROLE:
                    call_command("grant_roles", stdout=self.stdout)
                done, left = erasure_log.replay(log, timezone.now()) if log.is_file() else (0, [])
        except (backups.Failed, embedded.Refused, erasure_log.Unreadable, OSError) as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"The database is that of {file}.")
        if not log.is_file():
            self.stdout.write(
                f"There is no log of erasures at {log}: somebody erased since the back-up would be known again."
            )
        self.stdout.write(f"Erased again: {done}.")
        if left:
            raise CommandError("Not erased again, do it by hand:\n" + "\n".join(left))
