"""Confidences against how often they were right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.publishing.calibration import MOST_KNOTS, calibration, expected_error, isotonic
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


def said(rows: int, truth: Any, seed: int = 1) -> tuple[Any, Any]:
    """Confidences from a half to one, of which `truth(confidence)` is the share that is right."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.5, 1, rows)
    return confidence, random.random(rows) < truth(confidence)


@given(PAIRS)
def test_map_rises_and_has_few_knots(pairs: list[tuple[float, bool]]) -> None:
    """Confidences rise strictly, accuracies never fall, and both are shares."""
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    knots, accuracy = isotonic(confidence, right)
    assert len(knots) == len(accuracy) <= MOST_KNOTS
    assert (np.diff(knots) > 0).all()
    assert (np.diff(accuracy) >= -1e-12).all()
    assert ((accuracy >= 0) & (accuracy <= 1)).all()


@pytest.mark.parametrize("truth", [lambda c: c**3, lambda c: 0.9 * c, lambda c: 0.2 + 0 * c])
def test_map_follows_scikit_learns(truth: Any) -> None:
    """With fewer knots it stays within two hundredths of the whole regression, on average."""
    confidence, right = said(5000, truth)
    whole = IsotonicRegression().fit(confidence, right).predict(confidence)
    mapped = np.interp(confidence, *isotonic(confidence, right))
    assert np.abs(mapped - whole).mean() < 0.02


@pytest.mark.parametrize("truth", [lambda c: c**4, np.sqrt])
def test_map_is_kept_where_it_lowers_the_error_on_rows_that_it_did_not_see(truth: Any) -> None:
    """A model that is too sure, or not sure enough, is corrected on new rows as well."""
    made = calibration(*said(3000, truth))
    confidence, right = said(3000, truth, seed=2)
    mapped = np.interp(confidence, made.confidence, made.accuracy)
    assert expected_error(mapped, right) < 0.6 * expected_error(confidence, right)
    assert made.rows == 3000
    assert made.error == pytest.approx(expected_error(confidence, right), abs=0.02)


@pytest.mark.parametrize("rows", [1, 49])
def test_map_of_few_rows_is_the_identity(rows: int) -> None:
    """There is too little to learn from: confidences stay as they are."""
    made = calibration(*said(rows, lambda c: c**4))
    assert (made.confidence, made.accuracy) == ((0.0, 1.0), (0.0, 1.0))
    assert made.rows == rows


@pytest.mark.parametrize("rows", [200, 3000])
def test_confidences_that_are_right_stay_as_they_are(rows: int) -> None:
    """But for one time in ten or so, when chance has it otherwise, and then but little."""
    found = [calibration(*said(rows, lambda c: c, seed)) for seed in range(20)]
    changed = [made for made in found if made.accuracy != (0.0, 1.0)]
    assert len(changed) <= 4
    assert all(made.error < 0.1 for made in changed)


def test_expected_error_is_the_gap_between_claim_and_truth() -> None:
    """Over bins of equal width, weighted by their rows; a confidence of one lies in the last."""
    assert expected_error(np.array([1.0, 1.0]), np.array([True, False])) == 0.5
    assert expected_error(np.array([0.05, 0.95]), np.array([False, True])) == pytest.approx(0.05)
    assert expected_error(np.array([0.0]), np.array([False])) == 0
