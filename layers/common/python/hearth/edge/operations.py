"""The one table of the HTTP surface: what clients may ask, of whom, and what comes back.

API Gateway's routes (`edge.gateway_routes`) and the OpenAPI document (`edge.openapi`) are
both made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from hearth.domain import errors
from hearth.domain.errors import HearthError
from hearth.domain.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask.

    Args:
        id: OpenAPI's operationId; "" for what only catches malformed paths, to refuse them.
        method: In upper case.
        path: With `{model}`, `{version}` and `{label}` in it. In the table, `[/a|/b]` stands for
            three paths: without it, with `/a` and with `/b`.
        summary: One line.
        request: The schema of the body, or "" where none is read.
        answer: The schema of what success brings.
        faults: What may go wrong beside what follows from the path.
        function: Who answers.
        status: Of success.
    """

    id: str
    method: str
    path: str
    summary: str = ""
    request: str = ""
    answer: str = ""
    faults: tuple[type[HearthError], ...] = ()
    function: str = ""
    status: int = 200


_V1 = "/v1/models/{model}[/versions/{version}|/labels/{label}]"
_V2 = "/v2/models/{model}[/versions/{version}]"
_REPOSITORY = "/v2/repository/models/{model}"

_STORE = (errors.StoreError, errors.StoreUnavailable)
_REGISTRY = (*_STORE, errors.InvalidDocument)
_SERVED = (
    *_REGISTRY,
    errors.VersionUnavailable,
    errors.ArtefactCorrupt,
    errors.ModelFailed,
    errors.ResourceExhausted,
)
_TENSORS = (
    *_SERVED,
    errors.MalformedBody,
    errors.SignatureMismatch,
    errors.PayloadTooLarge,
    errors.UnsupportedCoding,
    errors.LocationRefused,
    errors.UnknownPayload,
)
_CHANGE = (
    *_REGISTRY,
    errors.MalformedBody,
    errors.PayloadTooLarge,
    errors.UnsupportedCoding,
    errors.TransitionRefused,
    errors.StoreConflict,
)
_OPTIONAL = re.compile(r"(.*)\[(.*)\](.*)")


def _operations(function: str, *rows: Operation) -> Iterator[Operation]:
    for row in rows:
        owned = replace(row, function=function)
        match = _OPTIONAL.fullmatch(row.path)
        if not match:
            yield owned
            continue
        before, inner, after = match.groups()
        for part in ("", *inner.split("|")):
            by = part.rpartition("{")[2].rstrip("}").capitalize()
            id_ = f"{row.id}By{by}" if part else row.id
            yield replace(owned, id=id_, path=f"{before}{part}{after}")


SURFACE: tuple[Operation, ...] = (
    *_operations(
        "predict",
        Operation(
            "predict",
            "POST",
            f"{_V1}:predict",
            "Predict, by rows (`instances`) or by columns (`inputs`).",
            "PredictRequest",
            "PredictAnswer",
            _TENSORS,
        ),
        Operation(
            "classify",
            "POST",
            f"{_V1}:classify",
            "Classify examples: labels with their scores.",
            "ExamplesRequest",
            "ClassifyAnswer",
            _TENSORS,
        ),
        Operation(
            "regress",
            "POST",
            f"{_V1}:regress",
            "Regress examples: one value each.",
            "ExamplesRequest",
            "RegressAnswer",
            _TENSORS,
        ),
        Operation("", "POST", "/v1/{proxy+}"),
        Operation(
            "modelSignatures",
            "GET",
            f"{_V1}/metadata",
            "Describe a model's signatures in TensorFlow Serving's form.",
            answer="ModelSignatures",
            faults=_SERVED,
        ),
        Operation(
            "infer",
            "POST",
            f"{_V2}/infer",
            "Infer, with tensors in JSON, in binary, or in both.",
            "InferRequest",
            "InferAnswer",
            _TENSORS,
        ),
        Operation(
            "modelMetadata",
            "GET",
            _V2,
            "Describe a model's tensors and name its versions.",
            answer="ModelMetadata",
            faults=_SERVED,
        ),
        Operation(
            "modelConfig",
            "GET",
            f"{_V2}/config",
            "Give a model's configuration in Triton's form.",
            answer="ModelConfig",
            faults=_SERVED,
        ),
    ),
    *_operations(
        "health-check",
        Operation("", "GET", "/v1/{proxy+}"),
        Operation("", "GET", "/v1/models"),
        Operation(
            "modelStatus",
            "GET",
            _V1,
            "List the states of a model's versions, newest first; 200 whatever they are.",
            answer="ModelStatus",
            faults=_REGISTRY,
        ),
        Operation(
            "serverMetadata",
            "GET",
            "/v2",
            "Name the server, its version and the protocol extensions that it has.",
            answer="ServerMetadata",
        ),
        Operation(
            "serverLive",
            "GET",
            "/v2/health/live",
            "Say that the API is there; asks nobody and wants no signature.",
            answer="ServerLive",
        ),
        Operation(
            "serverReady",
            "GET",
            "/v2/health/ready",
            "Say whether the registry can be read.",
            answer="ServerReady",
        ),
        Operation(
            "modelReady",
            "GET",
            f"{_V2}/ready",
            "Say whether a request for this model would find a version that was proven.",
            answer="ModelReady",
            faults=_REGISTRY,
        ),
        Operation(
            "repositoryIndex",
            "POST",
            "/v2/repository/index",
            "List every version of every model with its state.",
            "RepositoryIndexRequest",
            "RepositoryIndex",
            (*_STORE, errors.MalformedBody, errors.PayloadTooLarge, errors.UnsupportedCoding),
        ),
        Operation(
            "openapi",
            "GET",
            "/openapi.json",
            "Give this document.",
            answer="OpenApiDocument",
        ),
    ),
    *_operations(
        "load-and-warm",
        Operation(
            "repositoryLoad",
            "POST",
            f"{_REPOSITORY}/load",
            "Prove versions of a model and make them servable.",
            "LoadRequest",
            "LoadAnswer",
            (*_CHANGE, errors.UnknownVersion, errors.ModelRefused),
        ),
        Operation(
            "repositoryUnload",
            "POST",
            f"{_REPOSITORY}/unload",
            "Take every version of a model out of service.",
            "UnloadRequest",
            "UnloadAnswer",
            _CHANGE,
        ),
    ),
    *_operations(
        "metrics",
        Operation(
            "metrics",
            "GET",
            "/metrics",
            "Give Prometheus metrics of every model.",
            answer="Metrics",
            faults=_STORE,
        ),
        Operation(
            "prometheusMetrics",
            "GET",
            "/monitoring/prometheus/metrics",
            "Give Prometheus metrics where TensorFlow Serving has them.",
            answer="Metrics",
            faults=_STORE,
        ),
        Operation(
            "statistics",
            "GET",
            "/v2/models/stats",
            "Give figures of every version that can be served, in Triton's form.",
            answer="Statistics",
            faults=_STORE,
        ),
        Operation(
            "modelStatistics",
            "GET",
            f"{_V2}/stats",
            "Give figures of a model's versions that can be served, in Triton's form.",
            answer="Statistics",
            faults=(*_REGISTRY, errors.VersionUnavailable),
        ),
        Operation(
            "feedback",
            "POST",
            "/v2/models/{model}/feedback",
            "Tell what predictions should have been.",
            "FeedbackRequest",
            "FeedbackAnswer",
            (
                *_REGISTRY,
                errors.MalformedBody,
                errors.PayloadTooLarge,
                errors.UnsupportedCoding,
            ),
        ),
        Operation(
            "report",
            "GET",
            "/reports/{model}",
            "Give the newest report of a model: use, drift, data quality, quality.",
            answer="Report",
            faults=(*_REGISTRY, errors.BadRequest),
        ),
    ),
    *_operations(
        "optimize",
        Operation(
            "optimize",
            "POST",
            f"{_REPOSITORY}/optimize",
            "Look for a faster, smaller or cheaper variant of a model.",
            "OptimizeRequest",
            "OptimizeAnswer",
            (*_CHANGE, errors.UnknownVersion),
            status=202,
        ),
        Operation(
            "optimization",
            "GET",
            f"{_REPOSITORY}/optimize",
            "Tell what the last search for a variant found, or how far it is.",
            answer="OptimizationReport",
            faults=(*_REGISTRY, errors.BadRequest, errors.UnknownVersion),
        ),
    ),
)

OPERATIONS = tuple(operation for operation in SURFACE if operation.id)
