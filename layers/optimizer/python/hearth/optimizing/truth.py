"""The labels of an evaluation set as a version means them, and the metrics that they decide."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hearth.domain.errors import HearthError
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION, REGRESSION
from hearth.optimizing.pairing import count
from hearth.publishing import evaluation
from hearth.publishing.answers import Answers
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array

DEFAULTS = {CLASSIFICATION: "accuracy", REGRESSION: "rmse"}
HIGHER_IS_BETTER = frozenset(("accuracy", "f1_macro", "r2"))
_LOG_LOSS = "log_loss"

Figure = Callable[[Array], float]
"""A metric of the rows that are named by their indices."""


class NotMeasurable(HearthError):
    """A metric that answers and labels do not give."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of each row.

    Args:
        words: The class; of a classification.
        places: The index of its score, -1 where it has none.
        values: Shape [rows, values]; of a regression.
    """

    words: tuple[str, ...] = ()
    places: Array | None = None
    values: Array | None = None

    def __len__(self) -> int:
        return len(self.words) if self.values is None else len(self.values)

    @property
    def is_one_class(self) -> bool:
        return len(set(self.words)) == 1


def metric(manifest: Manifest) -> str:
    """Return what is compared; "" where nothing is asked for and outputs are not judged."""
    return manifest.tolerance.metric or DEFAULTS.get(manifest.monitoring.task, "")


def truth(target: Array, cases: Sequence[GoldenCase], manifest: Manifest) -> Truth:
    """Return what is true of the rows of cases.

    Args:
        target: The evaluation set's labels, one a row.
        cases: The original's answers to these rows.
        manifest: The original's.

    Raises:
        InvalidDocument: If the labels are not the model's.
        NotMeasurable: If their number is another one, or outputs are not judged by labels.
    """
    rows = sum(count(case, manifest) for case in cases)
    if not rows or len(target) != rows:
        raise NotMeasurable("labels are not one a row", got=len(target), expected=rows)
    widths = [_width(case, manifest) for case in cases]
    if manifest.monitoring.task == CLASSIFICATION:
        classes = evaluation.classes(manifest, max(widths))
        words = tuple(evaluation.words(target, classes))
        return Truth(words, evaluation.places(words, classes))
    if manifest.monitoring.task == REGRESSION:
        return Truth(values=evaluation.values(target, rows, max(widths)))
    raise NotMeasurable("no metric is known of what the model does", got=manifest.monitoring.task)


def _width(case: GoldenCase, manifest: Manifest) -> int:
    """Return how many scores or values one row has."""
    scores = case.outputs.get(manifest.monitoring.scores)
    return 0 if scores is None else scores.size // max(count(case, manifest), 1)


def answers(cases: Sequence[GoldenCase], truth: Truth, manifest: Manifest) -> Answers:
    """Return what was answered, one item a row.

    Raises:
        NotMeasurable: If not every row has an answer that a metric can be made of.
        SignatureMismatch: If the outputs are no tables.
    """
    made, done = Answers(), 0
    for case in cases:
        rows = count(case, manifest)
        some = None if truth.places is None else truth.places[done : done + rows]
        made.read(case.outputs, manifest, some)
        done += rows
    told = made.predicted if truth.values is None else made.values
    if len(told) != len(truth):
        raise NotMeasurable("not every row is answered", got=len(told), expected=len(truth))
    return made


def figure(name: str, answers: Answers, truth: Truth) -> Figure:
    """Return the metric as something that is made of rows.

    Raises:
        NotMeasurable: If it is none of these answers.
    """
    known: Sequence[str] | Array = truth.words if truth.values is None else truth.values
    task = CLASSIFICATION if truth.values is None else REGRESSION
    if name not in evaluation.evaluate(answers, task, known).quality:
        raise NotMeasurable(f"{name} cannot be computed of these answers and labels")
    if truth.values is not None:
        got, values = np.array(answers.values, np.float64), truth.values
        return lambda some: evaluation.regression(got[some], values[some])[name]
    if name == _LOG_LOSS:
        likelihood = np.array(answers.likelihood)
        return lambda some: evaluation.log_loss(likelihood[some])
    words, told = np.array(truth.words, object), np.array(answers.predicted, object)
    if name == "f1_macro":
        return lambda some: evaluation.f1_macro(told[some].tolist(), words[some].tolist())
    right = words == told
    return lambda some: float(right[some].mean())


def constant(name: str, truth: Truth) -> float:
    """Return the metric of the best answer that is the same for every row.

    The most frequent class, the share of each class as its probability, the mean, the median:
    a metric that it does not fall short of shows nothing of a model.
    """
    if truth.values is not None:
        middle = np.median if name == "mae" else np.mean
        got = np.broadcast_to(middle(truth.values, axis=0), truth.values.shape)
        return evaluation.regression(got, truth.values)[name]
    counts = Counter(truth.words)
    if name == _LOG_LOSS:
        shares = [rows / len(truth) for rows in counts.values()]
        return -math.fsum(share * math.log(share) for share in shares)
    best, rows = counts.most_common(1)[0]
    if name == "f1_macro":
        return evaluation.f1_macro([best] * len(truth), truth.words)
    return rows / len(truth)


def loss(name: str, original: float, candidate: float) -> float:
    """Return how much worse a metric is, relative to the original's value; NaN of none.

    Example:
        >>> round(loss("accuracy", 0.8, 0.6), 3), loss("rmse", 2.0, 2.5), loss("r2", -1.0, 0.0)
        (0.25, 0.25, nan)
    """
    worse = original - candidate if name in HIGHER_IS_BETTER else candidate - original
    return worse / original if original > 0 else math.nan
