"""The record as it was before it held anything of tensors: what the one of today is set beside."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import orjson

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


@dataclass(slots=True)
class Record:
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


def write(record: Record) -> None:
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Hearth",
                    "Dimensions": [["model"], ["model", "version", "route"]],
                    "Metrics": _METRICS,
                }
            ],
        },
        "record": "hearth.prediction/1",
        "request_id": record.request_id,
        "model": record.model,
        "version": str(record.version),
        "route": record.route or "-",
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
