"""How often an interval of 95% holds the truth, by metric, rows, and rows in a request."""

from __future__ import annotations

from array import array
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.monitoring import classification, ranking, regression
from hearth.monitoring.intervals import Jackknife
from hearth.monitoring.join import GROUPS, Outcome, Sample
from hearth.monitoring.measures import class_metrics, metrics_of

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

TABLE = Path(__file__).parent / "results/intervals.md"
RUNS = 200
CLASSES = ("0", "1", "2")
# Requests, and rows in each of them.
SHAPES = ((30, 1), (100, 1), (500, 1), (2000, 1), (20, 10), (100, 10))
_HEAD = """\
How often the 95% interval of a metric held its true value, in {runs} drawings from a known population.
The standard error of each share is {error:.1%}; what is under 92% is marked.

"""


class Population:
    """Requests of which everything is known; a window is a drawing of some."""

    def __init__(self, rows: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rows = rows
        self.count = 20_000 // rows

    def window(self, requests: int) -> list[Any]:
        """Return sums by group of some requests, as they fall."""
        groups: dict[int, Any] = defaultdict(self.sums)
        chosen = self.random.integers(0, self.count, requests)
        places = self.random.integers(0, GROUPS, requests)
        for request, (which, group) in enumerate(
            zip(chosen.tolist(), places.tolist(), strict=True)
        ):
            for row in range(self.rows):
                answer, outcome = self.row(which * self.rows + row)
                groups[group].add(Sample(request, group, (), answer, outcome))
        return list(groups.values())

    def truth(self) -> Any:
        whole = self.sums()
        for at in range(self.count * self.rows):
            whole.add(Sample(at, 0, (), *self.row(at)))
        return whole

    def shared(self) -> Any:
        """Return a number a row that the rows of a request have in common."""
        return np.repeat(self.random.normal(size=self.count), self.rows)


class Classified(Population):
    """Three uneven classes; scores that know something, and too much of themselves."""

    def __init__(self, rows: int, width: int, seed: int = 0) -> None:
        super().__init__(rows, seed)
        total = self.count * rows
        self.classes = CLASSES[:width]
        share = np.array([0.6, 0.3, 0.1][:width])
        self.true = self.random.choice(width, total, p=share / share.sum())
        odds = self.random.normal(size=(total, width))
        # Some requests are easier than others, for all of their rows.
        odds += np.eye(width)[self.true] * (1.5 + self.shared())[:, None]
        scores = np.exp(1.4 * odds) / np.exp(1.4 * odds).sum(axis=1, keepdims=True)
        self.best = scores.argmax(axis=1)
        self.scores = scores.tolist()

    def sums(self) -> Any:
        width = len(self.classes)
        return classification.Sums(self.classes, (1,) if width == 2 else tuple(range(width)))

    def row(self, at: int) -> Any:
        scores, best = array("d", self.scores[at]), int(self.best[at])
        return self.classes[self.true[at]], Outcome(self.classes[best], scores, (), scores[best])

    figures = staticmethod(classification.figures)


class Regressed(Population):
    """Errors with a bias and a heavy tail."""

    def __init__(self, rows: int, seed: int = 0) -> None:
        super().__init__(rows, seed)
        total = self.count * rows
        self.true = np.exp(self.random.normal(2, 0.5, total))
        noise = self.random.standard_t(5, total) * 0.7 + self.shared() + 0.2
        self.said = self.true + noise

    def sums(self) -> Any:
        return regression.Sums()

    def row(self, at: int) -> Any:
        return (float(self.true[at]),), Outcome(None, array("d", [self.said[at]]))

    figures = staticmethod(regression.figures)


class Ranked(Population):
    """One relevant item of thirty, mostly high up."""

    def __init__(self, rows: int, seed: int = 0) -> None:
        super().__init__(rows, seed)
        total = self.count * rows
        self.place = (self.random.exponential(4, total) * np.exp(0.5 * self.shared())).astype(int)

    def sums(self) -> Any:
        return ranking.Sums()

    def row(self, at: int) -> Any:
        return ((str(self.place[at]), 1.0),), Outcome(None, None, tuple(map(str, range(10))))

    figures = staticmethod(ranking.figures)


KINDS = {
    "two classes": lambda rows: Classified(rows, 2),
    "three classes": lambda rows: Classified(rows, 3),
    "regression": Regressed,
    "ranking": Ranked,
}


def covered(population: Population, requests: int) -> dict[str, float]:
    truth = population.truth()
    names = getattr(population, "classes", ())

    def of_classes(sums: Any) -> dict[str, float]:
        return classification.of_classes(names, sums)

    true = population.figures(truth) | (of_classes(truth) if names else {})
    held: dict[str, int] = defaultdict(int)
    for _ in range(RUNS):
        groups = population.window(requests)
        found = {one.name: one for one in metrics_of(Jackknife(groups, population.figures))}
        if names:
            for name, metrics in class_metrics(Jackknife(groups, of_classes)).items():
                found |= {f"{one.name}[{name}]": one for one in metrics}
        for name, value in true.items():
            # What cannot be told is not held.
            held[name] += name in found and found[name].low <= value <= found[name].high
    return {name: count / RUNS for name, count in held.items()}


def test_intervals_hold_the_truth() -> None:
    """Shares of rows are held as they should be, and means of losses nearly so, from 100 rows on."""
    error = (0.95 * 0.05 / RUNS) ** 0.5
    text = _HEAD.format(runs=RUNS, error=error)
    heads = [f"{requests} x {rows}" for requests, rows in SHAPES]
    text += f"| metric (requests x rows) | {' | '.join(heads)} |\n|---|{'---|' * len(SHAPES)}\n"
    shares: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rows in sorted({rows for _, rows in SHAPES}):
        for kind, make in KINDS.items():
            population = make(rows)
            for requests, each in SHAPES:
                if each == rows:
                    for name, share in covered(population, requests).items():
                        shares[kind, name].append(share)
    for (kind, name), found in shares.items():
        cells = [f"{share:.1%}" if share >= 0.92 else f"**{share:.1%}**" for share in found]
        text += f"| {kind}: {name} | {' | '.join(cells)} |\n"
    TABLE.write_text(text)
    print(text)
    for kind in ("two classes", "three classes"):
        assert min(shares[kind, "accuracy"]) > 0.9
