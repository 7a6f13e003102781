"""Percent-encoding (RFC 3986), as names in addresses have it: UTF-8, and mostly nothing to do.

`urllib.parse` brings a table of all addresses' schemes and the arithmetic of IP networks with it:
of a cold start, a fiftieth of what ONNX Runtime takes. It is imported where there is something to
decode.
"""

from __future__ import annotations

import string

# What stands for itself anywhere.
_UNRESERVED = frozenset(f"{string.ascii_letters}{string.digits}-._~".encode())
_WITH_SLASHES = _UNRESERVED | {ord("/")}


def encoded(text: str, *, slashes: bool = False) -> str:
    """Return a text as it stands in an address; slashes as they are, where they separate.

    Example:
        >>> encoded("m 1/ü"), encoded("m 1/ü", slashes=True)
        ('m%201%2F%C3%BC', 'm%201/%C3%BC')
    """
    plain = _WITH_SLASHES if slashes else _UNRESERVED
    return "".join([chr(byte) if byte in plain else f"%{byte:02X}" for byte in text.encode()])


def decoded(text: str) -> str:
    """Return the text that stands in an address; bytes that are no UTF-8 become U+FFFD.

    Example:
        >>> decoded("m%201/%C3%BC")
        'm 1/ü'
    """
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)
