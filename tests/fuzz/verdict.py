"""What every answer has to be, whatever was asked."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fuzz.corpus import LENGTH, Request

# A version that was unloaded is not there for a while.
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Answer:
    """What a client got; `said` is what the function wrote to its error output meanwhile.

    Args:
        gateway: Whether a gateway answered in a function's place.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    said: str = ""
    gateway: bool = False


def fault(request: Request, answer: Answer, *, mutated: bool) -> str:
    """Return what is wrong with an answer; empty if nothing is."""
    if not mutated and answer.status not in request.statuses and not _is_meant(request, answer):
        return f"a valid request was answered with {answer.status}"
    if answer.status >= 500 and not _is_meant(request, answer):
        return f"status {answer.status}"
    try:
        return _unreadable(request, answer)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"the answer does not parse: {type(error).__name__}: {error}"


def _is_meant(request: Request, answer: Answer) -> bool:
    # Only one model is ever unloaded.
    return answer.status == _UNAVAILABLE and "spare" in request.path and not answer.gateway


def _unreadable(request: Request, answer: Answer) -> str:
    body = _unpack(answer.body, answer.headers.get("content-encoding", "identity"))
    if request.method == "HEAD" or not body:
        return "" if answer.status < 400 or request.method == "HEAD" else "an error without a body"
    kind = answer.headers["content-type"].split(";")[0].strip().lower()
    if kind == "application/json":
        return _wrong_document(json.loads(body), answer)
    if kind == "application/octet-stream":
        return _wrong_binary(body, int(answer.headers[LENGTH]))
    if kind.startswith("text/"):
        body.decode()
        return ""
    return f"content type {kind!r}"


def _wrong_document(document: Any, answer: Answer) -> str:
    if answer.status >= 400:
        return _wrong_error(document, answer)
    # A gateway's or a function's own answers have no tensors.
    outputs = document.get("outputs") if isinstance(document, dict) else None
    if isinstance(document, dict) and "model_name" in document and isinstance(outputs, list):
        return next(filter(None, map(_wrong_tensor, outputs)), "")
    return ""


def _wrong_error(document: Any, answer: Answer) -> str:
    name = "message" if answer.gateway else "error"
    text = document.get(name) if isinstance(document, dict) else None
    if not isinstance(text, str) or not text:
        return f"an error that does not say {name!r}"
    text.encode()
    return ""


def _wrong_tensor(item: Mapping[str, Any]) -> str:
    if "data" not in item:
        return ""
    count, wanted = _count(item["data"]), math.prod(item["shape"])
    return "" if count == wanted else f"{count} elements of a shape of {wanted}"


def _count(value: Any) -> int:
    return sum(map(_count, value)) if isinstance(value, list) else 1


def _wrong_binary(body: bytes, length: int) -> str:
    outputs = json.loads(body[:length])["outputs"]
    blobs = sum(item.get("parameters", {}).get("binary_data_size", 0) for item in outputs)
    if blobs != len(body) - length:
        return f"{len(body) - length} bytes behind the JSON, which speaks of {blobs}"
    return next(filter(None, map(_wrong_tensor, outputs)), "")


def _unpack(body: bytes, encoding: str) -> bytes:
    try:
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not {encoding}: {error}") from error
    if encoding != "identity":
        raise ValueError(f"content encoding {encoding!r}")
    return body
