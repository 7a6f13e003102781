"""Counting over bins that never move: nothing is lost, and counts add up."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hearth.domain.distribution import (
    CATEGORY,
    NUMERIC,
    Counts,
    Feature,
    count,
    counts_from_document,
    counts_to_document,
    nothing,
)
from hearth.domain.errors import InvalidDocument
from hypothesis import given
from hypothesis import strategies as st

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(1 << 63), 1 << 63)
SPECIAL = st.sampled_from([None, "NaN", "Infinity", "-Infinity", "a", "b", True, [1]])
COLUMNS = st.lists(FINITE | st.sampled_from([0, 0.0, 1, 2.5]) | SPECIAL, max_size=30)
EDGES = st.sets(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.5]), max_size=8).map(sorted)
NUMBERS = EDGES.filter(lambda e: len(e) != 1).map(lambda e: Feature("x", NUMERIC, edges=tuple(e)))
WORDS = st.sets(st.sampled_from(["a", "b", "c", "NaN"])).map(
    lambda v: Feature("x", CATEGORY, values=tuple(sorted(v)))
)


def plain(counts: Counts) -> Counts:
    """Counts without their sums, which depend on the order in the last digits."""
    return replace(counts, sum=0.0, sum_of_squares=0.0)


@given(NUMBERS | WORDS, COLUMNS)
def test_every_value_is_counted_once(feature: Feature, column: list[Any]) -> None:
    """Whatever a column holds, the counts add up to its length."""
    words = feature.kind == CATEGORY
    column = [v for v in column if not isinstance(v, list)] if words else column
    assert count(feature, column).total == len(column)


@given(NUMBERS | WORDS, COLUMNS, st.integers(0, 30))
def test_counts_of_parts_add_up_to_the_whole(feature: Feature, column: list[Any], at: int) -> None:
    """Windows merge by addition: it does not matter where a column is cut."""
    column = [v for v in column if not isinstance(v, list | bool)]
    whole = count(feature, column)
    added = count(feature, column[:at]) + count(feature, column[at:])
    assert plain(added) == plain(whole)
    scale = max(map(abs, (v for v in column if isinstance(v, float | int))), default=1)
    assert math.isclose(added.sum, whole.sum, rel_tol=1e-9, abs_tol=1e-9 * scale * len(column))
    assert added + nothing(feature) == added


@given(NUMBERS, st.lists(FINITE, min_size=1, max_size=30))
def test_numbers_fall_between_their_edges(feature: Feature, column: list[float]) -> None:
    """A bin holds its lower edge and not its upper one; the last holds both."""
    counts = count(feature, column)
    edges = feature.edges
    for at, found in enumerate(counts.bins):
        last = at == feature.bins - 1
        low, high = edges[at : at + 2]
        assert found == sum(low <= v < high or (last and v == high) for v in column)
    assert counts.below == sum(bool(edges) and v < edges[0] for v in column)
    assert counts.above == sum(not edges or v > edges[-1] for v in column)
    assert (counts.minimum, counts.maximum) == (min(column), max(column))


@given(NUMBERS | WORDS, COLUMNS)
def test_counts_survive_their_document(feature: Feature, column: list[Any]) -> None:
    """What is zero is left out of the JSON and comes back as zero."""
    column = [v for v in column if not isinstance(v, list)]
    counts = count(feature, column)
    text = json.dumps(counts_to_document(counts), allow_nan=False)
    assert counts_from_document(json.loads(text), feature) == counts


def test_sums_stay_finite() -> None:
    """Squares beyond the largest float stay numbers that JSON has, also when they are added."""
    feature = Feature("x", NUMERIC, edges=(0.0, 1e300))
    counts = count(feature, [1e300, 1e300])
    assert math.isfinite(counts.sum_of_squares)
    assert math.isfinite((counts + counts).sum_of_squares)
    assert counts_from_document(counts_to_document(counts), feature) == counts


def test_mean_and_deviation_are_those_of_the_finite_numbers() -> None:
    """Special values take no part; without any number there is no mean."""
    feature = Feature("x", NUMERIC, edges=(0.0, 10.0))
    counts = count(feature, [1, 3, None, "NaN", "Infinity"])
    assert (counts.mean, counts.deviation) == (2.0, 1.0)
    assert math.isnan(count(feature, ["NaN"]).mean)
    assert math.isnan(nothing(feature).deviation)


def test_special_values_are_counted_by_what_they_are() -> None:
    """Missing, NaN, the infinities, other types, and words that are new: each has its count."""
    number = Feature("x", NUMERIC, edges=(0.0, 1.0))
    counts = count(number, [None, "NaN", "NaN", "Infinity", "-Infinity", "red", 0.5])
    found = (counts.missing, counts.nan, counts.infinity, counts.negative_infinity, counts.mistyped)
    assert found == (1, 2, 1, 1, 1)
    words = count(Feature("x", CATEGORY, values=("red",)), ["red", "blue", None, 5])
    assert (words.bins, words.unseen, words.missing, words.mistyped) == ((1,), 1, 1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "text"},
        {"edges": (1.0,)},
        {"edges": (1.0, 1.0)},
        {"edges": (2.0, 1.0)},
        {"edges": (0.0, math.inf)},
        {"edges": (math.nan, 1.0)},
    ],
)
def test_feature_that_has_no_bins_is_refused(wrong: dict[str, Any]) -> None:
    """Edges are finite and rise, and a single one bounds nothing."""
    with pytest.raises(InvalidDocument, match="not well described"):
        Feature(**{"name": "x", "kind": NUMERIC, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"bins": [1]},
        {"bins": None},
        {"bins": [1, -1]},
        {"bins": [1, 1.0]},
        {"bins": [1, 1], "nan": "1"},
        {"bins": [1, 1], "sum": "1"},
        {"bins": [1, 1], "minimum": "0", "maximum": 1},
        {"bins": [1, 1], "minimum": None, "maximum": 1},
        {"bins": [1, 1], "other": 1},
        {},
    ],
)
def test_counts_of_another_shape_are_refused(wrong: dict[str, Any]) -> None:
    """Counts that are not the feature's are a document that cannot be read."""
    with pytest.raises(InvalidDocument, match="not readable"):
        counts_from_document(wrong, Feature("x", NUMERIC, edges=(0.0, 1.0, 2.0)))
