"""Intervals: Wilson's for shares, a jackknife over groups of requests for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hearth.monitoring.intervals import NORMAL, UNKNOWN, Jackknife, wilson
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


@dataclass
class Mean:
    total: float = 0.0
    rows: int = 0

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.rows + other.rows)


def figures(sums: Mean) -> dict[str, float]:
    return {"mean": sums.total / sums.rows}


def of_groups(values: list[list[float]]) -> Jackknife[Mean]:
    return Jackknife([Mean(sum(group), len(group)) for group in values], figures)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wilson_is_scipys(trials: int, share: float) -> None:
    """The interval of a share is the one that scipy calls Wilson's."""
    successes = round(trials * share)

    found = wilson(successes, trials)

    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_wilson_of_nothing_is_unknown() -> None:
    """Of no rows, nothing is said."""
    assert all(map(math.isnan, wilson(0, 0)))


def test_quantiles_are_students() -> None:
    """The quantiles of t are scipy's, for each number of groups that there can be."""
    for groups in range(2, 21):
        found = of_groups([[float(n)] for n in range(groups)]).quantile
        assert found == pytest.approx(stats.t.ppf(0.975, groups - 1), abs=6e-4)
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-6) == NORMAL


def test_error_of_a_mean_is_the_standard_error() -> None:
    """With groups of one size, the jackknife of a mean is the textbook's standard error."""
    values = np.random.default_rng(0).normal(size=20)

    found = of_groups([[value] for value in values.tolist()])

    assert found.error("mean") == pytest.approx(values.std(ddof=1) / math.sqrt(20))
    low, high = found.interval("mean", -math.inf, math.inf)
    assert (low, high) == pytest.approx(
        stats.t.interval(0.95, 19, values.mean(), values.std(ddof=1) / math.sqrt(20)), rel=1e-3
    )


def test_one_group_tells_nothing_of_variation() -> None:
    """A single request has a value, and no interval."""
    found = of_groups([[1.0, 2.0]])

    assert found.figures == {"mean": 1.5}
    assert found.interval("mean", 0, 2) is UNKNOWN


def test_interval_stays_within_what_can_be() -> None:
    """No end of an interval lies where the figure itself cannot."""
    found = of_groups([[0.0], [1.0], [1.0]])

    low, high = found.interval("mean", 0, 1)

    assert (low, high) == (0, 1)


def test_rows_that_always_agree_are_worth_their_requests() -> None:
    """Where rows of a request are all alike, the interval is that of as many requests, and wider."""
    random = np.random.default_rng(0)
    right = (random.random(200) < 0.8).astype(float)
    groups = [np.repeat(right[at::20], 10).tolist() for at in range(20)]
    share = float(right.mean())

    found = of_groups(groups).proportion("mean", share * 2000, 2000, 200)
    naive = wilson(share * 2000, 2000)
    of_requests = wilson(share * 200, 200)

    assert found.high - found.low > 2 * (naive.high - naive.low)
    assert found.high - found.low == pytest.approx(of_requests.high - of_requests.low, rel=0.5)


def test_rows_that_never_differ_are_worth_their_requests() -> None:
    """When every row was right, nothing shows how rows vary: requests are what is counted."""
    groups = [[1.0] * 10 for _ in range(20)]

    low, high = of_groups(groups).proportion("mean", 200, 200, 20)

    assert high == 1
    assert low == pytest.approx(wilson(20, 20, 2.093).low)


@pytest.mark.parametrize(("share", "least"), [(0.5, 0.93), (0.9, 0.92), (0.99, 0.9)])
def test_wilson_covers(share: float, least: float) -> None:
    """Of windows of 100 rows, some 19 in 20 hold the true share: near 1, a few less."""
    drawn = np.random.default_rng(1).binomial(100, share, 2000)

    held = [low <= share <= high for low, high in (wilson(int(k), 100) for k in drawn)]

    assert sum(held) / 2000 > least


def test_jackknife_covers() -> None:
    """Of windows of 400 skewed values, some 19 in 20 hold the true mean."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(500):
        values = random.exponential(1, (20, 20))
        low, high = of_groups(values.tolist()).interval("mean", 0, math.inf)
        held += low <= 1 <= high

    assert held / 500 > 0.92
