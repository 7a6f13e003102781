"""The one line that each prediction writes to its log: its metric and its audit entry in one."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import orjson

SCHEMA = "hearth.prediction/1"
NAMESPACE = "Hearth"

# Written out once: it stands in every line.
_METRICS = orjson.Fragment(
    orjson.dumps(
        [
            {"Name": "Requests", "Unit": "Count"},
            {"Name": "Errors", "Unit": "Count"},
            {"Name": "Latency", "Unit": "Milliseconds"},
            {"Name": "ModelLatency", "Unit": "Milliseconds"},
            {"Name": "LoadTime", "Unit": "Milliseconds"},
        ]
    )
)


def _dimensions(record: Record) -> list[list[str]]:
    """Only what exists becomes a dimension: a caller who makes up names makes no metrics."""
    if record.version:
        return [["model"], ["model", "version", "route"]]
    return [["model"]] if record.known else [[]]


@dataclass(slots=True)
class Record:
    """What is known of a prediction so far; filled while it runs, written before it answers.

    Times in milliseconds. `known`: whether there is a model of this name.
    """

    request_id: str = ""
    model: str = ""
    version: int = 0
    route: str = ""
    why: str = ""
    status: int = 0
    error: str = ""
    latency_ms: float = 0.0
    model_ms: float = 0.0
    load_ms: float = 0.0
    known: bool = False


def write(record: Record) -> None:
    """Write the record as one line of CloudWatch's embedded metric format.

    Source:
        CloudWatch embedded metric format specification: `_aws.Timestamp` in milliseconds,
        metric targets as top-level numbers, dimensions as top-level strings.
    """
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": _dimensions(record), "Metrics": _METRICS}
            ],
        },
        "record": SCHEMA,
        "request_id": record.request_id,
        "model": record.model,
        "version": str(record.version),
        "route": record.route or "-",  # an empty dimension is dropped
        "why": record.why,
        "status": record.status,
        "error": record.error,
        "Requests": 1,
        "Errors": int(record.status >= 400),
        "Latency": round(record.latency_ms, 3),
        "ModelLatency": round(record.model_ms, 3),
        "LoadTime": round(record.load_ms, 3),
    }
    sys.stdout.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE).decode())
    sys.stdout.flush()
