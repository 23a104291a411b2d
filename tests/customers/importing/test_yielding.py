"""An import gives way to live lookups, for a bounded time, and says so (C69, Q14)."""

from collections.abc import Callable, Iterable

import pytest

from customers.importing import applying, running
from customers.importing.yielding import MOST_SECONDS, Pace, look_up
from customers.models import ImportRun
from tests.customers.importing.files import check_balance, csv_file, upload

QUIET, SLOW = 0.001, 0.010


class Road:
    """Lookups that take the seconds given, each for a whole measurement, and the pauses that follow from them."""

    def __init__(self, *seconds: float) -> None:
        self.seconds, self.asked = list(seconds), 0
        self.pauses: list[float] = []
        self.told: list[bool] = []
        self.pace = Pace(look_up=self._look_up, sleep=self.pauses.append, quiet=QUIET)

    def _look_up(self) -> float:
        self.asked += 1
        return self.seconds[min((self.asked - 1) // 5, len(self.seconds) - 1)]

    def give_way(self) -> None:
        self.pace.give_way(self.told.append)


def test_pace_goes_on_while_lookups_are_as_fast_as_before() -> None:
    road = Road(QUIET, 1.9 * QUIET)

    road.give_way()
    road.give_way()

    assert (road.pauses, road.told) == ([], [])


def test_pace_pauses_until_lookups_are_fast_again_and_tells_the_next_time() -> None:
    road = Road(SLOW, SLOW, QUIET)

    road.give_way()

    assert (len(road.pauses), road.told) == (2, [True])
    road.give_way()
    assert (len(road.pauses), road.told) == (2, [True, False])


def test_pace_ends_its_pause_where_lookups_stay_slow() -> None:
    road = Road(SLOW)

    road.give_way()

    assert sum(road.pauses) == MOST_SECONDS


def test_pace_that_began_in_a_busy_moment_learns_what_quiet_is() -> None:
    road = Road(QUIET, SLOW, QUIET)
    road.pace.quiet = 1.0

    road.give_way()
    road.give_way()

    assert len(road.pauses) == 1


def test_pace_ignores_differences_that_nobody_notices() -> None:
    road = Road(0.0009)
    road.pace.quiet = 0.0001

    road.give_way()

    assert road.pauses == []


@pytest.mark.django_db
def test_lookup_of_the_pace_takes_time() -> None:
    assert look_up() > 0


@pytest.mark.django_db(transaction=True)
def test_import_says_that_it_yields_and_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "CHUNK", 2)
    run = upload(csv_file(["first_name", "phone"], [[f"N {n}", f"+493020000{n:03}"] for n in range(10)]))
    seen: list[bool] = []

    def sleep(_seconds: float) -> None:
        seen.append(ImportRun.objects.get(id=run.id).yielding)

    running.work(pace=Pace(look_up=_lookups([QUIET] * 26 + [SLOW] * 10 + [QUIET]), sleep=sleep))

    run.refresh_from_db()
    assert seen == [True, True]
    assert (run.state, run.yielding) == ("completed", False)
    check_balance(run)


def _lookups(seconds: Iterable[float]) -> Callable[[], float]:
    rest, last = iter(seconds), 0.0

    def look_up() -> float:
        nonlocal last
        last = next(rest, last)
        return last

    return look_up
