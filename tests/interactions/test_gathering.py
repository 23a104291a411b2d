"""Single events that arrive together: stored together, answered each by itself."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone, translation

from interactions.gathering import Gathering
from interactions.models import Event
from interactions.recording import Recorded, record
from tests.interactions.calls import now_event

SECONDS = 10


class Store:
    """Stores when it is let, and tells what was given to it together."""

    def __init__(self) -> None:
        self.groups: list[list[object]] = []
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def __call__(self, events: Sequence[object]) -> Recorded:
        self.groups.append(list(events))
        self.begun.release()
        assert self.may_end.acquire(timeout=SECONDS)
        if "bad" in events:
            raise ValueError("bad")
        return Recorded(new=range(len(events)))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interactions.gathering._PATIENCE_SECONDS", SECONDS)


def start(pool: ThreadPoolExecutor, gathering: Gathering, *events: object) -> list[Future[Recorded]]:
    """Have each event recorded in a thread, and return when all of them store or wait."""
    before = len(gathering._waiting) + gathering._storing
    told = [pool.submit(gathering.record, event) for event in events]
    wait_until(lambda: len(gathering._waiting) + gathering._storing == before + len(events))
    return told


def wait_until(holds: Callable[[], bool]) -> None:
    for _attempt in range(SECONDS * 100):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")


@pytest.mark.usefixtures("patient")
def test_events_that_arrive_while_others_are_stored_are_stored_together() -> None:
    store = Store()
    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, "a", "b") + start(pool, gathering, "c", "d", "e")
        for _group in range(3):
            store.may_end.release()
        assert all(it.result(SECONDS).accepted == 1 for it in told)

    assert sorted(map(len, store.groups)) == [1, 1, 3]
    assert gathering._storing == 0


@pytest.mark.usefixtures("patient")
def test_an_event_that_cannot_be_stored_fails_alone() -> None:
    store = Store()
    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, "a", "b") + start(pool, gathering, "c", "bad", "e")
        for _group in range(6):
            store.may_end.release()
        assert [it.result(SECONDS).accepted for it in told if it is not told[3]] == [1, 1, 1, 1]
        with pytest.raises(ValueError, match="bad"):
            told[3].result(SECONDS)

    assert gathering._storing == 0


def test_an_event_does_not_wait_long_for_those_before_it() -> None:
    store = Store()
    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        start(pool, gathering, "a", "b")
        late = pool.submit(gathering.record, "c")
        wait_until(lambda: ["c"] in store.groups)
        for _group in range(3):
            store.may_end.release()
        assert late.result(SECONDS).accepted == 1

    assert gathering._storing == 0


@pytest.mark.usefixtures("patient")
def test_events_are_stored_with_those_of_the_same_language() -> None:
    store = Store()
    gathering = Gathering(store)

    def in_french(event: object) -> Recorded:
        with translation.override("fr"):
            return gathering.record(event)

    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, "a", "b", "c")
        told.append(pool.submit(in_french, "d"))
        wait_until(lambda: len(gathering._waiting) == 2)
        for _group in range(4):
            store.may_end.release()
        assert all(it.result(SECONDS).accepted == 1 for it in told)

    assert all(len(group) == 1 for group in store.groups)


@pytest.mark.django_db(transaction=True)
def test_each_sender_hears_of_its_own_event() -> None:
    """Known, refused, warned of, and new ones, all of them told in one transaction."""
    calls = [now_event("queued", call=f"call-{number}") for number in range(5)]
    known, clashing = calls[0], {**calls[1], "queue": "Sales"}
    record(calls[:2], timezone.now())
    nonsense = {**calls[2], "event_id": "nonsense", "type": "sneezed"}
    groups: list[int] = []
    gate = threading.Event()

    def store(events: Sequence[object]) -> Recorded:
        if not gate.is_set() and len(groups) < 2:
            groups.append(0)
            assert gate.wait(SECONDS)
        groups.append(len(events))
        try:
            return record(events, timezone.now())
        finally:
            connections.close_all()

    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        first = start(pool, gathering, calls[2], calls[3])
        told = start(pool, gathering, known, clashing, nonsense, calls[4], calls[4])
        gate.set()
        said: list[Any] = [it.result(SECONDS) for it in (*first, *told)]

    assert [(it.accepted, it.duplicates, len(it.rejected)) for it in said[:5]] == [
        (1, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0, 0, 1),
    ]
    assert "another body" in said[3].rejected[0]["detail"]
    assert "sneezed" in said[4].rejected[0]["detail"]
    assert all(item["index"] == 0 for it in said for item in it.rejected)
    assert sorted((it.accepted, it.duplicates) for it in said[5:]) == [(0, 1), (1, 0)]
    assert Event.objects.count() == 5
