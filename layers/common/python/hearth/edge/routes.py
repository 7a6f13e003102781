"""How the paths of API Gateway's routes parse."""

from __future__ import annotations

import re
from functools import lru_cache

from hearth.domain.errors import MalformedPath
from hearth.domain.frozen import dataclass
from hearth.domain.identity import label, model_name, version
from hearth.domain.percent import decoded
from hearth.domain.routing import Target


@dataclass(frozen=True, slots=True)
class Call:
    """A path that parsed: which model is meant, and what is wanted of it."""

    target: Target
    verb: str


# Patterns are compiled when they are first used: a start needs one of them.
# TensorFlow Serving's own two, matched whole and without regard to case.
_V1_POST = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)"
_V1_GET = r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?"
_V2 = r"/v2/models/([^/]+)(?:/versions/([^/]+))?(?:/(infer|ready|config|stats|feedback))?"
_REPOSITORY = r"/v2/repository/models/([^/]+)/(load|unload|optimize)"


@lru_cache(maxsize=512)
def parse_v1(method: str, path: str) -> Call:
    """Return what a TensorFlow Serving path asks for; verb `status` where it names none.

    Raises:
        MalformedPath: If TensorFlow Serving would call it a malformed request.
        InvalidName: If the version is not a 64-bit number, or a name can never exist.
    """
    pattern = _V1_POST if method == "POST" else _V1_GET
    match = re.fullmatch(pattern, path, re.IGNORECASE | re.ASCII)
    if not match:
        raise MalformedPath(f"Malformed request: {method} {path[:200]}")
    name, number, label_name, verb = match.groups()
    if not name:
        raise MalformedPath("Missing model name in request.", remedy="GET /v1/models/{name}")
    return Call(_target(name, number, label_name), (verb or "status").lower())


@lru_cache(maxsize=512)
def parse_v2(method: str, path: str) -> Call:
    """Return what an Open Inference path asks for; verb `metadata` where it names none.

    Raises:
        MalformedPath: If no route of the protocol looks like it.
        InvalidName: If the version is not a 64-bit number, or a name can never exist.
    """
    match = re.fullmatch(_V2, path)
    if match:
        name, number, verb = match.groups()
        return Call(_target(name, number and decoded(number), None), verb or "metadata")
    match = re.fullmatch(_REPOSITORY, path)
    if match:
        return Call(_target(match[1], None, None), match[2])
    raise MalformedPath(f"Not Found: {method} {path[:200]}")


def _target(name: str, number: str | None, label_name: str | None) -> Target:
    return Target(
        model=model_name(decoded(name)),
        version=version(number) if number else 0,
        label=label(decoded(label_name)) if label_name else "",
    )
