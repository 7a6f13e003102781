"""A Lambda function with SnapStart, played by a Runtime API server: init, snapshot, restore, calls.

Nothing is frozen or copied: the process waits where Lambda would take its snapshot, and goes on
where a restored copy would.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hearth_local.invocation import Answer, Invocation
from hearth_local.loop_thread import LoopThread
from hearth_local.runtime_api import RuntimeApi

ROOT = Path(__file__).parents[2]
_LIMIT_S = 60.0
_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:predict:7"


@dataclass
class _Player:
    """The Runtime API's side."""

    taken: asyncio.Event = field(default_factory=asyncio.Event)
    restore: asyncio.Event = field(default_factory=asyncio.Event)
    calls: asyncio.Queue[Invocation] = field(default_factory=asyncio.Queue)
    running: dict[str, Invocation] = field(default_factory=dict)
    failed: list[bytes] = field(default_factory=list)

    async def next(self) -> Invocation:
        call = await self.calls.get()
        self.running[call.request_id] = call
        return call

    async def restored(self) -> None:
        self.taken.set()
        await self.restore.wait()

    async def respond(self, request_id: str, payload: bytes | None) -> bool:
        self.running.pop(request_id).answer.set_result(Answer(payload or b""))
        return True

    async def fail(self, request_id: str, payload: bytes) -> bool:
        self.running.pop(request_id).answer.set_result(Answer(payload, "Unhandled"))
        return True

    async def init_failed(self, payload: bytes) -> None:
        self.failed.append(payload)
        self.taken.set()


class Snapshotted:
    """One process of a function whose init type is `snap-start`."""

    def __init__(self, loop: LoopThread, player: _Player, process: subprocess.Popen[str]) -> None:
        self._loop, self._player, self.process = loop, player, process

    def wait_for_snapshot(self) -> None:
        """Return where Lambda would take the snapshot: init is over, and its hooks have run."""
        self._loop.run(asyncio.wait_for(self._player.taken.wait(), _LIMIT_S))
        assert not self._player.failed, self._player.failed

    def restore(self) -> None:
        async def go_on() -> None:
            self._player.restore.set()

        self._loop.run(go_on())

    def call(self, event: Mapping[str, Any]) -> Any:
        """Return the answer to an event."""

        async def ask() -> Answer:
            deadline_ms = int((time.time() + _LIMIT_S) * 1000)
            call = Invocation(json.dumps(event).encode(), _ARN, deadline_ms=deadline_ms)
            self._player.calls.put_nowait(call)
            return await asyncio.wait_for(call.answer, _LIMIT_S)

        answer = self._loop.run(ask())
        assert not answer.error, answer.payload
        return json.loads(answer.payload)

    def connections(self, port: int) -> int:
        """Return how many connections of the process lead to a port of this machine (Linux)."""
        proc = Path(f"/proc/{self.process.pid}")
        own = {str(fd.readlink()) for fd in (proc / "fd").iterdir() if fd.is_symlink()}
        rows = (line.split() for line in (proc / "net/tcp").read_text().splitlines()[1:])
        established = "01"
        return sum(
            row[3] == established
            and int(row[2].partition(":")[2], 16) == port
            and f"socket:[{row[9]}]" in own
            for row in rows
        )


@contextmanager
def predict(environment: Mapping[str, str], printed: Path) -> Iterator[Snapshotted]:
    """Start predict as Lambda does to take a snapshot of it; what it prints goes to a file."""
    loop = LoopThread()

    async def prepare() -> tuple[_Player, RuntimeApi, str]:
        player = _Player()
        api = RuntimeApi(player)
        return player, api, await api.start()

    player, api, address = loop.run(prepare())
    folder = ROOT / "functions/predict"
    seen = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        **environment,
    }
    command = [sys.executable, "-m", "awslambdaric", "predict.handler"]
    with (
        printed.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=seen, stdout=output, stderr=output) as process,
    ):
        try:
            yield Snapshotted(loop, player, process)
        finally:
            process.kill()
            loop.end(api.stop(), 5.0)
