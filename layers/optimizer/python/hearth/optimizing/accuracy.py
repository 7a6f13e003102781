"""A metric of a candidate beside the original's, on the same labelled rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from hearth.domain.manifest import Manifest
from hearth.optimizing import truth as labels
from hearth.optimizing.confidence import jackknifed, least, most, root
from hearth.optimizing.judgement import Accuracy
from hearth.optimizing.spread import MOST_ERROR
from hearth.optimizing.truth import NotMeasurable, Truth
from hearth.publishing.answers import Answers
from hearth.publishing.evaluation import LEAST_LIKELIHOOD
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array

_MOST_TRIED = 20


def accuracy(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    target: Array,
    manifest: Manifest,
    metric: str,
) -> Accuracy:
    """Return how much worse a candidate is, and how much worse it may be.

    What one row costs or gains is told from both answers to it: their errors are mostly the same
    and cancel out. `loss_high` allows for rows that were not seen, as many as may be (three, with
    95% confidence), each as harmful as the worst that was: accuracy by Garwood's limits, macro F1
    by the rarest class, other metrics by the row that a candidate makes worse most.

    Args:
        original: Its answers to the labelled rows, in chunks.
        candidate: The candidate's to the same.
        target: One label a row.
        manifest: The original's, which says what its outputs mean.
        metric: One of `manifest.METRICS`.

    Raises:
        NotMeasurable: If the metric cannot be computed, or no share of the original's be told.
        InvalidDocument: If the labels are not the model's.
        SignatureMismatch: If the outputs are no tables.
    """
    true = labels.truth(target, original, manifest)
    both = [labels.answers(cases, true, manifest) for cases in (original, candidate)]
    figures = [labels.figure(metric, told, true) for told in both]
    every = np.arange(len(true))
    before, after = (figure(every) for figure in figures)
    if not before > 0:
        raise NotMeasurable(f"no share can be told of the original's {metric}", got=before)

    def lost(some: Array) -> float:
        return labels.loss(metric, figures[0](some), figures[1](some))

    if metric == "accuracy":
        value, high = lost(every), most_lost(*_changes(both, true))
    else:
        value, above = jackknifed(len(true), lost)
        if metric == "f1_macro":
            heaviest = _heaviest(both[0], true) / before
        else:
            heaviest = max(value - lost(np.delete(every, at)) for at in _worst(both, true))
        high = value + math.hypot(above, most(0) * max(heaviest, 0.0))
    if not math.isfinite(value):
        raise NotMeasurable(f"no share can be told of the original's {metric}", got=before)
    high = min(high, MOST_ERROR) if high == high else MOST_ERROR  # noqa: PLR0124 (NaN)
    return Accuracy(metric, len(true), before, after, value, high)


def _changes(both: Sequence[Answers], true: Truth) -> tuple[int, int, int]:
    """Return how many rows stay right, become wrong and become right."""
    words = np.array(true.words, object)
    before, after = (np.array(told.predicted, object) == words for told in both)
    return int((before & after).sum()), int((before & ~after).sum()), int((~before & after).sum())


def most_lost(stay: int, harmed: int, helped: int) -> float:
    """Return the upper end of the one-sided 95% interval of the share of accuracy that is lost.

    Args:
        stay: Rows that both answer right.
        harmed: Rows that the original alone answers right.
        helped: Rows that the candidate alone answers right.

    Source:
        Zou and Donner, "Construction of confidence limits about effect measures", Statistics in
        Medicine 27 (2008): limits of a sum are put together of the limits of its parts, squared
        and added. Those of the counts are Garwood's, so that no difference in few rows is not
        taken for no difference.

    Example:
        >>> round(most_lost(450, 0, 0), 4), round(most_lost(440, 1, 0), 4)
        (0.0066, 0.0107)
    """

    def excess(share: float) -> float:
        parts = (
            (1 - share) * (most(harmed) - harmed),
            helped - least(helped),
            share * ((stay - least(stay)) if share > 0 else (most(stay) - stay)),
        )
        return (1 - share) * harmed - helped - share * stay + math.hypot(*parts)

    return root(excess, -1.0, 1.0)


def _heaviest(original: Answers, true: Truth) -> float:
    """Return how much macro F1 falls by one row more that is wrong, in the rarest class."""
    said = Counter(name for name in original.predicted if name is not None)
    known = Counter(true.words)
    classes = said.keys() | known.keys()
    return 2 / min(said[name] + known[name] for name in classes) / len(classes)


def _worst(both: Sequence[Answers], true: Truth) -> list[int]:
    """Return the rows that a candidate makes worse most, of several values for each."""
    if true.values is None:
        before, after = (np.log(np.maximum(told.likelihood, LEAST_LIKELIHOOD)) for told in both)
        return [int((before - after).argmax())]
    errors = [(np.array(told.values, np.float64) - true.values) ** 2 for told in both]
    rows: list[int] = np.unique((errors[1] - errors[0]).argmax(axis=0)).tolist()
    return rows[:_MOST_TRIED]
