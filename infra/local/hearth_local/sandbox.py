"""One worker: a process that asks the Runtime API for calls, one after another."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from dataclasses import dataclass, field
from typing import Protocol

from hearth_local import environment
from hearth_local.environment import Host, Sandboxed
from hearth_local.function_log import FunctionLog, LineSplitter, Tail
from hearth_local.invocation import PAYLOAD_LIMIT, Answer, Invocation, unhandled
from hearth_local.process import Process, describe_exit
from hearth_local.report import Report
from hearth_local.runtime_api import RuntimeApi
from hearth_local.template import Function

# Lambda gives an init this long, and once more within the first call's timeout.
INIT_LIMIT_S = 10.0


class Owner(Protocol):
    """Who is told what becomes of a sandbox."""

    def idle(self, sandbox: Sandbox) -> None: ...

    def ended(self, sandbox: Sandbox, failure: Answer) -> None: ...


@dataclass(slots=True)
class _Call:
    """The call that a worker is busy with."""

    invocation: Invocation
    began: float = field(default_factory=time.monotonic)
    tail: Tail = field(default_factory=Tail)


class Sandbox:
    """A worker's life: starting, then idle and busy in turn, then ended. It is never used again.

    Everything runs on the stack's one event loop, so no state here needs a lock.
    """

    def __init__(self, function: Function, host: Host, log: FunctionLog, owner: Owner) -> None:
        self._function, self._host, self._log, self._owner = function, host, log, owner
        self._own = Sandboxed.new(host.state_dir, function)
        self._api = RuntimeApi(self)
        self._process = Process(self._printed)
        self._lines = LineSplitter()
        self._started = time.monotonic()
        self._init_ms = 0.0
        self._unreported_init_ms = 0.0
        self._init_error = b""
        self._waiting: asyncio.Future[Invocation] | None = None
        self._call: _Call | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._killed_for = ""
        self._peak_mb = 0.0
        self.died_in_call = False

    @property
    def initialised(self) -> bool:
        return self._init_ms > 0

    @property
    def busy(self) -> bool:
        return self._call is not None

    # -- life -------------------------------------------------------------------------------

    async def live(self) -> None:
        """Start the process and see it to its end, whatever that is."""
        try:
            status = await self._run()
        except OSError as error:
            failure = unhandled("Runtime.InvalidEntrypoint", f"the worker did not start: {error}")
        else:
            failure = self._describe(status)
        self._disarm()
        self.died_in_call = self.busy
        if self._killed_for != "stopped" and not self._init_error:
            self._write(json.loads(failure.payload)["errorMessage"])
        self._end_call(failure)
        if self._waiting is not None:
            self._waiting.cancel()
        await self._api.stop()
        await asyncio.to_thread(shutil.rmtree, self._own.folder, ignore_errors=True)
        self._owner.ended(self, failure)

    def kill(self, reason: str = "stopped") -> None:
        self._killed_for = self._killed_for or reason
        if self._process.pid:
            self._process.kill()

    async def _run(self) -> int:
        self._own.make()
        address = await self._api.start()
        seen = environment.variables(self._function, self._host, self._own, address)
        command = environment.command(self._function, self._host.client)
        await self._process.start(command, seen, self._function.folder)
        if self._killed_for:
            self._process.kill()
        self._arm(INIT_LIMIT_S + self._function.timeout_s)
        status = await self._process.wait()
        self._write_lines(self._lines.feed(b"", final=True))
        return status

    def _describe(self, status: int) -> Answer:
        if self._init_error:
            return Answer(self._init_error, "Unhandled")
        request_id = self._call.invocation.request_id if self._call else ""
        if self._killed_for == "timeout":
            seconds = self._function.timeout_s + (0 if self.initialised else INIT_LIMIT_S)
            message = f"Task timed out after {seconds:.2f} seconds"
            return unhandled("Sandbox.Timedout", message, request_id)
        return unhandled("Runtime.ExitError", describe_exit(status), request_id)

    # -- the stack's side -------------------------------------------------------------------

    def hand(self, invocation: Invocation) -> None:
        """Give the waiting worker a call; the time limit starts now."""
        assert self._waiting is not None
        self._call = _Call(invocation)
        invocation.deadline_ms = int((time.time() + self._function.timeout_s) * 1000)
        self._arm(self._function.timeout_s)
        self._write(f"START RequestId: {invocation.request_id} Version: $LATEST")
        waiting, self._waiting = self._waiting, None
        waiting.set_result(invocation)

    def check_memory(self) -> None:
        """Kill the worker when it holds more than the function's memory, as Lambda does."""
        memory = self._process.memory() if self._process.pid else None
        if memory is None or self._killed_for:
            return
        self._peak_mb = max(self._peak_mb, memory.peak_mb)
        limit = self._function.memory_mb
        if memory.held_mb > limit:
            self._write(f"hearth: killed, it held {memory.held_mb:.0f} MB of its {limit} MB memory")
            self.kill("memory")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.kill, "timeout")

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- the worker's side, through the Runtime API -----------------------------------------

    async def next(self) -> Invocation:
        if not self.initialised:
            self._init_ms = (time.monotonic() - self._started) * 1000
            self._unreported_init_ms = self._init_ms
            self._disarm()
        waiting: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._owner.idle(self)  # may hand a call at once
        return await waiting

    async def restored(self) -> None:
        """Nothing is snapshotted here: a restore follows at once."""

    async def respond(self, request_id: str, payload: bytes | None) -> bool:
        if payload is not None:
            return await self._take(request_id, Answer(payload))
        limit = (
            f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
        )
        return await self._take(request_id, unhandled("Function.ResponseSizeTooLarge", limit))

    async def fail(self, request_id: str, payload: bytes) -> bool:
        return await self._take(request_id, Answer(payload, "Unhandled"))

    async def init_failed(self, payload: bytes) -> None:
        self._init_error = payload

    async def _take(self, request_id: str, answer: Answer) -> bool:
        call = self._call
        if call is None or call.invocation.request_id != request_id or self._killed_for:
            return False
        self._disarm()
        # What the function printed before it answered is in the pipe already; two turns of the
        # loop read it, so its log is complete before anyone sees the answer.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._end_call(answer)
        return True

    def _end_call(self, answer: Answer) -> None:
        if self._call is None:
            return
        call, invocation = self._call, self._call.invocation
        self._write_lines(self._lines.feed(b"", final=True))
        self._write(f"END RequestId: {invocation.request_id}")
        self._write(str(self._report(call)))
        self._call = None
        invocation.resolve(Answer(answer.payload, answer.error, call.tail.read()))

    def _report(self, call: _Call) -> Report:
        memory = self._process.memory()
        self._peak_mb = max(self._peak_mb, memory.peak_mb if memory else 0)
        init_ms, self._unreported_init_ms = self._unreported_init_ms, 0.0
        status = "timeout" if self._killed_for == "timeout" else "error" * self.died_in_call
        duration_ms = (time.monotonic() - call.began) * 1000
        return Report(
            call.invocation.request_id,
            duration_ms,
            init_ms,
            self._function.memory_mb,
            self._peak_mb,
            status,
        )

    # -- log --------------------------------------------------------------------------------

    def _printed(self, data: bytes) -> None:
        self._write_lines(self._lines.feed(data))

    def _write_lines(self, lines: list[str]) -> None:
        for line in lines:
            self._write(line)

    def _write(self, message: str) -> None:
        request_id = ""
        if self._call is not None:
            request_id = self._call.invocation.request_id
            self._call.tail.add(message)
        self._log.write(self._own.log_stream, request_id, message)
