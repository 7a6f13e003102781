"""Whether a candidate is right enough to take the original's place. What is not shown has failed.

Answers that equal the original's within the golden tolerance need no more. All others need rows:
labelled ones, on which the loss of a metric is shown to be small with 95% confidence, or at least
rows on which they can be compared with the original's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hearth.domain.errors import HearthError
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION
from hearth.optimizing import promises, truth
from hearth.optimizing.accuracy import accuracy
from hearth.optimizing.confidence import fewest
from hearth.optimizing.fidelity import Found, measure
from hearth.optimizing.judgement import FAILED, PASSED, Accuracy, Judgement
from hearth.optimizing.predicted import Predicted, judged, lost, predicted
from hearth.optimizing.truth import NotMeasurable
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array

EVALUATION, REFERENCE, GOLDEN = "evaluation", "reference", "golden"
MOST_SCORES_ERROR = 0.25
"""How far class scores may be off, over their spread, while the classes agree: who puts a limit of
his own to a probability relies on it as others do on the class."""
_GIVEN = "given"  # golden cases that a publisher gave


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
class _Rows:
    """The rows that an answer is judged on: those behind the golden cases, else these."""

    evidence: Evidence
    original: Sequence[GoldenCase]
    candidate: Sequence[GoldenCase]
    classes: tuple[Predicted, Predicted] | None

    @property
    def manifest(self) -> Manifest:
        return self.evidence.manifest

    @property
    def limit(self) -> float:
        return self.manifest.tolerance.max_loss

    def measure(self, names: frozenset[str]) -> Found:
        return measure(self.original, self.candidate, self.manifest, names)


@dataclass(frozen=True, slots=True)
class _Labels:
    """What labels say: an accuracy, or why there is none; `blind` says why it shows nothing."""

    accuracy: Accuracy | None = None
    problem: str = ""
    blind: str = ""


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
    part = every if len(rows.original) == len(evidence.original) else None
    part = part or measure(rows.original, rows.candidate, rows.manifest).fidelity
    found = replace(part, finite=every.finite, equivalent=every.equivalent)
    labels = _labels(rows)
    made = Judgement(FAILED, (), labels.accuracy is not None, found, labels.accuracy)
    if not every.finite:
        reason = "It gives NaN or infinity where the original gives a number."
        return replace(made, reasons=(reason,))
    if every.equivalent and every.rows:
        return replace(made, verdict=PASSED, reasons=_of_equal(evidence, every.rows))
    by_labels = labels.accuracy is not None and not labels.blind
    failed = [*_golden(evidence), *_lost(rows), *_by_labels(labels, rows)]
    failed += _by_answers(rows, by_labels)
    if failed:
        return replace(made, reasons=tuple(failed), measured=by_labels)
    passed = _grounds(rows, made, labels)
    return replace(made, verdict=PASSED, reasons=passed, measured=by_labels)


def _rows(evidence: Evidence) -> _Rows:
    start = evidence.golden if len(evidence.original) > evidence.golden else 0
    original, candidate = evidence.original[start:], evidence.candidate[start:]
    both = [predicted(cases, evidence.manifest) for cases in (original, candidate)]
    classes = (both[0], both[1]) if both[0] is not None and both[1] is not None else None
    return _Rows(evidence, original, candidate, classes)


def _labels(rows: _Rows) -> _Labels:
    """Return what labels show; nothing where none are given and none are asked for."""
    evidence, manifest = rows.evidence, rows.manifest
    name = truth.metric(manifest)
    if not name or (
        evidence.target is None and not evidence.unusable and not manifest.tolerance.metric
    ):
        return _Labels()
    if evidence.target is None:
        return _Labels(problem=evidence.unusable or "there are no labelled rows")
    try:
        true = truth.truth(evidence.target, rows.original, manifest)
        found = accuracy(rows.original, rows.candidate, evidence.target, manifest, name)
    except HearthError as error:
        return _Labels(problem=str(error))
    if true.is_one_class:
        return _Labels(found, blind="all labels are of one class")
    same = truth.constant(name, true)
    if not truth.loss(name, found.original, same) > rows.limit:
        return _Labels(found, blind=f"one answer for all rows has {name} {same:.4g}")
    return _Labels(found)


def _golden(evidence: Evidence) -> list[str]:
    if evidence.manifest.golden.origin != _GIVEN or not evidence.golden:
        return []
    first = slice(evidence.golden)
    return promises.broken(
        evidence.original[first], evidence.candidate[first], evidence.manifest
    )[:3]


def _lost(rows: _Rows) -> list[str]:
    """Return what became of classes, whatever share of rows they make up."""
    if rows.classes is None:
        return []
    original, candidate = rows.classes
    if len(set(original)) == 1:
        return [
            f"The original answers all {len(original):,} rows with the class {original[0]!r}: "
            "that another model does the same shows nothing, and other answers are not equal."
        ]
    return [
        f"Class {name!r} is lost: of {count:,} rows that the original gives it, {kept:,} keep it."
        for name, count, kept in lost(original, candidate)[:3]
    ]


def _by_labels(labels: _Labels, rows: _Rows) -> list[str]:
    if labels.problem:
        name = truth.metric(rows.manifest)
        return [_sentence(f"{name} could not be measured: {labels.problem}")]
    found, limit = labels.accuracy, rows.limit
    if found is None:
        return []
    if rows.classes is not None and labels.blind and "one class" in labels.blind:
        return ["All labels are of one class: they do not show a model that answers nothing else."]
    told = f"{found.metric} is {found.candidate:.4g} after {found.original:.4g}"
    if found.loss > limit:
        return [f"{told}: {_percent(found.loss)} is lost, and {_percent(limit)} may be."]
    if found.loss_high > limit or found.rows < _least(limit):
        return [
            f"{told}, but up to {_percent(found.loss_high)} may be lost, and {_percent(limit)} may "
            f"be: {found.rows:,} rows are too few to show less. {_needed(found, limit)}"
        ]
    return []


def _needed(found: Accuracy, limit: float) -> str:
    if found.loss >= limit:
        return "No number of rows would."
    wide, room = found.loss_high - found.loss, limit - found.loss
    # Where nothing differs the limit falls with the rows, else with their root.
    factor = wide / room if found.loss == 0 else (wide / room) ** 2
    return f"About {max(int(found.rows * factor) + 1, _least(limit)):,} would, if all go so."


def _by_answers(rows: _Rows, by_labels: bool) -> list[str]:
    """Return what is wrong with answers that labels do not judge."""
    told = judged(rows.manifest)
    apart = told if rows.manifest.monitoring.task == CLASSIFICATION else frozenset[str]()
    failed = _of_classes(rows, apart, by_labels) if apart else []
    rest = frozenset(spec.name for spec in rows.manifest.signature.outputs) - apart
    rest = rest - told if by_labels else rest
    return failed + (_of_values(rows, rest) if rest else [])


def _of_classes(rows: _Rows, names: frozenset[str], by_labels: bool) -> list[str]:
    found = rows.measure(names)
    failed = [] if by_labels else _of_agreement(found, rows.limit, "the class")
    if found.spread_high > MOST_SCORES_ERROR:
        failed.append(
            f"Scores are off by {_times(found)} of their spread, and {MOST_SCORES_ERROR} may be, "
            "whatever the classes are."
        )
    return failed


def _of_values(rows: _Rows, names: frozenset[str]) -> list[str]:
    found, limit = rows.measure(names), rows.limit
    failed = _of_agreement(found, limit, "all that is no float")
    most = limit**0.5
    which = ", ".join(sorted(names)[:4])
    if found.spread_high > most:
        failed.append(
            f"Values of {which} are off by {_times(found)} of their spread, and {most:.2g} may be, "
            f"so that {_percent(limit)} of their variance is not the original's."
        )
    if found.fidelity.rows < _least(limit):
        failed.append(
            f"{found.fidelity.rows:,} rows are too few to compare {which} by: "
            f"{_least(limit):,} would show a fault in {_percent(limit)} of them."
        )
    return failed


def _times(found: Found) -> str:
    """Return an error over a spread with the end of its interval."""
    return f"{found.fidelity.spread_error:.2g} (up to {found.spread_high:.2g})"


def _of_agreement(found: Found, limit: float, what: str) -> list[str]:
    fidelity = found.fidelity
    if fidelity.agreement is None or (fidelity.agreement_low or 0.0) >= 1 - limit:
        return []
    told = f"{what[0].upper()}{what[1:]} is the same in {_percent(fidelity.agreement)} of rows"
    if fidelity.agreement < 1 - limit:
        return [f"{told}, and must be in {_percent(1 - limit)}."]
    return [
        f"{told}, but {fidelity.rows:,} rows show no more than {_percent(fidelity.agreement_low or 0)}"
        f", and it must be {_percent(1 - limit)}: at least {_least(limit):,} are needed."
    ]


def _least(limit: float) -> int:
    """Return how few rows can show a loss to be so small; of none at all, no number does."""
    return fewest(limit) if limit > 0 else 1 << 62


def _of_equal(evidence: Evidence, rows: int) -> tuple[str, ...]:
    how = evidence.manifest.golden
    return (
        f"All answers to {rows:,} rows equal the original's (rtol {how.rtol:g}, atol {how.atol:g}).",
    )


def _grounds(rows: _Rows, made: Judgement, labels: _Labels) -> tuple[str, ...]:
    found, accuracy = made.fidelity, made.accuracy
    said = []
    if accuracy is not None:
        said.append(
            f"{accuracy.metric} is {accuracy.candidate:.4g} after {accuracy.original:.4g} on "
            f"{accuracy.rows:,} rows: at most {_percent(accuracy.loss_high)} is lost, with 95% "
            "confidence."
        )
    if labels.blind:
        said.append(f"Labels show little, as {labels.blind}: answers were compared as well.")
    if accuracy is None:
        said.append("Accuracy was not measured: there are no labelled rows, or no metric for them.")
    if found is not None and not (accuracy is not None and not labels.blind):
        agreed = "" if found.agreement is None else f"the same in {_percent(found.agreement)}, "
        said.append(
            f"Compared with the original's on {found.rows:,} rows ({rows.evidence.source}), answers "
            f"are {agreed}off by {found.spread_error:.2g} of their spread."
        )
    return tuple(said)


def _percent(share: float) -> str:
    """Return a share with two decimals at most.

    Example:
        >>> _percent(0.01), _percent(0.00664), _percent(-0.0001)
        ('1%', '0.66%', '-0.01%')
    """
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
