"""Lambda's Invoke API, so that boto3's lambda client works against the local stack.

Source: AWS Lambda API reference, Invoke (2015-03-31).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from urllib.parse import unquote

from aiohttp import web

from hearth_local import body
from hearth_local.errors import UnknownFunction
from hearth_local.functions import Functions
from hearth_local.invocation import ASYNC_PAYLOAD_LIMIT, PAYLOAD_LIMIT

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class InvokeApi:
    """Answers direct calls; also the events of other programs (`Event` calls)."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    @staticmethod
    def wants(request: web.BaseRequest) -> bool:
        return request.method == "POST" and _PATH.fullmatch(request.rel_url.raw_path) is not None

    async def answer(self, request: web.BaseRequest) -> web.Response:
        path = _PATH.fullmatch(request.rel_url.raw_path)
        assert path is not None
        name, asked = unquote(path[1]), request.headers
        kind = asked.get("X-Amz-Invocation-Type", "RequestResponse")
        limit = ASYNC_PAYLOAD_LIMIT if kind == "Event" else PAYLOAD_LIMIT
        try:
            self._functions.pool(name)
            payload = await body.read(request, limit) or b"{}"
            json.loads(payload)
            context = base64.b64decode(asked.get("X-Amz-Client-Context", "")).decode()
        except UnknownFunction as error:
            return _refused(404, "ResourceNotFoundException", f"Function not found: {error}")
        except body.BodyTooLarge:
            text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            return _refused(413, "RequestTooLargeException", text)
        except ValueError as error:
            text = f"Could not parse request body into json: {error}"
            return _refused(400, "InvalidRequestContentException", text)
        if kind == "DryRun":
            return web.Response(status=204)
        if kind == "Event":
            sent = {"x-amzn-RequestId": self._functions.send(name, payload)}
            return web.Response(status=202, headers=sent)
        tail = asked.get("X-Amz-Log-Type") == "Tail"
        return await self._call(name, payload, context, tail=tail)

    async def _call(self, name: str, payload: bytes, context: str, *, tail: bool) -> web.Response:
        request_id = str(uuid.uuid4())
        answer = await self._functions.call(
            name, payload, client_context=context, request_id=request_id
        )
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Executed-Version": "$LATEST",
            "x-amzn-RequestId": request_id,
        }
        if answer.error:
            headers["X-Amz-Function-Error"] = answer.error
        if tail:
            headers["X-Amz-Log-Result"] = base64.b64encode(answer.log).decode()
        return web.Response(body=answer.payload, headers=headers)


def _refused(status: int, kind: str, text: str) -> web.Response:
    return web.json_response(
        {"Type": "User", "Message": text}, status=status, headers={"x-amzn-ErrorType": kind}
    )
