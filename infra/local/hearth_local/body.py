"""Reading an HTTP request's body no further than a limit."""

from __future__ import annotations

from aiohttp import web


class BodyTooLarge(Exception):
    """The body is longer than the limit; what came before was dropped."""


# Read on a little so that the client gets the answer instead of a reset connection.
_DRAIN_BYTES = 64 * 1024 * 1024


async def read(request: web.BaseRequest, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: If it is longer than `limit` bytes.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        # Without it curl waits a second before it sends a large body.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif size > limit + _DRAIN_BYTES:
            break
    if size > limit:
        raise BodyTooLarge
    return b"".join(parts)
