"""What a function's workers print, line by line: a bounded file and whoever subscribes."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

ROTATE_AT_BYTES = 10_000_000
# CloudWatch cuts events at this size.
LINE_LIMIT = 1_048_576
TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event: when, by which sandbox (stream), in which call (empty outside of one)."""

    time: datetime
    stream: str
    request_id: str
    message: str

    @property
    def timestamp_ms(self) -> int:
        return int(self.time.timestamp() * 1000)

    def __str__(self) -> str:
        at = self.time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.time.microsecond // 1000:03d}Z"
        # The runtime client joins a traceback's lines with carriage returns, one log event in all.
        text = self.message.replace("\r", "\n    ")
        return f"{at}\t{self.request_id or '-'}\t{text}\n"


@dataclass(slots=True)
class FunctionLog:
    """`<folder>/<function>.log` and, once that is full, one older file beside it."""

    path: Path
    subscribers: list[Callable[[LogLine], None]] = field(default_factory=list)
    _file: TextIO | None = None
    _size: int = 0

    def open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", newline="\n")
        self._size = self._file.tell()

    def write(self, stream: str, request_id: str, message: str) -> LogLine:
        line = LogLine(datetime.now(UTC), stream, request_id, message)
        self._append(str(line))
        for subscriber in self.subscribers:
            subscriber(line)
        return line

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, text: str) -> None:
        if self._file is None:
            self.open()
        if self._size > ROTATE_AT_BYTES:
            self.close()
            self.path.replace(self.path.with_suffix(".log.1"))
            self.open()
        assert self._file is not None
        self._file.write(text)
        self._file.flush()
        self._size += len(text)


class LineSplitter:
    """Cuts a byte stream into text lines, however the reads fall."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> list[str]:
        *lines, self._rest = (self._rest + self._decoder.decode(data, final)).split("\n")
        if self._rest and (final or len(self._rest) > LINE_LIMIT):
            lines.append(self._rest)
            self._rest = ""
        return [line for line in lines if line]


class Tail:
    """The last 4 KB of one call's log."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0

    def add(self, message: str) -> None:
        self._lines.append(message.encode() + b"\n")
        self._size += len(self._lines[-1])
        while self._size > TAIL_BYTES and len(self._lines) > 1:
            self._size -= len(self._lines.popleft())

    def read(self) -> bytes:
        return b"".join(self._lines)[-TAIL_BYTES:]
