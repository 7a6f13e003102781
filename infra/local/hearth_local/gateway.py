"""The stand-in for the HTTP API: routes requests to functions, on loopback only.

IAM authorisation is not enforced here: any program on this machine may call anything. Pages that a
browser shows may not, see hearth_local.origin.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Sequence

from aiohttp import web

from hearth_local import body, http_event, origin, routes
from hearth_local.errors import PortTaken
from hearth_local.events import Route
from hearth_local.functions import Functions
from hearth_local.http_event import Request, Response
from hearth_local.invocation import PAYLOAD_LIMIT
from hearth_local.invoke_api import InvokeApi

HOST = "127.0.0.1"
# API Gateway's own limits.
BODY_LIMIT = 10 * 1024 * 1024
TIMEOUT_S = 30.0
_HEADER_LIMIT = 10_240


class Gateway:
    """Listens first, serves once it is given the functions: the port is known before they start."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._web: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._ready = asyncio.Event()
        self._functions: Functions | None = None
        self._invoke_api: InvokeApi | None = None
        self._routes: Sequence[Route] = ()
        self._port = 0

    async def listen(self, port: int) -> str:
        """Return the URL.

        Raises:
            PortTaken: If another program listens on the port.
        """
        # Bodies stay as they were sent: on Lambda too, Content-Encoding is the function's affair.
        self._web = web.Server(
            self._serve, access_log=None, auto_decompress=False, max_field_size=_HEADER_LIMIT
        )
        try:
            self._server = await asyncio.get_running_loop().create_server(self._web, HOST, port)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            raise PortTaken(
                f"port {port}",
                "one that another program uses or that needs privileges",
                "a free port",
                f"choose another: hearth up --port {port + 1}, or --port 0 for any free one",
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return f"http://{HOST}:{self._port}"

    def serve(self, functions: Functions, declared: Sequence[Route]) -> None:
        self._functions, self._routes = functions, declared
        self._invoke_api = InvokeApi(functions)
        self._ready.set()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._web is not None:
            await self._web.shutdown(timeout=0.2)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        await self._ready.wait()
        assert self._invoke_api is not None
        if not origin.is_this_machine(request.headers):
            return _rendered(http_event.message(403, "Forbidden"))
        if self._invoke_api.wants(request):
            return await self._invoke_api.answer(request)
        return _rendered(await self._route(request))

    async def _route(self, request: web.BaseRequest) -> Response:
        path = request.rel_url.raw_path
        match = routes.find(self._routes, request.method, path)
        if match is None:
            return http_event.message(404, "Not Found")
        try:
            content = await body.read(request, BODY_LIMIT)
        except body.BodyTooLarge:
            return http_event.message(413, "Request Entity Too Large")
        request_id = http_event.new_request_id()
        event = http_event.to_event(self._seen(request, content), match, request_id)
        payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        if len(payload) > PAYLOAD_LIMIT:
            return http_event.message(413, "Request Entity Too Large")
        answer = await self._call(match.route.function, payload)
        return Response(
            answer.status, (*answer.headers, ("apigw-requestid", request_id)), answer.body
        )

    async def _call(self, function: str, payload: bytes) -> Response:
        assert self._functions is not None
        try:
            call = self._functions.call(function, payload)
            answer = await asyncio.wait_for(call, self._timeout_s)
        except TimeoutError:
            return http_event.message(503, "Service Unavailable")
        if answer.error:
            return http_event.INTERNAL_ERROR
        return http_event.from_result(answer.payload)

    def _seen(self, request: web.BaseRequest, content: bytes) -> Request:
        return Request(
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in request.raw_headers
            ],
            body=content,
            source_ip=request.remote or HOST,
            port=self._port,
            protocol=f"HTTP/{request.version.major}.{request.version.minor}",
        )


def _rendered(answer: Response) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body)
    for name, value in answer.headers:
        if name == "content-type":
            response.headers[name] = value
        elif name != "content-length":
            response.headers.add(name, value)
    return response
