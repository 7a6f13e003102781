"""What every function does around its flow: parse, answer, never fall."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from hearth.domain.errors import HearthError, MalformedBody
from hearth.edge.answers import Answer, render
from hearth.edge.compression import deflated
from hearth.edge.events import (
    Event,
    HttpRequest,
    direct_request,
    http_request,
    message_event,
    queue_batch,
)
from hearth.edge.headers import OUTPUT_LOCATION
from hearth.edge.problem import of_error, of_unexpected

Flow = Callable[[HttpRequest], Answer]

# A message that is begun must be able to end before the function's time does.
_LEAST_S = 5.0


def respond(event: Event, flow: Flow, *, identified: bool = False) -> dict[str, Any]:
    """Return the HTTP API response of a flow; an error becomes its status and `{"error": ...}`.

    Args:
        event: From API Gateway.
        flow: What answers.
        identified: Whether the answer names its request, for somebody to come back to it.
    """
    request = None
    try:
        request = http_request(event)
        answer = deflated(flow(request), request)
    except HearthError as error:
        answer = of_error(error, request.path if request else "")
    except Exception as error:  # noqa: BLE001 (a worker that dies of one request fails the next too)
        traceback.print_exc(file=sys.stderr)
        answer = of_unexpected(error)
    return render(answer, request.request_id if identified and request else "")


def invoke(event: Event, flow: Flow, request_id: str) -> Any:  # noqa: ANN401 (any JSON)
    """Return what a flow answers to a direct invoke: its JSON.

    What is no JSON comes as HTTP has it, with status, headers and body: binary data, and text
    with bare NaN or Infinity in it, which Step Functions could not read.

    Raises:
        HearthError: What the flow raised: Lambda reports it by its class and message, for Step
            Functions and dead-letter queues to act on.
    """
    request = direct_request(event, request_id)
    answer = flow(request)
    try:
        if not answer.binary:
            return json.loads(answer.body, parse_constant=_refuse)
    except ValueError:
        pass
    return render(answer, request.request_id)


def _refuse(token: str) -> None:
    raise ValueError(token)


def drain(
    event: Event, flow: Flow, request_id: str, remaining_s: Callable[[], float]
) -> dict[str, Any]:
    """Answer each message of an SQS batch; return those that the queue is to give again.

    One message's error is no other's: it is written to the log, and its message alone comes again
    until the queue gives up on it. When time runs out, what is left comes again as well.
    """
    failures: list[dict[str, str]] = []
    for message in queue_batch(event):
        try:
            if remaining_s() < _LEAST_S:
                raise TimeoutError("no time left for this message; the queue gives it again")
            request = direct_request(message_event(message), f"{request_id}/{message.id}")
            _require_output_location(request)
            flow(request)
        except Exception as error:  # noqa: BLE001 (the other messages go on)
            print(f"message {message.id}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
            failures.append({"itemIdentifier": message.id})
    return {"batchItemFailures": failures}


def _require_output_location(request: HttpRequest) -> None:
    if OUTPUT_LOCATION.lower() not in request.headers:
        raise MalformedBody(
            "the message does not say where its answer is to be written",
            expected=f'"headers": {{"{OUTPUT_LOCATION}": "payloads/..."}}',
        )
