"""optimize: its routes stand in the contract; its step is not built yet, and it says so."""

from __future__ import annotations

from typing import Any

from hearth.domain.errors import NotBuilt
from hearth.edge.answers import Answer
from hearth.edge.door import respond
from hearth.edge.events import Event, HttpRequest, is_http


def handler(event: Event, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 (AWS's context)
    if is_http(event):
        return respond(event, _not_built)
    raise NotBuilt("optimize is not built yet", remedy="publish the variant you want yourself")


def _not_built(request: HttpRequest) -> Answer:
    raise NotBuilt(
        f"{request.method} {request.path[:200]} is not built yet",
        remedy="publish the variant you want as a new version yourself",
    )
