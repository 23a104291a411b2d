"""How much a job in the background does at once, so that nobody waits long for what it holds (Q15)."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

LONGEST = 0.05
"""For about how many seconds one short transaction may hold the rows it is at."""

SMALLEST, LARGEST = 20, 2000


class Pace:
    """The number of rows of the next batch: as many as were done in time just now, beside all else that runs."""

    def __init__(self) -> None:
        self.size = 100

    @contextmanager
    def batch(self) -> Iterator[int]:
        """Give the size of a batch, and learn from how long it takes."""
        began = monotonic()
        yield self.size
        self.learn(monotonic() - began)

    def learn(self, seconds: float) -> None:
        """Grow at most twofold, so that one quick batch does not make a slow one; shrink at once."""
        fits = int(self.size * min(2.0, LONGEST / max(seconds, 0.001)))
        self.size = max(SMALLEST, min(LARGEST, fits))
