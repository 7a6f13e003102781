"""One blob into one file, its digest computed while it comes."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, ResourceExhausted, StoreUnavailable
from hearth.stores.ports import Progress
from hearth.stores.s3_objects import Answer, Objects

_CHUNK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def download(objects: Objects, key: str, path: Path, progress: Progress, size: int) -> str | None:
    """Return the SHA-256 of a blob that is now in a file, or None if there is no such blob.

    Args:
        objects: Where it is read.
        key: Its name.
        path: Where it goes; what is there is written over.
        progress: Told of bytes as they are written and hashed, by this thread.
        size: Its bytes where they are known, else 0.
    """
    whole = _Whole(key, path, progress, size)
    try:
        found = objects.get(f"fetch {key}", key, whole.take)
    except StoreUnavailable as error:
        if not whole.broken:
            raise
        raise StoreUnavailable(f"blob {key} broke off", got=whole.so_far) from error
    return found if isinstance(found, str) else None


class _Whole:
    """A blob in one answer; one that breaks off and is asked for again begins anew."""

    def __init__(self, key: str, path: Path, progress: Progress, size: int) -> None:
        self._key, self._path, self._progress = key, path, progress
        self._size = size
        self._told = 0
        self.broken = False
        self.so_far = ""

    def take(self, answer: Answer) -> str:
        sha256 = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        written = 0
        with self._path.open("wb", buffering=0) as file:
            while count := self._read(answer, buffer, written):
                try:
                    write_at(file.fileno(), buffer[:count], written)
                except OSError as error:
                    raise full(error, self._key, written, self._size or answer.length) from error
                sha256.update(buffer[:count])
                written += count
                self._tell(written)
        if answer.length not in (written, -1):
            raise ArtefactCorrupt(
                f"blob {self._key} ended early", got=written, expected=answer.length
            )
        return sha256.hexdigest()

    def _read(self, answer: Answer, buffer: memoryview, written: int) -> int:
        try:
            return answer.readinto(buffer)
        except Exception:
            self.broken, self.so_far = True, f"{written} of {answer.length} bytes"
            raise

    def _tell(self, written: int) -> None:
        if written > self._told:
            self._progress(written - self._told)
            self._told = written


def write_at(file: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(file, data, offset)
        data, offset = data[count:], offset + count


def full(error: OSError, key: str, written: int, size: int) -> Exception:
    """Return what a failed write means to the caller."""
    if error.errno not in _FULL:
        return error
    return ResourceExhausted(
        f"no space left for blob {key}",
        got=f"{written} bytes written",
        expected=f"{size} bytes",
        remedy="give the function more ephemeral storage",
    )
