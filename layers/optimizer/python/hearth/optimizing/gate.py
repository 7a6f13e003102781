"""Whether a candidate is right enough to take the original's place. What is not shown has failed.

Answers that equal the original's within the golden tolerance need no more. All others need rows:
labelled ones, on which the loss of a metric is shown to be small with 95% confidence, or at least
rows on which they can be compared with the original's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hearth.domain.errors import HearthError
from hearth.domain.manifest import Manifest
from hearth.optimizing import promises, truth
from hearth.optimizing.accuracy import accuracy
from hearth.optimizing.comparison import Rows, differences, needed, percent
from hearth.optimizing.fidelity import measure
from hearth.optimizing.judgement import FAILED, PASSED, Accuracy, Fidelity, Judgement
from hearth.optimizing.predicted import predicted
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array

EVALUATION, REFERENCE, GOLDEN = "evaluation", "reference", "golden"
_GIVEN = "given"  # golden cases that a publisher gave
_WORDS = {
    EVALUATION: "of the evaluation set",
    REFERENCE: "of reference data",
    GOLDEN: "of golden cases",
}
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a candidate is judged by.

    Args:
        manifest: The original's: what its outputs mean, and how much may be lost.
        golden: How many of the cases, the first ones, are golden cases.
        original: Its answers: to the golden cases, then to rows in chunks.
        candidate: The candidate's answers to the same.
        target: A label for each of these rows; None without.
        source: Where the rows come from: `EVALUATION`, `REFERENCE` or `GOLDEN`.
        unusable: Why the evaluation set could not be used; "" where it was, or there is none.
    """

    manifest: Manifest
    golden: int
    original: Sequence[GoldenCase]
    candidate: Sequence[GoldenCase]
    target: Array | None = None
    source: str = EVALUATION
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class _Labels:
    """What labels say.

    Args:
        accuracy: None where none could be measured, or none was asked for.
        problem: Why none could be.
        blind: Why it shows nothing.
        one_class: Whether all labels are the same.
    """

    accuracy: Accuracy | None = None
    problem: str = ""
    blind: str = ""
    one_class: bool = False

    @property
    def decide(self) -> bool:
        return self.accuracy is not None and not self.blind


def judge(evidence: Evidence) -> Judgement:
    """Return the verdict on a candidate, with what it rests on."""
    if not evidence.original or not evidence.candidate:
        return Judgement(FAILED, ("There are no answers to judge by.",))
    try:
        return _judged(evidence)
    except HearthError as error:
        return Judgement(FAILED, (_sentence(f"Answers cannot be judged: {error}"),))


def _judged(evidence: Evidence) -> Judgement:
    every = measure(evidence.original, evidence.candidate, evidence.manifest).fidelity
    rows = _rows(evidence)
    found = every
    if len(rows.original) < len(evidence.original):
        found = measure(rows.original, rows.candidate, rows.manifest).fidelity
        found = replace(found, finite=every.finite, equivalent=every.equivalent)
    labels = _labels(evidence, rows)
    made = Judgement(FAILED, (), labels.decide, found, labels.accuracy)
    if not every.finite:
        reason = "It gives NaN or infinity where the original gives a number."
        return replace(made, reasons=(reason,))
    if every.equivalent and every.rows:
        equal = replace(made, verdict=PASSED, measured=labels.accuracy is not None)
        return replace(equal, reasons=(_equality(evidence, every.rows),))
    failed = [*_golden(evidence), *_by_labels(labels, rows)]
    failed += differences(rows, by_labels=labels.decide)
    if failed:
        return replace(made, reasons=tuple(failed))
    return replace(made, verdict=PASSED, reasons=tuple(_grounds(evidence, labels, found)))


def _rows(evidence: Evidence) -> Rows:
    """Return the rows behind the golden cases; of golden cases alone, these."""
    start = evidence.golden if len(evidence.original) > evidence.golden else 0
    original, candidate = evidence.original[start:], evidence.candidate[start:]
    both = [predicted(cases, evidence.manifest) for cases in (original, candidate)]
    classes = (both[0], both[1]) if both[0] is not None and both[1] is not None else None
    return Rows(evidence.manifest, original, candidate, classes)


def _labels(evidence: Evidence, rows: Rows) -> _Labels:
    """Return what labels show; nothing where none are given and none are asked for."""
    name, target = truth.metric(evidence.manifest), evidence.target
    given = target is not None or evidence.unusable or evidence.manifest.tolerance.metric
    if not name or not given:
        return _Labels()
    if target is None or evidence.unusable:
        return _Labels(problem=evidence.unusable or "there are no labelled rows")
    try:
        true = truth.truth(target, rows.original, evidence.manifest)
        found = accuracy(rows.original, rows.candidate, target, evidence.manifest, name)
    except HearthError as error:
        return _Labels(problem=str(error))
    if true.is_one_class:
        return _Labels(found, blind="all are of one class", one_class=True)
    same = truth.constant(name, true)
    if not truth.loss(name, found.original, same) > rows.limit:
        return _Labels(found, blind=f"one answer to all rows has {name} {same:.4g}")
    return _Labels(found)


def _golden(evidence: Evidence) -> list[str]:
    if evidence.manifest.golden.origin != _GIVEN:
        return []
    original, candidate = (
        side[: evidence.golden] for side in (evidence.original, evidence.candidate)
    )
    return promises.broken(original, candidate, evidence.manifest)[:_MOST_TOLD]


def _by_labels(labels: _Labels, rows: Rows) -> list[str]:
    if labels.problem:
        name = truth.metric(rows.manifest)
        return [_sentence(f"{name} could not be measured: {labels.problem}")]
    found, limit = labels.accuracy, rows.limit
    if found is None:
        return []
    if labels.one_class:
        return ["All labels are of one class: to answer nothing else would be right, too."]
    if found.loss > limit:
        return [f"{_told(found)}: {percent(found.loss)} is lost, and {percent(limit)} may be."]
    if found.loss_high > limit or found.rows < rows.fewest:
        most, about = percent(found.loss_high), _about(found, limit)
        told = f"{_told(found)}, and up to {most} may be lost where {percent(limit)} may be"
        return [f"{told}: {needed(rows, about)}"]
    return []


def _told(found: Accuracy) -> str:
    numbers = f"{found.candidate:.4g} after {found.original:.4g}"
    return f"{found.metric} is {numbers} on {found.rows:,} rows"


def _about(found: Accuracy, limit: float) -> int:
    """Return how many rows would show a loss to be small enough, if all were as these."""
    wide, room = found.loss_high - found.loss, limit - found.loss
    if room <= 0:
        return 0
    # Where nothing differs the interval narrows with the rows, else with their root.
    factor = wide / room if found.loss == 0 else (wide / room) ** 2
    return int(found.rows * factor) + 1


def _equality(evidence: Evidence, rows: int) -> str:
    how = evidence.manifest.golden
    within = f"rtol {how.rtol:g}, atol {how.atol:g}"
    return f"All answers to {rows:,} rows equal the original's ({within})."


def _grounds(evidence: Evidence, labels: _Labels, found: Fidelity) -> Iterator[str]:
    """Yield what a candidate passed by."""
    measured = labels.accuracy
    if measured is not None:
        high = measured.loss_high
        most = f"at most {percent(high)} is lost" if high > 0 else f"{percent(-high)} is won"
        yield f"{_told(measured)}: with 95% confidence {most}."
    if labels.decide:
        return
    why = f"labels show little, as {labels.blind}" if measured else "accuracy was not measured"
    agreed = "" if found.agreement is None else f"the same in {percent(found.agreement)} of rows, "
    yield (
        f"Answers to {found.rows:,} rows {_WORDS[evidence.source]} were compared, as {why}: "
        f"{agreed}off by {found.spread_error:.2g} of their spread."
    )


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
