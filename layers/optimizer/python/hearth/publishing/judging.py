"""Choosing what a model's outputs are: class scores, labels, values of a regression, or neither."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import (
    CLASSIFICATION,
    RANKING,
    REGRESSION,
    MonitoringOptions,
)
from hearth.domain.signature import CLASSIFY, REGRESS, Signature, SignatureDef, TensorSpec
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors
from hearth.serving.tensors import widened

MOST_VALUES = 16
_FLOATS = ("FP16", "FP32", "FP64", "BF16")
_SCORE_NAMES = ("prob", "score", "softmax")
_LABEL_NAMES = ("label", "class", "categor", "predict")
_CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a model before anybody asks it.

    Args:
        signature: Its inputs and outputs.
        reference: Rows of reference data by input; empty without any.
        target: Labels of the evaluation set.
        samples: Outputs of some runs.
        counts: How many rows each of these runs had.
        class_labels: Given, or found in the graph.
        signature_defs: Named signatures.
    """

    signature: Signature
    reference: Tensors = field(default_factory=dict)
    target: Array | None = None
    samples: Sequence[Tensors] = ()
    counts: Sequence[int] = ()
    class_labels: tuple[str, ...] = ()
    signature_defs: Mapping[str, SignatureDef] = field(default_factory=dict)

    def table(self, name: str) -> Array | None:
        """Return what an output gave in all samples, shape [rows, columns]; None if no table."""
        tables = [
            _table(sample.get(name), count, batched=self.signature.batched)
            for sample, count in zip(self.samples, self.counts, strict=True)
        ]
        found = [table for table in tables if table is not None and table.shape[1]]
        if len(found) != len(tables) or len({table.shape[1] for table in found}) != 1:
            return None
        return widened(np.concatenate(found), self.signature.output(name).type)

    def elements(self, *names: str) -> int:
        """Return how many elements one row of these outputs has."""
        found = [
            sample[name].size // max(count, 1)
            for sample, count in zip(self.samples, self.counts, strict=True)
            for name in names
            if name in sample
        ]
        return max(found, default=0) * len(names)


def _table(array: Array | None, count: int, *, batched: bool) -> Array | None:
    if array is None:
        return None
    array = array if batched and array.ndim else array[None]
    width = math.prod(array.shape[1:])
    # Trailing dimensions of one element do not matter.
    if len(array) != count or width != math.prod(array.shape[1:2]):
        return None
    return array.reshape(count, width)


@dataclass(frozen=True, slots=True)
class Judged:
    """What outputs are: as in `Monitoring`, and what a publisher should know of it."""

    task: str = ""
    scores: str = ""
    label: str = ""
    notes: tuple[str, ...] = ()


def choose(options: MonitoringOptions, evidence: Evidence) -> Judged:
    """Return what the outputs are, as far as it is said or can be seen.

    Raises:
        InvalidDocument: If an output that is named does not exist.
    """
    _require_outputs(options, evidence.signature)
    if options.task == "":
        return Judged()
    found = _by_signature(evidence.signature_defs)
    scores = options.scores if options.scores is not None else found.scores
    label = options.label if options.label is not None else found.label
    scores = scores or _scores(options, evidence)
    label = label or _label(options, evidence, scores)
    task = options.task or found.task or _task(evidence, scores, label)
    return _settled(Judged(task, scores, label), options, evidence)


def _require_outputs(options: MonitoringOptions, signature: Signature) -> None:
    known = [spec.name for spec in signature.outputs]
    for what, name in (("scores", options.scores), ("label", options.label)):
        if name and name not in known:
            raise InvalidDocument(
                f"{what!r} of the monitoring document names an output that the model does not have",
                got=name,
                expected=f"one of {known}",
            )


def _by_signature(definitions: Mapping[str, SignatureDef]) -> Judged:
    """Return what a named signature says of the outputs."""
    for definition in definitions.values():
        if definition.method == CLASSIFY:
            scores, label = (*definition.outputs, "")[:2]
            return Judged(CLASSIFICATION, scores, label)
    for definition in definitions.values():
        if definition.method == REGRESS:
            return Judged(REGRESSION, definition.outputs[0])
    return Judged()


def _scores(options: MonitoringOptions, evidence: Evidence) -> str:
    """Return the output with scores or values: the only one, or the one that looks like it."""
    if options.scores == "":
        return ""
    fitting = [
        spec.name
        for spec in evidence.signature.outputs
        if spec.datatype in _FLOATS and evidence.table(spec.name) is not None
    ]
    probable = [name for name in fitting if is_probability(evidence.table(name))]
    named = [name for name in fitting if _is_named(name, _SCORE_NAMES)]
    for names in (fitting, probable, named):
        if len(names) == 1:
            return names[0]
    return ""


def is_probability(table: Array | None) -> bool:
    """Return whether each row holds the probabilities of several classes."""
    if table is None or table.shape[1] < 2:
        return False
    known = _known(table)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = known.sum(axis=1)
        close = (np.abs(sums - 1) <= _CLOSE).all() and (known >= -_CLOSE).all()
    return bool(len(known) and close)


def _is_share(table: Array | None) -> bool:
    """Return whether each row holds one number from 0 to 1."""
    if table is None or table.shape[1] != 1:
        return False
    known = _known(table)
    return bool(len(known) and ((known >= 0) & (known <= 1)).all())


def _known(table: Array) -> Array:
    """Return the rows without NaN: what a model makes of NaN says nothing of its outputs."""
    floats = table.astype(np.float64)
    known: Array = floats[~np.isnan(floats).any(axis=1)]
    return known


def _label(options: MonitoringOptions, evidence: Evidence, scores: str) -> str:
    """Return the output with the predicted class."""
    if options.label == "" or options.task == REGRESSION:
        return ""
    fitting = [spec for spec in evidence.signature.outputs if _is_label(spec, evidence, scores)]
    named = [spec for spec in fitting if _is_named(spec.name, _LABEL_NAMES)]
    for specs in (fitting, named):
        if len(specs) == 1:
            return specs[0].name
    return ""


def _is_label(spec: TensorSpec, evidence: Evidence, scores: str) -> bool:
    table = evidence.table(spec.name)
    if table is None or table.shape[1] != 1 or spec.datatype in (*_FLOATS, "BOOL"):
        return False
    beside = evidence.table(scores) if scores else None
    if spec.datatype == "BYTES":
        return _is_class(spec.name, table, beside, evidence)
    if _is_named(spec.name, _LABEL_NAMES):
        return True
    classes = len(evidence.class_labels) or (0 if beside is None else beside.shape[1])
    return classes > 1 and bool(((table >= 0) & (table < classes)).all())


def _is_class(name: str, words: Array, beside: Array | None, evidence: Evidence) -> bool:
    """Return whether strings are classes: a text that a model writes is not for the record."""
    if evidence.class_labels:
        # The publisher may have given other names than the graph has.
        return set(words[:, 0].tolist()) <= set(evidence.class_labels)
    labelled = evidence.target is not None and evidence.target.dtype.kind in "US"
    return labelled or is_probability(beside) or _is_named(name, _LABEL_NAMES)


def _is_named(name: str, words: Sequence[str]) -> bool:
    return any(word in name.lower() for word in words)


def _task(evidence: Evidence, scores: str, label: str) -> str:
    table = evidence.table(scores) if scores else None
    if label:
        return CLASSIFICATION
    if table is None:
        return ""
    if is_probability(table) or evidence.class_labels or _names_classes(evidence.target, table):
        return CLASSIFICATION
    return REGRESSION if table.shape[1] <= MOST_VALUES else ""


def _names_classes(target: Array | None, table: Array) -> bool:
    """Return whether an evaluation set's labels are classes of what the output scores."""
    if target is None or target.size != len(target):
        return False
    if target.dtype.kind in "US":
        return True
    classes = max(table.shape[1], 2)
    if target.dtype.kind not in "biuf" or (table.shape[1] == 1 and not _is_share(table)):
        return False
    return bool(((target >= 0) & (target < classes) & (target == np.floor(target))).all())


def _settled(judged: Judged, options: MonitoringOptions, evidence: Evidence) -> Judged:
    """Return what was found, with a word where nothing or little can be judged by it."""
    table = evidence.table(judged.scores) if judged.scores else None
    if judged.task in (REGRESSION, RANKING) and not judged.scores:
        return _unjudged(evidence, f"which output a {judged.task} is judged by is not clear")
    if not judged.task:
        return _unjudged(evidence, "they are neither scores, labels nor few values")
    if judged.task == CLASSIFICATION:
        return _classification(judged, options, evidence)
    notes: tuple[str, ...] = ()
    if not options.task and judged.task == REGRESSION and table is not None:
        notes = _regression_notes(judged.scores, table)
    return Judged(judged.task, judged.scores, judged.label, notes)


def _unjudged(evidence: Evidence, why: str) -> Judged:
    outputs = [f"{s.name} {s.datatype} {list(s.shape)}" for s in evidence.signature.outputs]
    note = f"outputs are not judged: {why} ({', '.join(outputs[:8])})"
    return Judged(notes=(f"{note}; --monitoring takes task, scores and label",))


def _classification(judged: Judged, options: MonitoringOptions, evidence: Evidence) -> Judged:
    scores, notes = judged.scores, []
    table = evidence.table(scores) if scores else None
    if table is not None and table.shape[1] == 1 and not _is_share(table) and not options.scores:
        # One number that is no probability says nothing of the other class.
        scores = ""
    if not scores and not judged.label:
        return _unjudged(evidence, "none holds a score for each class, or a label")
    if not scores or not (is_probability(table) or _is_share(table)):
        notes.append(
            "there are no probabilities (a Softmax at the model's end gives them): no calibration"
        )
    if table is not None and 0 < len(evidence.class_labels) != max(table.shape[1], 2):
        notes.append(
            f"{len(evidence.class_labels)} class labels for {table.shape[1]} scores of {scores!r}"
        )
    return Judged(CLASSIFICATION, scores, judged.label, tuple(notes))


def _regression_notes(scores: str, table: Array) -> tuple[str, ...]:
    if table.shape[1] == 1 and not _is_share(table):
        return ()
    what = "the probability of a class" if table.shape[1] == 1 else "scores of classes"
    note = f"output {scores!r} is taken for a regression's {table.shape[1]} values"
    return (f"{note}; if it is {what}, say so by --classes or --monitoring",)
