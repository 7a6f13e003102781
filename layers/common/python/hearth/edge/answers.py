"""Answers, and their shape as a payload-format-2.0 response."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    body = base64.b64encode(answer.body) if answer.binary else answer.body
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": body.decode(),
        "isBase64Encoded": answer.binary,
    }
