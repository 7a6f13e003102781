"""How right the versions of a model were: feedback joined with records, as metrics with intervals.

All versions of a model are judged at once: feedback names predictions, and not versions.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hearth.domain.baseline import Baseline
from hearth.domain.monitoring import CLASSIFICATION, RANKING, REGRESSION, Monitoring
from hearth.domain.quality_metrics import sliced
from hearth.monitoring import classification, gates, ranking, regression
from hearth.monitoring.estimate import Confidences, estimate
from hearth.monitoring.feedback import LONGEST, read_feedback
from hearth.monitoring.intervals import Jackknife
from hearth.monitoring.join import Joining, Outcomes, Sample
from hearth.monitoring.measures import class_metrics, metrics_of
from hearth.monitoring.report import Quality, SliceQuality
from hearth.monitoring.set_aside import (
    PREDICTIONS_NOT_FINITE,
    SLICES_OVER_BOUND,
    SLICES_TOO_SMALL,
)
from hearth.monitoring.stored import Window, record_lines
from hearth.monitoring.truth import MOST, Truth
from hearth.stores.ports import Documents

MOST_SLICES, SMALLEST_SLICE = 50, 30
MOST_CLASSES = 50
"""Classes that a report shows, those with the most rows; the rest are `other` together."""

_CLASS_NAMED = re.compile(r"(?:precision|recall|f1)\[(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judged:
    """A version whose quality is judged.

    Args:
        version: Its number.
        monitoring: Its task, and its thresholds.
        baseline: Its classes and its calibration.
        class_labels: The manifest's, where the baseline has none.
        compared_with: The version that thresholds on change compare it with, 0 for none.
    """

    version: int
    monitoring: Monitoring
    baseline: Baseline | None = None
    class_labels: tuple[str, ...] = ()
    compared_with: int = 0

    @property
    def task(self) -> str:
        return self.monitoring.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the scores, as long as records have them."""
        found = (self.baseline.classes if self.baseline else ()) or self.class_labels
        return tuple(name[:LONGEST] for name in found)


def quality(
    model: str,
    judged: Sequence[Judged],
    window: Window,
    documents: Documents,
    heard: str = "",
) -> tuple[dict[int, Quality], Mapping[str, int]]:
    """Return how right each version was that has a task, and what could not be used.

    Args:
        model: Its name.
        judged: Its versions: all of them, or what is of one that is left out counts as unknown.
        window: When the predictions were made.
        documents: Where records and feedback lie.
        heard: The last hour of which feedback is read: labels come later than predictions.

    Raises:
        StoreError: If they cannot be read.
    """
    truth = Truth(MOST)
    for body in read_feedback(documents, model, Window(window.since, heard or window.until)):
        truth.read(body)
    seen = {one.version: _Seen(one) for one in judged}
    joining = Joining(truth, window.begin.timestamp())
    for one in judged:
        if one.task or len(truth):
            lines = record_lines(documents, model, one.version, window)
            joining.read(one.version, seen[one.version].outcomes, lines, seen[one.version].add)
    joined = joining.end({one.version: one.task for one in judged})
    # What one version is judged by must be told of the version that it is compared with as well.
    wanted = {name for one in judged for name in one.monitoring.thresholds}
    found = {
        one.version: seen[one.version].told(
            _of_version(one, joined.samples[one.version], wanted, joined.set_aside)
        )
        for one in judged
        if one.task
    }
    set_aside = {name: count for name, count in sorted(joined.set_aside.items()) if count}
    return {one.version: _gated(one, found) for one in judged if one.task}, set_aside


class _Seen:
    """What is counted of every answered record, whether feedback names it or not."""

    def __init__(self, judged: Judged) -> None:
        baseline = judged.baseline
        self.outcomes = Outcomes(judged.task, judged.classes)
        self._confidences = Confidences(baseline.calibration if baseline else None)
        self._estimated = judged.task == CLASSIFICATION
        self._rows = 0

    def add(self, record: Mapping[str, Any]) -> None:
        if not self._estimated:
            self._rows += self.outcomes.count(record)
            return
        confidences = self.outcomes.confidences(record)
        self._rows += len(confidences)
        self._confidences.add(confidences)

    def told(self, of: Quality) -> Quality:
        return replace(
            of,
            predictions=self._rows,
            estimate=estimate(self._confidences) if self._estimated else None,
            estimate_calibrated=self._confidences.calibration is not None,
        )


def _gated(judged: Judged, found: Mapping[int, Quality]) -> Quality:
    own = found[judged.version]
    if not judged.monitoring.thresholds:
        return own
    baseline = None
    if judged.compared_with:
        other = found.get(judged.compared_with)
        baseline = gates.named(other) if other else {}
    gate = gates.judge(
        gates.named(own), baseline, judged.monitoring.thresholds, judged.compared_with
    )
    return replace(own, gate=gate)


def _of_version(
    judged: Judged, samples: list[Sample], wanted: Iterable[str], set_aside: Counter[str]
) -> Quality:
    found = Quality(judged.task, labelled=len(samples))
    if not samples:
        return found
    kind = _kind(judged, samples)
    named = {sliced(name, judged.task) for name in wanted}
    kept = _kept_slices(samples, named, set_aside)
    whole, slices = _counted(samples, kept, kind)
    jackknife = Jackknife(whole, kind.figures)
    set_aside[PREDICTIONS_NOT_FINITE] += getattr(jackknife.total, "lost", 0)
    found = replace(
        found,
        metrics=metrics_of(jackknife),
        slices=tuple(
            SliceQuality(name, sum(sums.rows for sums in groups), metrics_of(part))
            for name, groups in slices.items()
            for part in [Jackknife(groups, kind.figures)]
        ),
    )
    if judged.task != CLASSIFICATION:
        return found
    shown = _shown_classes(jackknife.total, wanted)
    return replace(
        found,
        classes=class_metrics(Jackknife(whole, partial(classification.of_classes, shown))),
        confusion=classification.confusion(jackknife.total, frozenset(shown)),
        reliability=classification.reliability(jackknife.total),
    )


def _kept_slices(
    samples: list[Sample], named: Collection[str], set_aside: Counter[str]
) -> list[str]:
    """Return the slices that are told: those with the most rows, and those that must be."""
    rows = Counter(name for sample in samples for name in sample.slices)
    large = [name for name, count in rows.items() if count >= SMALLEST_SLICE]
    large.sort(key=lambda name: (name not in named, -rows[name], name))
    set_aside[SLICES_TOO_SMALL] += len(rows) - len(large)
    set_aside[SLICES_OVER_BOUND] += max(len(large) - MOST_SLICES, 0)
    return sorted(large[:MOST_SLICES], key=lambda name: (-rows[name], name))


def _shown_classes(total: classification.Sums, wanted: Iterable[str]) -> list[str]:
    """Return the classes that are told: those with the most rows, and those that must be."""
    found = classification.tallies(total)
    named = {match[1] for match in map(_CLASS_NAMED.fullmatch, wanted) if match}
    names = sorted(found, key=lambda name: (name not in named, -found[name].true, name))
    return sorted(names[:MOST_CLASSES])


@dataclass(frozen=True, slots=True)
class _Kind:
    """How samples of a task are counted, and what is made of the sums."""

    sums: Callable[[], Any]
    slice_sums: Callable[[], Any]
    figures: Callable[[Any], Mapping[str, float]]


def _kind(judged: Judged, samples: list[Sample]) -> _Kind:
    if judged.task == REGRESSION:
        return _Kind(regression.Sums, regression.Sums, regression.figures)
    if judged.task == RANKING:
        return _Kind(ranking.Sums, ranking.Sums, ranking.figures)
    width = max(len(sample.outcome.scores or ()) for sample in samples)
    # Where nobody knows their labels, classes are called by their place.
    classes = judged.classes if len(judged.classes) == width else tuple(map(str, range(width)))
    ranked = (1,) if width == 2 else tuple(range(width))
    # Areas of each class and slice would take more memory than they are worth.
    of_slice = ranked if width == 2 else ()
    return _Kind(
        partial(classification.Sums, classes, ranked),
        partial(classification.Sums, classes, of_slice),
        classification.figures,
    )


def _counted(
    samples: list[Sample], kept: Sequence[str], kind: _Kind
) -> tuple[list[Any], dict[str, list[Any]]]:
    """Return the sums of each group that has rows: of all, and of each slice."""
    whole: dict[int, Any] = defaultdict(kind.sums)
    slices: dict[str, dict[int, Any]] = {name: defaultdict(kind.slice_sums) for name in kept}
    for sample in samples:
        whole[sample.group].add(sample)
        for name in sample.slices:
            if name in slices:
                slices[name][sample.group].add(sample)
    in_order = {name: [part[at] for at in sorted(part)] for name, part in slices.items()}
    return [whole[at] for at in sorted(whole)], in_order
