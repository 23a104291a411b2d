import datetime as dt
import heapq
import json
import random
import time
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cim.access.models import ApiKey
from customers.models import Phone
from interactions.agents import agent_of
from interactions.simulating import Script, script


class Command(BaseCommand):
    help = (
        "Play believable calls against the public API of a running CIM, as a telephony adapter would tell of them: "
        "menu, queue, answer, hold, transfer, conference, wrap-up. Goes on until Ctrl-C, or for --seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--agents", type=int, default=5, help="how many agents take calls")
        parser.add_argument("--rate", type=float, default=1.0, help="calls that begin per agent and minute")
        parser.add_argument("--talk", type=float, default=30.0, help="seconds that a conversation takes")
        parser.add_argument("--seconds", type=float, default=0.0, help="how long to play; 0 goes on")
        parser.add_argument("--address", default=f"http://127.0.0.1:{settings.PORT}", help="where CIM runs")
        parser.add_argument(
            "--key", default="", help="API key; without it, one for the demo user integration is made"
        )

    def handle(
        self,
        *args: Any,
        agents: int,
        rate: float,
        talk: float,
        seconds: float,
        address: str,
        key: str,
        **options: Any,
    ) -> None:
        if agents < 1 or rate <= 0 or talk <= 0:
            raise CommandError("--agents must be at least 1, --rate and --talk more than 0.")
        if not address.startswith(("http://", "https://")):
            raise CommandError(f"--address is {address!r}; it must begin with http:// or https://.")
        self.address, self.key = address.rstrip("/"), key or _new_key()
        free = _agents(agents)
        callers = list(Phone.objects.current().values_list("number", flat=True)[:500])
        chance = random.Random()  # noqa: S311 - theatre
        pause = 60 / (rate * agents)
        begun = time.monotonic()
        due: list[tuple[float, int, int, Script, list[dict[str, str]]]] = []
        told = calls = 0
        next_call = begun
        try:
            while not seconds or time.monotonic() - begun < seconds:
                now = time.monotonic()
                if now >= next_call and free:
                    calls += 1
                    taken = [free.pop(chance.randrange(len(free))) for _ in range(min(2, len(free)))]
                    caller = (
                        chance.choice(callers) if callers and chance.random() < 0.8 else _stranger(chance)
                    )
                    played = script(caller, taken, chance, talk=talk)
                    for number, step in enumerate(played.steps):
                        heapq.heappush(due, (now + step.seconds, calls, number, played, taken))
                    next_call = now + pause
                while due and due[0][0] <= time.monotonic():
                    _at, _call, number, played, taken = heapq.heappop(due)
                    self._tell(played.event(number, timezone.now().isoformat()))
                    told += 1
                    if number == len(played.steps) - 1:
                        free.extend(taken)
                time.sleep(0.05)
        except KeyboardInterrupt:
            pass
        self.stdout.write(f"{calls} calls, {told} events.")

    def _tell(self, event: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - http or https, checked above
            f"{self.address}/api/v1/interactions/events/",
            json.dumps(event).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        except urllib.error.HTTPError as refused:
            raise CommandError(f"CIM refused an event: {refused.read().decode()}") from None
        except OSError as lost:
            raise CommandError(f"CIM does not answer at {self.address}: {lost}") from None


def _new_key() -> str:
    adapter = User.objects.filter(username="integration", is_active=True).first()
    if adapter is None:
        raise CommandError("There is no user “integration”; give an API key with --key.")
    return ApiKey.objects.issue(
        adapter,
        name="simulate_calls",
        scopes=["send_events"],
        expires_at=timezone.now() + dt.timedelta(days=1),
    )[1]


def _agents(wanted: int) -> list[dict[str, str]]:
    """Take users who may wrap up, agents first; people who are no users take the calls that are left."""
    users = [
        user for user in User.objects.filter(is_active=True).order_by("id") if user.has_perm("access.wrap_up")
    ]
    users.sort(key=lambda user: (user.has_perm("access.schema"), user.has_perm("access.live_wall")))
    found = [agent_of(user) for user in users[:wanted]]
    return found + [
        {"id": f"simulated-{number}", "name": f"Agent {number}"}
        for number in range(len(found) + 1, wanted + 1)
    ]


def _stranger(chance: random.Random) -> str:
    return f"+49301{chance.randint(1_000_000, 9_999_999)}"
