"""What starts functions by itself: rules, schedules and log subscriptions."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp

from hearth_local import object_event
from hearth_local.aws import Aws
from hearth_local.events import Rule, Schedule, Subscription
from hearth_local.functions import Functions
from hearth_local.names import ACCOUNT, REGION
from hearth_local.subscription import Feed
from hearth_local.template import Template

_AFTER_TROUBLE_S = 0.5


class Triggers:
    """Runs one task an event source until it is stopped."""

    def __init__(self, template: Template, functions: Functions, aws: Aws) -> None:
        self._template, self._functions, self._aws = template, functions, aws
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *, speed: float) -> None:
        """Start all sources.

        Args:
            speed: How many times faster than declared schedules fire; 0 for never.
        """
        for event in self._template.events:
            if isinstance(event, Rule):
                self._run(self._deliver(event))
            elif isinstance(event, Schedule) and speed > 0:
                self._run(self._tick(event, event.every_s / speed))
            elif isinstance(event, Subscription):
                self._run(self._feed(event).pump())

    def trouble(self) -> str:
        """Return why an event source ended, empty while all run."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return f"an event source ended: {ended[0].exception()!r}" if ended else ""

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, rule: Rule) -> None:
        while True:
            # The stand-in may be busy or going; what was not deleted comes again.
            with suppress(aiohttp.ClientError, TimeoutError):
                async for message in self._aws.messages(rule):
                    event = object_event.as_sent_by_aws(message.event)
                    payload = rule.constant_input or json.dumps(event)
                    self._functions.send(rule.function, payload.encode())
            await asyncio.sleep(_AFTER_TROUBLE_S)

    async def _tick(self, schedule: Schedule, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            self._functions.send(schedule.function, _filled_in(schedule).encode())

    def _feed(self, subscription: Subscription) -> Feed:
        feed = Feed(subscription, self._functions.send)
        for function in self._publishers(subscription):
            self._functions.pool(function).log.subscribers.append(feed.take)
        return feed

    def _publishers(self, subscription: Subscription) -> Iterator[str]:
        for function in self._template.functions:
            if function.log_group == subscription.log_group:
                yield function.logical_id

    def _run(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))


def _filled_in(schedule: Schedule) -> str:
    """Return the input with EventBridge Scheduler's context attributes in place."""
    arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule.name}"
    attributes = {
        "<aws.scheduler.schedule-arn>": arn,
        "<aws.scheduler.scheduled-time>": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "<aws.scheduler.execution-id>": str(uuid.uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    text = schedule.payload
    for name, value in attributes.items():
        text = text.replace(name, value)
    return text
