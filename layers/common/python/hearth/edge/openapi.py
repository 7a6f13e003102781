"""The OpenAPI 3.1 document of the whole HTTP surface, made from the table of operations."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from hearth.domain import errors
from hearth.domain.errors import HearthError
from hearth.edge.feedback_schemas import FEEDBACK_SCHEMAS
from hearth.edge.headers import HEADER_LENGTH, REQUEST_ID
from hearth.edge.json_schema import COUNT, TEXT, Schema, one_of, ref
from hearth.edge.negotiation import HTML
from hearth.edge.operations import OPERATIONS, Operation
from hearth.edge.optimization_schemas import OPTIMIZATION_SCHEMAS
from hearth.edge.parameters import PARAMETERS
from hearth.edge.problem import meanings, status_of
from hearth.edge.release import VERSION
from hearth.edge.report_schemas import FORMS, REPORT_SCHEMAS
from hearth.edge.repository_schemas import REPOSITORY_SCHEMAS
from hearth.edge.v1_schemas import V1_SCHEMAS
from hearth.edge.v2_schemas import V2_SCHEMAS

OPEN = "/v2/health/live"

_DESCRIPTION = """\
Serves ONNX models on AWS Lambda, in the words of TensorFlow Serving's REST API (`/v1`) and of the
Open Inference Protocol v2 with Triton's extensions (`/v2`).

Every error of a function is `{"error": "..."}`, to which readiness adds its own members. What API
Gateway refuses itself is `{"message": "..."}`: beside 403 and 429, a path outside `/v1` that no
operation has (404), a body of more than 10 MB (413) and an answer that takes more than 30 seconds
(503). Requests and answers end at 6 MB, Lambda's bound. On the local stack no signature is asked
for.
"""
_UNSIGNED = "no signature, or one of somebody who may not call this"
_JSON, _BYTES = "application/json", "application/octet-stream"
# Which answer says "not yet", and by what schema.
_NOT_READY = {
    "ServerReady": {"anyOf": [ref("ServerNotReady")]},
    "ModelReady": {"anyOf": [ref("ModelNotReady"), ref("Error")]},
}
_TAGS = {
    "/v1/": "TensorFlow Serving",
    "/v2/repository/": "Model repository",
    "/v2": "Open Inference",
    "/": "Hearth",
}


def document() -> dict[str, Any]:
    """Return the document: plain dicts, ready for JSON."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hearth",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"sigv4": []}],
        "tags": [{"name": name} for name in _TAGS.values()],
        "paths": dict(paths),
        "components": {
            "schemas": {
                **V1_SCHEMAS,
                **V2_SCHEMAS,
                **REPOSITORY_SCHEMAS,
                **FEEDBACK_SCHEMAS,
                **REPORT_SCHEMAS,
                **OPTIMIZATION_SCHEMAS,
            },
            "parameters": PARAMETERS,
            "headers": _HEADERS,
            "responses": _RESPONSES,
            "securitySchemes": {"sigv4": _SIGV4},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    body = {"requestBody": _request(operation)} if operation.request else {}
    parameters = [{"$ref": f"#/components/parameters/{name}"} for name in _parameters(operation)]
    return {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [next(tag for start, tag in _TAGS.items() if operation.path.startswith(start))],
        **({"parameters": parameters} if parameters else {}),
        **body,
        "responses": _responses(operation),
        **({"security": []} if operation.path == OPEN else {}),
        "x-hearth-function": operation.function,
    }


def _parameters(operation: Operation) -> list[str]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    if _takes_tensors(operation):
        names += ["RoutingKey", "RequestId", "Slices", "InputLocation", "OutputLocation"]
        names += [] if operation.path.startswith("/v1") else ["HeaderLength"]
    if operation.request:
        names += ["ContentEncoding"]
    if operation.answer == "OptimizationReport":
        names += ["OfVersion"]
    if any(kind.startswith(HTML) for kind in FORMS.get(operation.answer, ())):
        names += ["Format"]
    return names


def _takes_tensors(operation: Operation) -> bool:
    return errors.SignatureMismatch in operation.faults


def _request(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {_JSON: {"schema": ref(operation.request)}}
    if operation.request == "InferRequest":
        content[_BYTES] = {"schema": _MIXED}
    # Tensors may come from X-Hearth-Input-Location; everything else has a default.
    return {"required": False, "content": content}


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if operation.answer:
        found[str(operation.status)] = _answer(operation)
    faults = _faults(operation)
    for status, meaning in faults.items():
        found[str(status)] = _error(meaning, ref("Error"), _identity(operation))
    if operation.answer in _NOT_READY:
        found["503"] = _error("not ready; the reason is in it", _NOT_READY[operation.answer])
    if 403 in faults:
        either = {"anyOf": [ref("Refusal"), ref("Error")]}
        found["403"] = _error(f"{_UNSIGNED}; {faults[403]}", either, _identity(operation))
    elif operation.path != OPEN:
        found["403"] = {"$ref": "#/components/responses/Forbidden"}
    found["429"] = {"$ref": "#/components/responses/Throttled"}
    return dict(sorted(found.items()))


def _faults(operation: Operation) -> dict[int, str]:
    """Return what may go wrong, by status."""
    by_status: dict[int, list[str]] = defaultdict(list)
    by_status[500].append("a fault of the server's: its log says more")
    for kind in (*_of_path(operation), *operation.faults):
        by_status[status_of(kind(""), operation.path)].append(meanings()[kind.__name__])
    return {status: "; ".join(dict.fromkeys(said)) for status, said in by_status.items()}


def _of_path(operation: Operation) -> list[type[HearthError]]:
    """Return what the names in a path bring with them."""
    found: list[type[HearthError]] = []
    if "{model}" in operation.path:
        found += [errors.InvalidName, errors.UnknownModel]
    if "{version}" in operation.path:
        found += [errors.UnknownVersion]
    if "{label}" in operation.path:
        found += [errors.UnknownLabel, errors.VersionUnavailable]
    return found


def _answer(operation: Operation) -> dict[str, Any]:
    texts = {kind: {"schema": TEXT} for kind in FORMS.get(operation.answer, ())}
    if operation.answer == "Metrics":
        return {"description": "What was counted and judged.", "content": texts}
    schema = ref(operation.answer)
    if _takes_tensors(operation):
        schema = {"anyOf": [schema, ref("StoredAnswer")]}
    content: dict[str, Any] = {_JSON: {"schema": schema}, **texts}
    headers = {"Content-Encoding": _header("ContentEncoding"), **_identity(operation)}
    if operation.answer == "InferAnswer":
        content[_BYTES] = {"schema": _MIXED}
        headers[HEADER_LENGTH] = _header("HeaderLength")
    return {"description": "What was asked for.", "headers": headers, "content": content}


def _identity(operation: Operation) -> dict[str, Any]:
    """Return the header by which predict's answers name their request."""
    return {REQUEST_ID: _header("RequestId")} if operation.function == "predict" else {}


def _header(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/headers/{name}"}


def _error(meaning: str, schema: Schema, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    described = f"{meaning[:1].upper()}{meaning[1:]}."
    head = {"headers": headers} if headers else {}
    return {"description": described, **head, "content": {_JSON: {"schema": schema}}}


_MIXED: Schema = {
    "description": "JSON, then the bytes of each binary tensor in the order of the JSON: "
    "little-endian, row-major, each BYTES element after its length in four bytes. "
    f"{HEADER_LENGTH} counts the JSON's bytes, uncompressed."
}
_HEADERS = {
    "ContentEncoding": {
        "description": "Of what is not small, where Accept-Encoding asks for it.",
        "schema": one_of(("gzip", "deflate")),
    },
    "RequestId": {
        "description": "The id in the prediction's record: feedback names the prediction by it.",
        "schema": TEXT,
    },
    "HeaderLength": {
        "description": "Bytes of JSON; only where binary follows them.",
        "schema": COUNT,
    },
}
_RESPONSES = {
    "Forbidden": _error(_UNSIGNED, ref("Refusal")),
    "Throttled": _error("more requests than the API lets through", ref("Refusal")),
}
_SIGV4 = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "AWS Signature Version 4 for the service `execute-api`, by a principal that IAM "
    "lets invoke the API.",
    "x-amazon-apigateway-authtype": "awsSigv4",
}
