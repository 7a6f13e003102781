"""How sure a measured ratio is, and what differs although nothing does."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from hearth.optimizing.measurement import Duel, Ratio

# Less than this is never called a difference: nobody would notice it.
LEAST = 0.02
# With fewer values the smallest and the largest hold their median less than 95 times of 100.
_ENOUGH = 6
_SHARE = 0.05
# 97.5% quantiles of Student's t for 1 to 4 degrees of freedom.
_STUDENT = (12.706, 4.303, 3.182, 2.776)
# Beyond a thousandfold nothing is told apart.
_WIDEST = math.log(1000)


def ratio(processes: Sequence[Sequence[float]]) -> Ratio:
    """Return the ratio that logarithms of single ratios show.

    Its value is the median of all rounds. Its interval is the distribution-free one of that median,
    widened by the one of the median of pairs: two processes of the same model differ by where
    their memory happens to lie, and no number of rounds makes that smaller.

    Args:
        processes: For each pair of fresh processes the logarithms of candidate over original, one
            a round; at least one value in all.
    """
    values = sorted(value for rounds in processes for value in rounds)
    medians = sorted(statistics.median(rounds) for rounds in processes if rounds)
    (low, high), (lower, higher) = _interval(values), _interval(medians)
    return Ratio(
        value=math.exp(statistics.median(values)),
        low=math.exp(max(-_WIDEST, min(low, lower))),
        high=math.exp(min(_WIDEST, max(high, higher))),
    )


def exactly(candidate: float, original: float) -> Ratio:
    """Return the ratio of what is counted, not measured."""
    value = candidate / original
    return Ratio(value, value, value)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return what holds the median 95 times of 100, of sorted values."""
    count = len(values)
    if count >= _ENOUGH:
        rank = _rank(count)
        return values[rank], values[-1 - rank]
    if count == 1:
        return -_WIDEST, _WIDEST
    half = _STUDENT[count - 2] * statistics.stdev(values) / math.sqrt(count)
    centre = statistics.fmean(values)
    return min(values[0], centre - half), max(values[-1], centre + half)


def _rank(count: int) -> int:
    """Return how many values at each end can be left out (the sign test)."""
    below, rank = 2.0**-count, 0
    while (below := below + math.comb(count, rank + 1) * 2.0**-count) <= _SHARE / 2:
        rank += 1
    return rank


def noise(itself: Duel) -> Mapping[str, float]:
    """Return by what is compared how far from 1 a ratio may lie although nothing differs.

    A candidate wins where the whole interval of its ratio is better than that.

    Args:
        itself: A duel of the original with itself, on the same machine in the same minutes.
    """
    return {
        name: max(LEAST, found.high - 1, 1 - found.low) for name, found in itself.ratios.items()
    }
