"""The original and a candidate, each in a fresh process, alive at the same time, asked in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.contender_process import CANDIDATE, SIDES, ContenderProcess


@dataclass(frozen=True, slots=True)
class Load:
    """One opening.

    Args:
        open_ms: From file to open session.
        first_run_ms: The first request after that.
        resident_mb: Growth of memory through both.
        rows: Of the first request.
        grows: Whether the model takes more rows.
    """

    open_ms: float
    first_run_ms: float
    resident_mb: float
    rows: int
    grows: bool

    @property
    def cold_start_ms(self) -> float:
        return self.open_ms + self.first_run_ms


@dataclass(frozen=True, slots=True)
class Corner:
    """One side of a duel.

    Args:
        candidate: What is opened.
        threads: For each number of threads that is asked for, what it is opened with.
    """

    candidate: Candidate
    threads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What all pairs of a duel share.

    Args:
        corners: By side.
        case: .npz with the first request.
        memory_mb: What each process may take.
        limit_s: How long an answer may take, asked anew for each.
    """

    corners: Mapping[str, Corner]
    case: Path
    memory_mb: int
    limit_s: Callable[[], float]


class Pair:
    """Two processes, which end with it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._stack = ExitStack()
        self._processes: dict[str, ContenderProcess] = {}

    def __enter__(self) -> Self:
        try:
            for side in SIDES:
                candidate = self._setup.corners[side].candidate
                started = ContenderProcess(side, candidate, self._setup.memory_mb)
                self._processes[side] = self._stack.enter_context(started)
            for side in SIDES:  # neither is timed while the other one still starts
                self._ask(side, "ready")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def open(self, first: str, at: int = 0) -> dict[str, Load]:
        """Open both, one after the other.

        Args:
            first: The side that begins.
            at: Which of the numbers of threads.
        """
        loads: dict[str, Load] = {}
        for side in (first, other(first)):
            threads = self._setup.corners[side].threads[at]
            opened = self._ask(side, "open", case=str(self._setup.case), threads=threads)
            loads[side] = Load(**opened, **self._ask(side, "first"))
        return loads

    def batch(self, side: str, rows: int) -> float:
        """Let one take up a batch of so many rows; return the milliseconds of a run, roughly."""
        return float(self._ask(side, "batch", rows=rows)["run_ms"])

    def block(self, side: str, block_ms: float, warm: int) -> list[int]:
        """Return the nanoseconds of runs, one after the other, after some that do not count."""
        taken: list[int] = self._ask(side, "block", block_ms=block_ms, warm=warm)["ns"]
        return taken

    def _ask(self, side: str, do: str, **what: object) -> dict[str, Any]:
        return self._processes[side].ask(do, self._setup.limit_s(), **what)


def other(side: str) -> str:
    return CANDIDATE if side == ORIGINAL else ORIGINAL
