"""Ports that break at a chosen call, and a count of what was called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Killed(BaseException):
    """The process is gone: no `except Exception` sees it."""


@dataclass
class Breaks:
    """Counts the calls of every port that it watches, and breaks at one of them.

    Args:
        at: The number of the call that breaks, from 1; 0 for none.
        fault: What that call raises.
        late: Whether the call has its effect first: its answer is what gets lost.
    """

    at: int = 0
    fault: Callable[[], BaseException] = Killed
    late: bool = False
    calls: list[str] = field(default_factory=list)

    def watch(self, port: Any) -> Any:
        return _Watched(port, self)

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if len(self.calls) != self.at:
            return work()
        if self.late:
            work()
        raise self.fault()

    @property
    def struck(self) -> bool:
        return 0 < self.at <= len(self.calls)


class _Watched:
    def __init__(self, port: Any, breaks: Breaks) -> None:
        self._port = port
        self._breaks = breaks

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def watched(*args: Any, **kwargs: Any) -> Any:
            return self._breaks.call(name, lambda: method(*args, **kwargs))

        return watched
