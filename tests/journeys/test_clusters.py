"""Bundling points loses none, and never makes more bundles than asked for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from journeys.clusters import Point, bundled, histogram

moments = st.lists(st.integers(0, 10**9), min_size=1, max_size=200).map(sorted)


@given(moments, st.integers(1, 60))
def test_bundles_hold_every_point_once_and_are_few(times, most):
    points = [
        Point(at, at, str(place), is_out=place % 2 == 0, is_open=place % 3 == 0)
        for place, at in enumerate(times)
    ]

    bundles = bundled(points, times[0], times[-1], most)

    assert sum(bundle.count for bundle in bundles) == len(points)
    assert sum(bundle.out for bundle in bundles) == sum(point.is_out for point in points)
    assert sum(bundle.open for bundle in bundles) == sum(point.is_open for point in points)
    assert len(bundles) <= most
    assert all(left.until <= right.at for left, right in pairwise(bundles))
    assert all(bool(bundle.id) == (bundle.count == 1) for bundle in bundles)


@given(moments, st.integers(1, 100))
def test_histogram_counts_every_moment_of_its_range(times, bins):
    assert sum(histogram(times, times[0], times[-1], bins)) == len(times)
    assert sum(histogram(times, times[0] + 1, times[-1], bins)) == sum(at > times[0] for at in times)
