"""How far a figure may be from the truth: 95% confidence intervals.

Rows of one request are dependent, so that nothing here counts rows where it can count requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import add
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

# The 97.5% quantile of Student's t with 1 to 19 degrees of freedom.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
)  # fmt: skip
NORMAL = 1.959964


class Sums(Protocol):
    """What is counted of samples. Those of two sets of samples add up to those of both."""

    def __add__(self, other: Self) -> Self: ...


_Sums = TypeVar("_Sums", bound=Sums)
Figures = Mapping[str, float]


class Interval(NamedTuple):
    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan)


def wilson(successes: float, trials: float, quantile: float = NORMAL) -> Interval:
    """Return Wilson's score interval of a proportion.

    Args:
        successes: From 0 to `trials`.
        trials: They need not be whole: dependent ones are worth fewer.
        quantile: Of the normal distribution, or of t where the worth of trials was estimated.

    Source:
        Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Example:
        >>> low, high = wilson(90, 100)
        >>> round(low, 4), round(high, 4)
        (0.8256, 0.9448)
    """
    if not trials > 0:
        return UNKNOWN
    share, square = successes / trials, quantile * quantile
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    spread = share * (1 - share) / trials + square / (4 * trials * trials)
    half = quantile * math.sqrt(max(spread, 0.0)) / (1 + square / trials)
    # At either end the bound is the share itself, which rounding would miss.
    return Interval(
        0.0 if share <= 0 else max(centre - half, 0.0),
        1.0 if share >= 1 else min(centre + half, 1.0),
    )


class Jackknife(Generic[_Sums]):
    """Figures of samples in groups, and what they are when one group after the other is left out.

    Args:
        groups: The sums of each group that has samples; at least one.
        figures: What is made of sums.

    Source:
        Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001).
    """

    def __init__(self, groups: Sequence[_Sums], figures: Callable[[_Sums], Figures]) -> None:
        self._count = len(groups)
        before = list(accumulate(groups, add))
        after = list(accumulate(reversed(groups), add))[::-1]
        self.total = before[-1]
        self.figures = figures(self.total)
        left_out: list[_Sums] = [after[1]] if self._count > 1 else []
        left_out += [before[at - 1] + after[at + 1] for at in range(1, self._count - 1)]
        left_out += [before[-2]] if self._count > 1 else []
        self._replicates = [figures(sums) for sums in left_out]

    @property
    def quantile(self) -> float:
        """Of Student's t with as many degrees of freedom as there are groups, less one."""
        return _T[min(self._count - 1, len(_T)) - 1] if self._count > 1 else math.nan

    def error(self, name: str) -> float:
        """Return a figure's standard error; NaN where it cannot be told."""
        values = [figures.get(name, math.nan) for figures in self._replicates]
        if len(values) < 2:
            return math.nan
        mean = math.fsum(values) / len(values)
        square = math.fsum((value - mean) ** 2 for value in values)
        return math.sqrt(square * (self._count - 1) / self._count)

    def interval(self, name: str, lowest: float, highest: float) -> Interval:
        """Return a figure's interval inside the range of what it can be."""
        half = self.quantile * self.error(name)
        value = self.figures[name]
        if math.isnan(half):
            return UNKNOWN
        return Interval(max(value - half, lowest), min(value + half, highest))

    def proportion(self, name: str, successes: float, trials: float, requests: int) -> Interval:
        """Return the interval of a figure that is a share of rows.

        Where requests have several rows, their rows are worth fewer: as many as would vary so
        much if they were independent, and never more than there are.

        Args:
            name: The figure.
            successes: Rows that count.
            trials: Rows of which they are a share.
            requests: Requests with such rows, at most `trials`.
        """
        if requests >= trials or not trials:
            return wilson(successes, trials)
        worth = float(requests)  # where all rows are alike, nothing shows how they vary
        share = successes / trials
        error = self.error(name)
        if 0 < share < 1 and error > 0:
            worth = min(share * (1 - share) / (error * error), float(trials))
        quantile = self.quantile if self._count > 1 else NORMAL
        return wilson(share * worth, worth, quantile)
