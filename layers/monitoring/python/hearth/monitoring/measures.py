"""Figures and their intervals as the metrics of a report."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from hearth.monitoring.classification import Sums, Tallies, tallies
from hearth.monitoring.gates import HIGHER, LOWER
from hearth.monitoring.intervals import Interval, Jackknife
from hearth.monitoring.report import Metric

NEITHER = "neither"
"""More of a bias is not better, and less of it is not either."""

_SHARES = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "hit_rate")
_LOSSES = ("brier_score", "expected_calibration_error", "log_loss", "mae", "mape", "rmse")
# What a metric can be, where it is not 0 to 1.
_RANGES = {
    **dict.fromkeys(("log_loss", "mae", "mape", "rmse"), (0.0, math.inf)),
    "brier_score": (0.0, 2.0),
    "bias": (-math.inf, math.inf),
    "r2": (-math.inf, 1.0),
}


def metrics_of(jackknife: Jackknife[Any]) -> tuple[Metric, ...]:
    """Return every figure with its interval: Wilson's for shares of rows, else the jackknife's.

    In simulation (tests/bench/results/intervals.md) intervals hold the truth about as often as
    they say from 500 rows on. Of 100 rows, the calibration error's hold it 8 times of 10, and of
    30 rows 6 times, because the error itself comes out too large; of 30 rows those of areas,
    macro averages and losses hold it 8 to 9 times of 10.
    """
    total = jackknife.total
    return tuple(
        Metric(name, value, *_interval(jackknife, name, value), total.rows, _better(name))
        for name, value in jackknife.figures.items()
    )


def _interval(jackknife: Jackknife[Any], name: str, value: float) -> Interval:
    total = jackknife.total
    if name.partition("@")[0] in _SHARES:
        return jackknife.proportion(name, value * total.rows, total.rows, total.requests)
    return jackknife.interval(name, *_RANGES.get(name, (0.0, 1.0)))


def _better(name: str) -> str:
    return LOWER if name in _LOSSES else NEITHER if name == "bias" else HIGHER


def class_metrics(jackknife: Jackknife[Sums]) -> dict[str, tuple[Metric, ...]]:
    """Return precision, recall and F1 by class, from figures called `f1[name]`."""
    found: dict[str, list[Metric]] = defaultdict(list)
    of_class = tallies(jackknife.total)
    for full, value in jackknife.figures.items():
        metric, _, name = full[:-1].partition("[")
        one = of_class.get(name, Tallies(0, 0, 0))
        rows = {"precision": one.predicted, "recall": one.true}.get(metric, one.true)
        if metric == "f1":
            interval = jackknife.interval(full, 0.0, 1.0)
        else:
            interval = jackknife.proportion(full, one.both, rows, _requests(jackknife, rows))
        found[name].append(Metric(metric, value, *interval, rows))
    return {name: tuple(metrics) for name, metrics in found.items()}


def _requests(jackknife: Jackknife[Sums], rows: int) -> int:
    """Return how many requests some rows come from, if they are spread as all rows are."""
    total = jackknife.total
    return rows if total.requests >= total.rows else rows * total.requests // total.rows
