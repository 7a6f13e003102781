"""A version's baseline, made of reference data and of what the model says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hearth.domain import binning
from hearth.domain.baseline import PREDICTED, SCORE, VALUE, Baseline, Watched
from hearth.domain.distribution import CATEGORY, NUMERIC, Feature, count, nothing
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION, COLUMNS, REGRESSION, WatchedInput
from hearth.domain.value import Value
from hearth.publishing import evaluation
from hearth.publishing.answers import Answers, Asked, Measured, answers
from hearth.publishing.evaluation import Evaluation
from hearth.publishing.judging import MOST_VALUES, Evidence
from hearth.publishing.rows import Rows, batch_size, cut, thinned
from hearth.serving.capture import features
from hearth.serving.numbers import Array
from hearth.serving.session import Session, Tensors
from hearth.serving.tensors import widened

# More rows make no bin better; values are Python objects of 32 bytes.
MOST_ROWS = 100_000
MOST_FEATURE_VALUES = 4_000_000
# The model is run on so many rows at most, on fewer where each holds much or the model is large:
# its bytes say roughly what a row costs, and the same of them every time.
MOST_RUNS = 50_000
MOST_ELEMENTS = 1 << 28
MOST_BYTES = 1 << 39
_FEWEST_RUNS = 500


@dataclass(frozen=True, slots=True)
class Data:
    """What a publisher gives: rows to compare with, and labelled rows to judge by."""

    reference: Rows | None = None
    evaluation: Rows | None = None

    @property
    def rows(self) -> Rows | None:
        """What later traffic is compared with."""
        return self.reference or self.evaluation


@dataclass(frozen=True, slots=True)
class Made:
    """A baseline, and what a publisher should know of it."""

    baseline: Baseline
    notes: tuple[str, ...] = ()


def baseline(
    session: Session, manifest: Manifest, data: Data, evidence: Evidence, measured: Measured
) -> Made | None:
    """Return the baseline of a version; None where there is nothing to make it of.

    Args:
        session: The open model.
        manifest: The version's, as far as it is known.
        data: The publisher's rows.
        evidence: Sample outputs, which say how many classes there are.
        measured: Told of rows that were run.

    Raises:
        InvalidDocument: If the evaluation set's labels are not the model's.
    """
    rows = data.rows
    if rows is None:
        return None
    classes = _classes(manifest, evidence)
    monitoring = manifest.monitoring
    elements = evidence.elements(monitoring.scores, monitoring.label)
    asked = Asked(session, manifest, elements, measured)
    some = _runnable(rows, manifest)
    judged, found = Evaluation(), None
    if data.evaluation is not None:
        labelled = some if data.evaluation is rows else _runnable(data.evaluation, manifest)
        found, judged = _evaluated(asked, labelled, classes)
    if found is None or data.evaluation is not rows:
        found = answers(asked, some)
    watched, counted = _features(manifest, rows)
    made = Baseline(
        rows=counted,
        features=watched,
        outputs=_outputs(found),
        classes=classes,
        calibration=judged.calibration,
        quality=judged.quality,
    )
    return Made(made, _notes(data, counted, manifest))


def _notes(data: Data, counted: int, manifest: Manifest) -> tuple[str, ...]:
    notes = []
    if data.reference is None:
        notes.append("no --baseline: the evaluation set is what later traffic is compared with")
    rows, batched = data.rows, manifest.signature.batched
    if rows is not None and batched and counted < len(rows):
        notes.append(f"of {len(rows):,} rows, {counted:,} drawn at random were counted")
    for what, some in (("", data.reference), ("labelled ", data.evaluation)):
        run = len(_runnable(some, manifest)) if some is not None else 0
        if some is not None and run < len(some) and manifest.monitoring.task:
            notes.append(f"the model was run on {run:,} of {len(some):,} {what}rows")
    return tuple(notes)


def _runnable(rows: Rows, manifest: Manifest) -> Rows:
    elements, size = max(rows.elements, 1), max(manifest.servable_size, 1)
    least = min(_FEWEST_RUNS, MOST_RUNS)
    most = max(least, min(MOST_RUNS, MOST_ELEMENTS // elements, MOST_BYTES // size))
    if not manifest.signature.batched:
        return rows
    return thinned(rows, most, batch_size(manifest.signature, rows.inputs))


def _classes(manifest: Manifest, evidence: Evidence) -> tuple[str, ...]:
    scores = manifest.monitoring.scores
    table = evidence.table(scores) if scores else None
    return evaluation.classes(manifest, 0 if table is None else table.shape[1])


def _evaluated(asked: Asked, rows: Rows, classes: Sequence[str]) -> tuple[Answers, Evaluation]:
    task, target = asked.manifest.monitoring.task, rows.target
    truth: list[str] | Array | None = None
    indices = None
    if task == CLASSIFICATION and target is not None:
        truth = evaluation.words(target, classes)
        indices = evaluation.places(truth, classes)
    found = answers(asked, rows, indices)
    if task == REGRESSION and target is not None and len(found.values) == len(rows):
        truth = evaluation.values(target, len(rows), len(found.values[0]))
    if truth is None or len(found.predicted or found.values) != len(rows):
        return found, Evaluation()  # nothing to judge, or a model that takes one example
    return found, evaluation.evaluate(found, task, truth)


def _features(manifest: Manifest, rows: Rows) -> tuple[tuple[Watched, ...], int]:
    """Return each feature's bins and counts, and how many rows were counted."""
    monitoring, signature = manifest.monitoring, manifest.signature
    width = max(len(monitoring.features), 1)
    most = max(1, min(MOST_ROWS, MOST_FEATURE_VALUES // width))
    some = thinned(rows, most) if signature.batched else rows
    columns: list[list[Value]] = [[] for _ in monitoring.features]
    for chunk in (cut(some) if signature.batched else [some]) if columns else ():
        inputs = _as_numbers(chunk.inputs, manifest)
        table = features(inputs, monitoring, batched=signature.batched)
        for column, more in zip(columns, zip(*table, strict=True), strict=True):
            column.extend(more)
    named = [(item, name) for item in monitoring.inputs for name in item.features]
    watched = tuple(
        _watched(_feature(item, name, column, manifest), column)
        for (item, name), column in zip(named, columns, strict=True)
    )
    return watched, len(columns[0]) if columns else len(some)


def _as_numbers(inputs: Tensors, manifest: Manifest) -> Tensors:
    return {
        name: widened(array, manifest.signature.input(name).type) for name, array in inputs.items()
    }


def _feature(
    watched: WatchedInput, name: str, column: Sequence[Value], manifest: Manifest
) -> Feature:
    words = watched.form == COLUMNS and manifest.signature.input(watched.input).datatype == "BYTES"
    if name in manifest.monitoring.masked:
        return Feature(name, CATEGORY if words else NUMERIC, masked=True)
    return binning.category(name, column) if words else binning.numeric(name, column)


def _watched(feature: Feature, column: Sequence[Value]) -> Watched:
    return Watched(feature, nothing(feature) if feature.masked else count(feature, column))


def _outputs(found: Answers) -> tuple[Watched, ...]:
    watched: list[Watched] = []
    if found.predicted:
        watched.append(_watched(binning.category(PREDICTED, found.predicted), found.predicted))
    if found.confidence:
        shares = all(isinstance(v, float | int) and 0 <= v <= 1 for v in found.confidence)
        score = binning.numeric(SCORE, found.confidence, (0.0, 1.0) if shares else None)
        watched.append(_watched(score, found.confidence))
    for at, column in enumerate(list(zip(*found.values, strict=False))[:MOST_VALUES]):
        name = f"{VALUE}[{at}]" if at else VALUE
        watched.append(_watched(binning.numeric(name, column), column))
    return tuple(watched)
