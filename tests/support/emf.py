"""CloudWatch's embedded metric format, written down from its specification.

Source: CloudWatch user guide, "Specification: Embedded metric format": members and limits of
`_aws`, and what the targets of metrics and dimensions must be.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

LIMIT = 256 << 10  # bytes of an event, the older and smaller bound
_SIZES = [
    f"{scale}{unit}" for unit in ("bytes", "bits") for scale in ("kilo", "mega", "giga", "tera")
]
_SIZES = ["Bytes", "Bits", *(size.capitalize() for size in _SIZES)]
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"]
UNITS += [*_SIZES, *(f"{size}/Second" for size in _SIZES)]

_TEXT = {"type": "string", "minLength": 1, "maxLength": 1024}
_METRIC = {
    "type": "object",
    "required": ["Name"],
    "properties": {
        "Name": _TEXT,
        "Unit": {"enum": UNITS},
        "StorageResolution": {"enum": [1, 60]},
    },
}
_DIMENSIONS = {
    "type": "array",
    "maxItems": 30,
    "items": {"type": "string", "minLength": 1, "maxLength": 250},
}
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": _TEXT,
        "Dimensions": {"type": "array", "minItems": 1, "items": _DIMENSIONS},
        "Metrics": {"type": "array", "maxItems": 100, "items": _METRIC},
    },
}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_700_000_000_000},
                "CloudWatchMetrics": {"type": "array", "items": _DIRECTIVE},
            },
        }
    },
}
_VALIDATOR = Draft202012Validator(SCHEMA)


def read(line: str) -> dict[str, Any]:
    """Return the record in a log line; the line is strict JSON, within bounds, and EMF."""
    assert len(line.encode()) <= LIMIT
    record = json.loads(line, parse_constant=_refuse)
    _VALIDATOR.validate(record)
    for directive in record["_aws"]["CloudWatchMetrics"]:
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert len(set(names)) == len(names)
        for name in names:
            value = record[name]
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
        for name in (name for names in directive["Dimensions"] for name in names):
            assert isinstance(record[name], str)
            assert 0 < len(record[name]) <= 1024
    return record


def metrics(record: dict[str, Any]) -> set[str]:
    """Return the names of what becomes a metric."""
    [directive] = record["_aws"]["CloudWatchMetrics"]
    return {metric["Name"] for metric in directive["Metrics"]}


def _refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")
