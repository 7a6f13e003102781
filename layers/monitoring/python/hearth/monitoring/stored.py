"""Objects of a window, hour by hour, read ahead and handed on one at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hearth.domain.errors import BadRequest
from hearth.stores.ports import Document, Documents, Listed, Unchanged

HOUR = "%Y-%m-%dT%H"
# A read waits for S3, not for a processor. What is read ahead is all that lies in memory.
_AHEAD = 8
_LONGEST_H = 24 * 366


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours in UTC, such as `2026-11-23T21`; both ends belong to it."""

    since: str
    until: str

    @property
    def begin(self) -> datetime:
        return _moment(self.since)

    def hours(self) -> list[str]:
        """Return every hour of the window, the oldest first.

        Raises:
            BadRequest: If an end is no hour, or it is longer than a year.

        Example:
            >>> Window("2026-11-23T23", "2026-11-24T01").hours()
            ['2026-11-23T23', '2026-11-24T00', '2026-11-24T01']
        """
        begin, end = self.begin, _moment(self.until)
        count = (end - begin) // timedelta(hours=1) + 1
        if count > _LONGEST_H:
            raise BadRequest("the window is too long", got=f"{count} hours", expected="a year")
        return [hour_of(begin + timedelta(hours=n)) for n in range(count)]


def last_hours(now: datetime, hours: int) -> Window:
    """Return the window of so many hours that ends with the present one."""
    return Window(hour_of(now - timedelta(hours=hours - 1)), hour_of(now))


def hour_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(HOUR)


def _moment(hour: str) -> datetime:
    try:
        return datetime.strptime(hour, HOUR).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest("not an hour", got=hour, expected="2026-11-23T21") from error


def bodies(documents: Documents, items: Iterable[Listed]) -> Iterator[bytes]:
    """Yield the bytes of objects, in the order of their listing; one that is gone is passed over.

    Raises:
        StoreError: If one cannot be read.
    """
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[Document | Unchanged | None]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(documents.read, item.key))
                if len(waiting) >= _AHEAD:
                    yield from _body(waiting.popleft())
            while waiting:
                yield from _body(waiting.popleft())
        finally:
            for one in waiting:
                one.cancel()


def _body(reading: Future[Document | Unchanged | None]) -> Iterator[bytes]:
    found = reading.result()
    if isinstance(found, Document):
        yield found.body


def record_lines(documents: Documents, model: str, version: int, window: Window) -> Iterator[bytes]:
    """Yield the records of a version in a window, one line each."""
    for body in bodies(documents, listed(documents, f"records/{model}/{version}/", window)):
        yield from body.splitlines()


def listed(documents: Documents, prefix: str, window: Window) -> Iterator[Listed]:
    """Yield what lies in a window's hours under a prefix, the oldest first.

    One listing: asking for each hour by itself would cost more than reading what is there.
    """
    hours = window.hours()
    if not hours:
        return
    for item in documents.list(prefix, after=f"{prefix}{hours[0]}"):
        if item.key.removeprefix(prefix).partition("/")[0] > hours[-1]:
            return
        yield item
