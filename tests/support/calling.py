"""A function's handler, called as API Gateway calls it, and its answer as a client gets it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from support import events


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text of an error; its body has nothing else in it."""
        document = self.json
        assert self.status >= 400, self
        assert document.keys() == {"error"}, self
        assert isinstance(document["error"], str)
        return document["error"]


@dataclass(frozen=True)
class Caller:
    """Calls a handler with HTTP API events."""

    handler: Callable[[Any, Any], dict[str, Any]]

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = b"",
        headers: dict[str, str] | None = None,
        request_id: str = "JKJaXmPLvHcESHA=",
    ) -> Reply:
        """Return the answer to a request; a body that is neither bytes nor text goes as JSON."""
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        path, _, query = path.partition("?")
        event = events.http(method, path, raw, headers)
        event["rawQueryString"] = query
        event["requestContext"]["requestId"] = request_id
        return self.invoke(event)

    def invoke(self, event: Any) -> Reply:
        answer = self.handler(event, events.Context())
        # What Lambda would send on: an answer that is no JSON never leaves it.
        answer = json.loads(json.dumps(answer))
        assert answer.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
        body = answer["body"].encode()
        return Reply(
            answer["statusCode"],
            {name.lower(): value for name, value in answer["headers"].items()},
            base64.b64decode(body, validate=True) if answer["isBase64Encoded"] else body,
        )

    def get(self, path: str, **kwargs: Any) -> Reply:
        return self("GET", path, **kwargs)

    def post(self, path: str, body: Any = b"", **kwargs: Any) -> Reply:
        return self("POST", path, body, **kwargs)


def infer_body(
    inputs: list[dict[str, Any]], blobs: bytes = b"", **members: Any
) -> tuple[bytes, dict[str, str]]:
    """Return an Open Inference request with binary data behind its JSON, and its headers."""
    head = json.dumps({"inputs": inputs, **members}).encode()
    return head + blobs, {"inference-header-content-length": str(len(head))}
