"""Cases in processes of their own: one that dies takes one case with it, and is replaced."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from nodes.cases import Case
from nodes.judging import everywhere, judge
from nodes.sandbox import Sandbox, opened
from nodes.verdict import FAILED, Result, Verdict

_MOST_S = 60


def run(cases: Sequence[Case], processes: int) -> Iterator[Result]:
    """Yield the result of each case, as they come."""
    with ExitStack() as stack:
        free: SimpleQueue[Lane] = SimpleQueue()
        for _ in range(processes):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hearth-nodes-"))
            lane = Lane(Path(folder))
            stack.callback(lane.close)
            free.put(lane)

        def one(case: Case) -> Result:
            lane = free.get()
            try:
                return lane.judge(case)
            finally:
                free.put(lane)

        threads = stack.enter_context(ThreadPoolExecutor(processes))
        for done in as_completed([threads.submit(one, case) for case in cases]):
            yield done.result()


class Lane:
    """A process that judges one case after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = self._started()

    def judge(self, case: Case) -> Result:
        try:
            return self._process.submit(_judge, case).result()
        except BrokenProcessPool:
            said = (self._folder / "stderr").read_text(errors="replace")[-200:]
            self._process = self._started()
            died = f"the process died, or took longer than {_MOST_S} s; it said: {said}"
            return everywhere(case, Verdict(FAILED, died))

    def close(self) -> None:
        self._process.shutdown()

    def _started(self) -> ProcessPoolExecutor:
        # Not forked: ONNX Runtime and moto begin afresh.
        fresh = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=fresh, initializer=_begin, initargs=(self._folder,)
        )


_sandbox: Sandbox | None = None


def _begin(folder: Path) -> None:
    global _sandbox  # noqa: PLW0603 (one a process)
    # Predict writes a record for each request, ONNX Runtime a line for each refusal.
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    stack = ExitStack()
    _sandbox = stack.enter_context(opened(folder))
    atexit.register(stack.close)


def _judge(case: Case) -> Result:
    assert _sandbox is not None
    signal.alarm(_MOST_S)  # ends this process, wherever it is
    try:
        return judge(case, _sandbox)
    finally:
        signal.alarm(0)
