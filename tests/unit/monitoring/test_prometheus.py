"""What `GET /metrics` shows is what went in: read back by Prometheus' own parsers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hearth.edge.events import HttpRequest
from hearth.edge.release import VERSION
from hearth.monitoring import tensorflow_metrics
from hearth.monitoring.prometheus import FAMILIES, TENSORFLOW_PATH, metrics_answer, render
from hearth.monitoring.summary import (
    EMPTY,
    FeatureScore,
    ModelSummary,
    Summary,
    VersionSummary,
)
from hearth.monitoring.traffic import BYTES, ROWS, SECONDS, Histogram, Traffic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families
from support import scraped

PARSERS = {False: text_families, True: openmetrics_families}
HOSTILE = 'a "b"\\\n{c}=d,é%s%d\u2028\t# EOF \x85'

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str, openmetrics: bool) -> Found:
    """Return every sample by its name and labels."""
    found: Found = {}
    for family in PARSERS[openmetrics](text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


counts = st.integers(0, 2**53)
names = st.one_of(st.just(HOSTILE), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
finite = st.floats(0, 1e9)


def histograms(bounds: tuple[float, ...]) -> st.SearchStrategy[Histogram]:
    """Of one drawn number: drawing two hundred buckets a version would take minutes."""

    def of(seed: int) -> Histogram:
        draw = random.Random(seed)
        scale = draw.choice((0, 1, 10**6, 2**40))
        return Histogram(
            tuple(draw.randint(0, scale) for _ in range(len(bounds) + 1)),
            draw.choice((0.0, 0.1 + 0.2, 1e-9, 1e22, 123456789.125)),
        )

    return st.integers(0, 2**32).map(of)


def by(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, values, max_size=2)


traffics = st.builds(
    Traffic,
    requests=counts,
    rows=counts,
    status=by(st.sampled_from(["200", "400", "404", "413", "500", "503"]), counts),
    errors=by(names, counts),
    routes=by(names, counts),
    latency=histograms(SECONDS),
    model=histograms(SECONDS),
    decode=histograms(SECONDS),
    encode=histograms(SECONDS),
    load=histograms(SECONDS),
    batch=histograms(ROWS),
    request_bytes=histograms(BYTES),
    response_bytes=histograms(BYTES),
    first_ms=st.sampled_from([0, scraped.FIRST_MS]),
    last_ms=st.sampled_from([0, scraped.LAST_MS]),
)
all_totals = st.dictionaries(
    names, st.dictionaries(st.sampled_from(["1", "2"]), traffics, max_size=2), max_size=2
)
features = st.lists(
    st.builds(FeatureScore, names, st.sampled_from(["drifted", "stable"]), finite, finite),
    max_size=3,
    unique_by=lambda feature: feature.name,
).map(tuple)
versions = st.lists(
    st.builds(
        VersionSummary,
        version=st.integers(1, 99),
        state=st.sampled_from(["AVAILABLE", "END"]),
        labels=by(names, st.floats(0, 1)),
        drift=st.sampled_from(["drifted", "stable", "insufficient data"]),
        drifted_share=st.floats(0, 1),
        features=features,
        violations=counts,
        quality=by(names, st.floats(allow_nan=False)),
        labelled=counts,
        estimate=st.floats(0, 1),
        gate=st.sampled_from(["passed", "failed"]),
    ),
    max_size=2,
    unique_by=lambda version: version.version,
).map(tuple)
summaries = st.dictionaries(
    names,
    st.builds(
        ModelSummary,
        model=st.just(""),
        judged_at=st.just(scraped.JUDGED_AT),
        verdict=st.sampled_from(["well", "unwell", "unknown"]),
        versions=versions,
        set_aside=by(names, counts),
    ),
    max_size=2,
).map(
    lambda models: Summary(
        {
            name: ModelSummary(name, m.judged_at, m.verdict, m.versions, m.set_aside)
            for name, m in models.items()
        }
    )
)


def expected_of(totals: Any) -> Found:
    found: Found = {}
    for model, of_model in totals.items():
        for version, used in of_model.items():
            at = {"model": model, "version": version}
            found |= {
                key("hearth_requests_total", **at, status=s): n for s, n in used.status.items()
            }
            found |= {key("hearth_errors_total", **at, error=e): n for e, n in used.errors.items()}
            found |= {
                key("hearth_routed_requests_total", **at, route=r): n
                for r, n in used.routes.items()
            }
            found[key("hearth_rows_total", **at)] = used.rows
            found[key("hearth_cold_starts_total", **at)] = sum(used.load.buckets)
            found |= distribution("hearth_request_duration_seconds", at, used.latency, SECONDS)
            found |= distribution("hearth_model_duration_seconds", at, used.model, SECONDS)
            found |= distribution("hearth_decode_duration_seconds", at, used.decode, SECONDS)
            found |= distribution("hearth_encode_duration_seconds", at, used.encode, SECONDS)
            found |= distribution("hearth_load_duration_seconds", at, used.load, SECONDS)
            found |= distribution("hearth_batch_rows", at, used.batch, ROWS)
            found |= distribution("hearth_request_size_bytes", at, used.request_bytes, BYTES)
            found |= distribution("hearth_response_size_bytes", at, used.response_bytes, BYTES)
            if used.last_ms:
                found[key("hearth_last_request_timestamp_seconds", **at)] = used.last_ms / 1000
    return found


def distribution(
    name: str, at: dict[str, str], histogram: Histogram, bounds: Iterable[float], scale: float = 1
) -> Found:
    found: Found = {}
    total = 0
    for bound, count in zip((*bounds, math.inf), histogram.buckets, strict=True):
        total += count
        text = "+Inf" if math.isinf(bound) else repr(float(bound))
        found[key(f"{name}_bucket", **at, le=text)] = total
    found[key(f"{name}_count", **at)] = total
    found[key(f"{name}_sum", **at)] = histogram.sum * scale
    return found


def with_plain_bounds(found: Found) -> Found:
    """Return samples with their `le` as Python writes floats."""

    def plain(labels: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        return frozenset((n, repr(float(v)) if n == "le" and v != "+Inf" else v) for n, v in labels)

    return {(name, plain(labels)): value for (name, labels), value in found.items()}


@pytest.mark.parametrize("openmetrics", [False, True])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(totals=all_totals)
def test_every_total_is_read_back(totals: Any, openmetrics: bool) -> None:
    """Whatever names models, errors and labels have, each value stands under its own."""
    text = render(totals, EMPTY, openmetrics=openmetrics)
    found = with_plain_bounds(read(text, openmetrics))
    assert found.pop(key("hearth_build_info", version=VERSION)) == 1
    created = [k for k in found if k[0].endswith("_created")]
    assert all(found.pop(k) == scraped.FIRST_MS / 1000 for k in created)
    assert openmetrics or not created
    assert found == expected_of(totals)


def judged_of(summary: Summary) -> Found:
    found: Found = {}
    for name, model in summary.models.items():
        for verdict in ("well", "unwell", "unknown"):
            found[key("hearth_model_verdict", model=name, verdict=verdict)] = (
                model.verdict == verdict
            )
        found[key("hearth_report_timestamp_seconds", model=name)] = 1795467600
        for reason, count in model.set_aside.items():
            found[key("hearth_set_aside_items", model=name, reason=reason)] = count
        for version in model.versions:
            found |= version_of(version, {"model": name, "version": str(version.version)})
    return found


def version_of(version: VersionSummary, at: dict[str, str]) -> Found:
    states = ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
    verdicts = ("drifted", "stable", "insufficient data")
    found = {key("hearth_version_state", **at, state=s): version.state == s for s in states}
    found |= {key("hearth_drift", **at, verdict=v): version.drift == v for v in verdicts}
    found |= {key("hearth_label_weight_ratio", **at, label=n): s for n, s in version.labels.items()}
    found[key("hearth_drifted_features_ratio", **at)] = version.drifted_share
    for f in version.features:
        found[key("hearth_feature_drifted", **at, feature=f.name)] = f.verdict == "drifted"
        found[key("hearth_feature_drift_distance", **at, feature=f.name)] = f.distance
        found[key("hearth_feature_drift_line", **at, feature=f.name)] = f.line
    found[key("hearth_violations", **at)] = version.violations
    found |= {key("hearth_quality", **at, metric=m): v for m, v in version.quality.items()}
    if version.quality or version.labelled:
        found[key("hearth_labelled_rows", **at)] = version.labelled
    found[key("hearth_estimated_accuracy_ratio", **at)] = version.estimate
    found[key("hearth_quality_gate_failed", **at)] = version.gate == "failed"
    return found


@pytest.mark.parametrize("openmetrics", [False, True])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(summary=summaries)
def test_every_headline_is_read_back(summary: Summary, openmetrics: bool) -> None:
    """Whatever names features, metrics and reasons have, each value stands under its own."""
    found = read(render({}, summary, openmetrics=openmetrics, tallied_ms=5500), openmetrics)
    assert found.pop(key("hearth_build_info", version=VERSION)) == 1
    assert found.pop(key("hearth_totals_timestamp_seconds")) == 5.5
    assert found == judged_of(summary)


def test_what_cannot_be_told_is_left_out() -> None:
    """A figure that is not there is no zero."""
    untold = Summary({"m": ModelSummary("m", "", "unknown", (VersionSummary(1, "END"),))})
    names = {name for name, _ in read(render({}, untold, openmetrics=False), openmetrics=False)}
    assert names == {
        "hearth_build_info",
        "hearth_model_verdict",
        "hearth_version_state",
        "hearth_drift",
        "hearth_violations",
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_all_families_are_in_the_example(openmetrics: bool) -> None:
    """Dashboards and rules are tested against the example: nothing may be missing in it."""
    text = render(
        scraped.totals(),
        scraped.summary(),
        openmetrics=openmetrics,
        tallied_ms=scraped.TALLIED_MS,
    )
    declared = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert declared == {f.name if openmetrics else f.sample for f in FAMILIES}


def test_a_label_that_is_no_utf_8_can_still_be_written() -> None:
    """A scrape never fails for a name."""
    totals = {"m": {"1": Traffic(errors={"\ud800\0": 1})}}
    found = read(render(totals, EMPTY, openmetrics=True).encode().decode(), openmetrics=True)
    assert found[key("hearth_errors_total", model="m", version="1", error="?\ufffd")] == 1


def scrape(path: str, **headers: str) -> Any:
    request = HttpRequest("GET", path, headers, b"")
    return metrics_answer(request, scraped.totals(), scraped.summary(), scraped.TALLIED_MS)


def test_a_scrape_is_answered_in_text_unless_openmetrics_is_asked_for() -> None:
    """The content type says which it is, and the encoding."""
    assert scrape("/metrics").headers == {
        "Content-Type": "text/plain; version=0.0.4; charset=utf-8"
    }
    answer = scrape("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers == {
        "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
    assert answer.body.endswith(b"\n# EOF\n")


def test_nothing_is_known_before_the_first_prediction() -> None:
    """An empty bundle answers, too."""
    for parse, openmetrics in ((text_families, False), (openmetrics_families, True)):
        text = render({}, EMPTY, openmetrics=openmetrics)
        assert [sample.name for f in parse(text) for sample in f.samples] == ["hearth_build_info"]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(totals=all_totals)
def test_tensorflow_serving_has_no_versions(totals: Any) -> None:
    """Its names and labels hold a model's versions together, with times in microseconds."""
    answer = metrics_answer(HttpRequest("GET", TENSORFLOW_PATH, {}, b""), totals, EMPTY)
    found = with_plain_bounds(read(answer.body.decode(), openmetrics=False))
    prefix = ":tensorflow:serving:"
    for model, of_model in totals.items():
        if not of_model:
            continue
        used = sum(of_model.values(), Traffic())
        # The parser adds _total to a counter's samples that do not have it.
        statuses = {
            labels: value
            for (name, labels), value in found.items()
            if name == f"{prefix}request_count_total" and ("model_name", model) in labels
        }
        assert sum(statuses.values()) == sum(used.status.values())
        assert found[key(f"{prefix}request_example_count_total", model=model)] == used.rows
        micros = tuple(round(bound * 1e6) for bound in SECONDS)
        at = {"model_name": model, "entrypoint": "REST"}
        for expected in (
            distribution(f"{prefix}request_latency", at, used.latency, micros, 1e6),
            distribution(
                f"{prefix}runtime_latency",
                {"model_name": model, "runtime": "ONNX"},
                used.model,
                micros,
                1e6,
            ),
            distribution(f"{prefix}request_example_counts", {"model": model}, used.batch, ROWS),
        ):
            assert expected.items() <= found.items()


def test_tensorflow_serving_has_its_own_words_for_statuses() -> None:
    """A status is a code's name; statuses that share one are added."""
    statuses = {"200": 5, "400": 1, "413": 2, "404": 4, "503": 3, "302": 6}
    text = tensorflow_metrics.render({"m": {"1": Traffic(status=statuses)}})
    assert text.splitlines()[:6] == [
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 5',
        ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 3',
        ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 4',
        ':tensorflow:serving:request_count{model_name="m",status="UNAVAILABLE"} 3',
        ':tensorflow:serving:request_count{model_name="m",status="UNKNOWN"} 6',
    ]


def test_tensorflow_serving_has_one_format() -> None:
    """Its counters do not end in _total, which OpenMetrics refuses."""
    answer = scrape(TENSORFLOW_PATH, accept="application/openmetrics-text")
    assert answer.headers["Content-Type"].startswith("text/plain")
