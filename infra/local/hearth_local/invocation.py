"""One call of a function, and what comes back."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

# Lambda's own figure: 6 MB and 100 bytes, for request and response alike.
PAYLOAD_LIMIT = 6_291_556
ASYNC_PAYLOAD_LIMIT = 1_048_576


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's response, or Lambda's description of the error as JSON.

    Args:
        payload: JSON text.
        error: Lambda's X-Amz-Function-Error, empty when the function answered.
        log: The last 4 KB of what the call wrote.
    """

    payload: bytes
    error: str = ""
    log: bytes = b""


def unhandled(error_type: str, message: str, request_id: str = "") -> Answer:
    """Return the answer that Lambda gives when the function itself could not."""
    described = f"RequestId: {request_id} Error: {message}" if request_id else message
    document = {"errorType": error_type, "errorMessage": described}
    return Answer(json.dumps(document).encode(), "Unhandled")


def new_trace_id() -> str:
    root = f"{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root=1-{root};Parent={secrets.token_hex(8)};Sampled=0"


@dataclass(slots=True)
class Invocation:
    """A call on its way: waiting for a worker, then with one.

    `answer` is resolved exactly once, whatever happens to the worker.
    """

    payload: bytes
    arn: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_context: str = ""
    trace_id: str = field(default_factory=new_trace_id)
    deadline_ms: int = 0
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def resolve(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
