from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Checks what must hold whatever happened: no phone with two owners, every shown number owned, every history"
        " complete, every import's counts balanced. Prints each contradiction; exits with 1 when there is any."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for app in apps.get_app_configs():
            name = f"{app.name}.integrity"
            if find_spec(name) is None:
                continue
            for problem in import_module(name).problems():
                found += 1
                self.stdout.write(problem)
        if found:
            raise CommandError(f"{found} contradictions.")
        self.stdout.write("Everything holds.")
