"""Bundling what would lie on top of each other in a picture of time (J14). No database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One point of a lane, in seconds since the epoch."""

    at: int
    until: int
    id: str
    is_out: bool = False
    is_open: bool = False
    is_missed: bool = False


@dataclass
class Bundle:
    """Points of one lane that are drawn as one; `id` is that of a point which stands alone."""

    at: int
    until: int
    count: int = 1
    out: int = 0
    open: int = 0
    missed: int = 0
    id: str = ""


def bundled(points: Sequence[Point], since: int, until: int, most: int) -> list[Bundle]:
    """Bundle a lane's points, which are sorted by `at`, into at most `most` bundles of equal spans of time.

    A point alone in its span keeps its id; a bundle spans the points in it and no more.
    """
    span = max(1, -(-(until - since + 1) // max(1, most)))
    bundles: list[Bundle] = []
    place = -1
    for point in points:
        at = (point.at - since) // span
        if bundles and at == place:
            bundle = bundles[-1]
            bundle.until = max(bundle.until, point.at)
            bundle.count += 1
            bundle.id = ""
        else:
            place = at
            bundle = Bundle(point.at, point.at, id=point.id)
            bundles.append(bundle)
        bundle.out += point.is_out
        bundle.open += point.is_open
        bundle.missed += point.is_missed
    return bundles


def histogram(moments: Iterable[int], since: int, until: int, bins: int) -> list[int]:
    """Count the moments in each of `bins` equal spans from `since` to `until`, both included."""
    counts = [0] * bins
    length = max(1, until - since + 1)
    for at in moments:
        if since <= at <= until:
            counts[(at - since) * bins // length] += 1
    return counts
