"""health-check's HTTP answers: health, index, TF Serving status, the OpenAPI document."""

from __future__ import annotations

import json
import reprlib
from typing import Any

from hearth.domain.errors import MalformedBody, MalformedPath
from hearth.domain.routing import Target
from hearth.edge.answers import Answer, of_json
from hearth.edge.compression import inflated
from hearth.edge.events import HttpRequest
from hearth.edge.routes import Call, parse_v1, parse_v2
from hearth.stores.health import (
    Readiness,
    model_readiness,
    model_status,
    repository_index,
    server_readiness,
)
from hearth.stores.registry import Registry

SERVER = "hearth"
EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
]


def health(request: HttpRequest, registry: Registry, server_version: str) -> Answer:
    """Answer one health, status or index request from shared state, or describe the whole API."""
    body: object
    match request.method, request.path.rstrip("/"):
        case "GET", "/v2":
            body = {"name": SERVER, "version": server_version, "extensions": EXTENSIONS}
        case "GET", "/v2/health/live":
            body = {"live": True}
        case "GET", "/v2/health/ready":
            return _readiness(server_readiness(registry), {})
        case "GET", "/openapi.json":
            body = _openapi()
        case "POST", "/v2/repository/index":
            only_ready = _index_filter(inflated(request.body, request.headers))
            body = repository_index(registry, only_ready=only_ready)
        case method, path if path.startswith("/v2"):
            target = _target_of("ready", parse_v2(method, path), request)
            return _readiness(model_readiness(registry, target), {"name": target.model})
        case method, _:
            target = _target_of("status", parse_v1(method, request.path), request)
            body = model_status(registry, target)
    return of_json(200, body)


def _openapi() -> dict[str, Any]:
    # Seldom asked for: nothing else that this function answers pays for its import.
    from hearth.edge.openapi import document

    return document()


def _target_of(verb: str, call: Call, request: HttpRequest) -> Target:
    if call.verb != verb:
        raise MalformedPath(
            f"Malformed request: {request.method} {request.path[:200]}",
            got=call.verb,
            expected=verb,
            remedy="spell the route in lower case, as the contract has it",
        )
    return call.target


def _readiness(found: Readiness, body: dict[str, Any]) -> Answer:
    # All three public clients are content with this: see "Health: three incompatible readings"
    # in the decision on health bodies.
    if found.ready:
        return of_json(200, {**body, "ready": True})
    return of_json(503, {**body, "ready": False, "error": "; ".join(found.reasons)})


def _index_filter(body: bytes) -> bool:
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise MalformedBody("the body is not JSON", got=body[:60]) from error
    ready = document.get("ready", False) if isinstance(document, dict) else None
    if not isinstance(ready, bool):
        raise MalformedBody(
            "Invalid value for 'ready': expected a boolean", got=reprlib.repr(ready)
        )
    return ready
