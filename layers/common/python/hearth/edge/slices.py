"""Groups of a prediction's caller, by which its quality is told apart: `region=eu,device=phone`."""

from __future__ import annotations

import re

MOST = 5
_LONGEST = 64
_NAME = r"[A-Za-z0-9_.-]{1,64}"


def fits(name: str, value: str) -> bool:
    """Return whether a group is one that can be written down."""
    return bool(0 < len(value) <= _LONGEST and value.isprintable() and re.fullmatch(_NAME, name))


def read(header: str) -> tuple[dict[str, str], int]:
    """Return the slices that a header names, and how many of its parts were refused.

    Example:
        >>> read("region=eu, device=phone")
        ({'region': 'eu', 'device': 'phone'}, 0)
        >>> read("region=eu,region=us,no value=x,device")
        ({'region': 'eu'}, 3)
    """
    found: dict[str, str] = {}
    refused = 0
    for part in header.split(","):
        if not part.strip():
            continue
        name, _, value = (word.strip() for word in part.partition("="))
        if fits(name, value) and name not in found and len(found) < MOST:
            found[name] = value
        else:
            refused += 1
    return found, refused
