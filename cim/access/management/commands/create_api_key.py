import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cim.access.audit import system_actor
from cim.access.issuing import issue
from cim.access.models import ApiKey, AuditEntry
from cim.access.permissions import PERMISSIONS


class Command(BaseCommand):
    help = "Make an API key for an active user and print it, alone on the last line; it is never shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--days", type=int, help="days until the key expires; without it, never")
        parser.add_argument(
            "--scope",
            action="append",
            choices=sorted(PERMISSIONS),
            metavar="PERMISSION",
            help="a permission that the key may use, repeatable; without it, all of the user's",
        )

    def handle(
        self, *args: Any, username: str, name: str, days: int | None, scope: list[str] | None, **options: Any
    ) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user “{username}”.")
        if days is not None and not 1 <= days <= ApiKey.LONGEST.days:
            raise CommandError(f"{days} days: a key can live for 1 to {ApiKey.LONGEST.days}.")
        now = timezone.now()
        expires_at = now + dt.timedelta(days=days) if days else None
        wanted = ApiKey(user=user, name=name, scopes=scope, expires_at=expires_at)
        try:
            _key, secret = issue(wanted, system_actor(AuditEntry.Via.COMMAND), now)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None
        self.stdout.write(f"A key for {username}. Keep it: it is not shown again.")
        self.stdout.write(secret)
