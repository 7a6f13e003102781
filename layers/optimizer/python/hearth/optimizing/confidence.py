"""How much worse than it looks something may be: one-sided 95% limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from hearth.serving.numbers import Array

NORMAL = 1.644854
# The 95% quantile of Student's t with 1 to 19 degrees of freedom.
_T = (
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812,
    1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729,
)  # fmt: skip
_GROUPS = len(_T) + 1
_SEED = 20
_ERROR = 0.05
# What halving an interval so often leaves of it is less than a float can tell.
_HALVINGS = 60
_MOST_NEEDED = 1_000_000


@lru_cache(1 << 14)
def most(count: int) -> float:
    """Return how many events to expect at most where so many were seen.

    Source:
        Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936): the mean
        of which so few or fewer come 5 times of 100. No share of rows is under-estimated by it.

    Example:
        >>> round(most(0), 3), round(most(5), 2)
        (2.996, 10.51)
    """
    return _mean(count, _ERROR)


@lru_cache(1 << 14)
def least(count: int) -> float:
    """Return how many events to expect at least where so many were seen, as `most` does.

    Example:
        >>> least(0), round(least(5), 2)
        (0.0, 1.97)
    """
    return _mean(count - 1, 1 - _ERROR) if count else 0.0


def _mean(count: int, chance: float) -> float:
    """Return the mean of the Poisson distribution that gives up to `count` with a chance."""
    steps = np.arange(count + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(steps[1:]))])
    low, high = 0.0, count + 10 * math.sqrt(count + 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        share = np.exp(steps * math.log(middle) - logs - middle).sum()
        low, high = (middle, high) if share > chance else (low, middle)
    return high


def fewest(share: float) -> int:
    """Return how many rows show, where all are alike, that no larger share of them differs.

    Example:
        >>> fewest(0.01)
        300
    """
    return math.ceil(most(0) / share)


def needed(differing: float, share: float) -> int:
    """Return about how many rows show that no larger share of all differs; 0 where none would.

    Args:
        differing: Share of rows that differ.
        share: What is to be shown of all.

    Example:
        >>> needed(0.0, 0.01), needed(0.002, 0.01), needed(0.01, 0.01)
        (300, 486, 0)
    """
    rows = fewest(share)
    while differing < share and rows < _MOST_NEEDED:
        if most(round(differing * rows)) <= share * rows:
            return rows
        rows = math.ceil(rows * 1.04)
    return 0


def root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return where something that falls comes down to 0; `high` where it does not get there."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def jackknifed(rows: int, figure: Callable[[Array], float]) -> tuple[float, float]:
    """Return a figure of all rows, and how far above it the true one may lie.

    Args:
        rows: How many there are.
        figure: What is made of the rows of these indices.

    Source:
        Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001): 20 groups
        drawn at random, Student's t with one degree of freedom less.

    Example:
        >>> numbers = np.array([1.0, 2.0, 3.0])
        >>> value, above = jackknifed(3, lambda some: float(numbers[some].mean()))
        >>> value, round(above, 3)  # the standard error is 1 over the root of 3
        (2.0, 1.686)
    """
    every = np.arange(rows)
    value = figure(every)
    groups = min(rows, _GROUPS)
    if groups < 2:
        return value, math.inf
    group = np.random.default_rng(_SEED).permutation(rows) % groups
    left_out = np.array([figure(every[group != at]) for at in range(groups)])
    square = ((left_out - left_out.mean()) ** 2).sum() * (groups - 1) / groups
    return value, _T[groups - 2] * math.sqrt(square)
