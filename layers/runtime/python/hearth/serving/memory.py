"""This process's memory: what it holds, and how much it may."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any


class _Mallinfo2(ctypes.Structure):
    """What glibc says of its heap, in bytes; `man 3 mallinfo2`."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


@cache
def _libc() -> Any:  # noqa: ANN401 (functions, typed when they are called)
    found = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    # Of glibc 2.33, which Lambda's is newer than; elsewhere nothing is counted or given back.
    if found is None or not hasattr(found, "mallinfo2"):
        return None
    found.mallinfo2.restype = _Mallinfo2
    return found


def allocated() -> int:
    """Return the bytes that C code has allocated and not freed; 0 where nobody counts them.

    Unlike resident memory it does not depend on what was freed before and is used again.
    """
    libc = _libc()
    if libc is None:
        return 0
    found = libc.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def trim() -> None:
    """Give the system what was freed: glibc keeps it, and counts on using it again."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def resident_mb() -> float:
    """Return this process's resident memory; where /proc is missing, its peak."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def limit(data_mb: float) -> None:
    """Let allocations beyond so much data fail, rather than have the process killed (Linux alone).

    The kernel counts what was asked for, touched or not.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    # A parent that holds more than its own limit leaves nothing; below 0 would be no limit at all.
    resource.setrlimit(resource.RLIMIT_DATA, (int(max(data_mb, 1) * (1 << 20)), most))


def limit_growth(memory_mb: int) -> None:
    """Let allocations fail that would take this process over a function's memory size.

    A request that asks for too much is then an error of its own; killed, the sandbox would take
    what it holds open with it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        data_mb = int(status.read_text().split("VmData:")[1].split()[0]) / 1024
        limit(data_mb + memory_mb - resident_mb())
