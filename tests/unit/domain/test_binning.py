"""Bins: cut by reference data alone, and all of it lies in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hearth.domain.binning import MOST_BINS, MOST_WHOLE, MOST_WORDS, category, numeric
from hearth.domain.distribution import count
from hypothesis import given
from hypothesis import strategies as st

FINITE = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(1 << 63), (1 << 64) - 1)
SPECIAL = st.sampled_from([None, "NaN", "Infinity", "-Infinity"])
FEW = st.sampled_from([0.0, 0.0, 1.0, 1.5, 5e-324, 1e300, -1e300, 1.7976931348623157e308])


@given(st.lists(FINITE | INTEGERS | FEW | SPECIAL, max_size=200))
def test_bins_hold_all_of_the_reference_data(column: list[Any]) -> None:
    """Every finite number of the data that bins were cut by lies in one of them."""
    feature = numeric("x", column)
    counts = count(feature, column)
    assert (counts.below, counts.above, counts.mistyped) == (0, 0, 0)
    assert sum(counts.bins) == sum(isinstance(value, float | int) for value in column)
    assert feature.bins <= max(MOST_BINS, MOST_WHOLE)
    assert sum(counts.bins) == 0 or all(math.isfinite(edge) for edge in feature.edges)


@given(st.lists(FINITE | INTEGERS, min_size=1, max_size=200), st.randoms())
def test_bins_do_not_depend_on_the_order_of_rows(column: list[float], random: Any) -> None:
    """The same data in another order is cut at the same places."""
    other = list(column)
    random.shuffle(other)
    assert numeric("x", other) == numeric("x", column)


@given(st.lists(FINITE, min_size=200, max_size=400, unique=True))
def test_bins_of_distinct_numbers_hold_about_as_many_each(column: list[float]) -> None:
    """Without point masses the bins are deciles."""
    bins = count(numeric("x", column), column).bins
    assert len(bins) == MOST_BINS
    assert max(bins) - min(bins) <= 2


def test_outer_edges_are_the_least_and_the_greatest() -> None:
    """Whatever lies beyond the reference data is told from what lies in it."""
    column = np.random.default_rng(1).normal(size=1000).tolist()
    feature = numeric("x", column)
    assert (feature.edges[0], feature.edges[-1]) == (min(column), max(column))
    assert not feature.integral


def test_point_mass_has_a_bin_by_itself() -> None:
    """Of a zero-inflated feature, zero is one bin and the rest is divided."""
    random = np.random.default_rng(2)
    column = np.where(random.random(5000) < 0.8, 0, random.exponential(size=5000)).tolist()
    counts = count(numeric("x", column), column)
    assert counts.bins[0] == column.count(0)
    assert len(counts.bins) > 3
    assert min(counts.bins) > 5000 * 0.02


@pytest.mark.parametrize("share", [0.9, 0.98, 0.999])
def test_rare_values_beside_a_point_mass_stay_apart_from_it(share: float) -> None:
    """However heavy the point mass is, and wherever among the others."""
    rare = [0.25 + at / 1000 for at in range(round(10_000 * (1 - share)))]
    for heavy in (0.1, 0.9005, 9.5):
        column = [heavy] * round(10_000 * share) + rare
        assert max(count(numeric("x", column), column).bins) == round(10_000 * share)


def test_few_whole_numbers_get_a_bin_each() -> None:
    """Codes, counts and booleans are not put together by how frequent they are."""
    column = [0] * 1000 + [1] + [5] * 3 + [2.0]
    feature = numeric("x", column)
    assert feature.integral
    assert feature.edges == (0.0, 0.5, 1.5, 3.5, 5.0)
    assert count(feature, column).bins == (1000, 1, 1, 3)
    assert numeric("x", list(range(21))).bins <= MOST_BINS


@pytest.mark.parametrize(
    "value", [0.0, -0.0, 3, 1e300, -1e300, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308]
)
def test_constant_has_one_bin_and_anything_else_is_outside(value: float) -> None:
    """A feature that never moved shows when it does; one row is a constant."""
    feature = numeric("x", [value])
    assert count(feature, [value]).bins == (1,)
    other = 0.5 if value != 0.5 else 1.0
    assert count(feature, [other]).bins == (0,)


@pytest.mark.parametrize("column", [[], ["NaN"], [None], ["Infinity", "-Infinity"], ["word"]])
def test_column_without_a_number_has_no_bin(column: list[Any]) -> None:
    """Nothing is known of where its numbers would lie."""
    assert numeric("x", column).edges == ()
    assert sum(count(numeric("x", column), [1.0, 2.0]).bins) == 0


def test_neighbouring_floats_are_told_apart_where_they_can_be() -> None:
    """Between two floats that have no other between them, the upper one is the edge."""
    low = 0.1
    middle, high = math.nextafter(low, 1), math.nextafter(math.nextafter(low, 1), 1)
    column = [low] * 50 + [middle] * 50 + [high] * 50
    assert count(numeric("x", column), column).bins == (50, 100)


def test_probabilities_are_bounded_by_nought_and_one() -> None:
    """A score lower than any before is no value out of range; a constant keeps its own bin."""
    column = np.random.default_rng(3).uniform(0.4, 0.9, 500).tolist()
    feature = numeric("score", column, (0.0, 1.0))
    assert (feature.edges[0], feature.edges[-1]) == (0.0, 1.0)
    assert count(numeric("score", [1.0] * 9, (0.0, 1.0)), [0.3]).below == 1


def test_categories_are_the_most_frequent_words() -> None:
    """At most a hundred; equally frequent ones in alphabetical order; what is no word is none."""
    column = ["b", "a", "c", "c", None, *(f"w{at:03}" for at in range(200))]
    feature = category("x", column)
    assert feature.values[:3] == ("c", "a", "b")
    assert len(feature.values) == MOST_WORDS
    counts = count(feature, column)
    assert (counts.unseen, counts.missing) == (103, 1)
