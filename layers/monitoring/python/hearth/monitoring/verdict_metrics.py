"""A report's verdicts as CloudWatch metrics: one line in embedded metric format a model."""

from __future__ import annotations

import json
from datetime import datetime

from hearth.monitoring.report import DRIFTED, FAILED, UNWELL, Report

NAMESPACE = "Hearth"
_NAMES = ("Unwell", "Drifted", "DriftedFeatures", "QualityFailed", "Violations")


def line(report: Report, now: datetime) -> str:
    """Return the line that CloudWatch makes metrics of; dimension `model`.

    Counted are the versions that labels lead to: what nobody is led to alarms nobody.

    Source:
        CloudWatch embedded metric format specification.
    """
    served = [version for version in report.versions if any(version.labels.values())]
    drifted = [version.drift for version in served if version.drift.verdict == DRIFTED]
    gates = [version.quality.gate for version in served if version.quality]
    figures = {
        "Unwell": int(report.verdict == UNWELL),
        "Drifted": int(bool(drifted)),
        "DriftedFeatures": sum(
            item.verdict == DRIFTED
            for drift in drifted
            for item in (*drift.features, *drift.outputs)
        ),
        "QualityFailed": int(any(gate and gate.verdict == FAILED for gate in gates)),
        "Violations": sum(len(version.violations) for version in served),
    }
    metrics = [{"Name": name, "Unit": "Count"} for name in _NAMES]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["model"]], "Metrics": metrics}
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(now.timestamp() * 1000),
                "CloudWatchMetrics": [directive],
            },
            "record": "hearth.verdict/1",
            "model": report.model,
            "verdict": report.verdict,
            "reasons": report.reasons[:5],
            **figures,
        }
    )
