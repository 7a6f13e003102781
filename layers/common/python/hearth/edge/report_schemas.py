"""What is known of models at work: a report as JSON, and the forms that are no JSON."""

from __future__ import annotations

from hearth.edge.json_schema import (
    COUNT,
    NUMBER,
    TEXT,
    Schema,
    array,
    mapping,
    one_of,
    request,
    said,
)

# NaN, "Infinity" and "-Infinity" have no number in JSON: null, and the two words.
_FIGURE: Schema = {"type": ["number", "string", "null"]}
_SHARES: Schema = mapping(NUMBER)
_COUNTS: Schema = mapping(COUNT)

_METRIC = request(
    {"name": TEXT, "value": _FIGURE, "low": _FIGURE, "high": _FIGURE, "rows": COUNT},
)
_FEATURE = request(
    {
        "name": TEXT,
        "kind": one_of(("numeric", "category")),
        "verdict": one_of(("drifted", "stable", "insufficient data")),
        "reason": TEXT,
        "p_adjusted": _FIGURE,
        "distance": said(_FIGURE, "Jensen-Shannon distance, base 2."),
        "line": _FIGURE,
    }
)
_DRIFT = request(
    {
        "verdict": one_of(("drifted", "stable", "insufficient data")),
        "reasons": array(TEXT),
        "features": array(_FEATURE),
        "outputs": array(_FEATURE),
    }
)
_VIOLATION = request({"feature_name": TEXT, "constraint_check_type": TEXT, "description": TEXT})
_QUALITY = request(
    {"task": TEXT, "labelled": COUNT, "predictions": COUNT, "metrics": array(_METRIC)}
)
_TRAFFIC = request({"requests": COUNT, "rows": COUNT, "status": _COUNTS, "errors": _COUNTS})
_VERSION = request(
    {
        "version": {"type": "integer", "minimum": 1},
        "state": TEXT,
        "labels": said(_SHARES, "Share of each label's traffic, 0 to 1."),
        "traffic": _TRAFFIC,
        "drift": _DRIFT,
        "violations": array(_VIOLATION),
        "quality": {"anyOf": [_QUALITY, {"type": "null"}]},
        "notes": array(TEXT),
    }
)

REPORT_SCHEMAS: dict[str, Schema] = {
    "Report": said(
        request(
            {
                "schema": {"const": "hearth.report/1"},
                "model": TEXT,
                "judged_at": TEXT,
                "since": said(TEXT, "The window's first hour, `2026-11-23T21` in UTC."),
                "until": TEXT,
                "verdict": one_of(("well", "unwell", "unknown")),
                "reasons": array(TEXT),
                "versions": array(_VERSION),
                "set_aside": said(_COUNTS, "What could not be used, by what is wrong with it."),
            }
        ),
        "Whether a model is well, and why.",
    ),
}

# Media types of answers that are not, or not only, JSON.
FORMS: dict[str, tuple[str, ...]] = {
    "Metrics": (
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ),
    "Report": ("text/html; charset=utf-8",),
    "OptimizationReport": ("text/html; charset=utf-8",),
}
