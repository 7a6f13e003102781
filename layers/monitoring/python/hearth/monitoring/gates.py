"""Whether quality is good enough: the validation rule of TensorFlow Model Analysis.

Source: tensorflow/model-analysis, `evaluators/metrics_validator.py` (2025-08). Its code has
`relative` as the change over the baseline's value; its documentation says the ratio of both. A
metric that is missing fails, and so does a slice. Without a baseline, thresholds on change are
passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from hearth.domain.monitoring import Threshold
from hearth.monitoring.report import FAILED, PASSED, Gate, Metric, Quality

HIGHER, LOWER = "higher", "lower"


def judge(
    metrics: Mapping[str, Metric],
    baseline: Mapping[str, Metric] | None,
    thresholds: Mapping[str, Threshold],
    compared_with: int = 0,
) -> Gate:
    """Return whether metrics are within their thresholds.

    Args:
        metrics: By name, as `named` gives them.
        baseline: The same of the version that is compared with; None where there is none.
        thresholds: By the same names: `accuracy`, `f1[3]` of a class, `accuracy@region=eu` of a
            slice.
        compared_with: The baseline's version.
    """
    known, before = _known(metrics), None if baseline is None else _known(baseline)
    reasons = [
        reason
        for name, threshold in sorted(thresholds.items())
        for reason in _reasons(name, threshold, known, before)
    ]
    changes = any(map(_is_of_change, thresholds.values()))
    return Gate(
        verdict=FAILED if reasons else PASSED,
        reasons=tuple(reasons),
        first=baseline is None and changes,
        compared_with=compared_with if baseline is not None else 0,
        missing=tuple(
            name
            for name, threshold in sorted(thresholds.items())
            if name not in known
            or (before is not None and _is_of_change(threshold) and name not in before)
        ),
    )


def named(quality: Quality) -> dict[str, Metric]:
    """Return metrics by the names that thresholds call them; an estimate is none of them."""
    found = {metric.name: metric for metric in quality.metrics}
    for name, metrics in quality.classes.items():
        found |= {f"{metric.name}[{name}]": metric for metric in metrics}
    for part in quality.slices:
        found |= {f"{metric.name}@{part.slice}": metric for metric in part.metrics}
    return found


def _known(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return the metrics that could be told: one that is no number is as one that is missing."""
    return {name: metric for name, metric in metrics.items() if not math.isnan(metric.value)}


def _is_of_change(threshold: Threshold) -> bool:
    return threshold.absolute is not None or threshold.relative is not None


def _reasons(
    name: str,
    threshold: Threshold,
    metrics: Mapping[str, Metric],
    baseline: Mapping[str, Metric] | None,
) -> Iterator[str]:
    metric = metrics.get(name)
    if metric is None:
        yield f"{name} is missing: it cannot be told from the feedback of the window"
        return
    value = metric.value
    lower = -math.inf if threshold.lower is None else threshold.lower
    upper = math.inf if threshold.upper is None else threshold.upper
    if not lower <= value:
        yield f"{name} is {value:.4g}: expected at least {lower:g}"
    if not value <= upper:
        yield f"{name} is {value:.4g}: expected at most {upper:g}"
    if baseline is not None and _is_of_change(threshold):
        before = baseline.get(name)
        if before is None:
            yield f"{name} is missing in the version that it is compared with"
        else:
            yield from _of_change(metric, before.value, threshold, name)


def _of_change(metric: Metric, before: float, threshold: Threshold, name: str) -> Iterator[str]:
    change = metric.value - before
    # TFMA: of nothing, no share can be told, and the comparison fails whatever it allows.
    share = change / before if before else math.nan
    words = f"{name} is {metric.value:.4g}, {change:+.4g} ({share:+.2%}) from {before:.4g}"
    if metric.better not in (HIGHER, LOWER):
        yield f"{words}: neither more nor less of it is better, so that no change of it passes"
        return
    sign, most = (1, "at least") if metric.better == HIGHER else (-1, "at most")
    for kind, moved, allowed in (
        ("change", change, threshold.absolute),
        ("relative change", share, threshold.relative),
    ):
        bound = -math.inf if allowed is None else sign * allowed
        if not sign * moved >= bound:
            expected = "a baseline other than 0" if allowed is None else f"{most} {allowed:+g}"
            yield f"{words}: expected a {kind} of {expected}"
