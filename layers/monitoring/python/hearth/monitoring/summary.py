"""What `GET /metrics` tells of the newest reports: headline figures of all models, in one document.

A scrape reads this one object, however many models there are. Nothing in it grows without bound:
features, metrics and reasons are cut to the ones that matter most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    STABLE,
    Drift,
    FeatureDrift,
    Quality,
    Report,
    VersionReport,
)

SCHEMA = "hearth.summary/1"

FEATURES, METRICS, REASONS = 50, 20, 20
"""The most features and quality metrics of a version, and reasons of a model, that are kept."""


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """How far one feature or output has moved: `report.FeatureDrift` without its evidence."""

    name: str
    verdict: str
    distance: float
    line: float


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """Headlines of one version.

    Args:
        version: Its number.
        state: TensorFlow Serving's state.
        labels: Share of each label's traffic that it should get, 0 to 1.
        drift: The verdict on its features and outputs together.
        drifted_share: Drifted among the judged ones, 0 to 1; NaN where none could be judged.
        features: Drifted ones first, then by distance; at most `FEATURES`.
        violations: Constraints of data quality that are broken.
        quality: Metrics by name, those that can be told; at most `METRICS`.
        labelled: Predictions that feedback names.
        estimate: What accuracy would be by the confidences alone; NaN where there are none.
        gate: `passed`, `failed`, or "" where there are no thresholds.
        gate_missing: Whether a metric that has a threshold could not be told.
    """

    version: int
    state: str
    labels: Mapping[str, float] = field(default_factory=dict)
    drift: str = ""
    drifted_share: float = math.nan
    features: tuple[FeatureScore, ...] = ()
    violations: int = 0
    quality: Mapping[str, float] = field(default_factory=dict)
    labelled: int = 0
    estimate: float = math.nan
    gate: str = ""
    gate_missing: bool = False


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Headlines of one model's newest report.

    Args:
        model: Its name.
        judged_at: When, ISO 8601 in UTC.
        verdict: `well`, `unwell` or `unknown`.
        versions: As the report has them.
        set_aside: What could not be used, by what is wrong with it; at most `REASONS`.
    """

    model: str
    judged_at: str
    verdict: str
    versions: tuple[VersionSummary, ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)

    @property
    def unwell_versions(self) -> tuple[int, ...]:
        """Versions that drifted or failed their gate."""
        return tuple(
            item.version for item in self.versions if item.drift == DRIFTED or item.gate == FAILED
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Headlines of all models, by name."""

    models: Mapping[str, ModelSummary] = field(default_factory=dict)
    schema: str = SCHEMA


EMPTY = Summary()


def with_report(summary: Summary, report: Report) -> Summary:
    """Return the summary with a model's headlines replaced by those of its newest report."""
    return replace(summary, models={**summary.models, report.model: of_report(report)})


def of_report(report: Report) -> ModelSummary:
    """Return a report's headlines."""
    return ModelSummary(
        model=report.model,
        judged_at=report.judged_at,
        verdict=report.verdict,
        versions=tuple(map(_version, report.versions)),
        set_aside=_most(report.set_aside),
    )


def _version(version: VersionReport) -> VersionSummary:
    summary = VersionSummary(
        version=version.version,
        state=version.state,
        labels=dict(version.labels),
        drift=version.drift.verdict,
        drifted_share=_share(version.drift),
        features=_features(version.drift),
        violations=len(version.violations),
    )
    return _with_quality(summary, version.quality) if version.quality else summary


def _with_quality(summary: VersionSummary, quality: Quality) -> VersionSummary:
    told = [metric for metric in quality.metrics if math.isfinite(metric.value)]
    return replace(
        summary,
        quality={metric.name: metric.value for metric in told[:METRICS]},
        labelled=quality.labelled,
        estimate=quality.estimate.value if quality.estimate else math.nan,
        gate=quality.gate.verdict if quality.gate else "",
        gate_missing=bool(quality.gate and quality.gate.missing),
    )


def _share(drift: Drift) -> float:
    judged = [f for f in (*drift.features, *drift.outputs) if f.verdict in (DRIFTED, STABLE)]
    return sum(f.verdict == DRIFTED for f in judged) / len(judged) if judged else math.nan


def _features(drift: Drift) -> tuple[FeatureScore, ...]:
    def place(feature: FeatureDrift) -> tuple[bool, float]:
        return feature.verdict != DRIFTED, -feature.distance

    found = sorted((*drift.features, *drift.outputs), key=place)[:FEATURES]
    return tuple(FeatureScore(f.name, f.verdict, f.distance, f.line) for f in found)


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:REASONS])


def to_document(summary: Summary) -> dict[str, Any]:
    """Return the summary as a JSON object; what is not a number is null."""
    models = {name: asdict(model) for name, model in summary.models.items()}
    for model in models.values():
        for version in model["versions"]:
            for name in _MAY_BE_NAN:
                if math.isnan(version[name]):
                    version[name] = None
    return {"schema": summary.schema, "models": models}


_MAY_BE_NAN = ("drifted_share", "estimate")


def from_document(document: Mapping[str, Any]) -> Summary:
    """Return the summary in a JSON object.

    Raises:
        InvalidDocument: If it is none of this schema.
    """
    if document.get("schema") != SCHEMA:
        raise InvalidDocument(
            "summary has an unknown schema", got=document.get("schema"), expected=SCHEMA
        )
    try:
        return Summary({name: _read_model(item) for name, item in document["models"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDocument(
            "summary is not complete", got=f"{type(error).__name__}: {error}", expected=SCHEMA
        ) from error


def _read_model(document: Mapping[str, Any]) -> ModelSummary:
    return ModelSummary(**{**document, "versions": tuple(map(_read_version, document["versions"]))})


def _read_version(document: Mapping[str, Any]) -> VersionSummary:
    members = {**document, "features": tuple(FeatureScore(**f) for f in document["features"])}
    for name in _MAY_BE_NAN:
        members[name] = math.nan if members[name] is None else members[name]
    return VersionSummary(**members)
