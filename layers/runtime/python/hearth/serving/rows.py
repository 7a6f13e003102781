"""Tables of values as JSON text, one list a row: no Python object is made of a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import orjson
from hearth.domain.value import INFINITY, NAN, NEGATIVE_INFINITY
from hearth.serving.numbers import Array

LONGEST_WORD = 64
# Types that orjson writes as records do not have them: booleans, and float16.
_PLAIN = {"?": np.uint8, "e": np.float32}
_WORDS = {
    "nan": b'"%b"' % NAN.encode(),
    "inf": b'"%b"' % INFINITY.encode(),
    "-inf": b'"%b"' % NEGATIVE_INFINITY.encode(),
}


def numbers(table: Array) -> bytes:
    """Return the JSON text of a table of numbers.

    Floats have the shortest digits that read back as the same value of their own width (float16:
    of float32); those that are not finite are words; booleans are 0 and 1.

    Args:
        table: Shape [rows, columns].

    Example:
        >>> numbers(np.float32([[0.1, 3], [np.nan, -np.inf]]))
        b'[[0.1,3.0],["NaN","-Infinity"]]'
    """
    if table.dtype.char in _PLAIN:
        table = table.astype(_PLAIN[table.dtype.char])
    if not table.flags.c_contiguous:
        table = np.ascontiguousarray(table)
    text = orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" not in text:
        return text
    # orjson writes null for each of them: their words are set in, in order.
    parts = text.split(b"null")
    written: list[bytes] = []
    for part, value in zip(parts, table[~np.isfinite(table)].tolist(), strict=False):
        written += [part, _WORDS[str(value)]]
    return b"".join([*written, parts[-1]])


def parts(text: bytes) -> list[bytes]:
    """Return each row of a table of numbers, without its brackets.

    Example:
        >>> parts(b"[[1,2],[3,4]]"), parts(b"[]")
        ([b'1,2', b'3,4'], [])
    """
    return text[2:-2].split(b"],[") if len(text) > 2 else []


def word_parts(table: Array) -> list[bytes]:
    """Return each row of a table of words, cut to a bounded length, without its brackets."""
    return [orjson.dumps([str(word)[:LONGEST_WORD] for word in row])[1:-1] for row in table]


def side_by_side(columns: Sequence[Iterable[bytes]]) -> bytes:
    """Return the JSON text of a table whose rows are put together of parts.

    Example:
        >>> side_by_side([[b"1,2", b"3,4"], [b'"a"', b'"b"']])
        b'[[1,2,"a"],[3,4,"b"]]'
    """
    rows = list(map(b",".join, zip(*columns, strict=True)))
    return b"[[%b]]" % b"],[".join(rows) if rows else b"[]"
