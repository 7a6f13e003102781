"""Bins without numpy: each holds about as much as the others, and a point mass has its own."""

from __future__ import annotations

import math

import pytest
from hearth.domain import binning
from hearth.domain.binning import MOST_BINS, MOST_WORDS
from hearth.domain.distribution import CATEGORY, NUMERIC, Feature, count
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1.7976931348623157e308, None, "NaN", "word"]),
    max_size=60,
)


@given(VALUES)
def test_every_finite_number_of_the_column_is_in_a_bin(column: list) -> None:
    """Reference data has nothing below and nothing above."""
    feature = binning.numeric("x", column)
    counted = count(feature, column)

    finite = [v for v in column if isinstance(v, float | int)]
    assert (counted.below, counted.above) == (0, 0)
    assert sum(counted.bins) == len(finite)
    assert feature.bins <= max(MOST_BINS, 20)


def test_continuous_values_fall_into_ten_equal_bins() -> None:
    """A tenth each."""
    column = [math.sin(n) for n in range(1000)]
    assert set(count(binning.numeric("x", column), column).bins) == {100}


def test_point_mass_has_a_bin_of_its_own() -> None:
    """Zeros, half of all, are no bin with what lies around them."""
    column = [0.0] * 500 + [n / 7 for n in range(1, 501)]
    counted = count(binning.numeric("x", column), column)
    assert counted.bins[0] == 500
    assert len(counted.bins) > 4


def test_few_whole_numbers_have_a_bin_each() -> None:
    """As classes have: edges lie between them."""
    feature = binning.numeric("x", [3, 1, 2, 2, None])
    assert feature == Feature("x", NUMERIC, edges=(1.0, 1.5, 2.5, 3.0), integral=True)


@pytest.mark.parametrize(
    ("column", "edges"),
    [([], ()), ([None, "NaN"], ()), ([7], (7.0, math.nextafter(7, math.inf)))],
)
def test_nothing_has_no_bin_and_one_value_has_one(column: list, edges: tuple) -> None:
    """A constant feature is a bin that nothing else falls into."""
    assert binning.numeric("x", column).edges == edges


def test_outer_edges_are_the_bounds_of_what_can_be() -> None:
    """A score is a share: the bins reach from 0 to 1."""
    feature = binning.numeric("score", [0.5 + n / 1000 for n in range(400)], (0.0, 1.0))
    assert (feature.edges[0], feature.edges[-1]) == (0.0, 1.0)


def test_most_frequent_words_are_known_and_others_unseen() -> None:
    """A category has so many bins at most; equals stand in order of the alphabet."""
    column = ["b", "a", "c", "c", None, *(f"w{n:03d}" for n in range(200))]
    feature = binning.category("x", column)
    assert (feature.kind, feature.bins) == (CATEGORY, MOST_WORDS)
    assert feature.values[:3] == ("c", "a", "b")
