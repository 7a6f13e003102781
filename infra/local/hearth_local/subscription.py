"""Log lines on their way to a subscribed function, in CloudWatch Logs' shape.

Source: CloudWatch Logs user guide, "Subscription filters with AWS Lambda".
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
from collections import deque
from collections.abc import Callable, Sequence

from hearth_local import filter_pattern
from hearth_local.events import Subscription
from hearth_local.function_log import LogLine
from hearth_local.names import ACCOUNT

_BATCH_S = 1.0
_BATCH_LINES = 1000
# More than a function could take over in any sensible time; the oldest go first.
_BACKLOG_LINES = 100_000


class Feed:
    """Collects lines that match and sends them about once a second."""

    def __init__(self, subscription: Subscription, send: Callable[[str, bytes], object]) -> None:
        self._subscription = subscription
        self._send = send
        self._matches = filter_pattern.compile_pattern(subscription.pattern)
        self._lines: deque[LogLine] = deque(maxlen=_BACKLOG_LINES)
        self._arrived = asyncio.Event()
        self._ids = itertools.count()

    def take(self, line: LogLine) -> None:
        if self._matches(line.message):
            self._lines.append(line)
            self._arrived.set()

    async def pump(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_BATCH_S)
            self._arrived.clear()
            while self._lines:
                self._send(self._subscription.function, self._batch(self._next_lines()))

    def _next_lines(self) -> list[LogLine]:
        """Take lines of one log stream, the stream of the oldest, up to a batch."""
        stream = self._lines[0].stream
        taken: list[LogLine] = []
        others: list[LogLine] = []
        while self._lines:
            line = self._lines.popleft()
            fits = line.stream == stream and len(taken) < _BATCH_LINES
            (taken if fits else others).append(line)
        self._lines.extend(others)
        return taken

    def _batch(self, lines: Sequence[LogLine]) -> bytes:
        document = {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": self._subscription.log_group,
            "logStream": lines[0].stream,
            "subscriptionFilters": [self._subscription.name],
            "logEvents": [
                {
                    "id": f"{line.timestamp_ms:026d}{next(self._ids):030d}",
                    "timestamp": line.timestamp_ms,
                    "message": line.message,
                }
                for line in lines
            ],
        }
        data = base64.b64encode(gzip.compress(json.dumps(document).encode(), 1)).decode()
        return json.dumps({"awslogs": {"data": data}}).encode()
