"""The workers of one function, and the calls that wait for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from hearth_local.environment import Host
from hearth_local.function_log import FunctionLog
from hearth_local.invocation import Answer, Invocation, unhandled
from hearth_local.sandbox import Sandbox
from hearth_local.template import Function


class Pool:
    """Starts workers on demand up to a limit; calls queue in order when all are busy."""

    def __init__(self, function: Function, host: Host, log: FunctionLog, limit: int) -> None:
        self.function = function
        self.log = log
        self._host = host
        self._limit = limit
        self._queue: deque[Invocation] = deque()
        self._idle: list[Sandbox] = []
        self._all: set[Sandbox] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first: asyncio.Future[Answer | None] | None = None
        self._stopping = False

    async def warm(self) -> Answer | None:
        """Start a first worker; return None once it is ready, or why it is not."""
        self.log.open()
        self._first = asyncio.get_running_loop().create_future()
        self._spawn()
        return await self._first

    def submit(self, invocation: Invocation) -> asyncio.Future[Answer]:
        if self._stopping:
            invocation.resolve(unhandled("Runtime.Unavailable", "the local stack is stopping"))
        else:
            self._queue.append(invocation)
            self._dispatch()
        return invocation.answer

    async def stop(self) -> None:
        self._stopping = True
        while self._queue:
            refused = unhandled("Runtime.Unavailable", "the local stack stopped")
            self._queue.popleft().resolve(refused)
        for sandbox in self._all:
            sandbox.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.log.close()

    def active(self) -> Iterator[Sandbox]:
        """Yield the workers whose memory can grow: those that start or run a call."""
        for sandbox in self._all:
            if sandbox.busy or not sandbox.initialised:
                yield sandbox

    # -- told by the sandboxes ----------------------------------------------------------------

    def idle(self, sandbox: Sandbox) -> None:
        self._settle_first(None)
        self._idle.append(sandbox)
        self._dispatch()

    def ended(self, sandbox: Sandbox, failure: Answer) -> None:
        self._all.discard(sandbox)
        if sandbox in self._idle:
            self._idle.remove(sandbox)
        if not sandbox.initialised:
            self._settle_first(failure)
            # One failed start answers one call, so a function that cannot start never loops.
            if self._queue:
                self._queue.popleft().resolve(failure)
        elif sandbox.died_in_call and not self._all and not self._stopping:
            self._spawn()
        self._dispatch()

    # -- inside -------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while self._queue and (self._idle or self._queue[0].answer.done()):
            invocation = self._queue.popleft()
            if not invocation.answer.done():  # its caller may have gone
                # The worker used last has the warmest caches.
                self._idle.pop().hand(invocation)
        starting = sum(not sandbox.initialised for sandbox in self._all)
        room = 0 if self._stopping else self._limit - len(self._all)
        for _ in range(min(room, len(self._queue) - starting)):
            self._spawn()

    def _spawn(self) -> None:
        sandbox = Sandbox(self.function, self._host, self.log, self)
        self._all.add(sandbox)
        task = asyncio.get_running_loop().create_task(sandbox.live())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _settle_first(self, failure: Answer | None) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(failure)
