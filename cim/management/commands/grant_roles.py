from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from cim import database_roles


class Command(BaseCommand):
    help = (
        "Lets the role of web and workers (the user of DATABASE_URL) do what they need, as the owner of the tables"
        " (CIM_OWNER_DATABASE_URL): everything but changing or deleting the audit trail and the history. Run it after"
        " each migrate; it can be repeated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        role = settings.APP_ROLE
        if not role:
            raise CommandError(
                "CIM_OWNER_DATABASE_URL is not set: web and workers connect as the owner of the tables. Set it to the"
                " owner's address, and DATABASE_URL to that of another role."
            )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            owner = cursor.fetchone()[0]
            if owner == role:
                raise CommandError(
                    f"Both addresses name the role {role!r}; the owner and the web's role must differ."
                )
            if not database_roles.exists(cursor, role):
                raise CommandError(
                    f"There is no role {role!r}; make it first: CREATE ROLE {role} LOGIN PASSWORD '…'"
                )
            database_roles.grant(cursor, role)
        self.stdout.write(f"{role} may do all but change the past of what {owner} owns.")
