"""The HTTP surface: one table of routes, and how their paths parse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from hearth.domain.errors import MalformedPath
from hearth.domain.identity import label, model_name, version
from hearth.domain.routing import Target


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API: API Gateway matches whole path segments."""

    method: str
    path: str
    function: str


def _routes(function: str, *lines: str) -> list[Route]:
    parted = (line.split() for line in lines)
    return [Route(method, path, function) for method, path in parted]


ROUTES: tuple[Route, ...] = (
    *_routes(
        "predict",
        "POST /v1/models/{proxy+}",
        "POST /v1/{proxy+}",
        "GET /v1/models/{m}/metadata",
        "GET /v1/models/{m}/versions/{v}/metadata",
        "GET /v1/models/{m}/labels/{l}/metadata",
        "POST /v2/models/{m}/infer",
        "POST /v2/models/{m}/versions/{v}/infer",
        "GET /v2/models/{m}",
        "GET /v2/models/{m}/versions/{v}",
        "GET /v2/models/{m}/config",
        "GET /v2/models/{m}/versions/{v}/config",
    ),
    *_routes(
        "health-check",
        "GET /v1/{proxy+}",
        "GET /v1/models",
        "GET /v1/models/{m}",
        "GET /v1/models/{m}/versions/{v}",
        "GET /v1/models/{m}/labels/{l}",
        "GET /v2",
        "GET /v2/health/live",
        "GET /v2/health/ready",
        "GET /v2/models/{m}/ready",
        "GET /v2/models/{m}/versions/{v}/ready",
        "POST /v2/repository/index",
    ),
    *_routes(
        "load-and-warm",
        "POST /v2/repository/models/{m}/load",
        "POST /v2/repository/models/{m}/unload",
    ),
    *_routes(
        "metrics",
        "GET /metrics",
        "GET /monitoring/prometheus/metrics",
        "GET /v2/models/stats",
        "GET /v2/models/{m}/stats",
        "GET /v2/models/{m}/versions/{v}/stats",
        "POST /v2/models/{m}/feedback",
        "GET /reports/{m}",
    ),
    *_routes(
        "optimize",
        "POST /v2/repository/models/{m}/optimize",
        "GET /v2/repository/models/{m}/optimize",
    ),
)


@dataclass(frozen=True, slots=True)
class Call:
    """A path that parsed: which model is meant, and what is wanted of it."""

    target: Target
    verb: str


# TensorFlow Serving's own two patterns, matched whole and without regard to case.
_V1_POST = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_V1_GET = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?",
    re.IGNORECASE | re.ASCII,
)
_V2 = re.compile(
    r"/v2/models/([^/]+)(?:/versions/([^/]+))?(?:/(infer|ready|config|stats|feedback))?"
)
_REPOSITORY = re.compile(r"/v2/repository/models/([^/]+)/(load|unload|optimize)")


def parse_v1(method: str, path: str) -> Call:
    """Return what a TensorFlow Serving path asks for; verb `status` where it names none.

    Raises:
        MalformedPath: If TensorFlow Serving would call it a malformed request.
        InvalidName: If the version is not a 64-bit number, or a name can never exist.
    """
    match = (_V1_POST if method == "POST" else _V1_GET).fullmatch(path)
    if not match:
        raise MalformedPath(f"Malformed request: {method} {path[:200]}")
    name, number, label_name, verb = match.groups()
    if not name:
        raise MalformedPath("Missing model name in request.", remedy="GET /v1/models/{name}")
    return Call(_target(name, number, label_name), (verb or "status").lower())


def parse_v2(method: str, path: str) -> Call:
    """Return what an Open Inference path asks for; verb `metadata` where it names none.

    Raises:
        MalformedPath: If no route of the protocol looks like it.
        InvalidName: If the version is not a 64-bit number, or a name can never exist.
    """
    match = _V2.fullmatch(path)
    if match:
        name, number, verb = match.groups()
        return Call(_target(name, number and unquote(number), None), verb or "metadata")
    match = _REPOSITORY.fullmatch(path)
    if match:
        return Call(_target(match[1], None, None), match[2])
    raise MalformedPath(f"Not Found: {method} {path[:200]}")


def _target(name: str, number: str | None, label_name: str | None) -> Target:
    return Target(
        model=model_name(unquote(name)),
        version=version(number) if number else 0,
        label=label(unquote(label_name)) if label_name else "",
    )
