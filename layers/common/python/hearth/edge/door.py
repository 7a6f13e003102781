"""What every function does around its flow for an HTTP request: parse, answer, never fall."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from hearth.domain.errors import HearthError
from hearth.edge.answers import Answer, render
from hearth.edge.events import Event, HttpRequest, http_request
from hearth.edge.problem import of_error, of_unexpected

Flow = Callable[[HttpRequest], Answer]


def respond(event: Event, flow: Flow) -> dict[str, Any]:
    """Return the HTTP API response of a flow; an error becomes its status and `{"error": ...}`."""
    path = ""
    try:
        request = http_request(event)
        path = request.path
        return render(flow(request))
    except HearthError as error:
        return render(of_error(error, path))
    except Exception as error:  # noqa: BLE001 (a worker that dies of one request fails the next too)
        traceback.print_exc(file=sys.stderr)
        return render(of_unexpected(error))
