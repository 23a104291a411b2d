"""A job in the background takes as much at once as it does in time (Q15)."""

from customers.pacing import LARGEST, LONGEST, SMALLEST, Pace


def test_slow_batches_shrink_at_once_and_quick_ones_grow_slowly() -> None:
    pace = Pace()
    first = pace.size

    pace.learn(LONGEST / 100)
    assert pace.size == 2 * first
    pace.learn(4 * LONGEST)
    assert pace.size == first // 2
    pace.learn(LONGEST)
    assert pace.size == first // 2


def test_batches_stay_within_bounds() -> None:
    pace = Pace()

    pace.learn(1000.0)
    assert pace.size == SMALLEST
    for _batch in range(20):
        pace.learn(0.0)
    assert pace.size == LARGEST
