"""Single events that arrive at the same moment are stored together, in one transaction (Q13).

Adapters send events one by one, and most of what one costs are the trips to the database, which a batch makes once.
Whoever finds nobody storing stores at once; who comes meanwhile waits, and the first of those who wait stores all
their events. So nobody waits while there is little to do, and the work for each event falls as there is more.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils import timezone
from django.utils.translation import get_language

from interactions import recording
from interactions.recording import Recorded

_PATIENCE_SECONDS: Final = 0.1
"""How long an event waits to be taken along: those before it may wait for a lock that is none of its business."""


@dataclass(eq=False)
class _Waiting:
    event: object
    language: str | None = field(default_factory=get_language)
    called: threading.Event = field(default_factory=threading.Event)
    group: "Sequence[_Waiting]" = ()
    """Those whose events it is to store, itself among them."""
    recorded: Recorded | None = None


class Gathering:
    """Has the events of several threads stored together; `store` gets the events and says what became of them."""

    def __init__(self, store: Callable[[Sequence[object]], Recorded]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._is_storing = False
        self._waiting: list[_Waiting] = []

    def record(self, event: object) -> Recorded:
        """Store one event and return, once it is committed, what became of it; raises what `store` raises for it."""
        mine = _Waiting(event)
        with self._lock:
            if self._is_storing:
                self._waiting.append(mine)
            else:
                self._is_storing = True
                mine.group = [mine]
        if not mine.group and not mine.called.wait(_PATIENCE_SECONDS) and not self._withdrawn(mine):
            # Somebody took it along in this very moment.
            mine.called.wait()
        if mine.group:
            self._store_all(mine.group)
        if mine.recorded is None:
            # Out of patience, or something is wrong with the group it was in: by itself it finds out whether with it.
            return self._store([event])
        return mine.recorded

    def _withdrawn(self, mine: _Waiting) -> bool:
        with self._lock:
            if mine not in self._waiting:
                return False
            self._waiting.remove(mine)
            return True

    def _store_all(self, group: Sequence[_Waiting]) -> None:
        """Store the events of a group, or leave it to each by itself where that fails, and have the next one stored."""
        try:
            recorded = self._store([it.event for it in group])
            for index, it in enumerate(group):
                it.recorded = recorded.of(index)
        except Exception:
            if len(group) == 1:
                raise
        finally:
            self._hand_on()
            for it in group:
                it.called.set()

    def _hand_on(self) -> None:
        """Let the first of those who wait store what waits."""
        with self._lock:
            self._is_storing = bool(self._waiting)
            if not self._waiting:
                return
            first = self._waiting[0]
            # What is said of an event is said in its sender's language.
            first.group = [it for it in self._waiting if it.language == first.language]
            self._waiting = [it for it in self._waiting if it.language != first.language]
        first.called.set()


_events = Gathering(lambda events: recording.record(events, timezone.now()))
record = _events.record
