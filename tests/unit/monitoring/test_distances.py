"""Distances between histograms: scipy is the judge."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hearth.domain.distribution import NUMERIC, Counts, Feature, count
from hearth.monitoring import cells, distances
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

SIZES = st.integers(2, 12)
HISTOGRAMS = SIZES.flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 1000), min_size=size, max_size=size).filter(any)] * 2
    )
)
SYMMETRIC = (
    distances.jensen_shannon,
    distances.population_stability,
    distances.l_infinity,
    distances.kolmogorov_smirnov,
)
EDGES = (-2.0, -1.0, 0.0, 0.5, 2.0)
X = Feature("x", NUMERIC, edges=EDGES)
VALUES = st.lists(st.floats(-5, 5).map(lambda v: round(v, 3)), min_size=1, max_size=60)


@given(HISTOGRAMS)
def test_distances_are_symmetric_and_nothing_to_itself(pair: tuple[list[int], list[int]]) -> None:
    """A distance is the same both ways, 0 to itself, and never negative."""
    a, b = pair
    for distance in SYMMETRIC:
        assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-12)
        assert distance(a, a) == pytest.approx(0, abs=1e-7)
        assert distance(a, b) >= 0


@given(HISTOGRAMS)
def test_distances_keep_their_bounds(pair: tuple[list[int], list[int]]) -> None:
    """All but the population stability index and chi-square lie between 0 and 1."""
    a, b = pair
    js, ks, widest = (distances.jensen_shannon, distances.kolmogorov_smirnov, distances.l_infinity)
    assert all(0 <= d(a, b) <= 1 + 1e-12 for d in (js, ks, widest))


@given(HISTOGRAMS)
def test_jensen_shannon_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    """The Jensen-Shannon distance is scipy's, base 2."""
    expected = float(np.nan_to_num(jensenshannon(*pair, base=2)))
    assert distances.jensen_shannon(*pair) == pytest.approx(expected, abs=1e-6)


@given(HISTOGRAMS)
def test_chi_square_is_scipys(pair: tuple[list[int], list[int]]) -> None:
    """Pearson's statistic is scipy's, without Yates's correction."""
    table = np.array(pair)[:, np.sum(pair, 0) > 0]
    expected = stats.chi2_contingency(table, correction=False).statistic
    assert distances.chi_square(*pair) == pytest.approx(expected, abs=1e-9)


@given(HISTOGRAMS)
def test_kolmogorov_smirnov_is_scipys_on_cells(pair: tuple[list[int], list[int]]) -> None:
    """On cells, the largest difference of the cumulative shares is scipy's KS statistic."""
    places = [np.repeat(np.arange(len(cells_)), cells_) for cells_ in pair]
    expected = stats.ks_2samp(*places, method="asymp").statistic
    assert distances.kolmogorov_smirnov(*pair) == pytest.approx(expected, abs=1e-12)


@given(HISTOGRAMS)
def test_population_stability_is_the_symmetric_divergence(
    pair: tuple[list[int], list[int]],
) -> None:
    """Without empty cells, the index is the sum of both relative entropies."""
    a, b = ([n + 1 for n in cells_] for cells_ in pair)
    if min(*distances.shares(a), *distances.shares(b)) < 1e-4:
        return
    expected = stats.entropy(a, b) + stats.entropy(b, a)
    assert distances.population_stability(a, b) == pytest.approx(expected, abs=1e-9)


@given(HISTOGRAMS)
def test_merging_cells_never_adds_distance(pair: tuple[list[int], list[int]]) -> None:
    """What two histograms share of a coarser view is no further apart than in the finer one."""
    a, b = pair
    merged = [[x[0] + x[1], *x[2:]] for x in (a, b)]
    for distance in (distances.jensen_shannon, distances.kolmogorov_smirnov):
        assert distance(*merged) <= distance(a, b) + 1e-9


@given(VALUES, VALUES)
def test_wasserstein_is_scipys_where_values_lie_evenly_in_their_bins(
    old: list[float], new: list[float]
) -> None:
    """On values spread evenly over their bins, the distance is scipy's."""
    baseline, window = count(X, old), count(X, new)
    unit = cells.deviation(X, baseline)
    found = distances.wasserstein(X, baseline, window)
    if not unit > 0:
        assert math.isnan(found)
        return
    spread = [_spread(counts) for counts in (baseline, window)]
    (a, p), (b, q) = spread
    assert found * unit == pytest.approx(stats.wasserstein_distance(a, b, p, q), abs=2e-2)


def _spread(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return 500 points a bin, and their weights."""
    least, most = counts.minimum, counts.maximum
    assert least is not None
    assert most is not None
    ends = [(min(least, EDGES[0]), EDGES[0]), *pairwise(EDGES)]
    ends.append((EDGES[-1], max(most, EDGES[-1])))
    held = (counts.below, *counts.bins, counts.above)
    steps = (np.arange(500) + 0.5) / 500
    points = [a + (b - a) * steps for a, b in ends]
    return np.concatenate(points), np.repeat(np.array(held) / 500, 500)


def test_wasserstein_of_a_shift_is_the_shift() -> None:
    """Values that all moved by one standard deviation are one apart."""
    fine = Feature("x", NUMERIC, edges=tuple(np.linspace(-5, 5, 101)))
    values = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    moved = distances.wasserstein(
        fine, count(fine, values.tolist()), count(fine, (values + 1).tolist())
    )
    assert moved == pytest.approx(1, abs=0.01)


def test_deviation_survives_large_means() -> None:
    """Where a sum of squares has lost the deviation, it comes from the bins."""
    start = 1.7e9
    edges = tuple(start + i for i in range(11))
    feature = Feature("at", NUMERIC, edges=edges)
    counts = count(feature, [start + (i % 100) / 10 for i in range(1000)])
    assert cells.deviation(feature, counts) == pytest.approx(10 / math.sqrt(12), rel=0.02)


def test_deviation_of_a_constant_is_not_told() -> None:
    """A feature that is constant has no unit to measure a move in."""
    feature = Feature("x", NUMERIC, edges=(3.0, math.nextafter(3.0, 4)))
    counts = count(feature, [3.0] * 10)
    assert math.isnan(distances.wasserstein(feature, counts, count(feature, [4.0] * 10)))
    assert math.isnan(cells.deviation(X, replace(counts, bins=(0, 0, 0, 0))))
