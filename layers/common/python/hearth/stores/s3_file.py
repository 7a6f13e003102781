"""The file that a blob is written to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hearth.domain.errors import ResourceExhausted

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def allocate(file: int, size: int) -> None:
    """Give a file its length: with its blocks, where the file system can, so that none is missing.

    Writing to blocks that are there takes less than making them, in whatever order.
    """
    try:
        os.posix_fallocate(file, 0, size)
    except AttributeError:  # macOS has none
        os.truncate(file, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        os.truncate(file, size)


def write_at(file: int, data: memoryview, offset: int) -> None:
    """Write all of it: a disk that is nearly full takes some."""
    while data:
        count = os.pwrite(file, data, offset)
        data, offset = data[count:], offset + count


@contextmanager
def space_errors(key: str, written: Callable[[], int], size: int) -> Iterator[None]:
    """Turn a full disk into Hearth's word for it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise ResourceExhausted(
            f"no space left for blob {key}",
            got=f"{written()} bytes written",
            expected=f"{size} bytes",
            remedy="give the function more ephemeral storage",
        ) from error
