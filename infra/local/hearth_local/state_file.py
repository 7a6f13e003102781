"""`.hearth/stack.json`: where the running stack is, for commands in other terminals."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from hearth_local.errors import AlreadyRunning, NotRunning

STATE_DIR = ".hearth"


@dataclass(frozen=True, slots=True)
class State:
    """A running stack; `functions` maps each function's folder name to its Lambda name."""

    url: str
    s3_endpoint: str
    bucket: str
    region: str
    pid: int
    lambda_endpoint: str
    functions: dict[str, str]


class Lock:
    """Held by the one stack that may run in a folder; the system lets it go with the process."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            AlreadyRunning: If another stack holds it.
        """
        self._state_dir.mkdir(parents=True, exist_ok=True)
        file = (self._state_dir / "lock").open("a")
        try:
            _lock(file)
        except OSError:
            file.close()
            raise self._running() from None
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _running(self) -> AlreadyRunning:
        where, how = "its address is not known yet", "stop it where it runs"
        try:
            state = read(self._state_dir)
            where, how = state.url, f"use it, or stop it: Ctrl-C where it runs, or kill {state.pid}"
        except NotRunning:
            pass
        return AlreadyRunning(
            f"local stack in {self._state_dir}", f"one that runs already ({where})", "none", how
        )


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def write(state_dir: Path, state: State) -> None:
    fresh = state_dir / "stack.json.new"
    fresh.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    fresh.replace(state_dir / "stack.json")


def remove(state_dir: Path) -> None:
    (state_dir / "stack.json").unlink(missing_ok=True)


def read(state_dir: Path) -> State:
    """Return the running stack's state.

    Raises:
        NotRunning: If none runs, or one ended without clearing up.
    """
    try:
        state = State(**json.loads((state_dir / "stack.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        state = None
    if state is None or not _lives(state.pid):
        raise NotRunning(
            "local stack", "none in this folder", "a running one", "start it: hearth up"
        )
    return state


def _lives(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
