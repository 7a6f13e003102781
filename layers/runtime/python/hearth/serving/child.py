"""Child processes of this interpreter: how they are started, and that they never outlive it."""

from __future__ import annotations

import os
import signal
import sys

from hearth.serving import memory

_PR_SET_PDEATHSIG = 1


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with the interpreter and the flags of this process."""
    no_site = ["-S"] if sys.flags.no_site else []
    return [sys.executable, *no_site, "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment, in which a child finds the modules that it finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def die_with_parent() -> None:
    """Called by a child: have it killed when the thread ends that started it (Linux alone)."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def restrict(memory_mb: int) -> None:
    """Called by a child: die with the parent, and fail to allocate rather than be killed."""
    die_with_parent()
    memory.limit(memory_mb)
