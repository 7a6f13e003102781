"""The one line that each prediction writes to its log: metric, audit entry and drift sample."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from hearth.domain.routing import Route
from hearth.edge import slices
from hearth.edge.events import HttpRequest
from hearth.edge.headers import REQUEST_ID, SLICES

SCHEMA = "hearth.prediction/1"
NAMESPACE = "Hearth"
LONGEST_ID = 256
"""A longer id of a caller's is left out: cut, it would be another's."""

_REQUEST_ID, _SLICES = REQUEST_ID.lower(), SLICES.lower()

_COUNT, _MS, _BYTES = "Count", "Milliseconds", "Bytes"
_ALWAYS = {
    "Requests": _COUNT,
    "Errors": _COUNT,
    "ClientErrors": _COUNT,
    "ServerErrors": _COUNT,
    "Latency": _MS,
    "RequestBytes": _BYTES,
}
# What was not measured is no metric: zeros of refused requests would pull every average down.
_ANSWERED = {
    "ModelLatency": _MS,
    "DecodeLatency": _MS,
    "EncodeLatency": _MS,
    "ResponseBytes": _BYTES,
    "BatchSize": _COUNT,
}
_OPENED = {"ColdStarts": _COUNT, "LoadTime": _MS}


@dataclass(slots=True)
class Record:
    """What is known of a prediction so far; filled while it runs, written before it answers.

    Args:
        request_id: The gateway's or Lambda's.
        model: The name that was asked for.
        known: Whether there is a model of this name.
        caller_id: The caller's own id of this request, or "".
        version: Which version answers; 0 until that is known.
        route: The label that led there, "" where a version was named.
        why: How the route was chosen.
        status: HTTP status.
        error: The error's class, "" for none.
        latency_ms: From request to answer.
        decode_ms: From the body to tensors that the model takes.
        model_ms: In ONNX Runtime.
        encode_ms: From tensors to a body.
        load_ms: Opening the model, 0.0 where it was open.
        request_bytes: Of the body, decompressed, wherever it came from.
        response_bytes: Of the answer's body, before it is compressed or stored.
        batch: Examples in the request.
        slices: The caller's groups.
        slices_refused: How many of them are none.
        captured: Members that come from tensors.
    """

    request_id: str
    model: str
    known: bool = False
    caller_id: str = ""
    version: int = 0
    route: str = ""
    why: str = ""
    status: int = 0
    error: str = ""
    latency_ms: float = 0.0
    decode_ms: float = 0.0
    model_ms: float = 0.0
    encode_ms: float = 0.0
    load_ms: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    batch: int = 0
    slices: Mapping[str, str] = field(default_factory=dict)
    slices_refused: int = 0
    captured: Mapping[str, Any] = field(default_factory=dict)

    def called_by(self, caller_id: str) -> None:
        """Note the caller's id, if it is one that can be written down."""
        if 0 < len(caller_id) <= LONGEST_ID and _is_text(caller_id):
            self.caller_id = caller_id

    def routed(self, route: Route) -> None:
        self.version, self.why = route.version, route.why


def of_request(request: HttpRequest, model: str) -> Record:
    """Return the record of a request that was not looked at yet."""
    record = Record(request.request_id, model, request_bytes=len(request.body))
    record.called_by(request.headers.get(_REQUEST_ID, ""))
    if _SLICES in request.headers:
        record.slices, record.slices_refused = slices.read(request.headers[_SLICES])
    return record


def write(record: Record) -> None:
    """Write the record as one line of CloudWatch's embedded metric format.

    Source:
        CloudWatch embedded metric format specification: `_aws.Timestamp` in milliseconds,
        metric targets as top-level numbers, dimensions as top-level strings.
    """
    answered, opened = not record.error, record.load_ms > 0
    version = str(record.version)
    status = record.status
    # Only what exists becomes a dimension: a caller who makes up names makes no metrics.
    depth = 2 if record.version else int(record.known)
    line: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": _directives(depth, answered, opened),
        },
        "record": SCHEMA,
        "request_id": record.request_id,
        "model": record.model,
        "version": version,
        "route": record.route or "-",  # an empty dimension is dropped
        "why": record.why,
        "status": status,
        "error": record.error,
        "Requests": 1,
        "Errors": int(status >= 400),
        "ClientErrors": int(400 <= status < 500),
        "ServerErrors": int(status >= 500),
        "Latency": round(record.latency_ms, 3),
        "ModelLatency": round(record.model_ms, 3),
        "DecodeLatency": round(record.decode_ms, 3),
        "EncodeLatency": round(record.encode_ms, 3),
        "RequestBytes": record.request_bytes,
        "ResponseBytes": record.response_bytes,
        "BatchSize": record.batch,
        **record.captured,
    }
    if record.caller_id:
        line["caller_id"] = record.caller_id
    if record.slices:
        line["slices"] = record.slices
    if record.slices_refused:
        line["slices_refused"] = record.slices_refused
    if opened:
        line["ColdStarts"], line["LoadTime"] = 1, round(record.load_ms, 3)
    sys.stdout.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE).decode())
    sys.stdout.flush()


@cache
def _directives(depth: int, answered: bool, opened: bool) -> orjson.Fragment:  # noqa: FBT001
    """Return what CloudWatch is to make metrics of: written out once, it stands in every line."""
    dimensions = ([[]], [["model"]], [["model"], ["model", "version", "route"]])[depth]
    units = _ALWAYS | (_ANSWERED if answered else {}) | (_OPENED if opened else {})
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
    return orjson.Fragment(orjson.dumps([directive]))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
