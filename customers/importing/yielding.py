"""When an import pauses so that live lookups stay fast (C69, Q14).

Between two chunks the worker looks up somebody as a call does, and compares the time with that of a quiet moment. It
asks the database only, so it sees the work of all processes on all machines. Each pause is bounded: an import ends
even where lookups stay slow.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

TIMES_SLOWER = 2.0
"""How much slower than in a quiet moment lookups may be (Q14)."""

SECONDS_SLOWER = 0.005
"""What nobody notices: lookups of a fraction of a millisecond double by chance."""

PAUSE = 0.25
MOST_SECONDS = 1.0
"""How long one chunk is put off at most."""

_QUIET_LOOKUPS = 21
_LOOKUPS = 5
_LOOK_UP = (
    "SELECT c.id, c.first_name, c.last_name FROM customers_phone p JOIN customers_customer c ON c.id = p.customer_id"
    " WHERE p.valid_to IS NULL AND p.number >= %s ORDER BY p.number LIMIT 1"
)


def look_up() -> float:
    """Look up the owner of some number and return how many seconds that took."""
    number = f"+{random.randrange(10**9, 10**10)}"  # noqa: S311 - any place of the index will do
    start = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [number])
        cursor.fetchone()
    return time.perf_counter() - start


@dataclass
class Pace:
    """How fast lookups are in a quiet moment, and whether the import gives way at present."""

    look_up: Callable[[], float] = look_up
    sleep: Callable[[float], None] = time.sleep
    quiet: float | None = None
    yielding: bool = False

    def give_way(self, tell: Callable[[bool], None]) -> None:
        """Pause while lookups are slow, at most ``MOST_SECONDS``; ``tell`` when giving way begins and when it ends.

        It counts as giving way until a chunk has been followed by fast lookups.
        """
        if self.quiet is None:
            self.quiet = statistics.median(self.look_up() for _time in range(_QUIET_LOOKUPS))
            return
        waited = 0.0
        while waited < MOST_SECONDS and self._is_slow():
            self._become(tell, yielding=True)
            self.sleep(PAUSE)
            waited += PAUSE
        if not waited:
            self._become(tell, yielding=False)

    def _is_slow(self) -> bool:
        found = statistics.median(self.look_up() for _time in range(_LOOKUPS))
        # The start may have been a busy moment.
        self.quiet = min(found, self.quiet or found)
        return found > max(self.quiet * TIMES_SLOWER, self.quiet + SECONDS_SLOWER)

    def _become(self, tell: Callable[[bool], None], *, yielding: bool) -> None:
        if self.yielding != yielding:
            self.yielding = yielding
            tell(yielding)
