"""What accuracy would be by the confidences alone, where nobody says what was right.

It is the mean of the confidences, each as the evaluation set calibrated it. That holds where
inputs become more or less difficult in ways that the confidences show. It does not where the
relation between inputs and classes changes, and far from what a model was trained on it is much
too hopeful: digits under noise of 8 grey levels of 16 are recognised 4 times of 10, and said to be
so 9 times of 10, calibrated or not (tests/unit/monitoring/test_estimate.py). So it is told, and
never admitted to a gate.

Source: NannyML's confidence-based performance estimation, for accuracy.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from hearth.domain.baseline import Calibration
from hearth.monitoring.intervals import NORMAL
from hearth.monitoring.report import Metric

NAME = "estimated_accuracy"
# Of fewer rows than these, and of confidences that are none, nothing is said.
_FEWEST = 30
_MOST_STRANGE = 0.001


@dataclass(slots=True)
class Confidences:
    """Sums over the confidences of a window.

    Args:
        calibration: Made of the evaluation set; None: they are taken at their word.
        rows: Rows with a confidence from 0 to 1.
        strange: Rows with another one, or none.
        right: Rows that are expected to be right.
        spread: Variance of how many will be.
    """

    calibration: Calibration | None = None
    rows: int = 0
    strange: int = 0
    right: float = 0.0
    spread: float = 0.0

    def add(self, confidences: Iterable[float]) -> None:
        for confidence in confidences:
            if not 0 <= confidence <= 1:
                self.strange += 1
                continue
            share = confidence
            if self.calibration is not None:
                share = calibrated(self.calibration, confidence)
            self.rows += 1
            self.right += share
            self.spread += share * (1 - share)

    def __add__(self, other: Confidences) -> Confidences:
        return Confidences(
            self.calibration,
            self.rows + other.rows,
            self.strange + other.strange,
            self.right + other.right,
            self.spread + other.spread,
        )


def calibrated(calibration: Calibration, confidence: float) -> float:
    """Return how often predictions of a confidence were right in the evaluation set.

    Linear between the calibration's points; beyond them, the nearest.

    Example:
        >>> calibrated(Calibration((0.5, 1.0), (0.4, 0.9), rows=100, error=0.1), 0.75)
        0.65
    """
    points, shares = calibration.confidence, calibration.accuracy
    at = bisect_right(points, confidence)
    if at == 0:
        return shares[0]
    if at == len(points):
        return shares[-1]
    left, right = points[at - 1], points[at]
    return shares[at - 1] + (shares[at] - shares[at - 1]) * (confidence - left) / (right - left)


def estimate(confidences: Confidences) -> Metric | None:
    """Return the expected accuracy; None where too few rows have a confidence.

    Its interval holds how much the accuracy of so many rows varies if the confidences are right,
    and how much a calibration varies that was fitted on so few. It does not hold that they may be
    wrong.
    """
    rows = confidences.rows
    if rows < _FEWEST or confidences.strange > _MOST_STRANGE * rows:
        return None
    share = confidences.right / rows
    variance = confidences.spread / rows**2
    if confidences.calibration is not None:
        variance += share * (1 - share) / max(confidences.calibration.rows, 1)
    half = NORMAL * math.sqrt(variance)
    return Metric(NAME, share, max(share - half, 0.0), min(share + half, 1.0), rows)
