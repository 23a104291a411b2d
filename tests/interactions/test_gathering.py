"""Single events that arrive together: stored together, answered each by itself."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

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
    before = len(gathering._waiting) + gathering._is_storing
    told = [pool.submit(gathering.record, event) for event in events]
    wait_until(lambda: len(gathering._waiting) + gathering._is_storing == before + len(events))
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
        told = start(pool, gathering, "a") + start(pool, gathering, "c", "d", "e")
        for _group in range(2):
            store.may_end.release()
        assert all(it.result(SECONDS).accepted == 1 for it in told)

    assert [len(group) for group in store.groups] == [1, 3]
    assert not gathering._is_storing


@pytest.mark.usefixtures("patient")
def test_an_event_that_cannot_be_stored_fails_alone() -> None:
    store = Store()
    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, "a") + start(pool, gathering, "c", "bad", "e")
        for _group in range(5):
            store.may_end.release()
        assert [told[place].result(SECONDS).accepted for place in (0, 1, 3)] == [1, 1, 1]
        with pytest.raises(ValueError, match="bad"):
            told[2].result(SECONDS)

    assert not gathering._is_storing


def test_an_event_does_not_wait_long_for_those_before_it() -> None:
    store = Store()
    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        start(pool, gathering, "a")
        late = pool.submit(gathering.record, "b")
        wait_until(lambda: ["b"] in store.groups)
        for _group in range(2):
            store.may_end.release()
        assert late.result(SECONDS).accepted == 1

    assert not gathering._is_storing


@pytest.mark.usefixtures("patient")
def test_events_are_stored_with_those_of_the_same_language() -> None:
    store = Store()
    gathering = Gathering(store)

    def in_french(event: object) -> Recorded:
        with translation.override("fr"):
            return gathering.record(event)

    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, "a", "b")
        told.append(pool.submit(in_french, "d"))
        wait_until(lambda: len(gathering._waiting) == 2)
        for _group in range(3):
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
    late = now_event("offered", -600, call="call-5", agent="aylin")
    gate = threading.Event()

    def store(events: Sequence[object]) -> Recorded:
        assert gate.wait(SECONDS)
        try:
            return record(events, timezone.now())
        finally:
            connections.close_all()

    gathering = Gathering(store)
    with ThreadPoolExecutor(8) as pool:
        told = start(pool, gathering, calls[2]) + start(
            pool, gathering, calls[3], known, clashing, nonsense, late, calls[4], calls[4]
        )
        gate.set()
        said = [it.result(SECONDS) for it in told]

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
    assert [(item["index"], "too old to pop" in item["detail"]) for item in said[5].warnings] == [(0, True)]
    assert all(not it.warnings for it in (*said[:5], *said[6:]))
    assert sorted((it.accepted, it.duplicates) for it in said[6:]) == [(0, 1), (1, 0)]
    assert Event.objects.count() == 6
