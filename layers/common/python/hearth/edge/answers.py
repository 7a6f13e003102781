"""Answers, and their shape as a payload-format-2.0 response."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from hearth.edge.headers import REQUEST_ID

LARGE = 1 << 16
JSON: Mapping[str, str] = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """What goes back.

    Args:
        status: HTTP status.
        body: Text goes as it is; bytes that are not text go in base64.
        headers: One value a name.
        binary: Whether the body is not UTF-8 text.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = JSON
    binary: bool = False


def of_json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value).encode())


def render(answer: Answer, request_id: str = "") -> dict[str, Any]:
    """Return an answer as the gateway takes it.

    Args:
        answer: What goes back.
        request_id: What the answer is to name its request by; "" for not at all.
    """
    status, body, headers, binary = answer
    return {
        "statusCode": status,
        "headers": {**headers, REQUEST_ID: request_id} if request_id else {**headers},
        "body": _base64(body) if binary else body.decode(),
        "isBase64Encoded": binary,
    }


def _base64(body: bytes) -> str:
    if len(body) < LARGE:
        return binascii.b2a_base64(body, newline=False).decode()
    import pybase64  # only large bodies need it: fifty times as fast

    return pybase64.b64encode_as_string(body)
