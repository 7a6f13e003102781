"""One worker's operating-system process: its output, its end, its memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# After its end a process's output is waited for no longer than this: a grandchild may hold it open.
_OUTPUT_GRACE_S = 0.3
_MEMORY = re.compile(r"^(VmHWM|RssAnon|RssShmem):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB: what cannot be taken back, and the peak of everything."""

    held_mb: float
    peak_mb: float


class Process(asyncio.SubprocessProtocol):
    """A child process in its own group, so that ending it ends what it started."""

    def __init__(self, printed: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self._printed = printed
        self._ended: asyncio.Future[int] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.SubprocessTransport | None = None
        self.pid = 0

    async def start(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *command,
            # A pipe that is never written to: its end tells a client without kernel support that
            # the stack has gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._transport.get_pid()

    async def wait(self) -> int:
        """Return the exit status, negative for a signal, once all output is in."""
        status = await asyncio.shield(self._ended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._closed), _OUTPUT_GRACE_S)
        if self._transport is not None:
            self._transport.close()
        return status

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                assert self._transport is not None
                self._transport.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)

    def memory(self) -> Memory | None:
        """Return the memory in use, None where the system does not tell (only Linux does).

        Mapped files are left out of what is held: the kernel takes their pages back when memory
        runs short, on Lambda as here.
        """
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        kb = {name: int(value) for name, value in _MEMORY.findall(status)}
        held = kb.get("RssAnon", 0) + kb.get("RssShmem", 0)
        return Memory(held / 1024, kb.get("VmHWM", 0) / 1024)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        del fd
        self._printed(data)

    def process_exited(self) -> None:
        assert self._transport is not None
        self.kill()  # what the process itself left behind
        self._ended.set_result(self._transport.get_returncode() or 0)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._closed.done():
            self._closed.set_result(None)


def describe_exit(status: int) -> str:
    """Return Lambda's words for a runtime that ended."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = (signal.strsignal(-status) or f"signal {-status}").lower()
    return f"Runtime exited with error: signal: {name}"
