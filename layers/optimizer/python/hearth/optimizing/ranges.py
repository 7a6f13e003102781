"""Which range of a tensor's values 8 bits are to hold: what lies outside is clipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hearth.serving.numbers import Array

Range = tuple[float, float]

BINS = 2048
_LEVELS = 256
# Largest absolute values that are tried, as shares of the largest there is; the whole one first.
_SHARES = np.linspace(1.0, 1 / 16, 121)
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values other than zero over `BINS` bins of equal width; zero lies within them."""

    counts: Array
    low: float
    high: float

    def at(self, edge: int) -> float:
        if edge == len(self.counts):
            return self.high
        return self.low + (self.high - self.low) * edge / len(self.counts)

    def edge(self, value: float) -> int:
        """Return the edge that is nearest to a value, within the bins."""
        at = round(len(self.counts) * (value - self.low) / (self.high - self.low))
        return min(max(at, 0), len(self.counts))


def percentile(histogram: Histogram, share: float = 0.9999) -> Range:
    """Return the range that holds such a share of the values, with as many out on either side.

    Example:
        >>> counts = np.array([1, 0, 0, 99, 99, 0, 0, 1])
        >>> percentile(Histogram(counts, -4.0, 4.0), 0.98)
        (-1.0, 1.0)
    """
    total = int(histogram.counts.sum())
    if not total:
        return histogram.low, histogram.high
    out = total * (1 - share) / 2
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    first = int(np.searchsorted(below, out, side="right")) - 1
    last = int(np.searchsorted(below, total - out, side="left"))
    low, high = histogram.at(max(first, 0)), histogram.at(min(last, len(histogram.counts)))
    return min(low, 0.0), max(high, 0.0)


def entropy(histogram: Histogram) -> Range:
    """Return the range whose 256 levels tell the least lies about the distribution.

    The largest absolute value is lowered; each time, the clipped distribution is compared with
    what 256 levels keep of it, by Kullback and Leibler's divergence.

    Source:
        Migacz, 8-bit Inference with TensorRT, 2017; here with a range of two ends of their own.
    """
    if not histogram.counts.any():
        return histogram.low, histogram.high
    largest = max(-histogram.low, histogram.high)
    best, least = (histogram.low, histogram.high), np.inf
    for share in _SHARES:
        first, last = histogram.edge(-share * largest), histogram.edge(share * largest)
        if last - first < _LEVELS:
            break
        divergence = _divergence(histogram.counts, first, last)
        if divergence < least:
            best, least = (histogram.at(first), histogram.at(last)), divergence
    return best


def _divergence(counts: Array, first: int, last: int) -> float:
    inside = counts[first:last].astype(np.float64)
    clipped = inside.copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last:].sum()
    starts = np.unique(np.linspace(0, len(inside), _LEVELS + 1).astype(np.intp)[:-1])
    level = np.searchsorted(starts, np.arange(len(inside)), side="right") - 1
    seen = clipped > 0
    filled = np.maximum(np.add.reduceat(seen.astype(np.float64), starts), 1)
    kept = np.where(seen, (np.add.reduceat(inside, starts) / filled)[level], 0.0)
    p, q = clipped / clipped.sum(), kept / max(kept.sum(), _NOTHING)
    return float((p[seen] * np.log(p[seen] / np.maximum(q[seen], _NOTHING))).sum())
