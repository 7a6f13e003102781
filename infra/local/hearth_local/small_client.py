"""A Runtime API client of the standard library alone.

It stands in for awslambdaric where that has no wheel (macOS, Windows). It is run by path in a
worker, where nothing of this package is importable, and keeps to the same protocol and shapes.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

_ROOT = "/2018-06-01/runtime"
Handler = Callable[[Any, "LambdaContext"], Any]


class Fault(Exception):
    """An error with one of Lambda's own type names."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def _variable(name: str) -> str:
    return os.environ.get(name, "")


@dataclass
class LambdaContext:
    """What a handler gets as its second argument."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    client_context: Any = None
    function_name: str = field(default_factory=lambda: _variable("AWS_LAMBDA_FUNCTION_NAME"))
    function_version: str = field(default_factory=lambda: _variable("AWS_LAMBDA_FUNCTION_VERSION"))
    memory_limit_in_mb: str = field(
        default_factory=lambda: _variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    )
    log_group_name: str = field(default_factory=lambda: _variable("AWS_LAMBDA_LOG_GROUP_NAME"))
    log_stream_name: str = field(default_factory=lambda: _variable("AWS_LAMBDA_LOG_STREAM_NAME"))
    identity: Any = field(
        default_factory=lambda: SimpleNamespace(
            cognito_identity_id=None, cognito_identity_pool_id=None
        )
    )
    tenant_id: str | None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class RuntimeClient:
    """Speaks to the Runtime API over one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[http.client.HTTPMessage, bytes]:
        headers, status, payload = self._exchange("GET", "/invocation/next", b"", {})
        if status != http.client.OK:
            raise SystemExit(1)
        return headers, payload

    def respond(self, request_id: str, payload: bytes) -> None:
        """Send a response; a refusal (too large) ends the worker, as in Lambda's own client."""
        _, status, _ = self._exchange("POST", f"/invocation/{request_id}/response", payload, {})
        if status != http.client.ACCEPTED:
            raise SystemExit(1)

    def fail(self, place: str, error: Mapping[str, Any]) -> None:
        headers = {"Lambda-Runtime-Function-Error-Type": str(error["errorType"])}
        self._exchange("POST", f"/{place}/error", json.dumps(error).encode(), headers)

    def _exchange(
        self, method: str, place: str, payload: bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPMessage, int, bytes]:
        headers = {"Content-Type": "application/json", **headers}
        self._connection.request(method, _ROOT + place, payload or None, headers)
        answer = self._connection.getresponse()
        return answer.headers, answer.status, answer.read()


def load(handler: str) -> Handler:
    module_name, _, function_name = handler.rpartition(".")
    if not module_name:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': no module named")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message) from error
    try:
        found: Handler = getattr(module, function_name)
    except AttributeError as error:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from error
    return found


def describe(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """Return Lambda's shape of an error, the frames of this file left out."""
    kind = error.error_type if isinstance(error, Fault) else type(error).__name__
    frames = [] if isinstance(error, Fault) else traceback.extract_tb(error.__traceback__)
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": traceback.format_list([f for f in frames if f.filename != __file__]),
    }


def _encode(result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise Fault("Runtime.MarshalError", message) from error


def _context(headers: http.client.HTTPMessage) -> LambdaContext:
    given = headers.get("Lambda-Runtime-Client-Context")
    fields = json.loads(given) if given else None
    return LambdaContext(
        headers["Lambda-Runtime-Aws-Request-Id"],
        headers["Lambda-Runtime-Invoked-Function-Arn"],
        int(headers["Lambda-Runtime-Deadline-Ms"]),
        SimpleNamespace(**{"custom": None, "env": None, "client": None, **fields})
        if fields
        else None,
    )


def _log_error(error: Mapping[str, Any]) -> None:
    trace = "".join(error["stackTrace"]).replace("\n", "\r")
    sys.stdout.write(f"[ERROR] {error['errorType']}: {error['errorMessage']}\r{trace}\n")
    sys.stdout.flush()


def serve_one(client: RuntimeClient, handler: Handler) -> None:
    headers, payload = client.next()
    context = _context(headers)
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    _Formatter.request_id = context.aws_request_id
    try:
        result = _encode(handler(json.loads(payload), context))
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
        described = describe(error, context.aws_request_id)
        _log_error(described)
        client.fail(f"invocation/{context.aws_request_id}", described)
    else:
        client.respond(context.aws_request_id, result)


class _Formatter(logging.Formatter):
    """Lambda's line for a log record: level, time, request id, message; or the same as JSON."""

    converter = staticmethod(time.gmtime)
    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        line = super().format(record)
        if _variable("AWS_LAMBDA_LOG_FORMAT") != "JSON":
            return line
        document = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": self.request_id,
        }
        if record.exc_text:
            document["stackTrace"] = record.exc_text
        return json.dumps(document, ensure_ascii=False) + "\n"


def _set_up_logging() -> None:
    handler = logging.StreamHandler(sys.stdout)
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    handler.setFormatter(_Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    handler.terminator = ""
    logging.getLogger().addHandler(handler)


def _end_with_the_stack() -> None:
    """Wait for the end of a pipe that the stack holds open, then go, whatever else runs."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    threading.Thread(target=_end_with_the_stack, daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    _set_up_logging()
    client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - a module may raise anything while it is imported
        described = describe(error)
        _log_error(described)
        client.fail("init", described)
        raise SystemExit(1) from None
    while True:
        serve_one(client, handler)


if __name__ == "__main__":
    main()
