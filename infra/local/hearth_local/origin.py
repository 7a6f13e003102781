"""Whether a request comes from a program on this machine, not from a page of somebody's site.

Without IAM, any page open in a browser could otherwise reach the functions through loopback: by
posting to it, or by a host name of its own that leads there.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_HERE = {"127.0.0.1", "localhost", "::1"}


def is_this_machine(headers: Mapping[str, str]) -> bool:
    """Return whether Host, and Origin where a browser sends one, name this machine."""
    origin = headers.get("Origin")
    return _names_here(f"//{headers.get('Host', '')}") and (origin is None or _names_here(origin))


def _names_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _HERE
    except ValueError:
        return False
