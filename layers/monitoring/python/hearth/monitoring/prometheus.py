"""`GET /metrics`: totals and headlines as Prometheus reads them.

Counters and histograms are totals since ever, merged from all sandboxes: a function cannot be
scraped one sandbox at a time. They grow once a minute; gauges change when a model is judged.
Labels are what operators name (models, versions, labels, features) and words of Hearth's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from hearth.domain.state import State
from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.edge.release import VERSION
from hearth.monitoring import tensorflow_metrics
from hearth.monitoring.exposition import (
    COUNTER,
    END,
    GAUGE,
    HISTOGRAM,
    INFO,
    OPENMETRICS,
    TEXT,
    Distribution,
    Family,
    Sample,
    bound_texts,
    histograms,
    label,
    labels,
    samples,
    wants_openmetrics,
)
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
)
from hearth.monitoring.summary import ModelSummary, Summary, VersionSummary
from hearth.monitoring.traffic import BYTES, ROWS, SECONDS, Histogram, Traffic

Totals = Mapping[str, Mapping[str, Traffic]]
"""Use of each version since ever, by model and version as text."""

TENSORFLOW_PATH = "/monitoring/prometheus/metrics"


def metrics_answer(
    request: HttpRequest, totals: Totals, summary: Summary, tallied_ms: int = 0
) -> Answer:
    """Answer a scrape, in the format that it asks for; TensorFlow Serving's names have one.

    Args:
        request: `GET /metrics` or `GET /monitoring/prometheus/metrics`.
        totals: What the ledger holds.
        summary: What the reports said.
        tallied_ms: When the ledger was last written, in milliseconds since 1970; 0 for never.
    """
    if request.path == TENSORFLOW_PATH:
        return _answer(tensorflow_metrics.page(totals), TEXT)
    openmetrics = wants_openmetrics(request.headers.get("accept", ""))
    parts = page(totals, summary, openmetrics=openmetrics, tallied_ms=tallied_ms)
    return _answer(parts, OPENMETRICS if openmetrics else TEXT)


def _answer(parts: Iterable[str], kind: str) -> Answer:
    # Joined once, as bytes: of a thousand versions it is 15 MB.
    return Answer(200, b"".join(map(str.encode, parts)), {"Content-Type": kind})


def render(totals: Totals, summary: Summary, *, openmetrics: bool, tallied_ms: int = 0) -> str:
    """Return the whole page, in OpenMetrics 1.0.0 or in the text format 0.0.4."""
    return "".join(page(totals, summary, openmetrics=openmetrics, tallied_ms=tallied_ms))


def page(
    totals: Totals, summary: Summary, *, openmetrics: bool, tallied_ms: int = 0
) -> Iterator[str]:
    """Yield the page in pieces."""
    build = [Sample(label("version", VERSION), 1)]
    yield from samples(_BUILD, build, openmetrics=openmetrics)
    yield from _counted(totals, openmetrics=openmetrics)
    if tallied_ms:
        tallied = [Sample("", tallied_ms / 1000)]
        yield from samples(_TALLIED, tallied, openmetrics=openmetrics)
    yield from _judged(summary, openmetrics=openmetrics)
    if openmetrics:
        yield END


def _counted(totals: Totals, *, openmetrics: bool) -> Iterator[str]:
    used = [
        (labels({"model": model, "version": version}), traffic)
        for model, versions in totals.items()
        for version, traffic in versions.items()
    ]
    for family, read in _COUNTED:
        found = (sample for base, traffic in used for sample in read(base, traffic))
        yield from samples(family, found, openmetrics=openmetrics)
    for family, bounds, pick in _TIMED:
        timed = (Distribution(base, pick(traffic), traffic.first_ms) for base, traffic in used)
        yield from histograms(family, bounds, timed, openmetrics=openmetrics)


def _judged(summary: Summary, *, openmetrics: bool) -> Iterator[str]:
    for family, read in _JUDGED:
        found = (sample for model in summary.models.values() for sample in read(model))
        yield from samples(family, found, openmetrics=openmetrics)


_BUILD = Family("hearth_build", INFO, "The release that answers.")
_TALLIED = Family(
    "hearth_totals_timestamp_seconds", GAUGE, "When requests were last added up.", "seconds"
)

# ---- what was counted: one function a family, from a version's labels and its use to samples

_Counted = Callable[[str, Traffic], Iterator[Sample]]


def _by(name: str, pick: Callable[[Traffic], Mapping[str, int]]) -> _Counted:
    def read(base: str, traffic: Traffic) -> Iterator[Sample]:
        for value, count in pick(traffic).items():
            yield Sample(f"{base},{label(name, value)}", count, traffic.first_ms)

    return read


def _total(pick: Callable[[Traffic], int]) -> _Counted:
    def read(base: str, traffic: Traffic) -> Iterator[Sample]:
        yield Sample(base, pick(traffic), traffic.first_ms)

    return read


def _last(base: str, traffic: Traffic) -> Iterator[Sample]:
    if traffic.last_ms:
        yield Sample(base, traffic.last_ms / 1000)


_COUNTED: tuple[tuple[Family, _Counted], ...] = (
    (
        Family("hearth_requests", COUNTER, "Predictions by HTTP status, refused ones too."),
        _by("status", lambda t: t.status),
    ),
    (
        Family("hearth_errors", COUNTER, "Refused predictions by the class of the error."),
        _by("error", lambda t: t.errors),
    ),
    (
        Family(
            "hearth_routed_requests",
            COUNTER,
            "Predictions by the label that led to the version; - where a version was named.",
        ),
        _by("route", lambda t: t.routes),
    ),
    (
        Family("hearth_rows", COUNTER, "Examples in the predictions that were answered."),
        _total(lambda t: t.rows),
    ),
    (
        Family("hearth_cold_starts", COUNTER, "Predictions that waited for the model to open."),
        _total(lambda t: t.cold_starts),
    ),
    (
        Family(
            "hearth_last_request_timestamp_seconds",
            GAUGE,
            "When the newest prediction that is counted was recorded.",
            "seconds",
        ),
        _last,
    ),
)


def _seconds(name: str, text: str) -> tuple[Family, tuple[str, ...]]:
    return Family(f"hearth_{name}_seconds", HISTOGRAM, text, "seconds"), bound_texts(SECONDS)


def _bytes(name: str, text: str) -> tuple[Family, tuple[str, ...]]:
    return Family(f"hearth_{name}_bytes", HISTOGRAM, text, "bytes"), bound_texts(BYTES)


_ROWS = Family("hearth_batch_rows", HISTOGRAM, "Examples of a prediction.", "rows")

_TIMED: tuple[tuple[Family, tuple[str, ...], Callable[[Traffic], Histogram]], ...] = (
    (*_seconds("request_duration", "From event to answer."), lambda t: t.latency),
    (*_seconds("model_duration", "In ONNX Runtime."), lambda t: t.model),
    (*_seconds("decode_duration", "From the body's bytes to tensors."), lambda t: t.decode),
    (*_seconds("encode_duration", "From tensors to the answer's bytes."), lambda t: t.encode),
    (
        *_seconds("load_duration", "Opening the model, where a prediction waited for it."),
        lambda t: t.load,
    ),
    (_ROWS, bound_texts(ROWS), lambda t: t.batch),
    (*_bytes("request_size", "Bodies of predictions."), lambda t: t.request_bytes),
    (*_bytes("response_size", "Bodies of answers."), lambda t: t.response_bytes),
)

# ---- what was judged: one function a family, from a model's headlines to samples

_Judged = Callable[[ModelSummary], Iterator[Sample]]


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


def _of_versions(read: Callable[[VersionSummary], Iterator[tuple[str, float]]]) -> _Judged:
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


_JUDGED: tuple[tuple[Family, _Judged], ...] = (
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

FAMILIES = (
    _BUILD,
    _TALLIED,
    *(family for family, _ in _COUNTED),
    *(family for family, _, _ in _TIMED),
    *(family for family, _ in _JUDGED),
)
"""All that `render` can emit."""
