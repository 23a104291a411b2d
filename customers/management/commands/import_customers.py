import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from customers.dialects import Unreadable
from customers.importing import reporting, running, uploads
from customers.importing.options import InvalidOptions, Options
from customers.importing.planning import Conflict
from customers.models import ImportRun
from customers.spreadsheets import csv_lines

_WIDTH = 40


class Command(BaseCommand):
    help = (
        "Imports a CSV or XLSX file of customers, as the page does, and prints what became of its rows (C73)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--user", help="in whose name; without it, in the name of the system")
        parser.add_argument("--on-conflict", choices=[item.value for item in Conflict], default="overwrite")
        parser.add_argument("--region", default="", help="region of numbers without a country code, e.g. DE")
        parser.add_argument("--encoding", default="")
        parser.add_argument("--delimiter", default="")
        parser.add_argument("--decimal-comma", action="store_true")
        parser.add_argument("--all-or-nothing", action="store_true")
        parser.add_argument("--dry-run", action="store_true", help="check the whole file and write nothing")
        parser.add_argument("--errors", type=Path, help="write the wrong rows to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        names = (
            "on_conflict",
            "region",
            "encoding",
            "delimiter",
            "decimal_comma",
            "all_or_nothing",
            "dry_run",
        )
        try:
            owner = User.objects.get(username=options["user"]) if options["user"] else None
            with file.open("rb") as content:
                run = uploads.receive(
                    content, file.name, Options(**{name: options[name] for name in names}), owner, "command",
                    now=timezone.now(),
                )  # fmt: skip
        except User.DoesNotExist:
            raise CommandError(f"There is no user “{options['user']}”.") from None
        except OSError as refused:
            raise CommandError(f"“{file}” cannot be read: {refused.strerror}.") from None
        except (Unreadable, uploads.TooLarge, InvalidOptions) as refusal:
            raise CommandError(str(refusal)) from None
        run = self._watch(run)
        report = reporting.description(run)
        if options["errors"]:
            with options["errors"].open("wb") as out:
                out.writelines(csv_lines(reporting.error_report(run)))
        self.stdout.write(f"{run.get_state_display()}: {self._words(report['counts'])}")
        if run.state == ImportRun.State.FAILED:
            raise CommandError(run.error)

    def _watch(self, run: ImportRun) -> ImportRun:
        """Work on the import here, or watch a worker that was faster, until it has ended."""
        failures: list[BaseException] = []

        def work() -> None:
            try:
                running.work()
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        while True:
            worker = threading.Thread(target=work)
            worker.start()
            while worker.is_alive():
                worker.join(0.2)
                self._show(run)
            if failures:
                raise failures[0]
            run = reporting.find(run.id)
            if run.is_final or run.state == ImportRun.State.READY:
                self._show(run, end="\n")
                return run
            time.sleep(1)

    def _show(self, run: ImportRun, end: str = "") -> None:
        if not sys.stderr.isatty():
            return
        run = reporting.find(run.id)
        shown = reporting.description(run)["progress"]
        bar = "█" * (_WIDTH * shown["percent"] // 100)
        words = f"{shown['rows']:,} of {shown['total']:,} rows, {shown['rows_per_second']:,.0f} rows/s"
        self.stderr.write(
            f"\r{run.get_state_display():<10} {bar:<{_WIDTH}} {shown['percent']:>3} %  {words}  ", ending=end
        )
        self.stderr.flush()

    def _words(self, counts: dict[str, int]) -> str:
        said = {name: number for name, number in counts.items() if number or name == "read"}
        return ", ".join(
            f"{number:,} {'wrong' if name == 'errors' else name}" for name, number in said.items()
        )
