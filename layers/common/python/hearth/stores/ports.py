"""What the flows need from the world, named by what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from hearth.domain.frozen import dataclass

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Document:
    """A small object as it was read: its bytes and the ETag that a conditional write names."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The document still has the ETag that the reader knew."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One key of a listing. Size in bytes, modified in UTC."""

    key: str
    size: int
    modified: datetime


class Documents(Protocol):
    """Small objects with conditional writes."""

    def read(self, key: str, unless: str = "") -> Document | Unchanged | None:
        """Return the document, `Unchanged` if its ETag is `unless`, or None if there is none."""

    def create(self, key: str, body: bytes) -> str:
        """Write a document that must not exist yet; return its ETag.

        Raises:
            StoreConflict: If it exists.
        """

    def replace(self, key: str, body: bytes, etag: str) -> str:
        """Write over exactly the document that has this ETag; return the new one.

        Raises:
            StoreConflict: If it has another ETag, or is gone.
        """

    def list(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield every object under a prefix whose key comes after `after`, in key order."""

    def page(self, prefix: str, most: int) -> Sequence[Listed]:
        """Return the first objects under a prefix in key order: at most 1000, in one request."""

    def remove(self, key: str) -> None:
        """Remove a document; one that is not there is no error."""


class Blobs(Protocol):
    """Large objects that never change once written."""

    def stat(self, key: str, like: Path | None = None) -> Listed | None:
        """Return what is known of an object; None if there is none, or it is not `like` a file.

        Compared are size and, where the store keeps one, checksum: nothing is downloaded.
        """

    def download(self, key: str, path: Path, progress: Progress, size: int = 0) -> str:
        """Write the object's bytes to `path`; return their SHA-256 in hexadecimal.

        `size` says how many there are, where that is known: a large object then comes faster.

        Raises:
            ArtefactCorrupt: If there is no such object, or its bytes end early.
            ResourceExhausted: If the disk is full.
        """

    def upload(self, key: str, path: Path, progress: Progress) -> None:
        """Write a file's bytes; an upload of the same file that broke off is resumed."""

    def remove(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request or an answer carries, and the headers that say how to read it.

    Header names in lower case.
    """

    content: bytes
    headers: Mapping[str, str]


class Payloads(Protocol):
    """Requests and answers that are too large for a function's event."""

    def read(self, key: str, limit: int) -> Payload:
        """Return an object of at most `limit` bytes.

        Raises:
            UnknownPayload: If there is no such object.
            PayloadTooLarge: If it is larger; nothing of it was read.
        """

    def write(self, key: str, payload: Payload) -> None:
        """Write an object whole, over whatever was there."""

    def remove(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""


class Announcer(Protocol):
    """Tells the event bus."""

    def announce(self, kind: str, detail: dict[str, Any]) -> None:
        """Send one event. It may arrive twice.

        Raises:
            StoreError: If the bus did not take it.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time in UTC."""
