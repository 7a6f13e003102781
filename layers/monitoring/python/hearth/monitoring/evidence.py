"""Whether two samples could be of one distribution: p-values from counts alone, no library needed.

All tests are given the two samples' sum: what is pooled, and which tests there are, depends on it
alone. So the choice favours neither sample, and the p-values stay true.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from hearth.monitoring.distances import Cells, chi_square

EXPECTED = 10.0
"""The least count that a column of the chi-square test is expected to have in each sample.

The usual 5 is meant for a level of 5%. Corrected for 500 features, the level is near 1e-5: there,
true p-values were found up to 9 times the nominal ones with 5, and up to 4 times with 10.
"""

OFF_MODE = 20.0
"""How many values outside the most frequent cell each sample is expected to have to be ranked."""


def chi_square_p(statistic: float, freedom: int) -> float:
    """Return the chance of a chi-square at least as large: the regularised upper gamma function.

    Source:
        Abramowitz and Stegun 26.4.4 and 26.4.5: finite sums for odd and even degrees of freedom.

    Example:
        >>> round(chi_square_p(3.841458821, 1), 9), round(chi_square_p(16.9189776, 9), 9)
        (0.05, 0.05)
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    first = 1.5 if freedom % 2 else 1.0
    log = math.log(half)
    places = (first + i for i in range((freedom - 1) // 2 if freedom % 2 else freedom // 2))
    terms = math.fsum(math.exp((k - 1) * log - half - math.lgamma(k)) for k in places)
    return min((math.erfc(math.sqrt(half)) if freedom % 2 else 0.0) + terms, 1.0)


def homogeneity(baseline: Cells, window: Cells) -> float:
    """Return the p-value of Pearson's chi-square test on columns that are large enough already.

    Example:
        >>> round(homogeneity([50, 50], [60, 40]), 4)
        0.1552
    """
    columns = sum(1 for b, w in zip(baseline, window, strict=True) if b + w)
    if columns < 2:
        return 1.0
    return chi_square_p(chi_square(baseline, window), columns - 1)


def rank(baseline: Cells, window: Cells) -> float:
    """Return z of the Mann-Whitney test: positive where the window's values are larger.

    Values that share a cell are tied; the variance is the exact one given the ties.

    Source:
        Mann and Whitney (1947); ties: Lehmann, Nonparametrics (1975), 1.4.

    Example:
        >>> round(rank([10, 0], [0, 10]), 4), rank([5, 5], [5, 5])
        (4.3589, 0.0)
    """
    m, n = sum(baseline), sum(window)
    total = m + n
    ties = [b + w for b, w in zip(baseline, window, strict=True)]
    before = accumulate(ties, initial=0)
    # Twice the midrank, less the mean of it, so that all of it is whole numbers.
    excess = [2 * start + tie - total for start, tie in zip(before, ties, strict=False)]
    score = sum(w * e for w, e in zip(window, excess, strict=True))
    spread = sum(t * e * e for t, e in zip(ties, excess, strict=True))
    if not spread:
        return 0.0
    return score / math.sqrt(m * n * spread / (total * (total - 1)))


def normal_p(z: float) -> float:
    """Return the chance of a standard normal at least as far from 0.

    Example:
        >>> round(normal_p(1.959963984540054), 9)
        0.05
    """
    return math.erfc(abs(z) / math.sqrt(2))


@lru_cache(maxsize=64)
def normal_quantile(p: float) -> float:
    """Return the z whose `normal_p` it is, for p above 1e-300.

    Example:
        >>> round(normal_quantile(0.05), 9)
        1.959963985
    """
    low, high = 0.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if normal_p(middle) > p else (low, middle)
    return low


def proportion(baseline: tuple[int, int], window: tuple[int, int]) -> float:
    """Return the exact p-value of two shares being one: twice the hypergeometric tail.

    Args:
        baseline: How many have the property, of how many.
        window: The same.

    Source:
        Fisher, Statistical Methods for Research Workers, 5th edition (1934), 21.02.

    Example:
        >>> proportion((0, 10), (0, 10)), round(proportion((0, 5), (5, 5)), 6)
        (1.0, 0.007937)
    """
    return min(2 * min(more(baseline, window), more(window, baseline)), 1.0)


def more(baseline: tuple[int, int], window: tuple[int, int]) -> float:
    """Return the exact p-value of the window's share being no larger; 1 where it is not larger.

    Example:
        >>> more((5, 5), (0, 5)), round(more((0, 5), (5, 5)), 6)
        (1.0, 0.003968)
    """
    found, drawn = window
    total, marked = drawn + baseline[1], found + baseline[0]
    if found * total <= drawn * marked:
        return 1.0
    chosen = _log_choose(marked, found) + _log_choose(total - marked, drawn - found)
    term = math.exp(chosen - _log_choose(total, drawn))
    tail = 0.0
    for k in range(found, min(drawn, marked) + 1):
        tail += term
        term *= (marked - k) * (drawn - k) / ((k + 1) * (total - marked - drawn + k + 1))
        if term < 1e-18 * tail:
            break
    return min(tail, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def outside(baseline: tuple[int, int], window: tuple[int, int]) -> float:
    """Return the chance of so many values outside a range that the baseline's own values set.

    The share outside the least and the greatest of m values is distributed as Beta(2, m - 1),
    whatever they are distributed as: the p-value is exact, and on the safe side for ties.

    Args:
        baseline: How many of its values lie outside (mostly 0), of how many.
        window: The same.

    Source:
        Wilks, Determination of Sample Sizes for Setting Tolerance Limits (1941).

    Example:
        >>> outside((0, 100), (0, 50)), round(outside((0, 1), (1, 1)), 4)
        (1.0, 1.0)
        >>> round(outside((0, 99), (1, 1)), 4)
        0.02
    """
    b, m = baseline
    found, n = window
    a, c = b + 2, m - b - 1  # of the m + 1 gaps between and beside m values, those outside
    if c <= 0 or found * (a + c) <= n * a:  # no more than the mean
        return 1.0
    log = _log_choose(n, found) + _log_beta(a + found, c + n - found) - _log_beta(a, c)
    term, tail = math.exp(log), 0.0
    for k in range(found, n + 1):
        tail += term
        term *= (n - k) * (a + k) / ((k + 1) * max(c + n - k - 1, 1))
        if term < 1e-18 * tail:
            break
    return min(tail, 1.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def numbers(baseline: Cells, window: Cells) -> dict[str, float]:
    """Return p-values by test for ordered cells: `rank` and `chi_square`, or `share` alone.

    Where there are two cells, or nearly all values share one, a share is all there is to test.

    Example:
        >>> {name: round(p, 4) for name, p in numbers([80, 60, 60], [60, 60, 80]).items()}
        {'rank': 0.017, 'chi_square': 0.0574}
        >>> {name: round(p, 4) for name, p in numbers([1, 199], [9, 191]).items()}
        {'share': 0.02}
        >>> numbers([9], [9])
        {}
    """
    pairs = [pair for pair in zip(baseline, window, strict=True) if sum(pair)]
    m, n = sum(baseline), sum(window)
    mode = max(pairs, key=sum, default=(m, n))
    if len(pairs) < 3 or m + n - sum(mode) < _needed(m, n, OFF_MODE):
        return _shares([mode, (m - mode[0], n - mode[1])])
    p_values = {"rank": normal_p(rank(*zip(*pairs, strict=True)))}
    columns = _neighbours(pairs, _needed(m, n, EXPECTED))
    if len(columns) > 2:  # two columns are ranked already
        p_values["chi_square"] = homogeneity(*zip(*columns, strict=True))
    return p_values


def words(baseline: Cells, window: Cells) -> dict[str, float]:
    """Return p-values by test for categories: `chi_square` of the frequent ones, `rare` of others.

    Args:
        baseline: Counts by category, the last of all that the baseline does not know by name.
        window: The same. Words that are new in the window are rare ones of the baseline that its
            sample happened to miss: so they are tested together with its rare ones.

    Example:
        >>> {name: round(p, 4) for name, p in words([90, 60, 50, 0], [60, 60, 80, 0]).items()}
        {'chi_square': 0.0016}
        >>> {name: round(p, 4) for name, p in words([98, 102, 0], [95, 97, 8]).items()}
        {'share': 1.0, 'rare': 0.0073}
    """
    frequent, (b, w) = _by_frequency(baseline, window)
    m, n = sum(baseline), sum(window)
    p_values = _shares([(b, w), (m - b, n - w)], "rare") if b + w else {}
    if len(frequent) > 2:
        p_values["chi_square"] = homogeneity(*zip(*frequent, strict=True))
        return p_values
    return _shares(frequent) | p_values


def rare(baseline: Cells, window: Cells) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many values are rare or unknown, of how many: of the baseline, of the window.

    Example:
        >>> rare([98, 1, 1, 0], [95, 0, 0, 5])
        ((2, 100), (5, 100))
    """
    _, (b, w) = _by_frequency(baseline, window)
    return (b, sum(baseline)), (w, sum(window))


def _by_frequency(baseline: Cells, window: Cells) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return the columns that are large enough by themselves, and the sum of all others."""
    pairs = list(zip(baseline, window, strict=True))
    m, n = sum(baseline), sum(window)
    needed = _needed(m, n, EXPECTED)
    frequent = [pair for pair in pairs[:-1] if sum(pair) >= needed]
    return frequent, (m - sum(b for b, _ in frequent), n - sum(w for _, w in frequent))


def _shares(pairs: Sequence[tuple[int, int]], name: str = "share") -> dict[str, float]:
    """Return the exact test of two columns; none where all is in one."""
    if len(pairs) < 2 or not all(map(sum, pairs)):
        return {}
    (b, w), (more_b, more_w) = pairs
    return {name: proportion((b, b + more_b), (w, w + more_w))}


def _needed(m: int, n: int, expected: float) -> float:
    """Return the least sum of a column that is expected to have so many in each sample."""
    return expected * (m + n) / min(m, n) if m and n else math.inf


def _neighbours(pairs: Iterable[tuple[int, int]], needed: float) -> list[tuple[int, int]]:
    """Return ordered columns, neighbours merged until each is large enough."""
    columns: list[tuple[int, int]] = []
    b = w = 0
    for more_b, more_w in pairs:
        b, w = b + more_b, w + more_w
        if b + w >= needed:
            columns.append((b, w))
            b = w = 0
    if columns:
        columns[-1] = (columns[-1][0] + b, columns[-1][1] + w)
    return columns


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values, adjusted so that one below a level is wrong with that chance at most.

    Source:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min((len(order) - place) * p_values[index], 1.0))
        adjusted[index] = largest
    return adjusted
