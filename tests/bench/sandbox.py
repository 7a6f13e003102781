"""One Lambda worker's life, played for it and watched: from its start to its last answer.

The Runtime API's side is the local stack's own server. Times are of the process that plays, so
what a worker does before it can read a clock counts, too.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes
from hearth_local.invocation import Invocation
from hearth_local.runtime_api import RuntimeApi

# A worker that does not answer for so long never will.
LIMIT_S = 60.0
_LAST_WORDS = 2000


class WorkerFailed(Exception):
    """A worker that reported an error or ended, with what it printed."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process to be started: what `exec` takes."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Served:
    """One event's way through a worker.

    Args:
        seconds: From its handing out to its answer.
        cpu_s: User and system time of the process, from its start to this answer.
        payload: The answer.
    """

    seconds: float
    cpu_s: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class Life:
    """What a worker did.

    Args:
        start_s: From the start of the process to its first answer.
        served: Its answers in order.
        cpu_s: User and system time of all its life, as `wait4` tells it.
        peak_mb: The most resident memory that it ever had.
        resident_mb: Resident memory after the last answer.
    """

    start_s: float
    served: Sequence[Served]
    cpu_s: float
    peak_mb: float
    resident_mb: float

    def latency_ms(self, percent: int, warm_up: int) -> float:
        """Return a percentile of the answers after those of a warm-up and the first."""
        taken = [served.seconds * 1000 for served in self.served[warm_up + 1 :]]
        return statistics.quantiles(taken, n=100)[percent - 1]


@dataclass
class _Player:
    """The Runtime API's side of one worker; ready once every event was answered and more asked."""

    events: Sequence[bytes]
    ready: Callable[[int], None]
    started: float = 0.0
    pid: int = 0
    handed: float = 0.0
    first: float = 0.0
    served: list[Served] = field(default_factory=list)
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def next(self) -> Invocation:
        if not self.handed:
            self.ready(self.pid)
        if len(self.served) == len(self.events):
            self._end(None)
            await asyncio.Event().wait()
        deadline = int((time.time() + LIMIT_S) * 1000)
        arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
        invocation = Invocation(self.events[len(self.served)], arn, deadline_ms=deadline)
        self.handed = time.perf_counter()
        return invocation

    async def respond(self, request_id: str, payload: bytes | None) -> bool:
        answered = time.perf_counter()
        self.first = self.first or answered
        used = processes.cpu_seconds([self.pid])
        self.served.append(Served(answered - self.handed, used, payload or b""))
        return True

    async def fail(self, request_id: str, payload: bytes) -> bool:
        self._end(WorkerFailed(payload.decode("utf-8", "replace")))
        return True

    async def init_failed(self, payload: bytes) -> None:
        self._end(WorkerFailed(payload.decode("utf-8", "replace")))

    async def restored(self) -> None:
        """Nothing is snapshotted here."""

    def _end(self, error: WorkerFailed | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)


def live(
    worker: Worker,
    events: Sequence[bytes],
    scratch: Path,
    ready: Callable[[int], None] = lambda _: None,
) -> Life:
    """Start a worker, have it answer the events one after another, end it.

    Args:
        worker: Its environment lacks AWS_LAMBDA_RUNTIME_API alone.
        events: JSON texts, at least one.
        scratch: A folder that is made for this life, and removed after it: its ephemeral storage.
        ready: Told the process's id when it asks for its first event: its init is over.

    Raises:
        WorkerFailed: If it reports an error, ends, or does not answer in time.
    """
    scratch.mkdir(parents=True)
    try:
        return asyncio.run(_live(worker, events, scratch / "output", ready))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _live(
    worker: Worker, events: Sequence[bytes], output: Path, ready: Callable[[int], None]
) -> Life:
    player = _Player(events, ready)
    api = RuntimeApi(player)
    environment = {**worker.environment, "AWS_LAMBDA_RUNTIME_API": await api.start()}
    player.started = time.perf_counter()
    process = _spawn(worker, environment, output)
    player.pid = process.pid
    ended = asyncio.create_task(asyncio.to_thread(os.wait4, process.pid, 0))
    try:
        await asyncio.wait({player.done, ended}, timeout=LIMIT_S, return_when="FIRST_COMPLETED")
        if not player.done.done() or player.done.exception():
            raise _failure(player, output)
        resident, peak = processes.resident_mb(process.pid)
    finally:
        if not ended.done():
            os.killpg(process.pid, signal.SIGKILL)
        _, process.returncode, usage = await ended
        await api.stop()
    return Life(
        start_s=player.first - player.started,
        served=player.served,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=peak,
        resident_mb=resident,
    )


def _spawn(worker: Worker, environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as printed:
        return subprocess.Popen(
            worker.command,
            env=environment,
            cwd=worker.folder,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _failure(player: _Player, output: Path) -> WorkerFailed:
    reported = player.done.exception() if player.done.done() else "it ended or never answered"
    words = output.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:]
    return WorkerFailed(f"{reported}\n{words}")
