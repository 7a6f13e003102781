"""Members of an Open Inference request, each checked where it is first looked at."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from hearth.domain.errors import MalformedBody
from hearth.edge.headers import INPUT_LOCATION
from hearth.serving import json_text

_SHARED_MEMORY = "shared_memory_region"


def member(item: Any, key: str, kind: type) -> Any:  # noqa: ANN401
    found = item.get(key) if isinstance(item, dict) else None
    if not isinstance(found, kind):
        raise MalformedBody(
            f"an input or output has no {key!r}"
            if found is None
            else f"{key!r} of an input or output is of the wrong kind",
            got=reprlib.repr(item) if found is None else json_text.kind(found),
            expected=f"a {'string' if kind is str else 'list'}",
        )
    return found


def parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise MalformedBody("'parameters' is not an object", got=json_text.kind(found))
    return found


def check_parameters(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name.startswith("triton_"):
            raise MalformedBody(f"parameter {name!r} is reserved")
        if not isinstance(value, str | int | float | bool):
            raise MalformedBody(
                f"parameter {name!r} is no string, number or boolean", got=json_text.kind(value)
            )


def flag(given: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise MalformedBody(f"{name!r} is not a boolean", got=value, expected="true or false")
    return value


def refuse_shared_memory(what: str, given: Mapping[str, Any]) -> None:
    if _SHARED_MEMORY in given:
        raise MalformedBody(
            f"{what} lies in shared memory, which a function and its caller do not have",
            got=_SHARED_MEMORY,
            remedy=f"send the tensor, or name an object with {INPUT_LOCATION}",
        )
