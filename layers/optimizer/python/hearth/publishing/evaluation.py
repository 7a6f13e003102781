"""How right a version is on its evaluation set, at publication."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hearth.domain.baseline import Calibration
from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION, REGRESSION
from hearth.publishing.answers import Answers
from hearth.publishing.calibration import calibration
from hearth.serving.numbers import Array

LEAST_LIKELIHOOD = 1e-15


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics by name, and how confidences are to be read."""

    quality: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None


def words(target: Array, classes: Sequence[str]) -> list[str]:
    """Return an evaluation set's labels as the classes that they name.

    A number that is a class label itself is that one; else it is an index.

    Args:
        target: One label a row: words, or whole numbers.
        classes: Class labels in the order of the scores; none: any word is one.

    Raises:
        InvalidDocument: If a label is neither.

    Example:
        >>> words(np.array([1, 0]), ["cat", "dog"]), words(np.array(["dog"]), ["cat", "dog"])
        (['dog', 'cat'], ['dog'])
    """
    if target.size != len(target):
        raise _refusal(f"an array of shape {list(target.shape)}", classes)
    flat = target.reshape(-1)
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8", "replace")
    numbers = flat.dtype.kind in "biuf"
    if numbers and not (np.isfinite(flat) & (flat == np.floor(flat))).all():
        raise _refusal("numbers that are not whole", classes)
    texts = [str(int(v)) for v in flat.tolist()] if numbers else list(map(str, flat.tolist()))
    known = set(classes)
    if not known or known.issuperset(texts):
        return texts
    if numbers and ((flat >= 0) & (flat < len(classes))).all():
        return [classes[int(at)] for at in flat.tolist()]
    raise _refusal(sorted(set(texts) - known)[:8], classes)


def classes(manifest: Manifest, width: int) -> tuple[str, ...]:
    """Return the class of each score; a score that has no label is called by its index.

    Args:
        manifest: The version's.
        width: Scores of a row; 0 where there are none.
    """
    labels = manifest.class_labels
    if manifest.monitoring.task != CLASSIFICATION:
        return ()
    if not width or (manifest.monitoring.label and not labels):
        return labels
    return (*labels, *map(str, range(len(labels), max(width, 2))))


def places(truth: Sequence[str], classes: Sequence[str]) -> Array:
    """Return the index of each row's class, -1 of one that no score is for.

    Example:
        >>> places(["dog", "bird"], ["cat", "dog"]).tolist()
        [1, -1]
    """
    known = {name: at for at, name in enumerate(classes)}
    return np.array([known.get(word, -1) for word in truth], np.intp)


def _refusal(got: object, classes: Sequence[str]) -> InvalidDocument:
    return InvalidDocument(
        "'target' of the evaluation set holds labels that the model does not have",
        got=got,
        expected=f"one a row: a class of {list(classes)[:20]}, or its index",
        remedy="correct the labels, or give --classes",
    )


def values(target: Array, count: int, width: int) -> Array:
    """Return an evaluation set's numbers, shape [rows, width].

    Raises:
        InvalidDocument: If they are no finite numbers, or others than the model gives.
    """
    if target.dtype.kind not in "biuf" or not np.isfinite(target).all():
        raise InvalidDocument(
            "'target' of the evaluation set is no finite number everywhere",
            got=target.dtype.name,
            expected="what a regression's values should be",
        )
    if target.size != count * width:
        raise InvalidDocument(
            "'target' of the evaluation set has another shape than the model's values",
            got=list(target.shape),
            expected=[count, width],
        )
    return target.reshape(count, width).astype(np.float64)


def evaluate(answers: Answers, task: str, truth: Sequence[str] | Array) -> Evaluation:
    """Return how right answers are.

    Args:
        answers: The model's.
        task: Of `Monitoring`.
        truth: The true class of each row, or the true values.
    """
    if task == REGRESSION and isinstance(truth, np.ndarray):
        found = regression(np.array(_numbers(answers.values), np.float64), truth)
        return Evaluation(_finite(found))
    if task != CLASSIFICATION or not answers.predicted:
        return Evaluation()
    right = np.array([a == b for a, b in zip(answers.predicted, truth, strict=True)])
    found = {
        "accuracy": float(right.mean()),
        "f1_macro": f1_macro(answers.predicted, list(map(str, truth))),
    }
    confidence = np.array(_numbers([answers.confidence])[0], np.float64)
    likelihood = np.array(answers.likelihood, np.float64)
    if not _are_shares(confidence):
        return Evaluation(_finite(found))
    if len(likelihood) == len(right) and _are_shares(likelihood):
        found["log_loss"] = log_loss(likelihood)
    return Evaluation(_finite(found), calibration(confidence, right))


def _numbers(rows: Sequence[Sequence[object]]) -> list[list[float]]:
    return [[v if isinstance(v, float | int) else math.nan for v in row] for row in rows]


def _are_shares(numbers: Array) -> bool:
    return bool(numbers.size and ((numbers >= 0) & (numbers <= 1)).all())


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def f1_macro(predicted: Sequence[str | None], truth: Sequence[str]) -> float:
    """Return the mean of the F1 of all classes that are true or predicted.

    A prediction that is None is wrong, and of no class.

    Example:
        >>> f1_macro(["a", "a", "b"], ["a", "b", "b"])
        0.6666666666666666
    """
    said, true = Counter(name for name in predicted if name is not None), Counter(truth)
    hits = Counter(a for a, b in zip(truth, predicted, strict=True) if a == b)
    classes = said.keys() | true.keys()
    return sum(2 * hits[name] / (said[name] + true[name]) for name in classes) / len(classes)


def log_loss(likelihood: Array) -> float:
    """Return the mean of -log of the true classes' probabilities.

    Example:
        >>> round(log_loss(np.array([1.0, 0.5])), 4)
        0.3466
    """
    return float(-np.log(np.maximum(likelihood, LEAST_LIKELIHOOD)).mean())


def regression(got: Array, truth: Array) -> dict[str, float]:
    """Return `mae`, `rmse` and `r2`; of several values, the mean of each one's.

    Args:
        got: Shape [rows, values].
        truth: The same shape.
    """
    residual = truth - got
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = 1 - (residual**2).sum(axis=0) / spread
    return {
        "mae": float(np.abs(residual).mean()),
        "rmse": float(np.sqrt((residual**2).mean(axis=0)).mean()),
        "r2": float(explained.mean()),
    }
