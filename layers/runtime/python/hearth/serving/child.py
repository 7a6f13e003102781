"""Child processes of this interpreter: how they are started, and that they never outlive it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from hearth.serving import memory

_PR_SET_PDEATHSIG = 1
_OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "Failed to allocate")
_LAST_WORDS = 200

Ended = subprocess.CompletedProcess[bytes]


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with the interpreter and the flags of this process."""
    no_site = ["-S"] if sys.flags.no_site else []
    return [sys.executable, *no_site, "-m", module, *arguments]


def surroundings(**more: str) -> dict[str, str]:
    """Return this process's environment, in which a child finds the modules that it finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def run(
    command: Sequence[str],
    asked: object,
    time_limit_s: float,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Return how a child ended that was asked something.

    Args:
        command: What `command` returns.
        asked: JSON for its standard input.
        time_limit_s: When it is killed.
        environment: What `surroundings` returns; None for that of this process.

    Raises:
        subprocess.TimeoutExpired: If it was killed for the time it took.
    """
    return subprocess.run(  # noqa: S603 (this interpreter and a module of ours)
        command,
        input=json.dumps(asked).encode(),
        capture_output=True,
        env=dict(environment) if environment else surroundings(),
        timeout=time_limit_s,
        check=False,
    )


def last_words(ended: Ended) -> str:
    """Return the end of what a child wrote to its standard error."""
    return ended.stderr.decode("utf-8", "replace").strip()[-_LAST_WORDS:]


def ran_out_of_memory(ended: Ended) -> bool:
    """Return whether a child that gave no answer was killed for its memory, or found none."""
    return ended.returncode == -signal.SIGKILL or is_about_memory(last_words(ended))


def is_about_memory(text: str) -> bool:
    """Return whether a message says that memory did not suffice."""
    return any(word in text for word in _OUT_OF_MEMORY)


def die_with_parent() -> None:
    """Called by a child: have it killed when the thread ends that started it (Linux alone)."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def restrict(memory_mb: int) -> None:
    """Called by a child: die with the parent, and fail to allocate rather than be killed."""
    die_with_parent()
    memory.limit(memory_mb)
