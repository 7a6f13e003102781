"""gzip and deflate, both ways: bodies are inflated within bounds, answers deflated if asked."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from hearth.domain.errors import MalformedBody, PayloadTooLarge, UnsupportedCoding
from hearth.edge.answers import Answer
from hearth.edge.events import HttpRequest

INFLATED_LIMIT = 64 << 20  # Triton's own default
# Below this an answer travels as it is: nothing would be gained.
_WORTHWHILE = 1024
_MOST_MEMBERS = 100
_LEVEL = 1  # what a client waits for is mostly the function
# zlib's word for each coding's wrapping; "deflate" is a zlib stream, RFC 9110 section 8.4.1.2.
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def inflated(body: bytes, headers: Mapping[str, str], limit: int = INFLATED_LIMIT) -> bytes:
    """Return a body as it was before its Content-Encoding.

    Raises:
        UnsupportedCoding: If the coding is not gzip, deflate or identity.
        MalformedBody: If the bytes are not what the coding says, or end early.
        PayloadTooLarge: If more than `limit` bytes come out; no more than that is allocated.

    Example:
        >>> inflated(zlib.compress(b"{}"), {"content-encoding": "deflate"})
        b'{}'
    """
    if "content-encoding" not in headers:
        return body
    coding = headers["content-encoding"].strip().lower()
    if not coding or coding == "identity":
        return body
    if coding not in _WINDOWS:
        raise UnsupportedCoding(
            "the body's Content-Encoding is not taken",
            got=coding[:80],
            expected="gzip, deflate or identity",
        )
    try:
        return _inflate(body, _WINDOWS[coding], limit)
    except zlib.error as error:
        raise MalformedBody(f"the body is not {coding}", got=str(error)) from error


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    for _ in range(_MOST_MEMBERS):  # gzip files may follow one another
        inflater = zlib.decompressobj(wbits=window)
        parts.append(inflater.decompress(body, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise PayloadTooLarge(
                "the body is too large once it is decompressed", expected=f"at most {limit} bytes"
            )
        if not inflater.eof:
            raise MalformedBody("the compressed body ends early", got=f"{len(body)} bytes")
        body = inflater.unused_data
        if not body or window != _WINDOWS["gzip"]:
            return b"".join(parts)
    raise MalformedBody("the body is of too many gzip files", expected=f"at most {_MOST_MEMBERS}")


def deflated(answer: Answer, request: HttpRequest) -> Answer:
    """Return an answer in the coding that the request accepts, where that makes it smaller."""
    if len(answer.body) < _WORTHWHILE or "Vary" in answer.headers:
        return answer
    coding = _accepted(request.headers.get("accept-encoding", ""))
    if not coding:
        return answer
    deflater = zlib.compressobj(_LEVEL, wbits=_WINDOWS[coding])
    body = deflater.compress(answer.body) + deflater.flush()
    headers = {**answer.headers, "Vary": "Accept-Encoding"}
    # What goes as text grows by a third when it goes as bytes.
    if len(body) >= len(answer.body) * (1 if answer.binary else 3 / 4):
        return answer._replace(headers=headers)
    headers["Content-Encoding"] = coding
    return answer._replace(body=body, headers=headers, binary=True)


def _accepted(header: str) -> str:
    """Return the coding to use for an Accept-Encoding header, or "" for none.

    Example:
        >>> _accepted("br;q=1.0, gzip; q=0.8"), _accepted("gzip;q=0, deflate"), _accepted("*")
        ('gzip', 'deflate', '')
    """
    offered: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        try:
            offered[coding] = float(weight or 1)
        except ValueError:
            continue
    best = max(("gzip", "deflate"), key=lambda coding: offered.get(coding, 0.0))
    return best if offered.get(best, 0.0) > 0 else ""
