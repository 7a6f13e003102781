"""What reports said, as families of samples: one function a family, from headlines to samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache

from hearth.domain.state import State
from hearth.monitoring.exposition import GAUGE, Family, Sample, label, labels
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
)
from hearth.monitoring.summary import ModelSummary, VersionSummary

Read = Callable[[ModelSummary], Iterator[Sample]]


def _model_verdict(model: ModelSummary) -> Iterator[Sample]:
    for verdict in (WELL, UNWELL, UNKNOWN):
        named = labels({"model": model.model, "verdict": verdict})
        yield Sample(named, int(model.verdict == verdict))


def _judged_at(model: ModelSummary) -> Iterator[Sample]:
    try:
        at = datetime.fromisoformat(model.judged_at).timestamp()
    except ValueError:
        return
    yield Sample(label("model", model.model), at)


def _set_aside(model: ModelSummary) -> Iterator[Sample]:
    for reason, count in model.set_aside.items():
        yield Sample(labels({"model": model.model, "reason": reason}), count)


@lru_cache(maxsize=4096)
def _base(model: str, version: int) -> str:
    return labels({"model": model, "version": version})


def _of_versions(read: Callable[[VersionSummary], Iterator[tuple[str, float]]]) -> Read:
    """Return what reads a whole model, from what reads a version: further labels and a value."""

    def of_model(model: ModelSummary) -> Iterator[Sample]:
        for version in model.versions:
            base = _base(model.model, version.version)
            for further, value in read(version):
                yield Sample(f"{base},{further}" if further else base, value)

    return of_model


def _states(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for state in State:
        yield label("state", str(state)), int(version.state == state)


def _weights(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for name, share in version.labels.items():
        yield label("label", name), share


def _drift(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for verdict in (DRIFTED, STABLE, INSUFFICIENT):
        yield label("verdict", verdict), int(version.drift == verdict)


def _share(version: VersionSummary) -> Iterator[tuple[str, float]]:
    if not math.isnan(version.drifted_share):
        yield "", version.drifted_share


def _drifted(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for feature in version.features:
        if feature.verdict in (DRIFTED, STABLE):
            yield label("feature", feature.name), int(feature.verdict == DRIFTED)


def _distances(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for feature in version.features:
        yield label("feature", feature.name), feature.distance


def _lines(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for feature in version.features:
        yield label("feature", feature.name), feature.line


def _violations(version: VersionSummary) -> Iterator[tuple[str, float]]:
    yield "", version.violations


def _quality(version: VersionSummary) -> Iterator[tuple[str, float]]:
    for metric, value in version.quality.items():
        yield label("metric", metric), value


def _labelled(version: VersionSummary) -> Iterator[tuple[str, float]]:
    if version.quality or version.labelled:
        yield "", version.labelled


def _estimate(version: VersionSummary) -> Iterator[tuple[str, float]]:
    if not math.isnan(version.estimate):
        yield "", version.estimate


def _gate(version: VersionSummary) -> Iterator[tuple[str, float]]:
    if version.gate:
        yield "", int(version.gate == FAILED)


FAMILIES: tuple[tuple[Family, Read], ...] = (
    (
        Family(
            "hearth_report_timestamp_seconds", GAUGE, "When the model was last judged.", "seconds"
        ),
        _judged_at,
    ),
    (
        Family("hearth_model_verdict", GAUGE, "1 for the verdict that the report came to."),
        _model_verdict,
    ),
    (
        Family("hearth_set_aside_items", GAUGE, "What of the window could not be used.", "items"),
        _set_aside,
    ),
    (
        Family("hearth_version_state", GAUGE, "1 for the state that the version was in."),
        _of_versions(_states),
    ),
    (
        Family(
            "hearth_label_weight_ratio",
            GAUGE,
            "Share of the label's traffic that the version should get.",
            "ratio",
        ),
        _of_versions(_weights),
    ),
    (
        Family("hearth_drift", GAUGE, "1 for the verdict on inputs and outputs together."),
        _of_versions(_drift),
    ),
    (
        Family(
            "hearth_drifted_features_ratio",
            GAUGE,
            "Drifted ones among the features and outputs that could be judged.",
            "ratio",
        ),
        _of_versions(_share),
    ),
    (
        Family("hearth_feature_drifted", GAUGE, "1 where it drifted, 0 where it did not."),
        _of_versions(_drifted),
    ),
    (
        Family(
            "hearth_feature_drift_distance",
            GAUGE,
            "Jensen-Shannon distance from the baseline, base 2.",
        ),
        _of_versions(_distances),
    ),
    (
        Family(
            "hearth_feature_drift_line",
            GAUGE,
            "What the distance had to exceed to count as drift.",
        ),
        _of_versions(_lines),
    ),
    (
        Family("hearth_violations", GAUGE, "Constraints of data quality that were broken."),
        _of_versions(_violations),
    ),
    (
        Family("hearth_quality", GAUGE, "Quality metrics over labelled predictions."),
        _of_versions(_quality),
    ),
    (
        Family("hearth_labelled_rows", GAUGE, "Predictions that feedback names.", "rows"),
        _of_versions(_labelled),
    ),
    (
        Family(
            "hearth_estimated_accuracy_ratio",
            GAUGE,
            "What accuracy would be by the confidences alone.",
            "ratio",
        ),
        _of_versions(_estimate),
    ),
    (
        Family(
            "hearth_quality_gate_failed",
            GAUGE,
            "1 where quality is not what its thresholds ask for.",
        ),
        _of_versions(_gate),
    ),
)
