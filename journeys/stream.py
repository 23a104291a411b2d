"""The line of open journeys: whoever has a picture open hears within a second that there is news (J15).

A stream is a coroutine, as those of desks are. Each process asks the database once a second what has changed on the
journeys that are open in it, however many they are, and not at all while none is; nobody who writes waits for that.
"""

import asyncio
import datetime as dt
from collections.abc import Collection
from typing import ClassVar, Final
from urllib.parse import parse_qs
from uuid import UUID

from django.utils import timezone

from customers.models import Customer
from interactions.families import family_of
from interactions.stream import Opener, Refusal, Scope, Stream, admit, in_thread, message_of
from journeys.models import Element

EVERY: Final = 1.0
_OVERLAP: Final = dt.timedelta(seconds=10)
"""How much later than its moment a change may become visible: a transaction that takes its time."""

Told = tuple[UUID, dt.datetime]


class JourneyRule:
    required_permissions: ClassVar = {"GET": "see_customers"}

    def get(self) -> None: ...


async def open_journey(scope: Scope) -> Stream:
    """Open the line of one customer, `?customer=<id>`: `moved` whenever something on the journey has changed."""
    user, family = await in_thread(_admit_to_journey, scope)
    watch = Watch.of_this_process()
    stream = Stream(user, watch)
    stream.waiting = [(0, b"retry: 1500\n\n"), (0, message_of("hello", {}))]
    watch.add(stream, family)
    return stream


def _admit_to_journey(scope: Scope) -> tuple[int, frozenset[UUID]]:
    user = admit(scope, JourneyRule)
    text = parse_qs(scope["query_string"].decode("latin-1")).get("customer", [""])[0]
    try:
        family = frozenset(family_of(UUID(text)))
    except ValueError:
        raise Refusal(400, f"“{text[:100]}” is not the id of a customer.") from None
    if not Customer.objects.filter(pk__in=family, deleted_at=None).exists():
        raise Refusal(404, f"There is no customer {text}.")
    return user.pk, family


class Watch:
    """The open journeys of this process, and what was told of them lately."""

    _watches: ClassVar[dict[asyncio.AbstractEventLoop, "Watch"]] = {}

    def __init__(self) -> None:
        self.streams: dict[Stream, frozenset[UUID]] = {}
        self.told: set[Told] = set()
        self.task: asyncio.Task[None] | None = None

    @classmethod
    def of_this_process(cls) -> "Watch":
        return cls._watches.setdefault(asyncio.get_running_loop(), cls())

    def add(self, stream: Stream, family: frozenset[UUID]) -> None:
        self.streams[stream] = family
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, stream: Stream) -> None:
        self.streams.pop(stream, None)

    async def _run(self) -> None:
        while self.streams:
            await asyncio.sleep(EVERY)
            watched = frozenset().union(*self.streams.values())
            try:
                changed = await in_thread(_changed, watched, timezone.now() - _OVERLAP)
            except Refusal:
                # The next second may be better; nobody is told anything wrong meanwhile.
                continue
            moved = {customer for change, customer in changed.items() if change not in self.told}
            self.told = set(changed)
            for stream, family in self.streams.items():
                if moved & family:
                    stream.put(0, message_of("moved", {}))


def _changed(customers: Collection[UUID], since: dt.datetime) -> dict[Told, UUID]:
    """Return the elements that have changed since, with their moments, and whose they are."""
    found = Element.objects.of(customers).filter(changed_at__gt=since)
    return {
        (key, at): owner for key, at, owner in found.values_list("id", "changed_at", "customer_id") if owner
    }


STREAMS: Final[dict[str, Opener]] = {"/journey/stream/": open_journey}
