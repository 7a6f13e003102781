"""What a report says of a model: values all the way down, each with its reasons.

The page, the JSON, Prometheus and the alarms say the same because they read the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = "hearth.report/1"

DRIFTED, STABLE, INSUFFICIENT = "drifted", "stable", "insufficient data"
PASSED, FAILED = "passed", "failed"
DRIFT_CHECK = "baseline_drift_check"
WELL, UNWELL, UNKNOWN = "well", "unwell", "unknown"


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a feature: shares of the baseline and of the window, each of its own total."""

    label: str
    baseline: float
    window: float


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """Whether one feature or output moved, with the evidence.

    Args:
        name: The feature's.
        kind: `numeric` or `category`.
        verdict: `drifted`, `stable` or `insufficient data`.
        reason: The verdict in a sentence.
        rows: Values in the window.
        baseline_rows: Values in the baseline.
        p_value: Of the strongest test, corrected for the number of tests on this feature.
        p_adjusted: The same, corrected for the number of features (Holm).
        distance: Jensen-Shannon distance, base 2, 0 to 1.
        line: What `distance` had to exceed for the evidence to count.
        figures: `psi`, `wasserstein` (in standard deviations of the baseline), `ks`,
            `l_infinity`, `chi_square`, as far as the kind has them.
        bins: Both histograms, in order; special values last.
    """

    name: str
    kind: str
    verdict: str
    reason: str
    rows: int
    baseline_rows: int
    p_value: float = 1.0
    p_adjusted: float = 1.0
    distance: float = 0.0
    line: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether a version's inputs and outputs moved away from its baseline.

    Args:
        verdict: Of all together.
        reasons: Why, the strongest first.
        rows: Examples in the window.
        baseline_rows: Examples in the baseline.
        provisional: The baseline is the first window, for want of reference data.
        detectable: The smallest shift that would most likely be seen (4 times of 5), in standard
            deviations; 0 where nothing can be said.
        features: By feature.
        outputs: By output.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    rows: int = 0
    baseline_rows: int = 0
    provisional: bool = False
    detectable: float = 0.0
    features: tuple[FeatureDrift, ...] = ()
    outputs: tuple[FeatureDrift, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A constraint that the window broke, in the words of SageMaker Model Monitor."""

    feature_name: str
    constraint_check_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A quality metric with its confidence interval (95%); NaN where it cannot be told.

    Args:
        name: As the field calls it: `accuracy`, `f1_macro`, `log_loss`, `rmse`, `ndcg@10`, ...
        value: Its value.
        low: Lower end of the interval.
        high: Upper end of the interval.
        rows: Labelled predictions that it rests on.
        better: `higher` or `lower`; `neither` of a bias.
    """

    name: str
    value: float
    low: float
    high: float
    rows: int
    better: str = "higher"


@dataclass(frozen=True, slots=True)
class SliceQuality:
    """Quality of the predictions that share a slice attribute, such as `region=eu`."""

    slice: str
    rows: int
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Predictions of similar confidence: what they claimed, and how often they were right."""

    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether quality is good enough; a metric that is missing fails.

    Args:
        verdict: `passed` or `failed`.
        reasons: One for each threshold that failed.
        first: There was nothing to compare with: only thresholds on values were judged.
        compared_with: The version that was compared with, 0 for none.
        missing: Metrics that have a threshold and could not be told.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    first: bool = False
    compared_with: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """How right a version was.

    Args:
        task: `classification`, `regression` or `ranking`.
        labelled: Predictions that feedback names.
        predictions: Predictions that could have been labelled.
        metrics: Over all labelled predictions.
        classes: One-against-the-rest metrics by class (`precision`, `recall`, `f1`).
        slices: By slice; those with too few labels are left out.
        confusion: Counts by true class, then by predicted class.
        reliability: For a calibration curve.
        estimate: What accuracy would be by the confidences alone; never a gate.
        estimate_calibrated: Whether an evaluation set calibrated them.
        gate: None where there are no thresholds.
    """

    task: str
    labelled: int = 0
    predictions: int = 0
    metrics: tuple[Metric, ...] = ()
    classes: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    slices: tuple[SliceQuality, ...] = ()
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reliability: tuple[Reliability, ...] = ()
    estimate: Metric | None = None
    estimate_calibrated: bool = False
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles in seconds, estimated inside histogram buckets; NaN where there is none."""

    p50: float
    p90: float
    p99: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class HourTraffic:
    """One hour of a version: `2026-11-23T21` in UTC."""

    hour: str
    requests: int
    errors: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class VersionTraffic:
    """Use of a version in the window."""

    requests: int
    rows: int
    cold_starts: int
    status: Mapping[str, int]
    errors: Mapping[str, int]
    latency: Times
    model: Times
    decode: Times
    encode: Times
    load: Times
    request_bytes: float
    response_bytes: float
    hours: tuple[HourTraffic, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionReport:
    """Everything about one version.

    Args:
        version: Its number.
        state: TensorFlow Serving's state.
        labels: Share of each label's traffic that it should get, 0 to 1.
        traffic: Its use in the window.
        drift: Its drift.
        violations: Broken constraints of data quality.
        quality: How right it was; None where its outputs are not judged.
        notes: Anything else worth knowing, such as a baseline that was set aside.
    """

    version: int
    state: str
    labels: Mapping[str, float]
    traffic: VersionTraffic
    drift: Drift
    violations: tuple[Violation, ...] = ()
    quality: Quality | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a model at one moment.

    Args:
        model: Its name.
        judged_at: When, ISO 8601 in UTC.
        since: The window's first hour.
        until: The window's last hour, which may still be going on.
        verdict: `well`, `unwell` or `unknown`.
        reasons: Why, the worst first.
        versions: Those that can be served or were used in the window, newest first.
        set_aside: What could not be used, counted by what is wrong with it.
    """

    model: str
    judged_at: str
    since: str
    until: str
    verdict: str
    reasons: tuple[str, ...] = ()
    versions: tuple[VersionReport, ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    schema: str = SCHEMA
