"""How a version's predictions are watched: part of its manifest, fixed at publication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.frozen import dataclass

NO_INPUTS, SUMMARIES, SAMPLED, ALL = "none", "summaries", "sampled", "all"
CAPTURES = (NO_INPUTS, SUMMARIES, SAMPLED, ALL)

COLUMNS, TENSOR, TEXT = "columns", "tensor", "text"
FORMS = (COLUMNS, TENSOR, TEXT)

CLASSIFICATION, REGRESSION, RANKING = "classification", "regression", "ranking"
TASKS = ("", CLASSIFICATION, REGRESSION, RANKING)


@dataclass(frozen=True, slots=True)
class WatchedInput:
    """How one input becomes features.

    Args:
        input: The input's name.
        form: `columns`: each column of a small table is a feature; `tensor`: figures of each
            example's numbers (an image, an embedding); `text`: figures of each example's text.
        features: Names of the features, in the order in which a record's rows hold them.
    """

    input: str
    form: str
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.form not in FORMS or not self.features:
            raise InvalidDocument(
                f"input {self.input!r} is not well described for monitoring",
                got=f"form {self.form!r} with {len(self.features)} features",
                expected=f"a form of {', '.join(FORMS)} and at least one feature",
            )


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a quality metric is good enough, as TensorFlow Model Analysis has it.

    Args:
        lower: The metric's value is at least this.
        upper: The metric's value is at most this.
        absolute: Candidate minus baseline is at least this (at most, where lower is better).
        relative: The same difference over the baseline's value.
    """

    lower: float | None = None
    upper: float | None = None
    absolute: float | None = None
    relative: float | None = None


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What each prediction's record holds, and how it is judged.

    Args:
        capture: One of `CAPTURES`: what of the inputs stands in a record.
        sample_rate: `sampled`: the share of requests whose rows are kept, 0 to 1.
        max_bytes: What rows may take in one record; of larger batches, every k-th row is kept.
        masked: Names of features whose values are never written down.
        inputs: How each input becomes features; an input that is not named is not watched.
        task: `classification`, `regression`, `ranking`, or "" where outputs are not judged.
        scores: The output with one score a class, or with the values of a regression.
        label: The output with the predicted class, or "" where the highest score tells.
        thresholds: What quality must be, by metric name.
    """

    capture: str = NO_INPUTS
    sample_rate: float = 1.0
    max_bytes: int = 16_384
    masked: tuple[str, ...] = ()
    inputs: tuple[WatchedInput, ...] = ()
    task: str = ""
    scores: str = ""
    label: str = ""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (
            self.capture not in CAPTURES
            or self.task not in TASKS
            or not 0 <= self.sample_rate <= 1
            or self.max_bytes < 0
        ):
            raise InvalidDocument(
                "monitoring is not well described",
                got=f"capture {self.capture!r}, task {self.task!r}, "
                f"sample_rate {self.sample_rate}, max_bytes {self.max_bytes}",
                expected=f"a capture of {', '.join(CAPTURES)}, a task of {', '.join(TASKS[1:])}, "
                "a sample_rate of 0 to 1, max_bytes from 0",
            )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all features, in the order in which a record's rows hold them."""
        return tuple(name for watched in self.inputs for name in watched.features)


NOT_WATCHED = Monitoring()


@dataclass(frozen=True, slots=True)
class MonitoringOptions:
    """What a publisher says of monitoring; what he leaves open is chosen at publication.

    Args:
        capture: As in `Monitoring`; None: by the inputs' forms.
        sample_rate: As in `Monitoring`; with no `capture`, rows are sampled.
        max_bytes: As in `Monitoring`.
        masked: Names of features whose values are never written down.
        features: By input, the names of its columns.
        forms: By input, one of `FORMS`.
        task: As in `Monitoring`; None: by what the outputs are.
        scores: As in `Monitoring`.
        label: As in `Monitoring`.
        thresholds: What quality must be, by metric name.
    """

    capture: str | None = None
    sample_rate: float | None = None
    max_bytes: int | None = None
    masked: tuple[str, ...] = ()
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)
    task: str | None = None
    scores: str | None = None
    label: str | None = None
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)


def from_document(document: Mapping[str, Any]) -> Monitoring:
    """Return the monitoring part of a manifest; a manifest without one is not watched.

    Raises:
        InvalidDocument: If it is not well described.
        KeyError, TypeError, AttributeError: If it has another shape.
    """
    if not document:
        return NOT_WATCHED
    return Monitoring(
        **{
            **document,
            "masked": tuple(document.get("masked", ())),
            "inputs": tuple(
                WatchedInput(item["input"], item["form"], tuple(item["features"]))
                for item in document.get("inputs", ())
            ),
            "thresholds": {
                name: Threshold(**item) for name, item in document.get("thresholds", {}).items()
            },
        }
    )
