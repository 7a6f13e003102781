"""Bins of a feature, cut by reference data alone: of about equal mass, a point mass by itself."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from hearth.domain.distribution import CATEGORY, NUMERIC, Feature
from hearth.domain.value import Value

MOST_BINS = 10
MOST_WHOLE = 20
MOST_WORDS = 100
# Fewer values than this make no bin, nor does less than this share of all.
_FEWEST, _LEAST = 5, 0.05


def numeric(
    name: str, column: Sequence[Value], bounds: tuple[float, float] | None = None
) -> Feature:
    """Return a numeric feature whose bins hold every finite number of a column.

    Args:
        name: The feature's.
        column: Values as a record's rows hold them; words and missing ones make no bin.
        bounds: What values can be at most: the outer edges, where there are several bins.

    Example:
        >>> numeric("x", [0, 0, 0, 1, 2, 2, None]).edges
        (0.0, 0.5, 1.5, 2.0)
    """
    finite = [value for value in column if isinstance(value, float | int) and math.isfinite(value)]
    if not finite:
        return Feature(name, NUMERIC)
    masses = sorted(Counter(float(value) + 0.0 for value in finite).items())  # no minus zero
    distinct = [value for value, _ in masses]
    whole = all(map(float.is_integer, distinct))
    if whole and len(distinct) <= MOST_WHOLE:
        ends = list(range(1, len(distinct)))
    else:
        ends = _ends([mass for _, mass in masses])
    edges = _edges(distinct, ends)
    if bounds and len(edges) > 2:
        edges = [min(bounds[0], edges[0]), *edges[1:-1], max(bounds[1], edges[-1])]
    # Integers beyond 2^53 are not all floats.
    edges[0] = edges[0] if edges[0] <= min(finite) else math.nextafter(edges[0], -math.inf)
    edges[-1] = edges[-1] if edges[-1] >= max(finite) else math.nextafter(edges[-1], math.inf)
    return Feature(name, NUMERIC, edges=tuple(edges), integral=whole)


def category(name: str, column: Sequence[Value]) -> Feature:
    """Return a feature with a bin for each of a column's most frequent words.

    Example:
        >>> category("colour", ["red", "blue", "red", None]).values
        ('red', 'blue')
    """
    words = Counter(value for value in column if isinstance(value, str))
    most = sorted(words, key=lambda word: (-words[word], word))[:MOST_WORDS]
    return Feature(name, CATEGORY, values=tuple(most))


def _edges(distinct: Sequence[float], ends: Sequence[int]) -> list[float]:
    if len(distinct) == 1:
        return _around(distinct[0])
    middle = (_middle(distinct[end - 1], distinct[end]) for end in ends)
    return sorted({distinct[0], *middle, distinct[-1]})


def _middle(low: float, high: float) -> float:
    middle = low / 2 + high / 2
    return middle if middle > low else high  # between neighbouring floats lies nothing


def _around(value: float) -> list[float]:
    """Return the edges of a bin that holds one value and no other but its neighbour."""
    above = math.nextafter(value, math.inf)
    return [value, above] if math.isfinite(above) else [math.nextafter(value, 0.0), value]


def _ends(masses: Sequence[int]) -> list[int]:
    """Return, for each bin but the last, the index behind its last distinct value."""
    reached = list(accumulate(masses))
    total = reached[-1]
    least = max(total * _LEAST, _FEWEST)
    ends: list[int] = []
    start = done = 0
    while len(ends) < MOST_BINS - 1:
        aim = max((total - done) / (MOST_BINS - len(ends)), least)
        end = _end(reached, start, done, aim)
        if end == len(masses):
            break
        if total - reached[end - 1] < least / 2 and masses[start] < aim:
            break  # too few for a bin of their own
        ends.append(end)
        start, done = end, reached[end - 1]
    return ends


def _end(reached: Sequence[int], start: int, done: int, aim: float) -> int:
    """Return where the bin that begins at `start` ends, so that it holds about `aim` values."""
    at = min(bisect_left(reached, done + aim), len(reached) - 1)
    if at == start:
        return at + 1
    under, over = done + aim - reached[at - 1], reached[at] - done - aim
    return at if under < over else at + 1
