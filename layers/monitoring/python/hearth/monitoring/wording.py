"""What a report says, in sentences: the page and the terminal say the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from hearth.domain.identity import STABLE as STABLE_LABEL
from hearth.monitoring.figures import number, plural, rounded, share, whole
from hearth.monitoring.report import (
    DRIFTED,
    INSUFFICIENT,
    PASSED,
    STABLE,
    UNKNOWN,
    Bin,
    Drift,
    FeatureDrift,
    Gate,
    Metric,
    Quality,
    Report,
    VersionReport,
)

SPECIAL = frozenset(
    ("unseen", "missing", "NaN", "infinity", "-infinity", "of another type")
)  # bins that are no values of the baseline; they stand last

CHECKS = {
    "data_type_check": "type",
    "completeness_check": "missing values",
    "baseline_drift_check": "drift",
    "missing_column_check": "column is missing",
    "extra_column_check": "column is not known",
    "categorical_values_check": "unknown categories",
}

_ORDER = {DRIFTED: 0, INSUFFICIENT: 1, STABLE: 2}


def headline(report: Report) -> str:
    """Return whether the model is well, as a sentence."""
    before, after = around(report)
    return f"{before}{report.model}{after}"


def around(report: Report) -> tuple[str, str]:
    """Return what stands before and after the model's name in that sentence."""
    if report.verdict == UNKNOWN:
        return "It is unknown whether ", " is well"
    return "", f" is {report.verdict}"


def window(report: Report) -> str:
    """Return what the report looked at.

    Example:
        >>> window(Report("m", "", "2026-11-24T08", "2026-11-25T07", "well"))
        '24 hours, 2026-11-24 08:00 to 2026-11-25 08:00 UTC'
    """
    try:
        first, last = (_hour(text) for text in (report.since, report.until))
    except ValueError:
        return f"{report.since} to {report.until}"
    hours = int((last - first).total_seconds() // 3600) + 1
    end = datetime.fromtimestamp(last.timestamp() + 3600, UTC)
    return f"{plural(hours, 'hour')}, {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _hour(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def moment(text: str) -> str:
    """Return an ISO 8601 time in UTC to the minute, or as it is where it is none."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return text


def ordered(versions: Sequence[VersionReport]) -> list[VersionReport]:
    """Return what most callers get first, then what other labels lead to, then the rest."""

    def place(version: VersionReport) -> tuple[float, float, int]:
        led = version.labels
        return -led.get(STABLE_LABEL, 0.0), -max(led.values(), default=0.0), -version.version

    return sorted(versions, key=place)


def is_served(version: VersionReport) -> bool:
    """Return whether a label leads to a version."""
    return any(share > 0 for share in version.labels.values())


def routing(version: VersionReport) -> str:
    """Return which labels lead to a version.

    Example: `stable 90%, canary`
    """
    led = [f"{k} {share(v)}" if v < 1 else k for k, v in version.labels.items() if v > 0]
    return ", ".join(led) or "no label"


def failures(version: VersionReport) -> int:
    """Return how many requests ended in the model's or the function's own failure."""
    return sum(n for status, n in version.traffic.status.items() if status.startswith("5"))


def traffic(version: VersionReport) -> str:
    """Return how a version was used, as a sentence."""
    use = version.traffic
    if not use.requests:
        return "No requests in the window."
    said = [plural(use.requests, "request")]
    if use.rows != use.requests:
        said.append(plural(use.rows, "row"))
    refused = sum(n for status, n in use.status.items() if status.startswith("4"))
    failed = failures(version)
    if failed:
        said.append(f"{whole(failed)} failed ({share(failed / use.requests)})")
    if refused:
        said.append(f"{whole(refused)} refused as bad requests ({share(refused / use.requests)})")
    said.append(plural(use.cold_starts, "cold start"))
    return ", ".join(said) + "."


def by_verdict(found: Sequence[FeatureDrift]) -> list[FeatureDrift]:
    """Return what drifted first, the clearest first, then what could not be judged."""
    return sorted(found, key=lambda f: (_ORDER.get(f.verdict, 1), -f.distance, f.name))


def drift_summary(drift: Drift) -> str:
    """Return how many features and outputs moved, as a sentence."""
    every = (*drift.features, *drift.outputs)
    if not every:
        if drift.reasons:
            return f"Drift could not be judged: {'; '.join(drift.reasons[:3])}."
        return "This version has no baseline yet, so drift cannot be judged."
    counts = {verdict: sum(f.verdict == verdict for f in every) for verdict in _ORDER}
    words = (
        f"{whole(counts[DRIFTED])} drifted",
        f"{whole(counts[INSUFFICIENT])} without enough data",
        f"{whole(counts[STABLE])} stable",
    )
    return (
        f"Of {_watched(drift)}: {', '.join(words)}. "
        f"{plural(drift.rows, 'row')} in the window against {whole(drift.baseline_rows)} "
        "in the baseline."
    )


def _watched(drift: Drift) -> str:
    said = [plural(len(drift.features), "feature")] if drift.features else []
    said += [plural(len(drift.outputs), "output")] if drift.outputs else []
    return " and ".join(said)


def detectable(drift: Drift) -> str:
    """Return in plain words how small a shift would still have been seen; "" where unknown."""
    if not drift.detectable or not math.isfinite(drift.detectable):
        return ""
    return (
        f"With this many rows, a shift of {number(drift.detectable)} standard deviations in one "
        "feature would be seen 4 times of 5. Smaller shifts can go unseen."
    )


def most_moved(bins: Sequence[Bin], most: int = 3) -> str:
    """Return the shares that changed most, as a sentence."""
    moved = sorted(bins, key=lambda item: -abs(item.window - item.baseline))[:most]
    said = [f"“{b.label}” from {share(b.baseline)} to {share(b.window)}" for b in moved]
    return "; ".join(said)


def labelled(quality: Quality) -> str:
    """Return how much of the quality is known, as a sentence."""
    if not quality.labelled:
        return (
            f"No feedback names any of {plural(quality.predictions, 'prediction')}, "
            "so quality is not known."
        )
    part = quality.labelled / max(quality.predictions, quality.labelled)
    return (
        f"Feedback names {whole(quality.labelled)} of "
        f"{plural(quality.predictions, 'prediction')} ({share(part)})."
    )


def estimate(quality: Quality) -> str:
    """Return the estimate as a sentence that says that it is one; "" where there is none."""
    found = quality.estimate
    if found is None or math.isnan(found.value):
        return ""
    how = "calibrated on the evaluation set" if quality.estimate_calibrated else "not calibrated"
    return (
        f"Estimate, not a measurement: {metric_name(found.name)} would be {value(found)} by the "
        f"model's own confidences, {how}. It is too optimistic where inputs drifted."
    )


def gate(found: Gate) -> str:
    """Return what the thresholds said, as a sentence."""
    if found.verdict != PASSED:
        return "Quality failed its thresholds."
    if found.first:
        return "Quality is within its thresholds; there was no version to compare with."
    beside = f", compared with version {found.compared_with}" if found.compared_with else ""
    return f"Quality is within its thresholds{beside}."


def metric_name(name: str) -> str:
    """Return a metric's name for people.

    Example:
        >>> metric_name("f1_macro"), metric_name("rmse"), metric_name("ndcg@10")
        ('F1 macro', 'RMSE', 'NDCG@10')
    """
    short = {"f1": "F1", "rmse": "RMSE", "mae": "MAE", "mse": "MSE", "auc": "AUC", "r2": "R²"}
    short |= {"roc": "ROC", "ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "ece": "ECE"}
    first, at, rest = name.partition("@")
    return " ".join(short.get(word, word) for word in first.split("_")) + at + rest


def value(metric: Metric) -> str:
    """Return a metric with its interval.

    Example:
        >>> value(Metric("accuracy", 0.9, 0.85, 0.94, 100))
        '0.900 (0.850 to 0.940)'
    """
    if math.isnan(metric.value):
        return "cannot be told"
    if math.isnan(metric.low) or math.isnan(metric.high):
        return rounded(metric.value)
    return f"{rounded(metric.value)} ({rounded(metric.low)} to {rounded(metric.high)})"


def badness(metric: Metric) -> float:
    """Return a key that puts the worst first; what cannot be told comes last."""
    if math.isnan(metric.value):
        return math.inf
    if metric.better == "higher":
        return metric.value
    return -metric.value if metric.better == "lower" else -abs(metric.value)  # a bias: far from 0
