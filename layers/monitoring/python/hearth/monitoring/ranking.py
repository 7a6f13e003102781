"""How high a ranking placed what was relevant: sums over rows, and metrics of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hearth.domain.quality_metrics import CUTS
from hearth.monitoring.join import Sample


@dataclass(slots=True)
class Sums:
    """Sums over rows whose relevant items are known.

    Args:
        rows: Rows.
        requests: Requests that they come from.
        totals: Of each metric, by name.
    """

    rows: int = 0
    requests: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    _last: int = -1

    def add(self, sample: Sample) -> None:
        """Count one row; rows of a request follow one another."""
        self.rows += 1
        if sample.request != self._last:
            self.requests += 1
            self._last = sample.request
        relevant: dict[str, float] = dict(sample.answer)  # type: ignore[arg-type]
        self.totals.update(_of_row(sample.outcome.top, relevant))

    def __add__(self, other: Sums) -> Sums:
        totals = self.totals.copy()
        totals.update(other.totals)
        return Sums(self.rows + other.rows, self.requests + other.requests, totals)


def _of_row(ranked: Sequence[str], relevant: Mapping[str, float]) -> Mapping[str, float]:
    gains = [relevant.get(item, 0.0) for item in ranked[: CUTS[-1]]]
    best = sorted(relevant.values(), reverse=True)
    first = next((at for at, gain in enumerate(gains, 1) if gain > 0), 0)
    made = {"mrr": 1 / first if first else 0.0}
    for cut in CUTS:
        made[f"hit_rate@{cut}"] = float(0 < first <= cut)
        made[f"ndcg@{cut}"] = _gain(gains[:cut]) / _gain(best[:cut])
    return made


def _gain(gains: Sequence[float]) -> float:
    return sum(gain * weight for gain, weight in zip(gains, _weights(), strict=False))


@lru_cache
def _weights() -> tuple[float, ...]:
    return tuple(1 / math.log2(at + 1) for at in range(1, CUTS[-1] + 1))


def figures(sums: Sums) -> dict[str, float]:
    """Return the mean over rows of each metric.

    `hit_rate@k`: whether one of the k best items is relevant. `ndcg@k`: gains discounted by the
    logarithm of the place, over those of the best order that there is. `mrr`: one over the place
    of the first relevant item among the ten that a record holds, 0 where there is none.

    Source:
        Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with
        gains as they are given, as scikit-learn's `ndcg_score` has it.
    """
    return {name: total / sums.rows for name, total in sums.totals.items()} if sums.rows else {}
