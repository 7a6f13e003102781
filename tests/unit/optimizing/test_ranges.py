"""Ranges of activations: what 8 bits hold of a distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.optimizing.ranges import BINS, Histogram, entropy, percentile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


def histogram(values: np.ndarray) -> Histogram:
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    return Histogram(np.histogram(values, BINS, (low, high))[0], low, high)


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    held = np.clip(np.round((values - low) / step), 0, 255) * step + low
    return float(np.square(held - values).mean())


@pytest.mark.parametrize("method", [percentile, entropy])
def test_outliers_are_clipped(method):
    """A value in a hundred thousand does not decide the steps of all others."""
    values = np.random.default_rng(0).normal(size=100_000)
    values[0] = 1000
    low, high = method(histogram(values))
    assert -6 < low < -1
    assert 2 < high < 150


def test_percentile_holds_its_share():
    """Of the values, 0.01 % lie out, half of them on either side."""
    values = np.random.default_rng(1).normal(size=1_000_000)
    low, high = percentile(histogram(values))
    assert (values < low).mean() == pytest.approx(0.00005, abs=0.00003)
    assert (values > high).mean() == pytest.approx(0.00005, abs=0.00003)


def test_even_values_keep_their_whole_range():
    """Where every value is as frequent as any other, clipping loses more than it gains."""
    values = np.random.default_rng(2).random(100_000) + 1e-3
    low, high = entropy(histogram(values))
    assert low == 0
    assert high > 0.9


def test_entropy_of_a_heavy_tail_is_no_worse_than_the_whole_range():
    """Clipping a heavy tail keeps its body: the mean square error of what is held falls."""
    values = np.random.default_rng(3).standard_t(2.5, 200_000).clip(-300, 300)
    body = values[np.abs(values) < 5]
    clipped, whole = entropy(histogram(values)), (values.min(), values.max())
    assert squared_error(body, *clipped) < squared_error(body, *whole) / 4


@pytest.mark.parametrize("method", [percentile, entropy])
def test_no_values_leave_the_range_as_it_is(method):
    """A tensor that was zero throughout has a range all the same."""
    assert method(Histogram(np.zeros(BINS, np.int64), 0.0, 1.0)) == (0.0, 1.0)


@pytest.mark.parametrize("method", [percentile, entropy])
@given(
    values=arrays.arrays(
        np.float64,
        st.integers(1, 200),
        elements=st.floats(1e-3, 1e6) | st.floats(-1e6, -1e-3),
    )
)
def test_any_range_holds_zero_and_lies_within_the_values(method, values):
    """Zero is always exact, a range never has zero width, and no level is wasted beyond the values."""
    found = histogram(values)
    low, high = method(found)
    assert found.low <= low <= 0 <= high <= found.high
    assert high > low
