"""A contender as the one who asks it sees it: a child process with a time limit for each answer.

A candidate can crash ONNX Runtime, hang, or take all memory. Here that is an error that says whose
it is, and the child is gone.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from dataclasses import asdict
from threading import Timer
from types import TracebackType
from typing import Any, Self

from hearth.domain.errors import HearthError
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.serving import child

CANDIDATE = "candidate"
SIDES = (ORIGINAL, CANDIDATE)
_DYING_S = 10.0
_MODULE = "hearth.optimizing.contender"
_DOING = {"ready": "cannot be started", "open": "cannot be opened", "answers": "gives no answers"}
_TOO_MUCH = ("bad_alloc", "MemoryError", "ResourceExhausted")


class ContenderFailed(HearthError):
    """It cannot be opened or run, crashes, or takes too much memory or time.

    Args:
        whose: `original` or `candidate`.
        what: In which way, naming it.
        got: What was seen.
        remedy: What can be done.
        alive: Whether its process is left to be asked for something else.
    """

    def __init__(
        self, whose: str, what: str, *, got: object, remedy: str = "", alive: bool = False
    ) -> None:
        super().__init__(what, got=got, remedy=remedy)
        self.whose, self.alive = whose, alive


class OutOfTime(ContenderFailed):
    """It did not answer in time, and was stopped."""


class ContenderProcess:
    """One candidate in a process of its own.

    Args:
        whose: `original` or `candidate`.
        candidate: What it holds open.
        memory_mb: What it may take.
    """

    def __init__(self, whose: str, candidate: Candidate, memory_mb: int) -> None:
        self.whose, self._name, self._memory_mb = whose, candidate.name, memory_mb
        path, runtime = candidate.opened
        arguments = (str(path), json.dumps(asdict(runtime)), str(memory_mb))
        self._late = False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._process = subprocess.Popen(  # noqa: S603 (this interpreter and this package)
            child.command(_MODULE, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=child.surroundings(),
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End it, whatever it is doing. It holds nothing that would have to be put away."""
        self._end()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass  # what it was asked last, it never read

    def ask(self, do: str, limit_s: float, **what: object) -> dict[str, Any]:
        """Return its answer.

        Args:
            do: What it shall do: a method of `contender.Contender`.
            limit_s: When it is stopped.
            what: That method's arguments.

        Raises:
            OutOfTime: If it has not answered by then.
            ContenderFailed: If it cannot do it, or dies.
        """
        line = self._exchange(json.dumps({"do": do, **what}), limit_s) if limit_s > 0 else ""
        answered = line.endswith("\n")
        if limit_s <= 0 or (self._late and not answered):
            self._end()
            raise OutOfTime(
                self.whose,
                f"{self._named} {_DOING.get(do, 'cannot be run')} in the time that is left",
                got=f"still at it after {max(limit_s, 0):.0f} s",
            )
        if not answered:
            raise self._death(do)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            got = f"{answer['type']}: {answer['error']}"
            raise self._failure(do, answer["type"], got, alive=True)
        return answer

    @property
    def _named(self) -> str:
        return self.whose if self._name == self.whose else f"{self.whose} {self._name}"

    def _exchange(self, line: str, limit_s: float) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        watch = Timer(limit_s, self._stop)
        watch.daemon = True
        watch.start()
        try:
            stdin.write(line + "\n")
            stdin.flush()
            return stdout.readline()
        except BrokenPipeError:
            return ""
        finally:
            watch.cancel()

    def _stop(self) -> None:
        self._late = True
        self._process.kill()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _death(self, do: str) -> ContenderFailed:
        try:
            status = self._process.wait(_DYING_S)
        except subprocess.TimeoutExpired:  # it has closed its side, and goes on
            self._end()
            status = 0
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").strip()[-200:]
        killed = "MemoryError" if status == -signal.SIGKILL else ""
        return self._failure(do, killed + said, f"crashed with exit status {status}: {said}")

    def _failure(self, do: str, kind: str, got: str, *, alive: bool = False) -> ContenderFailed:
        what = f"{self._named} {_DOING.get(do, 'cannot be run')}"
        if not any(word in kind for word in _TOO_MUCH):
            return ContenderFailed(self.whose, what, got=got, alive=alive)
        what, remedy = f"{what} with {self._memory_mb} MB of memory", "raise the memory size"
        return ContenderFailed(self.whose, what, got=got, remedy=remedy, alive=alive)
