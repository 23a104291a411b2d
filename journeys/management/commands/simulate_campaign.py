import argparse
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cim.access.models import ApiKey
from customers.models import Phone
from journeys.simulating import Manager, Refused


class Command(BaseCommand):
    help = (
        "Plays an outbound manager against a running server: for each of some numbers it asks customer management for"
        " the customer id, creates a context and upserts the result, all over HTTP. The numbers are those of customers,"
        " every tenth one a stranger's. Without --key a key of the user of CIM_CONTEXT_STORE_USER is made and revoked."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--address", default=f"http://127.0.0.1:{settings.PORT}", help="of the running server"
        )
        parser.add_argument("--key", help="a key with the permissions use_contexts and lookup")
        parser.add_argument("--campaign", default="Renewals")
        parser.add_argument("--count", type=int, default=20, help="how many attempts")

    def handle(
        self, *args: Any, address: str, key: str | None, campaign: str, count: int, **options: Any
    ) -> None:
        if not 1 <= count <= 100_000:
            raise CommandError(f"--count is {count}; it must be from 1 to 100000.")
        if not address.startswith(("http://", "https://")):
            raise CommandError(f"--address is {address!r}; it must begin with http:// or https://.")
        own = None if key else self._make_key()
        numbers = list(Phone.objects.current().order_by("id").values_list("number", flat=True)[:count])
        numbers += ["+15550100"] * (count - len(numbers))
        numbers[9::10] = ["+15550199"] * len(numbers[9::10])
        found = made = 0
        try:
            for outcome in Manager(address, key or (own[1] if own else ""), campaign).run(numbers):
                made += 1
                found += bool(outcome.customer_id)
        except Refused as refused:
            raise CommandError(f"After {made} attempts: {refused}.") from None
        finally:
            if own:
                ApiKey.objects.filter(pk=own[0].pk).update(revoked_at=timezone.now())
        self.stdout.write(f"{made} attempts of {campaign}; {found} of them at a known customer.")

    def _make_key(self) -> tuple[ApiKey, str]:
        user = User.objects.filter(username=settings.CIM_CONTEXT_STORE_USER, is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user {settings.CIM_CONTEXT_STORE_USER!r}; give a key, or set another."
            )
        return ApiKey.objects.issue(user, name=f"simulate_campaign {secrets.token_hex(2)}")
