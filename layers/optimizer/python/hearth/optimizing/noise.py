"""How sure a measured ratio is, and what differs although nothing does.

Measured in simulation (`tests/unit/optimizing/test_noise.py`; nine pairs of processes, eight
rounds), the share of duels that a candidate wins by `Ratio.is_win` and `noise`:

| true gain | 0 | 3% | 5% | 7% | 10% | 15% | 20% | 25% | 35% | 50% |
|---|---|---|---|---|---|---|---|---|---|---|
| warm runs, quiet | 0.000 | .30 | .99 | 1 | 1 | 1 | 1 | 1 | 1 | 1 |
| warm runs, usual | 0.000 | .09 | .62 | .88 | .93 | .96 | .97 | .98 | .99 | 1 |
| warm runs, noisy | 0.000 | .00 | .01 | .04 | .26 | .74 | .92 | .96 | .98 | 1 |
| once a pair, quiet | 0.000 | .00 | .02 | .11 | .38 | .77 | .89 | .95 | .98 | 1 |
| once a pair, usual | 0.000 | .00 | .01 | .06 | .25 | .61 | .78 | .88 | .95 | .99 |
| once a pair, noisy | 0.000 | .00 | .00 | .00 | .01 | .05 | .18 | .40 | .79 | .96 |

Quiet: processes of one model differ by 0.5%, and 1 block in 20 is slowed down. Usual: by 1%, and 8
pairs of 100 are disturbed throughout, by 20% on average. Noisy: by 3%, blocks by 5%, and 10 pairs
of 100. What is the same was called better in at most 2 of 20,000 duels. Opening, first run and
memory are measured once a pair: a gain of a quarter is seen, a tenth seldom is, except of memory,
which hardly varies.
"""

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
