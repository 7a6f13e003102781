"""HTTP requests as Lambda events and Lambda results as HTTP responses: payload format 2.0.

Source: API Gateway developer guide, "AWS Lambda proxy integrations for HTTP APIs". That `rawPath`
is percent-decoded and cut at a decoded question mark is from captures of the live service.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from hearth_local.invocation import new_trace_id
from hearth_local.names import ACCOUNT, API_ID, REGION
from hearth_local.routes import Match

_DOMAIN = f"{API_ID}.execute-api.{REGION}.amazonaws.com"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect"}
_TEXT_TYPES = {
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
}


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it was sent: nothing decoded, nothing unpacked."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str = "127.0.0.1"
    port: int = 80
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back; a header may occur more than once."""

    status: int
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    body: bytes = b""


def message(status: int, text: str) -> Response:
    """Return API Gateway's own answer, the one that no function gave."""
    body = json.dumps({"message": text}, separators=(",", ":")).encode()
    return Response(status, (("content-type", "application/json"),), body)


INTERNAL_ERROR = message(500, "Internal Server Error")


def to_event(request: Request, match: Match, request_id: str) -> dict[str, Any]:
    headers = _joined(request)
    path = unquote(request.path).split("?")[0]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": _context(request, match, request_id, path),
        "isBase64Encoded": False,
    }
    cookies = [value for name, value in request.headers if name.lower() == "cookie"]
    if cookies:
        event["cookies"] = [part.strip() for value in cookies for part in value.split(";")]
    if request.query:
        event["queryStringParameters"] = _query(request.query)
    if match.parameters:
        event["pathParameters"] = dict(match.parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers)
    return event


def _joined(request: Request) -> dict[str, str]:
    """Return the headers as API Gateway hands them on: lower case, repeated ones joined."""
    joined: dict[str, str] = {}
    for given, value in request.headers:
        name = given.lower()
        if name != "cookie" and name not in _HOP_BY_HOP:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    forwarded = joined.get("x-forwarded-for")
    joined["content-length"] = str(len(request.body))
    joined["x-forwarded-for"] = ", ".join(filter(None, (forwarded, request.source_ip)))
    joined["x-forwarded-port"] = str(request.port)
    joined["x-forwarded-proto"] = "http"
    joined.setdefault("x-amzn-trace-id", new_trace_id().split(";")[0])
    return joined


def _context(request: Request, match: Match, request_id: str, path: str) -> dict[str, Any]:
    agent = next((value for name, value in request.headers if name.lower() == "user-agent"), "")
    return {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": _DOMAIN,
        "domainPrefix": API_ID,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": agent,
        },
        "requestId": request_id,
        "routeKey": match.route.key,
        "stage": "$default",
        "time": datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(time.time() * 1000),
    }


def _query(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, headers: Mapping[str, str]) -> tuple[str, bool]:
    if _is_text(headers):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def _is_text(headers: Mapping[str, str]) -> bool:
    # A compressed body is bytes, whatever it is once unpacked.
    if headers.get("content-encoding", "identity") != "identity":
        return False
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES


def new_request_id() -> str:
    return base64.b64encode(uuid.uuid4().bytes[:11]).decode("ascii")


def from_result(payload: bytes) -> Response:
    """Return the response that a function's result stands for; 500 where it makes none."""
    try:
        result = json.loads(payload) if payload else None
    except ValueError:  # a function may return bytes that are no JSON
        return INTERNAL_ERROR
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        return Response(200, (("content-type", "application/json"),), text.encode())
    try:
        return _declared(result)
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return INTERNAL_ERROR


def _declared(result: Mapping[str, Any]) -> Response:
    status = int(result["statusCode"])
    body = result.get("body") or ""
    if not isinstance(body, str) or not 200 <= status <= 599:
        return INTERNAL_ERROR
    decoded = (
        base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    )
    headers = [
        (name.lower(), _text(value)) for name, value in (result.get("headers") or {}).items()
    ]
    if "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    headers += [("set-cookie", cookie) for cookie in result.get("cookies") or ()]
    if any("\n" in part or "\r" in part for header in headers for part in header):
        return INTERNAL_ERROR
    return Response(status, tuple(headers), decoded)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value)
