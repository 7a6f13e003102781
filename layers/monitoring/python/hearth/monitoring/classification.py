"""How right a classification was: sums over labelled rows, and the field's metrics of them."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import add, mul

from hearth.monitoring.join import Sample
from hearth.monitoring.report import Reliability

OF_CLASS = ("precision", "recall", "f1")

# Confidences are counted in as many bins of equal width, as calibration errors usually are.
BINS = 15
# Scores are counted on the scale of log-odds, where those near 0 and 1 lie apart as well.
ODDS_WIDTH, ODDS_BINS = 0.02, 3000
_MIDDLE = ODDS_BINS // 2
# What rounding to float16 leaves of a sum of 1, in 20 classes.
_SUM_ERROR = 0.01
_SMALLEST = 2.0**-52  # as scikit-learn clips: what is certain and wrong does not cost infinity
# Figures of probabilities are of all rows, or they are none.
_MOST_UNSCORED = 0.001


@dataclass(slots=True)
class Sums:
    """Sums over labelled rows.

    Args:
        classes: Labels in the order of the scores.
        ranked: The classes whose scores are counted: of two the second, or all, or none.
        rows: Rows.
        requests: Requests that they come from.
        confusion: Rows by true and predicted class; None where the model could not tell.
        scored: Rows whose scores are probabilities.
        trusted: Rows with a confidence from 0 to 1.
        log_loss: Of the rows with scores.
        brier: Squared differences over all classes.
        claims: Rows in each bin of confidences.
        hits: Right rows in each of them.
        claimed: The confidences in each of them.
        odds: Rows of another class and of this one, for each class and bin of log-odds.
    """

    classes: tuple[str, ...]
    ranked: tuple[int, ...] = ()
    rows: int = 0
    requests: int = 0
    confusion: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    scored: int = 0
    trusted: int = 0
    log_loss: float = 0.0
    brier: float = 0.0
    claims: list[int] = field(default_factory=lambda: [0] * BINS)
    hits: list[int] = field(default_factory=lambda: [0] * BINS)
    claimed: list[float] = field(default_factory=lambda: [0.0] * BINS)
    odds: array[int] = field(default_factory=lambda: array("I"))
    _last: int = -1
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.odds:
            self.odds = array("I", bytes(4 * 2 * ODDS_BINS * len(self.ranked)))
        self._places = {name: at for at, name in enumerate(self.classes)}

    def add(self, sample: Sample) -> None:
        """Count one row; rows of a request follow one another."""
        true, outcome = sample.answer, sample.outcome
        self.rows += 1
        if sample.request != self._last:
            self.requests += 1
            self._last = sample.request
        self.confusion[true, outcome.predicted] += 1  # type: ignore[index]
        if 0 <= outcome.confidence <= 1:
            self.trusted += 1
            at = min(int(outcome.confidence * BINS), BINS - 1)
            self.claims[at] += 1
            self.hits[at] += outcome.predicted == true
            self.claimed[at] += outcome.confidence
        place = self._places.get(true, -1)  # type: ignore[arg-type]
        scores = outcome.scores
        if scores is not None and place >= 0 and self._are_probabilities(scores):
            self._add_scores(scores, place)

    def _are_probabilities(self, scores: array[float]) -> bool:
        # NaN compares as false with everything.
        one_each = len(scores) == len(self.classes)
        return one_each and abs(sum(scores) - 1) <= _SUM_ERROR and min(scores) >= 0

    def _add_scores(self, scores: array[float], place: int) -> None:
        self.scored += 1
        own = scores[place]
        self.log_loss -= math.log(min(max(own, _SMALLEST), 1 - _SMALLEST))
        self.brier += sum(map(mul, scores, scores)) - 2 * own + 1
        for nth, ranked in enumerate(self.ranked):
            at = 2 * (nth * ODDS_BINS + _odds_bin(scores[ranked]))
            self.odds[at + (ranked == place)] += 1

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.classes,
            self.ranked,
            self.rows + other.rows,
            self.requests + other.requests,
            _added(self.confusion, other.confusion),
            self.scored + other.scored,
            self.trusted + other.trusted,
            self.log_loss + other.log_loss,
            self.brier + other.brier,
            list(map(add, self.claims, other.claims)),
            list(map(add, self.hits, other.hits)),
            list(map(add, self.claimed, other.claimed)),
            array("I", map(add, self.odds, other.odds)),
        )


def _added(
    a: Counter[tuple[str, str | None]], b: Counter[tuple[str, str | None]]
) -> Counter[tuple[str, str | None]]:
    found = a.copy()
    found.update(b)
    return found


def _odds_bin(score: float) -> int:
    if not 0 < score < 1:
        return 0 if score <= 0 else ODDS_BINS - 1
    at = _MIDDLE + math.floor(math.log(score / (1 - score)) / ODDS_WIDTH)
    return min(max(at, 0), ODDS_BINS - 1)


@dataclass(frozen=True, slots=True)
class Tallies:
    """Rows of one class: those that are it, those that were predicted to be, and both at once."""

    true: int
    predicted: int
    both: int

    @property
    def precision(self) -> float:
        return self.both / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.both / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        some = self.true + self.predicted
        return 2 * self.both / some if some else 0.0


def tallies(sums: Sums) -> dict[str, Tallies]:
    """Return the rows of each class that was true or predicted, in the order of their names."""
    true: dict[str, int] = defaultdict(int)
    predicted: dict[str, int] = defaultdict(int)
    for (is_, said), rows in sums.confusion.items():
        true[is_] += rows
        if said is not None:
            predicted[said] += rows
    return {
        name: Tallies(true[name], predicted[name], sums.confusion[name, name])
        for name in sorted({*true, *predicted})
    }


def figures(sums: Sums) -> dict[str, float]:
    """Return every metric that can be told of all classes together.

    They are scikit-learn's: macro averages are over the classes that were true or predicted, a
    class that was never predicted has a precision of 0, balanced accuracy is the mean recall of
    the classes that were true. Brier's score is half as large where there are two classes. The
    area under the ROC curve is the mean over the classes that were sometimes true and sometimes
    not; of two classes it is the second one's. Each has ties inside its bins.

    A row whose prediction is unknown is wrong, and no class has it as predicted.
    """
    found = tallies(sums)
    if not sums.rows:
        return {}
    right = sum(one.both for one in found.values())
    said = sum(one.predicted for one in found.values())
    real = [one for one in found.values() if one.true]
    made = {
        "accuracy": right / sums.rows,
        "balanced_accuracy": sum(one.recall for one in real) / len(real),
        "precision_micro": right / said if said else 0.0,
        "recall_micro": right / sums.rows,
        "f1_micro": 2 * right / (said + sums.rows),
    }
    for name in ("precision", "recall", "f1"):
        values = [(getattr(one, name), one.true) for one in found.values()]
        made[f"{name}_macro"] = sum(value for value, _ in values) / len(values)
        made[f"{name}_weighted"] = sum(value * rows for value, rows in values) / sums.rows
    return made | _of_scores(sums)


def _of_scores(sums: Sums) -> dict[str, float]:
    made: dict[str, float] = {}
    most = _MOST_UNSCORED * sums.rows
    if sums.scored and sums.rows - sums.scored <= most:
        made["log_loss"] = sums.log_loss / sums.scored
        half = 2 if len(sums.classes) == 2 else 1
        made["brier_score"] = sums.brier / sums.scored / half
        areas = [area for at in range(len(sums.ranked)) if (area := roc_auc(sums, at))]
        if areas:
            made["roc_auc"] = sum(area for area, _ in areas) / len(areas)
    if sums.trusted and sums.rows - sums.trusted <= most:
        made["expected_calibration_error"] = calibration_error(sums)
    return made


def calibration_error(sums: Sums) -> float:
    """Return how far confidences are from the share that was right, over bins of equal width.

    Source:
        Guo and others, "On calibration of modern neural networks", 2017: 15 bins.
    """
    pairs = zip(sums.hits, sums.claimed, strict=True)
    return sum(abs(right - claimed) for right, claimed in pairs) / sums.trusted


def roc_auc(sums: Sums, at: int) -> tuple[float, float] | None:
    """Return the area under one class's ROC curve, and how far from the exact one it can be.

    Rows in the same bin count as tied: the exact area differs by less than the pairs that they
    hide, half of all pairs inside a bin.

    Args:
        sums: With the odds of classes.
        at: Which of `sums.ranked`.

    Returns:
        None where the class was always true or never.
    """
    counts = sums.odds[2 * at * ODDS_BINS : 2 * (at + 1) * ODDS_BINS]
    others, own = counts[0::2], counts[1::2]
    pairs = sum(others) * sum(own)
    if not pairs:
        return None
    tied = sum(map(mul, others, own)) / 2
    below = accumulate(others, initial=0)
    return (sum(map(mul, below, own)) + tied) / pairs, tied / pairs


def of_classes(names: Iterable[str], sums: Sums) -> dict[str, float]:
    """Return precision, recall and F1 of some classes, as `f1[name]`; 0 where there is no row."""
    found = tallies(sums)
    return {
        f"{metric}[{name}]": getattr(found.get(name, Tallies(0, 0, 0)), metric)
        for name in names
        for metric in OF_CLASS
    }


def reliability(sums: Sums) -> tuple[Reliability, ...]:
    """Return what predictions of similar confidence claimed, and how often they were right."""
    return tuple(
        Reliability(confidence / rows, right / rows, rows)
        for rows, right, confidence in zip(sums.claims, sums.hits, sums.claimed, strict=True)
        if rows
    )


def confusion(sums: Sums, shown: frozenset[str]) -> Mapping[str, Mapping[str, int]]:
    """Return rows by true, then by predicted class; classes that are not shown are one: `other`."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for (true, said), rows in sums.confusion.items():
        name = UNTOLD if said is None else said if said in shown else OTHER
        found[true if true in shown else OTHER][name] += rows
    return {true: dict(sorted(row.items())) for true, row in sorted(found.items())}


OTHER, UNTOLD = "other", "none"
"""What stands for the rest of the classes, and for rows of which the model could not tell."""
