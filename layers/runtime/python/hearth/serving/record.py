"""The one line that each prediction writes to its log: metric, audit entry and drift sample."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson
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

_LINE = (
    b'%b%d},"record":"'
    + SCHEMA.encode()
    + b'","request_id":%b,%b,"Latency":%.3f,"ModelLatency":%.3f,"DecodeLatency":%.3f,'
    b'"EncodeLatency":%.3f,"RequestBytes":%d,"ResponseBytes":%d,"BatchSize":%d%b%b}\n'
)


class Record:
    """What is known of a prediction so far; filled while it runs, written before it answers.

    Attributes:
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
        captured: Members that come from tensors, as JSON text, each behind a comma.
    """

    # Of the class: most of them are the same in almost every record.
    known = False
    caller_id = why = route = error = ""
    version = status = request_bytes = response_bytes = batch = slices_refused = 0
    latency_ms = decode_ms = model_ms = encode_ms = load_ms = 0.0
    slices: Mapping[str, str] = MappingProxyType({})
    captured = b""

    def __init__(self, request_id: str, model: str) -> None:
        self.request_id = request_id
        self.model = model

    def called_by(self, caller_id: str) -> None:
        """Note the caller's id, if it is one that can be written down."""
        if 0 < len(caller_id) <= LONGEST_ID and (caller_id.isascii() or _is_text(caller_id)):
            self.caller_id = caller_id


def of_request(request: HttpRequest, model: str) -> Record:
    """Return the record of a request that was not looked at yet."""
    record = Record(request.request_id, model)
    record.request_bytes = len(request.body)
    headers = request.headers
    if _REQUEST_ID in headers:
        record.called_by(headers[_REQUEST_ID])
    if _SLICES in headers:
        record.slices, record.slices_refused = slices.read(headers[_SLICES])
    return record


def write(record: Record) -> None:
    """Write the record as one line of CloudWatch's embedded metric format.

    Source:
        CloudWatch embedded metric format specification: `_aws.Timestamp` in milliseconds,
        metric targets as top-level numbers, dimensions as top-level strings.
    """
    head, tail = _fixed(
        (record.model, record.version, record.route, record.why),
        (record.status, record.error),
        record.known,
        record.load_ms > 0,
    )
    line = _LINE % (
        head,
        time.time_ns() // 1_000_000,
        orjson.dumps(record.request_id),
        tail,
        record.latency_ms,
        record.model_ms,
        record.decode_ms,
        record.encode_ms,
        record.request_bytes,
        record.response_bytes,
        record.batch,
        record.captured,
        _rare(record),
    )
    sys.stdout.write(line.decode())
    sys.stdout.flush()


def _rare(record: Record) -> bytes:
    """Return the members that few lines have."""
    if not (record.caller_id or record.slices or record.slices_refused or record.load_ms > 0):
        return b""
    members: dict[str, Any] = {}
    if record.caller_id:
        members["caller_id"] = record.caller_id
    if record.slices:
        members["slices"] = record.slices
    if record.slices_refused:
        members["slices_refused"] = record.slices_refused
    if record.load_ms > 0:
        members["ColdStarts"], members["LoadTime"] = 1, round(record.load_ms, 3)
    return b"," + _members(members)


@lru_cache(maxsize=1024)
def _fixed(
    whence: tuple[str, int, str, str], result: tuple[int, str], known: bool, opened: bool
) -> tuple[bytes, bytes]:
    """Return what a line has in common with others: up to its time, and behind its id.

    Args:
        whence: Model, version, route and why.
        result: Status and error.
        known: Whether there is such a model.
        opened: Whether it was opened just now.
    """
    (model, version, route, why), (status, error) = whence, result
    # Only what exists becomes a dimension: a caller who makes up names makes no metrics.
    depth = 2 if version else int(known)
    return _head(depth, not error, opened), _members(
        {
            "model": model,
            "version": str(version),
            "route": route or "-",  # an empty dimension is dropped
            "why": why,
            "status": status,
            "error": error,
            "Requests": 1,
            "Errors": int(status >= 400),
            "ClientErrors": int(400 <= status < 500),
            "ServerErrors": int(status >= 500),
        }
    )


def _members(members: Mapping[str, Any]) -> bytes:
    return orjson.dumps(members)[1:-1]


def _head(depth: int, answered: bool, opened: bool) -> bytes:
    """Return how a line begins, up to its time: what CloudWatch is to make metrics of."""
    all_ = [["model"], ["model", "version", "route"]]
    dimensions: list[list[str]] = all_[:depth] or [[]]
    units = _ALWAYS | (_ANSWERED if answered else {}) | (_OPENED if opened else {})
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
    return b'{"_aws":{"CloudWatchMetrics":%b,"Timestamp":' % orjson.dumps([directive])


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
