"""The local stack: template.yaml running on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from hearth_local import layer_view, state_file
from hearth_local.aws import Aws
from hearth_local.environment import Host
from hearth_local.errors import NotRunning
from hearth_local.events import NotRunLocally, Route
from hearth_local.functions import RETRY_DELAYS_S, Functions
from hearth_local.gateway import TIMEOUT_S, Gateway
from hearth_local.invocation import Answer
from hearth_local.loop_thread import LoopThread
from hearth_local.names import REGION
from hearth_local.template import Template, load
from hearth_local.triggers import Triggers

_STOP_LIMIT_S = 15.0
_Result = TypeVar("_Result")


@dataclass
class LocalStack:
    """Runs the functions of a template until stopped. Usable from ordinary, synchronous code.

    Args:
        template: The SAM template.
        state_dir: Where logs, layer views and sandboxes go; one stack at a time in each.
        port: The gateway's; 0 takes any free one.
        workers: How many calls of one function run at once.
        client: What workers run: awslambdaric, small, or auto (awslambdaric where it is installed).
        schedules: Whether timers fire.
        retry_delays_s: How long an event's failed call waits before each further attempt.
        http_timeout_s: How long the gateway waits for a function.
        schedule_speed: How many times faster than declared the timers fire.

    Example:
        with LocalStack(Path("template.yaml"), Path(".hearth")) as stack:
            stack.invoke("predict", {})
    """

    template: Path
    state_dir: Path
    port: int = 0
    workers: int = 2
    client: str = "auto"
    schedules: bool = True
    retry_delays_s: Sequence[float] = RETRY_DELAYS_S
    http_timeout_s: float = TIMEOUT_S
    schedule_speed: float = 1.0
    url: str = field(default="", init=False)
    s3_endpoint: str = field(default="", init=False)
    bucket: str = field(default="", init=False)
    region: str = field(default=REGION, init=False)
    # Functions whose first worker did not come up, with Lambda's description of why.
    failures: dict[str, str] = field(default_factory=dict, init=False)
    _loop: LoopThread | None = field(default=None, init=False, repr=False)
    _parts: _Parts | None = field(default=None, init=False, repr=False)

    def start(self) -> Self:
        """Come up fully or not at all.

        Raises:
            LocalError: If it cannot, with what to do about it.
        """
        self.state_dir = self.state_dir.resolve()
        read = load(self.template.resolve())
        self._parts = _Parts(self, read, state_file.Lock(self.state_dir))
        self._parts.lock.take()
        self._loop = LoopThread()
        try:
            self._wait(self._parts.start())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything that was started; safe to call at any time, more than once."""
        loop, self._loop = self._loop, None
        if loop is None or self._parts is None:
            return
        try:
            loop.end(self._parts.stop(), _STOP_LIMIT_S)
        finally:
            self._parts.lock.release()

    def invoke(self, function: str, event: Any) -> Any:  # noqa: ANN401
        """Call a function directly and return its result.

        Raises:
            FunctionError: If it failed, with Lambda's description.
        """
        answer = self.call(function, json.dumps(event).encode())
        document = json.loads(answer.payload) if answer.payload else None
        if answer.error:
            raise FunctionError(function, document)
        return document

    def call(self, function: str, payload: bytes) -> Answer:
        """Call a function directly and return the raw answer, error or not."""
        assert self._parts is not None
        return self._wait(self._parts.call(function, payload))

    def trouble(self) -> str:
        """Return why the stack cannot go on, empty while it can."""
        assert self._parts is not None
        return self._parts.trouble()

    @property
    def declared(self) -> Template:
        assert self._parts is not None
        return self._parts.template

    @property
    def not_run_locally(self) -> tuple[NotRunLocally, ...]:
        return tuple(e for e in self.declared.events if isinstance(e, NotRunLocally))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._loop is None:
            work.close()
            raise NotRunning("local stack", "one that has stopped", "a running one", "start it")
        return self._loop.run(work)


class FunctionError(Exception):
    """A function called directly failed; `error` is Lambda's description of how."""

    def __init__(self, function: str, error: Any) -> None:  # noqa: ANN401
        super().__init__(f"{function}: {error.get('errorType')}: {error.get('errorMessage')}")
        self.function, self.error = function, error


class _Parts:
    """The stack's insides, which live on its event loop."""

    def __init__(self, stack: LocalStack, template: Template, lock: state_file.Lock) -> None:
        self.template = template
        self.lock = lock
        self._stack = stack
        self._gateway = Gateway(stack.http_timeout_s)
        self._aws = Aws(template, stack.state_dir / "logs" / "aws.log")
        self._functions: Functions | None = None
        self._triggers: Triggers | None = None

    async def start(self) -> None:
        stack, state_dir = self._stack, self._stack.state_dir
        # The port comes first: it is what fails most often, and the functions need the address.
        stack.url = await self._gateway.listen(stack.port)
        # What a stack that was killed left behind.
        shutil.rmtree(state_dir / "sandboxes", ignore_errors=True)
        state_file.remove(state_dir)
        views = asyncio.to_thread(layer_view.build, self.template.layers, state_dir / "layers")
        built, stack.s3_endpoint = await asyncio.gather(views, self._aws.start())
        stack.bucket = self.template.bucket
        host = Host(state_dir, built, stack.s3_endpoint, stack.url, _client(stack.client))
        self._functions = Functions(self.template, host, stack.workers, stack.retry_delays_s)
        declared = [event for event in self.template.events if isinstance(event, Route)]
        self._gateway.serve(self._functions, declared)
        self._triggers = Triggers(self.template, self._functions, self._aws)
        self._triggers.start(speed=stack.schedule_speed if stack.schedules else 0)
        failed = await self._functions.start()
        stack.failures = {name: _words(answer) for name, answer in failed.items()}
        state_file.write(state_dir, self._state())

    async def stop(self) -> None:
        state_file.remove(self._stack.state_dir)
        await self._gateway.stop()
        if self._triggers is not None:
            await self._triggers.stop()
        if self._functions is not None:
            await self._functions.stop()
        await self._aws.stop()
        shutil.rmtree(self._stack.state_dir / "sandboxes", ignore_errors=True)

    def trouble(self) -> str:
        if not self._aws.alive():
            return f"the stand-in for S3 and EventBridge ended; see {self._aws.log}"
        return self._triggers.trouble() if self._triggers is not None else ""

    async def call(self, function: str, payload: bytes) -> Answer:
        assert self._functions is not None
        return await self._functions.call(function, payload)

    def _state(self) -> state_file.State:
        stack = self._stack
        names = {function.title: function.name for function in self.template.functions}
        return state_file.State(
            url=stack.url,
            s3_endpoint=stack.s3_endpoint,
            bucket=stack.bucket,
            region=stack.region,
            pid=os.getpid(),
            lambda_endpoint=stack.url,
            functions=names,
        )


def _client(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "awslambdaric" if layer_view.has_runtime_client() else "small"


def _words(answer: Answer) -> str:
    error = json.loads(answer.payload)
    return f"{error.get('errorType')}: {error.get('errorMessage')}"
