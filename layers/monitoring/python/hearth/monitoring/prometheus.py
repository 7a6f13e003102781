"""`GET /metrics`: totals and headlines as Prometheus reads them.

Counters and histograms are totals since ever, merged from all sandboxes: a function cannot be
scraped one sandbox at a time. They grow once a minute; gauges change when a model is judged.
Labels are what operators name (models, versions, labels, features) and words of Hearth's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest
from hearth.edge.release import VERSION
from hearth.monitoring import headlines, tensorflow_metrics
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
from hearth.monitoring.summary import Summary
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
    for family, read in headlines.FAMILIES:
        found = (sample for model in summary.models.values() for sample in read(model))
        yield from samples(family, found, openmetrics=openmetrics)


_BUILD = Family("hearth_build", INFO, "The release that answers.")
_TALLIED = Family(
    "hearth_totals_timestamp_seconds", GAUGE, "When requests were last added up.", "seconds"
)

# One function a family, from a version's labels and its use to samples.
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

FAMILIES = (
    _BUILD,
    _TALLIED,
    *(family for family, _ in _COUNTED),
    *(family for family, _, _ in _TIMED),
    *(family for family, _ in headlines.FAMILIES),
)
"""All that `render` can emit."""
