"""Accuracy without labels: right where confidences are, too hopeful where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.baseline import Calibration
from hearth.monitoring.estimate import Confidences, calibrated, estimate
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.isotonic import IsotonicRegression
from sklearn.neural_network import MLPClassifier

FLAT = Calibration((0.0, 1.0), (0.0, 1.0), rows=1000, error=0.0)


def confidences(values: Any, calibration: Calibration | None = None) -> Confidences:
    found = Confidences(calibration)
    found.add(values)
    return found


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=8, unique=True),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
    st.floats(-0.5, 1.5),
)
def test_calibration_is_linear_between_its_points(
    points: list[float], shares: list[float], confidence: float
) -> None:
    """Between two points the line, beyond them the nearest, as numpy interpolates."""
    xs, ys = sorted(points), sorted(shares)[: len(points)]
    made = Calibration(tuple(xs), tuple(ys), rows=1, error=0.0)

    expected = np.interp(confidence, xs, ys)
    assert calibrated(made, confidence) == pytest.approx(expected, abs=1e-9)


def test_estimate_is_the_mean_confidence() -> None:
    """What confidences say, by themselves, is their mean."""
    found = estimate(confidences([0.5] * 50 + [0.9] * 50))

    assert found is not None
    assert found.name == "estimated_accuracy"
    assert (found.value, found.rows) == (pytest.approx(0.7), 100)
    assert found.low < 0.7 < found.high


def test_few_or_strange_confidences_say_nothing() -> None:
    """Of fewer than 30 rows, or of numbers that are no confidences, nothing is estimated."""
    assert estimate(confidences([0.9] * 29)) is None
    assert estimate(confidences([0.9] * 100 + [3.7])) is None
    assert estimate(confidences([0.9] * 100 + [float("nan")])) is None
    assert estimate(confidences([0.9] * 2000 + [3.7])) is not None


def test_small_calibration_makes_the_interval_wide() -> None:
    """A calibration that few rows made is no surer than they are."""
    wide = Calibration((0.0, 1.0), (0.0, 1.0), rows=50, error=0.0)

    narrow, wider = (estimate(confidences([0.8] * 10_000, c)) for c in (FLAT, wide))

    assert narrow is not None
    assert wider is not None
    assert wider.high - wider.low > 2 * (narrow.high - narrow.low)


@given(st.lists(st.floats(0, 1), max_size=50), st.integers(0, 50))
def test_parts_are_the_whole(values: list[float], cut: int) -> None:
    """Sums of parts of a window are the window's."""
    parts = confidences(values[:cut], FLAT) + confidences(values[cut:], FLAT)
    whole = confidences(values, FLAT)

    assert parts.rows == whole.rows
    assert (parts.right, parts.spread) == pytest.approx((whole.right, whole.spread), abs=1e-9)


def test_interval_covers_where_confidences_are_right() -> None:
    """If confidences are true chances, the accuracy of the window is in its interval, mostly."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        shares = random.beta(4, 1, 300)
        found = estimate(confidences(shares.tolist()))
        assert found is not None
        held += found.low <= (random.random(300) < shares).mean() <= found.high

    assert held / 400 > 0.92


@pytest.fixture(scope="module")
def digits() -> Any:
    """A network for digits, a calibration of it, and pictures that it never saw."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order], labels[order]
    model = MLPClassifier((64,), max_iter=300, random_state=0).fit(images[:900], labels[:900])
    scores = model.predict_proba(images[900:1300])
    right = scores.argmax(axis=1) == labels[900:1300]
    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores.max(axis=1), right)
    made = Calibration(
        tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_)), 400, 0.0
    )
    return model, made, images[1300:], labels[1300:]


def test_estimate_is_too_hopeful_far_from_home(digits: Any) -> None:
    """Under noise the estimate falls, but far less than accuracy does: it is no substitute."""
    model, calibration, images, labels = digits
    random = np.random.default_rng(1)
    rows = []
    for noise in (0, 2, 4, 6, 8):
        scores = model.predict_proba(images + random.normal(0, noise, images.shape))
        true = (scores.argmax(axis=1) == labels).mean()
        raw, mended = (
            estimate(confidences(scores.max(axis=1).tolist(), made)) for made in (None, calibration)
        )
        assert raw is not None
        assert mended is not None
        rows.append((noise, true, raw.value, mended.value))
        print("noise {} true {:.3f} estimated {:.3f}, calibrated {:.3f}".format(*rows[-1]))

    _, true, raw, mended = zip(*rows, strict=True)
    # At home it is right, to within what so few pictures tell.
    assert abs(mended[0] - true[0]) < 0.03
    # Worse inputs lower it: the direction is right.
    assert list(raw) == sorted(raw, reverse=True)
    # The size is not: at a noise of 8, where half is wrong, it misses most of the loss.
    assert raw[-1] - true[-1] > 0.15
    assert mended[-1] - true[-1] > 0.1
