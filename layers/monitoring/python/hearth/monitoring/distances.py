"""How far apart two histograms over the same cells are.

Each takes the counts of the baseline and of the window, cell by cell, with at least one count on
each side. They say how much has moved; whether it could be chance is `evidence`'s to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from hearth.domain.distribution import Counts, Feature
from hearth.monitoring.cells import deviation

Cells = Sequence[int]


def shares(cells: Cells) -> list[float]:
    """Return each cell's share of all."""
    total = sum(cells)
    return [cell / total for cell in cells]


def population_stability(baseline: Cells, window: Cells) -> float:
    """Return the population stability index in nats: 0 for equal shares, no upper bound.

    An empty share counts as 0.0001, so that one empty cell does not decide alone.

    Source:
        Siddiqi, Credit Risk Scorecards (2006): the sum over cells of (w - b) ln(w / b). The
        convention for empty cells is that of the common drift libraries.

    Example:
        >>> round(population_stability([50, 50], [60, 40]), 4)
        0.0405
    """
    pairs = zip(shares(baseline), shares(window), strict=True)
    floored = ((max(b, 1e-4), max(w, 1e-4)) for b, w in pairs)
    return math.fsum((w - b) * math.log(w / b) for b, w in floored)


def jensen_shannon(baseline: Cells, window: Cells) -> float:
    """Return the Jensen-Shannon distance, base 2: 0 for equal shares, 1 for nothing in common.

    Source:
        Lin, Divergence Measures Based on the Shannon Entropy (1991); its square root is a metric:
        Endres and Schindelin (2003).

    Example:
        >>> jensen_shannon([10, 0], [0, 10]), round(jensen_shannon([50, 50], [60, 40]), 4)
        (1.0, 0.0854)
    """
    terms = []
    for b, w in zip(shares(baseline), shares(window), strict=True):
        middle = (b + w) / 2
        terms += [share * math.log2(share / middle) for share in (b, w) if share]
    return math.sqrt(min(max(math.fsum(terms) / 2, 0.0), 1.0))


def l_infinity(baseline: Cells, window: Cells) -> float:
    """Return the largest change of a share, 0 to 1.

    Source:
        TensorFlow Data Validation, comparator for categories.

    Example:
        >>> round(l_infinity([50, 30, 20], [50, 10, 40]), 4)
        0.2
    """
    pairs = zip(shares(baseline), shares(window), strict=True)
    return max(abs(b - w) for b, w in pairs)


def kolmogorov_smirnov(baseline: Cells, window: Cells) -> float:
    """Return the largest difference of the cumulative shares, 0 to 1, for ordered cells.

    Between edges it may be larger: of the values themselves, this is a lower bound.

    Source:
        Smirnov (1948), on values grouped into bins.

    Example:
        >>> round(kolmogorov_smirnov([50, 30, 20], [20, 30, 50]), 4)
        0.3
    """
    pairs = zip(accumulate(shares(baseline)), accumulate(shares(window)), strict=True)
    return max(abs(b - w) for b, w in pairs)


def chi_square(baseline: Cells, window: Cells) -> float:
    """Return Pearson's statistic for two samples; cells that are empty on both sides say nothing.

    Source:
        Pearson (1900); two samples: Cramer, Mathematical Methods of Statistics (1946), 30.6.

    Example:
        >>> round(chi_square([50, 50], [60, 40]), 4)
        2.0202
    """
    m, n = sum(baseline), sum(window)
    pairs = zip(baseline, window, strict=True)
    return math.fsum((b * n - w * m) ** 2 / (b + w) for b, w in pairs if b + w) / (m * n)


def wasserstein(feature: Feature, baseline: Counts, window: Counts) -> float:
    """Return how far values moved on average, in standard deviations of the baseline.

    Values are taken as spread evenly over their bin; below the first edge and above the last one,
    as far as the least and the greatest number. NaN where the baseline is constant or has no bins.

    Source:
        Vallender (1974): in one dimension, the area between the two cumulative distributions.

    Example:
        >>> age = Feature("age", "numeric", edges=(0, 10, 20))
        >>> young = Counts(bins=(10, 0), sum=50, sum_of_squares=333.3, minimum=0, maximum=10)
        >>> old = Counts(bins=(0, 10), sum=150, sum_of_squares=2333.3, minimum=10, maximum=20)
        >>> round(wasserstein(age, young, old) * young.deviation, 4)
        10.0
    """
    unit = deviation(feature, baseline) if feature.bins and baseline.finite else math.nan
    if not unit > 0:
        return math.nan
    mine, other = _knots(feature, baseline), _knots(feature, window)
    at = sorted({x for x, _ in (*mine, *other)})
    gaps = [_at(mine, x) - _at(other, x) for x in at]
    pairs = zip(pairwise(at), pairwise(gaps), strict=True)
    return math.fsum(_area(b / unit - a / unit, *ends) for (a, b), ends in pairs)


def _knots(feature: Feature, counts: Counts) -> list[tuple[float, float]]:
    """Return points of the cumulative distribution, which is straight between them."""
    edges, total = feature.edges, counts.finite
    below = counts.below / total
    inside = accumulate((n / total for n in counts.bins), initial=below)
    knots = list(zip(edges, inside, strict=True))
    if counts.below and counts.minimum is not None:
        knots.insert(0, (min(counts.minimum, edges[0]), 0.0))
    if counts.above and counts.maximum is not None:
        knots.append((max(counts.maximum, edges[-1]), 1.0))
    return knots


def _at(knots: list[tuple[float, float]], x: float) -> float:
    if x <= knots[0][0]:
        return knots[0][1]
    for (a, low), (b, high) in pairwise(knots):
        if x <= b:
            return low + (high - low) * ((x - a) / (b - a)) if b > a else high
    return knots[-1][1]


def _area(width: float, left: float, right: float) -> float:
    """Return the area between a straight line and zero, which it may cross."""
    if left * right >= 0:
        return width * (abs(left) + abs(right)) / 2
    return width * (left * left + right * right) / (2 * (abs(left) + abs(right)))
