"""Reports to show: one of a real model on real digits, and others made by hand at the edges."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from hearth.domain.distribution import CATEGORY, NUMERIC, Counts, Feature, count
from hearth.monitoring.report import (
    DRIFTED,
    FAILED,
    INSUFFICIENT,
    PASSED,
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
    Bin,
    Drift,
    FeatureDrift,
    Gate,
    HourTraffic,
    Metric,
    Quality,
    Reliability,
    Report,
    SliceQuality,
    Times,
    VersionReport,
    VersionTraffic,
    Violation,
)
from numpy.typing import NDArray
from scipy import stats
from sklearn import datasets

MODELS = Path(__file__).parents[1] / "models"
NAN = math.nan
NO_TIMES = Times(NAN, NAN, NAN, NAN, 0)
UNUSED = VersionTraffic(0, 0, 0, {}, {}, NO_TIMES, NO_TIMES, NO_TIMES, NO_TIMES, NO_TIMES, NAN, NAN)
NOTHING = Drift(INSUFFICIENT)
LINE = 0.05
_SPECIAL = {
    "unseen": "unseen",
    "missing": "missing",
    "nan": "NaN",
    "infinity": "infinity",
    "negative_infinity": "-infinity",
    "mistyped": "of another type",
}

# ---- from counts ---------------------------------------------------------------------------------


def compared(feature: Feature, baseline: Counts, window: Counts) -> FeatureDrift:
    """Return both histograms of a feature with a chi-square test of their cells."""
    labels = list(feature.values) or [f"{a:.3g} to {b:.3g}" for a, b in pairwise(feature.edges)]
    pairs = list(zip(labels, baseline.bins, window.bins, strict=True))
    if feature.kind == NUMERIC:
        pairs.insert(0, (f"under {feature.edges[0]:.3g}", baseline.below, window.below))
        pairs.append((f"over {feature.edges[-1]:.3g}", baseline.above, window.above))
    pairs += [(word, getattr(baseline, k), getattr(window, k)) for k, word in _SPECIAL.items()]
    pairs = [(label, b, w) for label, b, w in pairs if b or w]
    bins = tuple(Bin(label, b / baseline.total, w / window.total) for label, b, w in pairs)
    cells = np.array([[b for _, b, _ in pairs], [w for _, _, w in pairs]])
    p = float(stats.chi2_contingency(cells).pvalue) if len(pairs) > 1 else 1.0
    distance = _distance(bins)
    moved = p < 0.01 and distance > LINE
    figures = {
        "psi": round(distance**2 * 5, 4),
        "l_infinity": max(abs(b.baseline - b.window) for b in bins),
    }
    word = f"moved: {distance:.2g} against a line of {LINE}" if moved else "is as in the baseline"
    return FeatureDrift(
        feature.name, feature.kind, DRIFTED if moved else STABLE, f"{feature.name} {word}",
        window.total, baseline.total, p, p, distance, LINE, figures, bins,
    )  # fmt: skip


def _distance(bins: Sequence[Bin]) -> float:
    terms = []
    for item in bins:
        middle = (item.baseline + item.window) / 2
        terms += [s * math.log2(s / middle) for s in (item.baseline, item.window) if s]
    return math.sqrt(max(math.fsum(terms) / 2, 0.0))


def drift_of(features: Sequence[FeatureDrift], outputs: Sequence[FeatureDrift] = ()) -> Drift:
    moved = [f for f in (*features, *outputs) if f.verdict == DRIFTED]
    reasons = tuple(f.reason for f in sorted(moved, key=lambda f: -f.distance)[:10])
    rows, baseline = features[0].rows, features[0].baseline_rows
    verdict = DRIFTED if moved else STABLE
    return Drift(verdict, reasons, rows, baseline, False, 0.21, tuple(features), tuple(outputs))


def interval(name: str, right: int, rows: int) -> Metric:
    """Return a share with Wilson's interval."""
    found = stats.binomtest(right, rows).proportion_ci(method="wilson")
    return Metric(name, right / rows, float(found.low), float(found.high), rows)


# ---- digits --------------------------------------------------------------------------------------

Floats = NDArray[np.float32]


@cache
def _digits() -> tuple[Floats, NDArray[np.int64]]:
    bunch = datasets.load_digits()
    order = np.random.default_rng(1).permutation(len(bunch.target))  # they are sorted by writer
    return (bunch.data / 16).astype(np.float32)[order], bunch.target[order]


def _asked(pixels: Floats) -> tuple[NDArray[np.float64], list[float]]:
    """Return the model's scores, and how long each of a few rows took."""
    session = onnxruntime.InferenceSession(MODELS / "digits_mlp.onnx")
    took = []
    for row in pixels[:200]:
        start = time.perf_counter()
        session.run(None, {"pixels": row[None]})
        took.append(time.perf_counter() - start)
    (logits,) = session.run(None, {"pixels": pixels})
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), sorted(took)


@cache
def digits() -> Report:
    """Return a report of digits: version 1 as ever, its canary on the same digits under noise."""
    pixels, truth = _digits()
    noise = np.random.default_rng(7).normal(0, 0.6, pixels.shape).astype(np.float32)
    noise[:, :20] = noise[:, 44:] = 0  # a smear across the middle
    smeared = np.clip(np.round((pixels + noise) * 16) / 16, 0, 1)
    clean = _version(1, pixels[1200:], truth[1200:], {"stable": 0.9}, 11_204)
    noisy = _version(2, smeared[1200:], truth[1200:], {"stable": 0.1, "canary": 1.0}, 1245)
    noisy = replace(
        noisy,
        violations=(
            Violation(
                "pixel 0",
                "data_type_check",
                "8.2% of the values are fractional, expected whole numbers",
            ),
            Violation(
                "pixel 39",
                "completeness_check",
                "2.1% of the values are missing, at most 0% in the baseline",
            ),
        ),
        notes=("1 record of an unknown schema was left alone",),
    )
    reasons = tuple(
        f"version 2: {r}" for r in (*noisy.quality.gate.reasons, *noisy.drift.reasons[:4])
    )
    return Report(
        "digits", "2026-11-25T07:15:02Z", "2026-11-24T08", "2026-11-25T07", UNWELL, reasons, (noisy, clean),
        {"feedback that names no prediction": 12, "records that are no JSON": 1},
    )  # fmt: skip


def _version(
    number: int,
    pixels: Floats,
    truth: NDArray[np.int64],
    labels: Mapping[str, float],
    requests: int,
) -> VersionReport:
    reference, _ = _digits()
    scores, took = _asked(pixels)
    base_scores, _ = _asked(reference[:1200])
    features = [
        _pixel(i, reference[:1200, i], pixels[:, i], broken=number == 2 and i == 39)
        for i in range(64)
    ]
    outputs = [
        _column(Feature("predicted", CATEGORY, values=tuple("0123456789")),
                [str(k) for k in base_scores.argmax(1)], [str(k) for k in scores.argmax(1)]),
        _column(Feature("score", NUMERIC, edges=(0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)),
                base_scores.max(1).tolist(), scores.max(1).tolist()),
    ]  # fmt: skip
    return VersionReport(
        number, "AVAILABLE", labels, _traffic(requests, took, number), drift_of(features, outputs),
        quality=_quality(scores, truth, number),
    )  # fmt: skip


def _pixel(index: int, reference: Floats, window: Floats, *, broken: bool) -> FeatureDrift:
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 11)))
    if len(edges) < 2:
        edges = np.array([0.0, 1.0])
    values: list[Any] = window.tolist()
    if broken:
        values[: len(values) // 40] = [None] * (len(values) // 40)
        values[-3:] = ["NaN"] * 3
    feature = Feature(f"pixel {index}", NUMERIC, edges=tuple(edges.tolist()))
    return _column(feature, reference.tolist(), values)


def _column(feature: Feature, reference: list[Any], window: list[Any]) -> FeatureDrift:
    return compared(feature, count(feature, reference), count(feature, window))


def _traffic(requests: int, took: list[float], number: int) -> VersionTraffic:
    day = np.sin(np.linspace(0, 2 * np.pi, 24)) + 1.4
    share = day / day.sum()
    rng = np.random.default_rng(number)

    def at(part: float, scale: float = 1.0) -> float:
        return took[int(part * (len(took) - 1))] * scale

    def times(scale: float, counted: int = requests) -> Times:
        return Times(
            at(0.5, scale), at(0.9, scale), at(0.99, scale), sum(took) / len(took) * scale, counted
        )

    hours = tuple(
        HourTraffic(
            f"2026-11-{24 + (8 + i) // 24:02}T{(8 + i) % 24:02}", int(requests * share[i]),
            int(requests * share[i] * (0.2 if i == 17 else 0.002)),
            at(0.5, 30 * rng.uniform(0.9, 1.2)), at(0.99, 40 * rng.uniform(0.8, 2.5)),
        )
        for i in range(24)
    )  # fmt: skip
    refused = sum(h.errors for h in hours)
    failed = min(3, refused)
    return VersionTraffic(
        requests, requests + 400, 7, {"200": requests - refused, "400": refused - failed, "500": failed},
        {"SignatureMismatch": refused - failed, "ModelFailed": failed}, times(30), times(1), times(3), times(2),
        Times(0.0085, 0.012, 0.019, 0.0093, 7), 1180.0, 412.0, hours,
    )  # fmt: skip


def _quality(scores: NDArray[np.float64], truth: NDArray[np.int64], number: int) -> Quality:
    predicted = scores.argmax(1)
    right = predicted == truth
    rows = len(truth)
    accuracy = interval("accuracy", int(right.sum()), rows)
    per_class = {str(k): _class(k, predicted, truth) for k in range(10)}
    f1 = float(np.mean([m[2].value for m in per_class.values()]))
    loss = float(-np.log(np.maximum(scores[np.arange(rows), truth], 1e-9)).mean())
    metrics = (
        accuracy,
        Metric("f1_macro", f1, f1 - 0.02, min(f1 + 0.02, 1.0), rows),
        Metric("log_loss", loss, loss * 0.8, loss * 1.25, rows, better="lower"),
        Metric("roc_auc_macro", NAN, NAN, NAN, rows),
    )
    regions = np.array(["eu", "us", "apac"])[np.arange(rows) % 3]
    slices = tuple(
        SliceQuality(
            f"region={r}", int((regions == r).sum()), (_share(right, regions == r), metrics[2])
        )
        for r in ("eu", "us", "apac")
    )
    confusion = {
        str(t): {
            str(p): n for p in range(10) if (n := int(((truth == t) & (predicted == p)).sum()))
        }
        for t in range(10)
    }
    passed = accuracy.value > 0.9
    reason = f"accuracy {accuracy.value:.3f} is under {0.9}"
    gate = (
        Gate(PASSED, compared_with=0, first=True)
        if passed
        else Gate(FAILED, (reason,), compared_with=1)
    )
    estimate = interval("accuracy", int(scores.max(1).sum()), rows)
    return Quality(
        "classification", rows, rows * 20 if number == 1 else rows * 2, metrics, per_class, slices, confusion,
        _reliability(scores, right), estimate, True, gate,
    )  # fmt: skip


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Metric:
    return interval("accuracy", int(right[among].sum()), int(among.sum()))


def _class(k: int, predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[Metric, ...]:
    both = int(((predicted == k) & (truth == k)).sum())
    precision = interval("precision", both, max(int((predicted == k).sum()), 1))
    recall = interval("recall", both, int((truth == k).sum()))
    f1 = 2 * both / (int((predicted == k).sum()) + recall.rows)
    return (
        precision,
        recall,
        Metric("f1", f1, max(f1 - 0.05, 0.0), min(f1 + 0.04, 1.0), recall.rows),
    )


def _reliability(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Reliability, ...]:
    best = scores.max(1)
    found = []
    for low in np.arange(0, 1, 0.1):
        among = (best > low) & (best <= low + 0.1)
        if among.sum() > 3:
            found.append(
                Reliability(float(best[among].mean()), float(right[among].mean()), int(among.sum()))
            )
    return tuple(found)


# ---- at the edges --------------------------------------------------------------------------------


def alone(version: VersionReport, verdict: str = UNKNOWN, *reasons: str) -> Report:
    return Report(
        "m", "2026-11-25T07:15:02Z", "2026-11-24T08", "2026-11-25T07", verdict, reasons, (version,)
    )


def unused() -> Report:
    """Nobody asked: no traffic, no baseline, no task."""
    version = VersionReport(1, "AVAILABLE", {"stable": 1.0}, UNUSED, NOTHING)
    return alone(version, UNKNOWN, "version 1: no requests in the window")


def provisional() -> Report:
    """The baseline is provisional, the rows are few, and nobody sent labels."""
    feature = Feature("age", NUMERIC, edges=(0.0, 10.0, 20.0, 40.0))
    few = replace(_column(feature, [5.0] * 40 + [15.0] * 30 + [30.0] * 9, [5.0, 8.0, 30.0]), verdict=INSUFFICIENT,
                  reason="age: with 3 rows against 79, a shift under 2.3 standard deviations can go unseen")  # fmt: skip
    drift = Drift(INSUFFICIENT, (few.reason,), 3, 79, True, 2.3, (few,))
    estimate = Metric("accuracy", 0.87, 0.81, 0.92, 3)
    quality = Quality("classification", predictions=3, estimate=estimate)
    traffic = replace(UNUSED, requests=3, rows=3, status={"200": 3})
    return alone(
        VersionReport(1, "AVAILABLE", {"stable": 1.0}, traffic, drift, (), quality),
        UNKNOWN,
        few.reason,
    )


def well() -> Report:
    """Version 1 of the digits, with all traffic."""
    version = replace(digits().versions[1], labels={"stable": 1.0})
    return alone(
        version, WELL, "version 1: 11204 requests, no drift, quality within its thresholds"
    )


@cache
def wide(features: int = 500, classes: int = 100, versions: int = 12) -> Report:
    """More than fits a page: features of long names and many bins, classes, slices, versions."""
    rng = np.random.default_rng(3)
    made = []
    for i in range(features):
        words = tuple(f"category {k} of {i} " + "x" * 30 for k in range(60))
        base, moved = rng.dirichlet(np.ones(60) * 4), rng.dirichlet(np.ones(60) * 4)
        window = moved if i % 4 == 0 else base
        counts = [Counts(tuple(map(int, shares * 4000)), missing=3) for shares in (base, window)]
        made.append(
            compared(
                Feature(f"a rather long name of feature {i} " * 5, CATEGORY, values=words), *counts
            )
        )
    labels = [f"class {k}" for k in range(classes)]
    quality = Quality(
        "classification", 9000, 10_000, (interval("accuracy", 7000, 9000),),
        {c: tuple(interval(n, int(rng.integers(30, 90)), 90) for n in ("precision", "recall", "f1")) for c in labels},
        tuple(SliceQuality(f"shop={i}", 40, (interval("accuracy", int(rng.integers(20, 40)), 40),)) for i in range(300)),
        {c: {d: int(rng.integers(0, 9)) for d in labels} for c in labels},
    )  # fmt: skip
    violations = tuple(Violation(f.name, "categorical_values_check", f.name * 3) for f in made)
    one = VersionReport(
        1, "AVAILABLE", {}, digits().versions[0].traffic, drift_of(made), violations, quality
    )
    led = {1: {"stable": 0.9}, 2: {"stable": 0.1}}
    numbered = tuple(replace(one, version=n, labels=led.get(n, {})) for n in range(versions, 0, -1))
    reasons = tuple(f"version 1: {f.reason}" for f in made)
    return replace(
        alone(one, UNWELL, *reasons),
        versions=numbered,
        set_aside={f"why {i}": i for i in range(300)},
    )


def refilled(value: Any, texts: Sequence[str]) -> Any:
    """Return a report with every text in it, names of members aside, replaced by others in turn."""
    return _refilled(value, cycle(texts))


def _refilled(value: Any, texts: Iterator[str]) -> Any:
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, tuple):
        return tuple(_refilled(item, texts) for item in value)
    if isinstance(value, Mapping):
        return {next(texts): _refilled(item, texts) for item in value.values()}
    if is_dataclass(value):
        names = [f.name for f in fields(value) if f.name != "schema"]
        return replace(value, **{n: _refilled(getattr(value, n), texts) for n in names})  # type: ignore[type-var]
    return value
