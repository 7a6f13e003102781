"""The process that holds one candidate open and is timed: `python -m hearth.optimizing.contender`.

It reads one JSON object a line and answers with one. It does nothing unasked, so that what stands
beside it is not disturbed, and it imports what opening and running a model needs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hearth.domain.errors import HearthError
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import DYNAMIC, Signature
from hearth.serving import child, golden
from hearth.serving.golden import GoldenCase
from hearth.serving.memory import limit_growth, resident_mb
from hearth.serving.session import Session, Tensors

# What is told of one block at most.
_MOST_RUNS = 512
_WARM_MS = 5.0
# ONNX Runtime's workers go on spinning for some 40 ms after a run: they would take the processor
# from the one whose turn is next. Where requests come one by one they sleep between runs, too.
_NO_SPINNING = {"session.force_spinning_stop": "1"}

Answer = dict[str, Any]


class Contender:
    """One candidate, open.

    Args:
        path: Its model file.
        runtime: How to open it, threads included.
        memory_mb: What this process may take.
    """

    def __init__(self, path: Path, runtime: RuntimeOptions, memory_mb: int) -> None:
        self._path, self._runtime, self._memory_mb = path, runtime, memory_mb
        self._session: Session | None = None
        self._case: Tensors = {}
        self._inputs: Tensors = {}
        self._before_mb = 0.0

    def ready(self) -> Answer:
        """Answer once everything is imported."""
        return {}

    def open(self, case: str, threads: int) -> Answer:
        """Open the model; what was open is closed before.

        Args:
            case: The .npz file with the first request.
            threads: Within an operator.
        """
        self._case = self._inputs = golden.load(Path(case))[0].inputs
        options = replace(
            self._runtime,
            intra_op_num_threads=threads,
            session_config={**_NO_SPINNING, **self._runtime.session_config},
        )
        self._session = None
        self._before_mb = resident_mb()
        started = time.perf_counter_ns()
        self._session = Session(self._path, options, self._memory_mb)
        return {"open_ms": _ms_since(started)}

    def first(self) -> Answer:
        """Answer the first request."""
        started = time.perf_counter_ns()
        self._run()
        taken = _ms_since(started)
        grown = growing(self._opened.signature, self._case)
        return {
            "first_run_ms": taken,
            "resident_mb": max(0.0, resident_mb() - self._before_mb),
            "rows": _rows(self._opened.signature, self._case),
            "grows": bool(grown),
        }

    def batch(self, rows: int) -> Answer:
        """Take up a batch of so many rows, and say what one run of it takes, more or less."""
        self._inputs = of_rows(self._case, growing(self._opened.signature, self._case), rows)
        started = last = time.perf_counter_ns()
        runs = 0
        while not runs or _ms_since(started) < _WARM_MS:
            last = time.perf_counter_ns()
            self._run()
            runs += 1
        return {"run_ms": _ms_since(last)}

    def block(self, block_ms: float, warm: int) -> Answer:
        """Time runs one by one, until a block is over.

        Args:
            block_ms: How long; one run at least.
            warm: Runs before that, which bring back to caches what the other one has taken.
        """
        for _ in range(warm):
            self._run()
        run, inputs, clock = self._opened.run, self._inputs, time.perf_counter_ns
        taken: list[int] = []
        now = clock()
        until = now + int(block_ms * 1e6)
        while not taken or (now < until and len(taken) < _MOST_RUNS):
            started = clock()
            run(inputs)
            now = clock()
            taken.append(now - started)
        return {"ns": taken}

    def answers(self, cases: str, to: str, memory_mb: int) -> Answer:
        """Answer all cases of a file, as it is served with so much memory.

        Args:
            cases: The .npz file.
            to: Where a .npz file with the outputs is written.
            memory_mb: The function's memory size, which decides the threads.
        """
        asked = golden.load(Path(cases))
        session = Session(self._path, self._runtime, memory_mb)
        given = [GoldenCase({}, session.run(case.inputs)) for case in asked]
        golden.save(given, Path(to))
        return {"cases": len(given)}

    @property
    def _opened(self) -> Session:
        assert self._session is not None, "it is opened before it is run"
        return self._session

    def _run(self) -> None:
        self._opened.run(self._inputs)


def growing(signature: Signature, case: Tensors) -> frozenset[str]:
    """Return the inputs whose first dimension counts rows and may be any number; none may be."""
    if not signature.batched:
        return frozenset()
    specs = [spec for spec in signature.inputs if spec.name in case and case[spec.name].ndim]
    return frozenset(s.name for s in specs if not s.ranked or s.shape[:1] == (DYNAMIC,))


def of_rows(case: Tensors, grown: frozenset[str], rows: int) -> Tensors:
    """Return a case with so many rows: its own, over and over."""
    return {
        name: np.take(array, np.arange(rows) % len(array), axis=0) if name in grown else array
        for name, array in case.items()
    }


def _rows(signature: Signature, case: Tensors) -> int:
    grown = growing(signature, case)
    counting = grown or (frozenset(case) if signature.batched else frozenset())
    return max((len(case[name]) for name in counting if case[name].ndim), default=1)


def _ms_since(started: int) -> float:
    return (time.perf_counter_ns() - started) / 1e6


def _answer(work: Callable[..., Answer], asked: dict[str, Any]) -> Answer:
    try:
        return work(**asked)
    except HearthError as error:
        return {"error": str(error), "type": type(error).__name__}
    except MemoryError as error:
        return {"error": f"no memory left: {error}", "type": "ResourceExhausted"}
    except Exception as error:  # noqa: BLE001 (whatever it was, it is this candidate's)
        return {"error": f"{type(error).__name__}: {error}", "type": "ModelFailed"}


def _main(path: str, runtime: str, memory_mb: str) -> None:
    child.die_with_parent()
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limit_growth(int(memory_mb))
    contender = Contender(Path(path), RuntimeOptions(**json.loads(runtime)), int(memory_mb))
    for line in sys.stdin:
        asked = json.loads(line)
        made = _answer(getattr(contender, asked.pop("do")), asked)
        answers.write(json.dumps(made) + "\n")
        answers.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
