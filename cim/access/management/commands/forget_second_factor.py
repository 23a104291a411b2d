from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cim.access import audit, second_factor
from cim.access.models import AuditEntry


class Command(BaseCommand):
    help = (
        "Turns the second factor of a user off, who has lost phone and recovery codes. Make sure that it is really them"
        " who asks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_name")

    def handle(self, *args: Any, user_name: str, **options: Any) -> None:
        user = User.objects.filter(username=user_name).first()
        if user is None:
            raise CommandError(f"There is no user {user_name!r}.")
        if not second_factor.is_on(user):
            raise CommandError(f"{user_name} has no second factor.")
        second_factor.turn_off(user)
        second_factor.forget_wrong_codes(user)
        audit.note(
            audit.system_actor(AuditEntry.Via.COMMAND),
            "second_factor.off",
            object_type="user",
            object_id=user.pk,
            name=user_name,
        )
        self.stdout.write(f"{user_name} signs in by password alone now.")
