"""TensorFlow Serving's metrics by its own names, for dashboards that were made for it.

Its shape is kept: by model alone, times in microseconds, no help texts. What differs is in the
values: the bounds of histograms are Hearth's, refused requests are timed too, examples are those
of every method, and no label `API` tells predict, classify and regress apart, because the totals
do not. Left out, because nothing here corresponds: `request_log_count` (every prediction is
recorded), `model_warmup_latency` and `model_warmup_latency_records_read` (load-and-warm warms,
outside serving), `batching_session` (a request is never batched with others), and what
TensorFlow itself measures (`:tensorflow:core:...`, `:tensorflow:cc:...`).

Source:
    tensorflow/serving: `util/prometheus_exporter.cc`, `servables/tensorflow/util.cc`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import add

from hearth.monitoring.exposition import (
    COUNTER,
    HISTOGRAM,
    Distribution,
    Family,
    Sample,
    bound_texts,
    histograms,
    labels,
    samples,
)
from hearth.monitoring.traffic import ROWS, SECONDS, Histogram, Traffic

_PREFIX = ":tensorflow:serving:"

COUNT = Family(f"{_PREFIX}request_count", COUNTER, bare=True)
EXAMPLES = Family(f"{_PREFIX}request_example_count", COUNTER)
EXAMPLE_COUNTS = Family(f"{_PREFIX}request_example_counts", HISTOGRAM)
REQUEST_LATENCY = Family(f"{_PREFIX}request_latency", HISTOGRAM)
RUNTIME_LATENCY = Family(f"{_PREFIX}runtime_latency", HISTOGRAM)

_MICROSECONDS = bound_texts(round(bound * 1e6) for bound in SECONDS)
_EXAMPLES = bound_texts(round(bound) for bound in ROWS)

# TensorFlow's code for each HTTP status: its REST API's table, read backwards.
_CODES = {
    "200": "OK",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "NOT_FOUND",
    "409": "ABORTED",
    "429": "RESOURCE_EXHAUSTED",
    "499": "CANCELLED",
    "500": "INTERNAL",
    "501": "UNIMPLEMENTED",
    "503": "UNAVAILABLE",
    "504": "DEADLINE_EXCEEDED",
}


def render(totals: Mapping[str, Mapping[str, Traffic]]) -> str:
    """Return the page of `GET /monitoring/prometheus/metrics`, in the text format 0.0.4."""
    return "".join(page(totals))


def page(totals: Mapping[str, Mapping[str, Traffic]]) -> Iterator[str]:
    """Yield the page in pieces."""
    used = {name: reduce(add, versions.values()) for name, versions in totals.items() if versions}
    yield from samples(COUNT, _counts(used), openmetrics=False)
    yield from samples(EXAMPLES, _examples(used), openmetrics=False)
    for family, bounds, read in (
        (EXAMPLE_COUNTS, _EXAMPLES, _example_counts),
        (REQUEST_LATENCY, _MICROSECONDS, _request_latency),
        (RUNTIME_LATENCY, _MICROSECONDS, _runtime_latency),
    ):
        found = (read(model, traffic) for model, traffic in used.items())
        yield from histograms(family, bounds, found, openmetrics=False)


def _counts(used: Mapping[str, Traffic]) -> Iterator[Sample]:
    for model, traffic in used.items():
        codes: Counter[str] = Counter()
        for status, count in traffic.status.items():
            codes[_code(status)] += count
        for code, count in codes.items():
            yield Sample(labels({"model_name": model, "status": code}), count)


def _code(status: str) -> str:
    return _CODES.get(status, "INVALID_ARGUMENT" if status.startswith("4") else "UNKNOWN")


def _examples(used: Mapping[str, Traffic]) -> Iterator[Sample]:
    for model, traffic in used.items():
        yield Sample(labels({"model": model}), traffic.rows)


def _example_counts(model: str, traffic: Traffic) -> Distribution:
    return Distribution(labels({"model": model}), traffic.batch)


def _request_latency(model: str, traffic: Traffic) -> Distribution:
    named = labels({"model_name": model, "entrypoint": "REST"})
    return Distribution(named, _in_microseconds(traffic.latency))


def _runtime_latency(model: str, traffic: Traffic) -> Distribution:
    named = labels({"model_name": model, "runtime": "ONNX"})
    return Distribution(named, _in_microseconds(traffic.model))


def _in_microseconds(seconds: Histogram) -> Histogram:
    return Histogram(seconds.buckets, seconds.sum * 1e6)
