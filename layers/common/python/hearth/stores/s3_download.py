"""One blob into one file, its digest computed while it comes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hearth.domain.errors import ArtefactCorrupt, StoreUnavailable
from hearth.stores.aws_errors import refusal_of
from hearth.stores.ports import Progress
from hearth.stores.s3_file import space_errors, write_at
from hearth.stores.s3_objects import Answer, Objects

_RANGES_FROM = 8 << 20
_CHUNK = 1 << 20


def download(objects: Objects, key: str, path: Path, progress: Progress, size: int) -> str | None:
    """Return the SHA-256 of a blob that is now in a file, or None if there is no such blob.

    Args:
        objects: Where it is read.
        key: Its name.
        path: Where it goes; what is there is written over.
        progress: Told of bytes as they are written and hashed, by this thread.
        size: Its bytes where they are known, else 0.
    """
    if size >= _RANGES_FROM:
        from hearth.stores import s3_ranges

        try:
            return s3_ranges.fetch(objects, key, path, progress, size)
        except s3_ranges.RangesIgnored:
            pass  # nothing was written yet, and the whole is what such a server gives
    return _fetch(objects, key, path, progress, size)


def _fetch(objects: Objects, key: str, path: Path, progress: Progress, size: int) -> str | None:
    whole = _Whole(key, path, progress, size)
    try:
        found = objects.get(f"fetch {key}", key, whole.write)
    except StoreUnavailable as error:
        # Without an answer of S3's, but with the beginning of one: the way to it broke off.
        if refusal_of(error).status or not whole.so_far:
            raise
        raise StoreUnavailable(f"blob {key} broke off", got=whole.so_far) from error
    return found if isinstance(found, str) else None


class _Whole:
    """A blob in one answer; one that breaks off and is asked for again begins anew."""

    def __init__(self, key: str, path: Path, progress: Progress, size: int) -> None:
        self._key, self._path, self._progress, self._size = key, path, progress, size
        self._told = 0
        self.so_far = ""

    def write(self, answer: Answer) -> str:
        sha256 = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        written, size = 0, self._size or answer.length
        with (
            self._path.open("wb", buffering=0) as file,
            space_errors(self._key, lambda: written, size),
        ):
            self.so_far = f"0 of {size} bytes"
            while count := answer.readinto(buffer):
                write_at(file.fileno(), buffer[:count], written)
                sha256.update(buffer[:count])
                written += count
                self.so_far = f"{written} of {size} bytes"
                self._tell(written)
        if answer.length not in (written, -1):
            raise ArtefactCorrupt(
                f"blob {self._key} ended early", got=written, expected=answer.length
            )
        return sha256.hexdigest()

    def _tell(self, written: int) -> None:
        if written > self._told:
            self._progress(written - self._told)
            self._told = written
