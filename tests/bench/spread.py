"""Many measurements of one thing in three figures: the median, and how far it spreads."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of measurements, with the tenth and the ninetieth of a hundred."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread; of few values the tenths are the smallest and the largest.

        Example:
            >>> Spread.of([3.0, 1.0, 2.0])
            Spread(median=2.0, low=1.0, high=3.0)
        """
        if len(values) < 5:
            return cls(statistics.median(values), min(values), max(values))
        tenths = statistics.quantiles(values, n=10, method="inclusive")
        return cls(statistics.median(values), tenths[0], tenths[-1])

    def text(self, unit: float = 1.0) -> str:
        """Return the figures in units: `12.3 (11.9 to 14.0)`."""
        low, high = figure(self.low * unit), figure(self.high * unit)
        return f"{figure(self.median * unit)} ({low} to {high})"


def ratios(values: Iterable[float], floors: Iterable[float]) -> Spread:
    """Return how often the floor of the same round goes into each value."""
    return Spread.of([value / floor for value, floor in zip(values, floors, strict=True)])


def figure(value: float) -> str:
    """Return a number with about three digits."""
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
