"""Answers, and their shape as a payload-format-2.0 response."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from hearth.domain.frozen import dataclass

LARGE = 1 << 16
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    Args:
        status: HTTP status.
        body: Text goes as it is; bytes that are not text go in base64.
        headers: One value a name.
        binary: Whether the body is not UTF-8 text.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: dict(JSON))
    binary: bool = False


def of_json(status: int, value: object) -> Answer:
    return Answer(status, json.dumps(value).encode())


def render(answer: Answer) -> dict[str, Any]:
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": _base64(answer.body) if answer.binary else answer.body.decode(),
        "isBase64Encoded": answer.binary,
    }


def _base64(body: bytes) -> str:
    if len(body) < LARGE:
        return base64.b64encode(body).decode()
    import pybase64  # only large bodies need it: fifty times as fast

    return pybase64.b64encode_as_string(body)
