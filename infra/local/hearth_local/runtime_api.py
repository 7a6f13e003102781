"""Lambda's Runtime API: the HTTP interface that a worker process asks for its next call.

Source: AWS Lambda runtime API, version 2018-06-01. Each worker has its own port, so a request
says by its address which worker sent it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Protocol

from aiohttp import web

from hearth_local import body
from hearth_local.invocation import PAYLOAD_LIMIT, Invocation

_ROOT = "/2018-06-01/runtime"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
# How much of an error report is kept; the description, not a payload.
_ERROR_LIMIT = PAYLOAD_LIMIT


class Sandbox(Protocol):
    """What the Runtime API serves: one worker's side of its calls."""

    async def next(self) -> Invocation: ...

    async def restored(self) -> None: ...

    async def respond(self, request_id: str, payload: bytes | None) -> bool:
        """Take a response, None where it was too large; false where no such call runs."""

    async def fail(self, request_id: str, payload: bytes) -> bool: ...

    async def init_failed(self, payload: bytes) -> None: ...


class RuntimeApi:
    """Serves one sandbox on one loopback port."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._web = web.Server(self._serve, access_log=None)
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._web.shutdown(timeout=0.1)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        place = request.path.removeprefix(_ROOT).strip("/").split("/")
        match (request.method, *place):
            case ("GET", "invocation", "next"):
                return _handed(await self._sandbox.next())
            case ("GET", "restore", "next"):
                await self._sandbox.restored()
                return web.Response()
            case ("POST", "invocation", request_id, "response"):
                return await self._response(request, request_id)
            case ("POST", "invocation", request_id, "error"):
                payload = await body.read(request, _ERROR_LIMIT)
                return _accepted(await self._sandbox.fail(request_id, payload))
            case ("POST", "init" | "restore", "error"):
                await self._sandbox.init_failed(await body.read(request, _ERROR_LIMIT))
                return _accepted(known=True)
        return _refused(404, "UnknownEndpoint", f"{request.method} {request.path}")

    async def _response(self, request: web.BaseRequest, request_id: str) -> web.Response:
        try:
            payload = await body.read(request, PAYLOAD_LIMIT)
        except body.BodyTooLarge:
            await self._sandbox.respond(request_id, None)
            return _refused(413, "RequestEntityTooLarge", f"more than {PAYLOAD_LIMIT} bytes")
        return _accepted(await self._sandbox.respond(request_id, payload))


def _handed(invocation: Invocation) -> web.Response:
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
        "Content-Type": "application/json",
    }
    if invocation.client_context:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    return web.Response(body=invocation.payload, headers=headers)


def _accepted(known: bool) -> web.Response:
    if not known:
        return _refused(400, "InvalidRequestID", "no such call runs in this sandbox")
    return web.json_response({"status": "OK"}, status=202)


def _refused(status: int, error_type: str, message: str) -> web.Response:
    document = {"errorType": error_type, "errorMessage": message}
    return web.Response(status=status, text=json.dumps(document), content_type="application/json")
