"""How sure a model may be: its confidences against how often it was right."""

from __future__ import annotations

import numpy as np
from hearth.domain.baseline import Calibration
from hearth.serving.numbers import Array

MOST_KNOTS = 20
_BINS = 15
_FOLDS = 5
_FEWEST = 50  # labelled rows below which nothing is learned
_SEED = 20


def expected_error(confidence: Array, right: Array) -> float:
    """Return the expected calibration error over 15 bins of equal width, 0 to 1.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, 2017: the mean over bins of
        |accuracy - confidence|, weighted by the rows in them.

    Example:
        >>> expected_error(np.array([0.9, 0.9]), np.array([True, False]))
        0.4
    """
    place = np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)
    gaps = np.bincount(place, confidence - right, _BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def isotonic(confidence: Array, right: Array) -> tuple[Array, Array]:
    """Return rising confidences, and for each the accuracy that never falls.

    Pool adjacent violators; neighbours are then pooled until each holds a twentieth of the rows.

    Example:
        >>> knots, accuracy = isotonic(np.array([0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1]))
        >>> accuracy.tolist()
        [0.0, 0.5, 1.0]
    """
    distinct, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    hits = np.bincount(place, right)
    blocks = _rising(np.stack([counts, hits, distinct * counts], axis=1).tolist())
    merged = np.array(_pooled(blocks, len(confidence) / MOST_KNOTS))
    return merged[:, 2] / merged[:, 0], merged[:, 1] / merged[:, 0]


def _rising(found: list[list[float]]) -> list[list[float]]:
    """Return blocks of [rows, hits, sum of confidences] whose share of hits never falls."""
    blocks: list[list[float]] = []
    for block in found:
        blocks.append(block)
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return blocks


def _pooled(blocks: list[list[float]], least: float) -> list[list[float]]:
    """Return neighbouring blocks put together until each holds at least so many rows."""
    pooled: list[list[float]] = []
    for block in blocks:
        if pooled and pooled[-1][0] < least:
            pooled[-1] = [a + b for a, b in zip(pooled[-1], block, strict=True)]
        else:
            pooled.append(block)
    if len(pooled) > 1 and pooled[-1][0] < least:
        last = pooled.pop()
        pooled[-1] = [a + b for a, b in zip(pooled[-1], last, strict=True)]
    return pooled


def calibration(confidence: Array, right: Array) -> Calibration:
    """Return the map from confidence to accuracy.

    It is the identity unless isotonic regression lowers both the expected calibration error and
    the mean square of what is left, on rows that it was not fitted on. The first alone is lowered
    by chance: a map with few levels has fewer bins to err in.

    Args:
        confidence: Of the predicted class, 0 to 1, at least one row.
        right: Whether it was the true one.
    """
    error = expected_error(confidence, right)
    knots, accuracy = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    if len(confidence) >= _FEWEST and _improves(confidence, right, _held_out(confidence, right)):
        knots, accuracy = isotonic(confidence, right)
    return Calibration(
        tuple(knots.tolist()), tuple(accuracy.tolist()), len(confidence), round(error, 6)
    )


def _improves(confidence: Array, right: Array, mapped: Array) -> bool:
    before, after = ((((given - right) ** 2).mean()) for given in (confidence, mapped))
    lower = expected_error(mapped, right) < expected_error(confidence, right)
    return bool(lower and after < before)


def _held_out(confidence: Array, right: Array) -> Array:
    """Return confidences, each mapped by what was fitted on the other folds."""
    fold = np.random.default_rng(_SEED).permutation(len(confidence)) % _FOLDS
    mapped = np.empty(len(confidence))
    for at in range(_FOLDS):
        held = fold == at
        mapped[held] = np.interp(confidence[held], *isotonic(confidence[~held], right[~held]))
    return mapped
