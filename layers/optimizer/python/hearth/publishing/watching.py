"""Choosing how a version is watched: what the publisher says, and for the rest what fits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import (
    ALL,
    CLASSIFICATION,
    COLUMNS,
    NO_INPUTS,
    SAMPLED,
    SUMMARIES,
    TENSOR,
    TEXT,
    Monitoring,
    MonitoringOptions,
    WatchedInput,
)
from hearth.domain.quality_metrics import METRICS, is_metric
from hearth.domain.signature import DYNAMIC, TensorSpec
from hearth.publishing import judging
from hearth.publishing.judging import Evidence, Judged
from hearth.serving.figures import TENSOR_FIGURES, TEXT_FIGURES
from hearth.serving.session import Tensors

MOST_COLUMNS = 128
_MOST_WORDS, _LONGEST_WORD = 100, 64
_SAMPLE_RATE = 0.1
_FIGURES = {TENSOR: TENSOR_FIGURES, TEXT: TEXT_FIGURES}


@dataclass(frozen=True, slots=True)
class Choice:
    """How a version is watched, and what a publisher should know of it."""

    monitoring: Monitoring
    notes: tuple[str, ...] = ()


def choose(options: MonitoringOptions, evidence: Evidence) -> Choice:
    """Return how a version is watched.

    Args:
        options: What the publisher says.
        evidence: What is known of the model.

    Raises:
        InvalidDocument: If the options do not fit the model, or one another.
    """
    judged = judging.choose(options, evidence)
    _require_metrics(options.thresholds, judged)
    watched = _inputs(options, evidence)
    capture = _capture(options, watched)
    if capture == NO_INPUTS:
        watched = ()
    if capture == SUMMARIES:
        watched = tuple(_summarised(item, options, evidence) for item in watched)
    _require_distinct(watched)
    _require_known("masked", options.masked, [n for item in watched for n in item.features])
    default = Monitoring()
    monitoring = Monitoring(
        capture=capture,
        sample_rate=_rate(options, capture),
        max_bytes=default.max_bytes if options.max_bytes is None else options.max_bytes,
        masked=options.masked,
        inputs=watched,
        task=judged.task,
        scores=judged.scores,
        label=judged.label,
        thresholds=options.thresholds,
    )
    return Choice(monitoring, (*_unknown_words(monitoring, options, evidence), *judged.notes))


def _unknown_words(
    monitoring: Monitoring, options: MonitoringOptions, evidence: Evidence
) -> tuple[str, ...]:
    """Return a note on strings of which nothing says whether they are categories."""
    names = [
        item.input
        for item in monitoring.inputs
        if item.form == TEXT and item.input not in {*options.forms, *evidence.reference}
    ]
    if not names or monitoring.capture == NO_INPUTS:
        return ()
    what = "inputs {} are" if len(names) > 1 else "input {} is"
    note = what.format(", ".join(map(repr, names)))
    return (f"{note} watched by figures of its text; reference data would show categories",)


def _rate(options: MonitoringOptions, capture: str) -> float:
    if capture != SAMPLED:
        return 1.0
    return _SAMPLE_RATE if options.sample_rate is None else options.sample_rate


def _capture(options: MonitoringOptions, watched: tuple[WatchedInput, ...]) -> str:
    if options.capture is not None:
        return options.capture
    if not watched:
        return NO_INPUTS
    if options.sample_rate is not None:
        return SAMPLED
    width = sum(len(item.features) for item in watched)
    small = width <= MOST_COLUMNS and all(item.form == COLUMNS for item in watched)
    return ALL if small or options.features or COLUMNS in options.forms.values() else SUMMARIES


def _inputs(options: MonitoringOptions, evidence: Evidence) -> tuple[WatchedInput, ...]:
    known = [spec.name for spec in evidence.signature.inputs]
    _require_known("forms", options.forms, known)
    _require_known("features", options.features, known)
    sent = {*options.forms, *options.features, *evidence.reference}
    return tuple(
        _watched(spec, _form(spec, options, evidence), options, evidence)
        for spec in evidence.signature.inputs
        if not spec.optional or spec.name in sent  # a default that nobody overrides says nothing
    )


def _form(spec: TensorSpec, options: MonitoringOptions, evidence: Evidence) -> str:
    given, width = options.forms.get(spec.name), _width(spec, evidence)
    if given:
        wrong = given == (TENSOR if spec.datatype == "BYTES" else TEXT)
        if wrong or (given == COLUMNS and not width):
            raise InvalidDocument(
                f"input {spec.name!r} cannot be watched as {given!r}",
                got=f"{spec.datatype} {list(spec.shape)}",
                expected="columns: one value or a row of fixed width an example; "
                "tensor: numbers; text: strings",
            )
        return given
    if spec.name in options.features:
        return COLUMNS
    if 0 < width <= MOST_COLUMNS and _is_coded(spec, evidence.reference):
        return COLUMNS
    return _summary_form(spec)


def _summary_form(spec: TensorSpec) -> str:
    return TEXT if spec.datatype == "BYTES" else TENSOR


def _width(spec: TensorSpec, evidence: Evidence) -> int:
    """Return how many columns an input has: 0 if it is no table of a fixed width."""
    example = spec.shape[1:] if evidence.signature.batched else spec.shape
    if not spec.ranked or len(example) > 1 or DYNAMIC in example:
        return 0
    return math.prod(example)


def _is_coded(spec: TensorSpec, reference: Tensors) -> bool:
    """Return whether each column holds numbers, or a few short words rather than text."""
    if spec.datatype != "BYTES":
        return True
    if spec.name not in reference:
        return False  # they may be anything, and a record is no place for what people write
    array = reference[spec.name]
    return all(
        len(words) <= _MOST_WORDS and max(map(len, words), default=0) <= _LONGEST_WORD
        for words in (set(map(str, column)) for column in array.reshape(len(array), -1).T)
    )


def _watched(
    spec: TensorSpec, form: str, options: MonitoringOptions, evidence: Evidence
) -> WatchedInput:
    given = options.features.get(spec.name)
    if form != COLUMNS:
        if given is not None:
            raise InvalidDocument(
                f"features of input {spec.name!r} have names of their own as form {form!r}",
                got=list(given),
                expected=f"no names, or form {COLUMNS!r}",
            )
        return _summary(spec)
    width = _width(spec, evidence)
    if given is not None and len(given) != width:
        raise InvalidDocument(
            f"input {spec.name!r} has another number of columns than names",
            got=len(given),
            expected=width or "a table of a fixed width",
        )
    return WatchedInput(spec.name, form, given or _column_names(spec.name, width))


def _summary(spec: TensorSpec) -> WatchedInput:
    form = _summary_form(spec)
    names = tuple(f"{spec.name}.{figure}" for figure in _FIGURES[form])
    return WatchedInput(spec.name, form, names)


def _column_names(name: str, width: int) -> tuple[str, ...]:
    return (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))


def _summarised(
    watched: WatchedInput, options: MonitoringOptions, evidence: Evidence
) -> WatchedInput:
    """Return an input as figures alone: that is what `summaries` leaves of it."""
    if watched.form != COLUMNS:
        return watched
    if watched.input in options.features or options.forms.get(watched.input) == COLUMNS:
        raise InvalidDocument(
            f"capture {SUMMARIES!r} writes down no columns",
            got=f"columns of input {watched.input!r}",
            expected=f"capture {ALL!r} or {SAMPLED!r}, or no columns",
        )
    return _summary(evidence.signature.input(watched.input))


def _require_distinct(watched: tuple[WatchedInput, ...]) -> None:
    names = Counter(name for item in watched for name in item.features)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise InvalidDocument("two features have one name", got=twice[:8], remedy="rename them")


def _require_metrics(names: Collection[str], judged: Judged) -> None:
    """Raise if a threshold would never be looked at, or fail for ever."""
    task = judged.task
    if names and not task:
        raise InvalidDocument(
            "'thresholds' of the monitoring document would never be looked at",
            got=list(names)[:8],
            expected=f"a task of {', '.join(METRICS)}",
            remedy="; ".join(judged.notes) or "leave its 'task' out, or say which it is",
        )
    unknown = [name for name in names if not is_metric(name, task)]
    if unknown:
        raise InvalidDocument(
            f"'thresholds' of the monitoring document names what is no metric of {task}",
            got=unknown[:8],
            expected=f"some of {', '.join(METRICS[task])}",
            remedy=f"of a slice it is {METRICS[task][0]}@key=value"
            + (", of a class f1[name]" if task == CLASSIFICATION else ""),
        )


def _require_known(what: str, names: Iterable[str], known: list[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidDocument(
            f"{what!r} of the monitoring document names what the model does not have",
            got=unknown[:8],
            expected=f"some of {known}",
        )
