"""Counts as cells that stand side by side: those of the baseline, those of the window.

The bins are quantiles of the reference data itself, so its outermost values lie inside them by
choice, a window's need not. What lay outside therefore counts as in the outermost bin; but where
there is one bin, of a constant, outside is all that there is to see.
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise

from hearth.domain.distribution import NUMERIC, Counts, Feature
from hearth.monitoring.report import Bin

SPECIAL = ("missing", "nan", "infinity", "negative_infinity", "mistyped")
"""Counts of what is no value of the feature."""


def ordered(counts: Counts) -> tuple[int, ...]:
    """Return one cell a bin, in order, with what lay outside in the outermost.

    Example:
        >>> ordered(Counts(bins=(4, 5, 6), below=1, above=2))
        (5, 5, 8)
    """
    if len(counts.bins) < 2:
        return (counts.below, *counts.bins, counts.above)
    first, *rest = counts.bins
    return (first + counts.below, *rest[:-1], rest[-1] + counts.above)


def special(counts: Counts) -> tuple[int, ...]:
    """Return one cell for each of `SPECIAL`."""
    return tuple(getattr(counts, name) for name in SPECIAL)


def every(counts: Counts) -> tuple[int, ...]:
    """Return all cells: in their sum, each example counts once."""
    return (*ordered(counts), counts.unseen, *special(counts))


def deviation(feature: Feature, counts: Counts) -> float:
    """Return the standard deviation of the numbers; NaN where it cannot be told.

    Sums of squares lose it where it is small beside the mean (times in seconds since 1970), or
    where they are beyond the largest float: then it is taken from the bins.
    """
    exact = counts.deviation
    if exact > 1e-5 * abs(counts.mean) and counts.sum_of_squares < sys.float_info.max:
        return exact
    total = sum(counts.bins)
    if not total or counts.minimum == counts.maximum:
        return math.nan
    middles = [(a / 2 + b / 2) for a, b in pairwise(feature.edges)]
    pairs = list(zip(counts.bins, middles, strict=True))
    mean = math.fsum(n / total * middle for n, middle in pairs)
    return math.hypot(*(math.sqrt(n / total) * (middle - mean) for n, middle in pairs))


LABELS = dict(
    zip(SPECIAL, ("missing", "NaN", "infinity", "-infinity", "of another type"), strict=True)
)


def bins(feature: Feature, baseline: Counts, window: Counts) -> tuple[Bin, ...]:
    """Return both histograms, in order; what lay outside and special values where there are any.

    Example:
        >>> age = Feature("age", "numeric", edges=(0, 10, 20))
        >>> for item in bins(age, Counts(bins=(1, 3)), Counts(bins=(1, 2), above=1, nan=1)):
        ...     print(item)
        Bin(label='0 to 10', baseline=0.25, window=0.2)
        Bin(label='10 to 20', baseline=0.75, window=0.4)
        Bin(label='over 20', baseline=0.0, window=0.2)
        Bin(label='NaN', baseline=0.0, window=0.2)
    """
    inside = zip(labels(feature), baseline.bins, window.bins, strict=True)
    low, high = _ends(feature)
    others = [
        (f"under {low}", baseline.below, window.below),
        *inside,
        (f"over {high}", baseline.above, window.above),
        ("unseen", baseline.unseen, window.unseen),
        *zip(LABELS.values(), special(baseline), special(window), strict=True),
    ]
    kept = [
        (label, b, w)
        for i, (label, b, w) in enumerate(others)
        if b or w or 0 < i <= len(baseline.bins)
    ]
    m, n = max(baseline.total, 1), max(window.total, 1)
    return tuple(Bin(label, b / m, w / n) for label, b, w in kept)


def _ends(feature: Feature) -> tuple[str, str]:
    """Return what lies below and above all bins, as people write it."""
    if not feature.edges:
        return "", ""
    low, high = feature.edges[0], feature.edges[-1]
    if math.nextafter(low, math.inf) == high:
        high = low  # a constant: what is over it is over that one value
    return _number(low), _number(high)


def labels(feature: Feature) -> tuple[str, ...]:
    """Return a name for each bin: a word, a whole number, or from where to where it reaches.

    Example:
        >>> labels(Feature("n", "numeric", edges=(0.0, 0.5, 3.5, 9.0), integral=True))
        ('0', '1 to 3', '4 to 9')
    """
    if feature.kind != NUMERIC:
        return feature.values
    ends = list(pairwise(feature.edges))
    if feature.integral:
        ends = [(math.ceil(a), math.ceil(b) - 1) for a, b in ends]
        ends[-1:] = [(a, math.floor(feature.edges[-1])) for a, _ in ends[-1:]]
    pairs = [(_number(a), _number(b)) for a, b in ends]
    return tuple(a if a == b else f"{a} to {b}" for a, b in pairs)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
