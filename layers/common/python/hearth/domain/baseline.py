"""A version's baseline: what its features and outputs looked like in reference data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from hearth.domain.distribution import (
    Counts,
    Feature,
    counts_from_document,
    counts_to_document,
)
from hearth.domain.errors import InvalidDocument
from hearth.domain.frozen import dataclass

SCHEMA = "hearth.baseline/1"

PREDICTED, SCORE, VALUE = "predicted", "score", "value"
"""Names of the watched outputs: the predicted class, the best score, a regression's value."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A feature and its counts in reference data."""

    feature: Feature
    counts: Counts


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often predictions of a confidence were right in the evaluation set.

    Args:
        confidence: Rising confidences, 0 to 1.
        accuracy: The share that was right at each of them, never falling; linear in between.
        rows: Labelled rows that it was fitted on.
        error: Expected calibration error of the raw confidences, 0 to 1.
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    rows: int
    error: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What later windows are compared with.

    Args:
        rows: Examples of the reference data that were counted: of very much data, some are drawn.
        features: One for each feature of the manifest's monitoring, in its order.
        outputs: `predicted` and `score` of a classification or ranking, `value` (`value[1]`, ...)
            of a regression.
        classes: Class labels in the order of the scores.
        calibration: None without an evaluation set, or where there are no confidences.
        quality: Metrics on the evaluation set, by name.
        provisional: Made from the first window for want of reference data.
    """

    rows: int
    features: tuple[Watched, ...] = ()
    outputs: tuple[Watched, ...] = ()
    classes: tuple[str, ...] = ()
    calibration: Calibration | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    provisional: bool = False
    schema: str = SCHEMA

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(watched.feature.name for watched in self.features)


def to_document(baseline: Baseline) -> dict[str, Any]:
    return {
        **asdict(baseline),
        "features": [_watched_document(item) for item in baseline.features],
        "outputs": [_watched_document(item) for item in baseline.outputs],
    }


def _watched_document(watched: Watched) -> dict[str, Any]:
    return {**asdict(watched.feature), "counts": counts_to_document(watched.counts)}


def from_document(document: Mapping[str, Any]) -> Baseline:
    """Return the baseline in a JSON document.

    Raises:
        InvalidDocument: If it is none of this schema.
    """
    if document.get("schema") != SCHEMA:
        raise InvalidDocument(
            "baseline has an unknown schema", got=document.get("schema"), expected=SCHEMA
        )
    try:
        calibration = document["calibration"]
        return Baseline(
            rows=document["rows"],
            features=tuple(map(_watched, document["features"])),
            outputs=tuple(map(_watched, document["outputs"])),
            classes=tuple(document["classes"]),
            calibration=_calibration(calibration) if calibration else None,
            quality=dict(document["quality"]),
            provisional=document["provisional"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDocument(
            "baseline is not complete", got=f"{type(error).__name__}: {error}", expected=SCHEMA
        ) from error


def _watched(document: Mapping[str, Any]) -> Watched:
    members = {name: value for name, value in document.items() if name != "counts"}
    members |= {name: tuple(members[name]) for name in ("edges", "values")}
    feature = Feature(**members)
    return Watched(feature, counts_from_document(document["counts"], feature))


def _calibration(document: Mapping[str, Any]) -> Calibration:
    return Calibration(
        tuple(document["confidence"]),
        tuple(document["accuracy"]),
        document["rows"],
        document["error"],
    )
