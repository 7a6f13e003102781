"""Waiting for what becomes true in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Return True as soon as it holds, False if it did not in time."""
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
