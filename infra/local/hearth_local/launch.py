"""Starts a worker that cannot outlive the local stack. Run by path, before anything is importable.

Usage: launch.py PARENT_PID ARGUMENT... - becomes this Python with the arguments.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tie_to_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent goes, however the parent goes (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have gone before the request reached the kernel.
    if os.getppid() != parent_pid:
        os._exit(1)


def main() -> None:
    tie_to_parent(int(sys.argv[1]))
    # The request to the kernel survives exec, so what runs from here on is unmodified.
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])  # noqa: S606


if __name__ == "__main__":
    main()
