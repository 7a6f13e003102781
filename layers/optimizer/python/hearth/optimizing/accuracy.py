"""A metric of a candidate beside the original's, on the same labelled rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from hearth.domain.manifest import Manifest
from hearth.optimizing import truth as labels
from hearth.optimizing.confidence import jackknifed, least, most, root
from hearth.optimizing.fidelity import MOST_ERROR
from hearth.optimizing.judgement import Accuracy
from hearth.optimizing.truth import NotMeasurable, Truth
from hearth.publishing.answers import Answers
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array


def accuracy(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    target: Array,
    manifest: Manifest,
    metric: str,
) -> Accuracy:
    """Return how much worse a candidate is, and how much worse it may be.

    What one row costs or gains is told from both answers to it: their errors are mostly the same
    and cancel out.

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
        unseen = _unseen(both[0], true) / before if metric == "f1_macro" else 0.0
        high = value + math.hypot(above, unseen)
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
        (0.0067, 0.0107)
    """

    def excess(share: float) -> float:
        parts = (
            (1 - share) * (most(harmed) - harmed),
            helped - least(helped),
            share * ((stay - least(stay)) if share > 0 else (most(stay) - stay)),
        )
        return (1 - share) * harmed - helped - share * stay + math.hypot(*parts)

    return root(excess, -1.0, 1.0)


def _unseen(original: Answers, true: Truth) -> float:
    """Return how much macro F1 would fall by losses in as many rows as may have gone unseen.

    They may all lie in the class whose rows weigh most.
    """
    said, known = Counter(original.predicted), Counter(true.words)
    classes = (said.keys() | known.keys()) - {None}
    fewest = min(said[name] + known[name] for name in classes)
    return min(1.0, most(0) * 2 / fewest / len(classes))
