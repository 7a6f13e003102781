"""Records as predict writes them, batches of them as CloudWatch sends them, and watched versions."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import orjson
from hearth.domain import baseline as baselines
from hearth.domain import manifest as manifests
from hearth.domain.baseline import Baseline
from hearth.domain.manifest import ArtefactFile, GoldenCases, Manifest, Provenance, RuntimeOptions
from hearth.domain.monitoring import ALL, CLASSIFICATION, COLUMNS, Monitoring, WatchedInput
from hearth.domain.signature import Signature, TensorSpec
from hearth.stores.artefacts import blob_key, manifest_key

STREAM = "2026/11/23/[7]abc"
GROUP = "/aws/lambda/hearth-predict"
_COUNTS = ("Requests", "Errors", "ClientErrors", "ServerErrors", "BatchSize")
_TIMES = ("Latency", "ModelLatency", "DecodeLatency", "EncodeLatency")
_METRICS = [
    *({"Name": name, "Unit": "Count"} for name in _COUNTS),
    *({"Name": name, "Unit": "Milliseconds"} for name in _TIMES),
    *({"Name": name, "Unit": "Bytes"} for name in ("RequestBytes", "ResponseBytes")),
]


def record(model: str = "m", version: str = "1", *, at: int, **more: Any) -> str:
    """Return the line of an answered request for one row."""
    line = {
        "_aws": {
            "CloudWatchMetrics": [
                {
                    "Namespace": "Hearth",
                    "Dimensions": [["model"], ["model", "version", "route"]],
                    "Metrics": _METRICS,
                }
            ],
            "Timestamp": at,
        },
        "record": "hearth.prediction/1",
        "request_id": "JKJaXmPLvHcESHA=",
        "model": model,
        "version": version,
        "route": "stable",
        "why": "label",
        "status": 200,
        "error": "",
        "Requests": 1,
        "Errors": 0,
        "ClientErrors": 0,
        "ServerErrors": 0,
        "Latency": 1.25,
        "ModelLatency": 0.5,
        "DecodeLatency": 0.25,
        "EncodeLatency": 0.125,
        "RequestBytes": 300,
        "ResponseBytes": 90,
        "BatchSize": 1,
        **more,
    }
    return orjson.dumps(line).decode()


def packed(
    lines: Sequence[Any], *, stream: str = STREAM, kind: str = "DATA_MESSAGE"
) -> dict[str, Any]:
    """Return a CloudWatch Logs subscription event."""
    document = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": stream,
        "subscriptionFilters": ["records"],
        "logEvents": [
            {"id": f"{at:056d}", "timestamp": 1_795_469_952_833, "message": line}
            for at, line in enumerate(lines)
        ],
    }
    return zipped(json.dumps(document).encode())


def zipped(body: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(gzip.compress(body, 6)).decode()}}


def published(
    model: str, version: int, features: Sequence[str], baseline: Baseline | None = None, **more: Any
) -> dict[str, str]:
    """Return what lies in the bucket of a watched version: keys to text, no model beside it."""
    body = orjson.dumps(baselines.to_document(baseline)) if baseline else b""
    sha256 = hashlib.sha256(body).hexdigest()
    files = [
        ArtefactFile("model.onnx", "0" * 64, 1, "model"),
        ArtefactFile("golden.npz", "1" * 64, 1, "golden"),
    ]
    if baseline:
        files.append(ArtefactFile("baseline.json", sha256, len(body), "baseline"))
    inputs = (WatchedInput("x", COLUMNS, tuple(features)),) if features else ()
    monitoring = {"capture": ALL, "inputs": inputs, "task": CLASSIFICATION, "scores": "y", **more}
    made = Manifest(
        model=model,
        version=version,
        files=tuple(files),
        signature=Signature(
            (TensorSpec("x", "FP32", (-1, len(features))),), (TensorSpec("y", "FP32", (-1, 2)),)
        ),
        golden=GoldenCases("golden.npz", 1, "given"),
        runtime=RuntimeOptions(),
        provenance=Provenance("2026-11-23T20:00:00.000Z", "test", "test"),
        class_labels=("0", "1"),
        monitoring=Monitoring(**monitoring),
    )
    found = {manifest_key(model, version): json.dumps(manifests.to_document(made))}
    return found | ({blob_key(model, sha256): body.decode()} if baseline else {})
