"""What running processes have used so far, and ending them (Linux)."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CPUCLOCK_SCHED = 2
_STATUS = re.compile(r"^(VmRSS|VmHWM):\s+(\d+) kB$", re.MULTILINE)
_PRIVATE = re.compile(r"^Private_(?:Clean|Dirty):\s+(\d+) kB$", re.MULTILINE)


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it, itself first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may have ended
            # A name may hold blanks and brackets; what follows its last bracket may not.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:  # grows while it is read
        found += children.get(one, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the user and system time of running processes, threads that ended included.

    Source: clock_getcpuclockid(3); the clock of a process is made of its id.
    """
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    return total


def resident_mb(pid: int) -> tuple[float, float]:
    """Return a process's resident memory in MB, now and at most.

    `wait4` knows the most, too, but begins with what the process had that started this one.
    """
    found = dict(_STATUS.findall(_read(pid, "status")))
    return int(found.get("VmRSS", 0)) / 1024, int(found.get("VmHWM", 0)) / 1024


def tree_mb(pids: Iterable[int]) -> float:
    """Return what processes hold together: the largest all of its own, the others what is theirs alone.

    Memory that a process shares with those that it forked is thus counted once.
    """
    largest, *others = sorted(pids, key=lambda pid: -resident_mb(pid)[0])
    private = sum(int(kb) for pid in others for kb in _PRIVATE.findall(_read(pid, "smaps_rollup")))
    return resident_mb(largest)[0] + private / 1024


def end(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end this process as Ctrl-C does: what was made is cleared away."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
