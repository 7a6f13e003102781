"""All functions of the stack, to be called by name: in place, or in the background with retries."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path

from hearth_local.environment import Host
from hearth_local.function_log import FunctionLog
from hearth_local.invocation import Answer, Invocation
from hearth_local.pool import Pool
from hearth_local.template import Function, Template

# Lambda waits a minute, then two; a person at a laptop does not.
RETRY_DELAYS_S = (1.0, 2.0)
_MEMORY_CHECK_S = 0.05
# A function that takes longer to come up does so while the stack already serves.
_READY_LIMIT_S = 15.0


class Functions:
    """One pool a function."""

    def __init__(
        self,
        template: Template,
        host: Host,
        workers: int,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        self._template = template
        self._retry_delays_s = retry_delays_s
        self._background: set[asyncio.Task[None]] = set()
        self._pools = {
            function.logical_id: Pool(
                function, host, FunctionLog(log_path(host.state_dir, function)), workers
            )
            for function in template.functions
        }

    async def start(self) -> dict[str, Answer]:
        """Start each function's first worker; return those that did not come up, by name."""
        self._run(self._watch_memory())
        starts = {asyncio.ensure_future(pool.warm()): pool for pool in self._pools.values()}
        if not starts:
            return {}
        done, late = await asyncio.wait(starts, timeout=_READY_LIMIT_S)
        for start in late:
            start.cancel()
        failures = {starts[start].function.title: start.result() for start in done}
        return {name: failure for name, failure in failures.items() if failure is not None}

    async def stop(self) -> None:
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    def pool(self, name: str) -> Pool:
        """Return the pool of a function by any of its names.

        Raises:
            UnknownFunction: If there is none.
        """
        return self._pools[self._template.function(name).logical_id]

    async def call(
        self, name: str, payload: bytes, *, client_context: str = "", request_id: str = ""
    ) -> Answer:
        """Call a function and wait for its answer."""
        pool = self.pool(name)
        call = Invocation(payload, pool.function.arn, client_context=client_context)
        call.request_id = request_id or call.request_id
        return await pool.submit(call)

    def send(self, name: str, payload: bytes) -> str:
        """Call a function in the background, as Lambda does for events; return the request id."""
        pool = self.pool(name)
        first = Invocation(payload, pool.function.arn)
        self._run(self._with_retries(pool, first))
        return first.request_id

    async def _with_retries(self, pool: Pool, first: Invocation) -> None:
        """Try, then retry under the same request id; what still fails is a dead letter."""
        delays = self._retry_delays_s[: pool.function.retries]
        answer = await pool.submit(first)
        for delay in delays:
            if not answer.error:
                return
            await asyncio.sleep(delay)
            again = Invocation(first.payload, first.arn, request_id=first.request_id)
            answer = await pool.submit(again)
        if answer.error:
            what = f"{len(delays) + 1} attempts, last error {answer.payload[:500].decode()}"
            event = first.payload[:500].decode(errors="replace")
            pool.log.write("", first.request_id, f"hearth: dead letter after {what}; event {event}")

    async def _watch_memory(self) -> None:
        while True:
            for pool in self._pools.values():
                for sandbox in list(pool.active()):
                    sandbox.check_memory()
            await asyncio.sleep(_MEMORY_CHECK_S)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def log_path(state_dir: Path, function: Function) -> Path:
    return state_dir / "logs" / f"{function.title}.log"
