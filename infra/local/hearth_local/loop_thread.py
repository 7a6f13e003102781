"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class LoopThread:
    """Runs coroutines for other threads.

    The thread lives as long as what it starts: on Linux a worker is tied to the very thread that
    started it, so no child process may come from a thread of a pool.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hearth-local-stack", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self, last: Coroutine[Any, Any, None], limit_s: float) -> None:
        """Run the last thing, no longer than the limit, then end with everything still running."""
        future = asyncio.run_coroutine_threadsafe(last, self._loop)
        try:
            future.result(limit_s)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(limit_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
