"""API Gateway's routes, made from the table of operations. No request is answered with it."""

from __future__ import annotations

import re

from hearth.domain.frozen import dataclass
from hearth.edge.operations import SURFACE


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API: API Gateway matches whole path segments."""

    method: str
    path: str
    function: str


_SHORT = {"{model}": "{m}", "{version}": "{v}", "{label}": "{l}"}


def _as_matched(path: str) -> str:
    # What differs after a colon within a segment is one route: the parsers tell it apart.
    if ":" in path:
        return "/v1/models/{proxy+}"
    return re.sub(r"\{\w+\}", lambda match: _SHORT[match[0]], path)


ROUTES: tuple[Route, ...] = tuple(
    dict.fromkeys(
        Route(operation.method, _as_matched(operation.path), operation.function)
        for operation in SURFACE
    )
)
