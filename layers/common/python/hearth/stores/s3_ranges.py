"""One large blob in ranges over several connections, hashed in order behind what has arrived."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, StoreError, StoreUnavailable
from hearth.stores.aws_errors import Unanswered, refusal_of
from hearth.stores.ports import Progress
from hearth.stores.s3_file import allocate, space_errors, write_at
from hearth.stores.s3_objects import Answer, Objects

# Measured: tests/bench/results/download.md.
CONNECTIONS = 4
_LEAST_RANGE, _MOST_RANGE = 2 << 20, 8 << 20
_BUFFER = _HASHED_AT_ONCE = 1 << 20


class RangesIgnored(Exception):
    """Asked for a range, the server sends the whole."""


class _Absent(Exception):
    """There is no such blob."""


class _Stopped(Exception):
    """Another range failed, or whoever waits for them does not any more."""


def fetch(objects: Objects, key: str, path: Path, progress: Progress, size: int) -> str | None:
    """Return the SHA-256 of a blob that is now in a file, or None if there is no such blob.

    Memory does not grow with the blob: each connection has one small buffer, and the digest is
    that of what the file holds. All threads have ended when this returns or raises.

    Raises:
        RangesIgnored: If the server gives no ranges.
        ArtefactCorrupt: If the blob is not of that size.
        ResourceExhausted: If the disk is full.
        StoreError: If S3 does not give it.
    """
    with path.open("wb", buffering=0) as file, space_errors(key, lambda: 0, size):
        allocate(file.fileno(), size)
        ranges = _Ranges(objects, key, file.fileno(), size)
        try:
            with ranges.coming():
                return _digest(path, ranges, progress)
        except _Absent:
            return None
        except StoreUnavailable as error:
            # Without an answer of S3's, but with bytes: the way to it broke off.
            if error.__cause__ is None or refusal_of(error).status or not ranges.so_far:
                raise
            raise StoreUnavailable(
                f"blob {key} broke off", got=f"{ranges.so_far} of {size} bytes"
            ) from error


def _digest(path: Path, ranges: _Ranges, progress: Progress) -> str:
    sha256 = hashlib.sha256()
    buffer = memoryview(bytearray(_HASHED_AT_ONCE))
    done = 0
    with path.open("rb", buffering=0) as file:
        while done < ranges.size:
            there = ranges.wait(done)
            while done < there:
                count = file.readinto(buffer[: there - done])
                sha256.update(buffer[:count])
                progress(count)
                done += count
    return sha256.hexdigest()


@dataclass(slots=True)
class _Range:
    """Bytes `start` to `end` (exclusive), of which all before `at` are in the file."""

    start: int
    end: int
    at: int


class _Ranges:
    """The ranges of one blob, and the threads that fetch them, in order."""

    def __init__(self, objects: Objects, key: str, file: int, size: int) -> None:
        self.size = size
        self._objects, self._key, self._file = objects, key, file
        # As many as there are connections where it is small, so that none is idle.
        length = min(max(-(-size // CONNECTIONS), _LEAST_RANGE), _MOST_RANGE)
        self._ranges = [
            _Range(start, min(start + length, size), start) for start in range(0, size, length)
        ]
        self._length = length
        self._unclaimed = iter(self._ranges)
        self._arrived = threading.Condition()
        self._wanted = 0
        self._failure: BaseException | None = None
        self._etag = ""

    @property
    def so_far(self) -> int:
        """Bytes in the file, wherever they lie."""
        return sum(one.at - one.start for one in self._ranges)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Fetch all of them while the block runs; what it does not wait for is given up."""
        threads = [
            threading.Thread(target=self._work) for _ in range(min(CONNECTIONS, len(self._ranges)))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._fail(_Stopped())
            for thread in threads:
                thread.join()

    def wait(self, done: int) -> int:
        """Return how far the file is whole, once that is some way beyond `done`."""
        with self._arrived:
            one = self._ranges[done // self._length]
            self._wanted = min(done + _HASHED_AT_ONCE, one.end)
            while one.at < self._wanted and not self._failure:
                self._arrived.wait()
            if self._failure:
                raise self._failure
            return one.at

    def _work(self) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        try:
            while one := self._claim():
                self._fetch(one, buffer)
        except BaseException as error:  # noqa: BLE001 (raised in the thread that waits)
            self._fail(error)

    def _claim(self) -> _Range | None:
        with self._arrived:
            return None if self._failure else next(self._unclaimed, None)

    def _fail(self, error: BaseException) -> None:
        with self._arrived:
            self._failure = self._failure or error
            self._arrived.notify_all()

    def _fetch(self, one: _Range, buffer: memoryview) -> None:
        def rest() -> tuple[int, int]:
            # Asked anew where an answer broke off: for what has not arrived.
            if self._failure:
                raise _Stopped
            return one.at, one.end - 1

        def write(answer: Answer) -> None:
            self._check(answer, one)
            while one.at < one.end:
                self._write(one, self._next(answer, buffer[: one.end - one.at]))

        try:
            self._objects.get(f"fetch {self._key}", self._key, write, span=rest)
        except StoreError as error:
            if refusal_of(error).status != 416:
                raise
            raise self._other_size("less") from error
        if one.at < one.end:
            raise _Absent

    def _next(self, answer: Answer, room: memoryview) -> memoryview:
        count = answer.readinto(room)
        if not count:
            raise Unanswered("the answer ended early")
        if self._failure:
            raise _Stopped
        return room[:count]

    def _write(self, one: _Range, data: memoryview) -> None:
        with space_errors(self._key, lambda: self.so_far, self.size):
            write_at(self._file, data, one.at)
        before, one.at = one.at, one.at + len(data)
        # Only what completes the step that is waited for is worth waking somebody.
        if before < self._wanted <= one.at:
            with self._arrived:
                self._arrived.notify()

    def _check(self, answer: Answer, one: _Range) -> None:
        if answer.status == 200:
            raise RangesIgnored
        asked = f"bytes {one.at}-{one.end - 1}/{self.size}"
        got = answer.headers.get("content-range", "")
        total = got.rpartition("/")[2]
        if total.isdecimal() and int(total) != self.size:
            raise self._other_size(total)
        if got != asked:
            raise StoreUnavailable(
                f"blob {self._key} came in another range", got=got, expected=asked
            )
        with self._arrived:
            self._etag = self._etag or answer.etag
        if answer.etag != self._etag:
            raise StoreUnavailable(
                f"blob {self._key} changed while it was fetched",
                got=answer.etag,
                expected=self._etag,
                remedy="try again",
            )

    def _other_size(self, got: str) -> ArtefactCorrupt:
        return ArtefactCorrupt(
            f"blob {self._key} is not what the manifest names",
            got=f"{got} bytes",
            expected=f"{self.size} bytes",
            remedy="publish the model again, which mends the blob, then load the version",
        )
