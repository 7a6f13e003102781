"""Figures of what is too large to be written down: of an example's numbers, and of its text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from hearth.domain.frozen import dataclass
from hearth.serving.numbers import Array

TENSOR_FIGURES = ("mean", "deviation", "minimum", "maximum", "norm", "zeros", "nonfinite")
"""Figures of all numbers of an example: `zeros` and `nonfinite` are shares of 0 to 1.

Numbers that are not finite count in `nonfinite` alone. Where no other is left, the rest is NaN.
"""

TEXT_FIGURES = ("characters", "words", "non_ascii", "digits", "empty")
"""Figures of an example's text: `non_ascii` and `digits` are shares of its characters, `empty` is 1
for a text without any, else 0. Words are what ASCII's white space divides.
"""

# Numbers that are looked at together: so many that calling numpy costs little beside them, and few
# enough to be of another type, or compared, for so long.
_BLOCK = 1 << 20
# Numbers that are added in their own width: few enough to lose nothing that counts.
_CHUNK = 1024
# A variance below this part of the squared mean has lost digits to it.
_CANCELLED = 1e-3
# Squares of numbers beyond these are more than float32 has.
_SMALL, _LARGE = 1e-15, 1e15
_NARROW = ("?", "b", "B", "h", "H", "e", "f")
_DIGITS, _NOT_ASCII = b"0123456789", bytes(range(128, 256))
_SPACE = b" \t\n\r\x0b\f"
# Text above this size is not cut into words, of which there may be millions.
_LONG = 1 << 16


def of_tensors(array: Array) -> Array:
    """Return the figures of each example's numbers: shape [n, 7], as `TENSOR_FIGURES` has them.

    Args:
        array: Numbers of shape [n, ...].

    Example:
        >>> of_tensors(np.float32([[3, 4]])).tolist()
        [[3.5, 0.5, 3.0, 4.0, 5.0, 0.0, 0.0]]
    """
    dtype = np.dtype(np.float32 if array.dtype.char in _NARROW else np.float64)
    count, size = len(array), math.prod(array.shape[1:])
    flat = array.reshape(count, size)
    found = np.empty((count, len(TENSOR_FIGURES)), dtype)
    step = max(1, _BLOCK // max(size, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for at in range(0, count, step):
            found[at : at + step] = _of_rows(_Pieces(flat[at : at + step], dtype))
    return found


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Some examples' numbers, a few columns at a time.

    Args:
        rows: Shape [examples, numbers].
        dtype: What they are added as.
        finite: Of one example, whether those that are not finite are left out.
    """

    rows: Array
    dtype: np.dtype[Any]
    finite: bool = False

    def __iter__(self) -> Iterator[Array]:
        for at in range(0, self.rows.shape[1], _BLOCK):
            piece = self.rows[:, at : at + _BLOCK].astype(self.dtype, copy=False)
            yield piece[np.isfinite(piece)][None] if self.finite else piece


def _of_rows(pieces: _Pieces) -> Array:
    """Return the figures of each row."""
    found = [_totals(piece) for piece in pieces if piece.size]
    if not found:
        return np.array([math.nan] * 6 + [0.0])
    low, high, zeros, total, squares, size = found[0] if len(found) == 1 else _merged(found)
    # A NaN anywhere is the least and the greatest.
    if not (np.isfinite(low) & np.isfinite(high)).all():
        return np.stack([_of_some(row, pieces.dtype) for row in pieces.rows])
    most = max(abs(low.min()), abs(high.max()))
    if pieces.dtype == np.float32 and most and not _SMALL < most < _LARGE:
        return _of_rows(replace(pieces, dtype=np.dtype(np.float64)))
    mean = total / size
    variance = squares / size - mean * mean
    if (variance < _CANCELLED * mean * mean).any():
        variance = _variance_around(mean, pieces, size)
    deviation = np.sqrt(np.maximum(variance, 0))
    none = np.zeros(len(low))
    return np.stack([mean, deviation, low, high, np.sqrt(squares), zeros / size, none], axis=1)


_Totals = tuple[Array, Array, Array, Array, Array, int]


def _totals(values: Array) -> _Totals:
    """Return each row's least, greatest, zeros, sum and sum of squares, and how many numbers."""
    zeros = np.array([np.count_nonzero(row) for row in values == 0])
    return (values.min(axis=1), values.max(axis=1), zeros, *_sums(values), values.shape[1])


def _merged(parts: Iterable[_Totals]) -> _Totals:
    low, high, zeros, total, squares, size = zip(*parts, strict=True)
    return (
        np.min(low, axis=0),
        np.max(high, axis=0),
        sum(zeros),
        sum(total),
        sum(squares),
        sum(size),
    )


def _variance_around(mean: Array, pieces: _Pieces, size: int) -> Array:
    shift = mean[:, None].astype(pieces.dtype)
    parts = [_sums(piece - shift) for piece in pieces]
    off, squares = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    return np.asarray(squares / size - (off / size) ** 2)


def _sums(values: Array) -> tuple[Array, Array]:
    """Return each row's sum and sum of squares, exact far beyond the values' own digits."""
    count, size = values.shape
    even = size - size % _CHUNK
    head, tail = values[:, :even].reshape(count, even // _CHUNK, _CHUNK), values[:, even:]
    sums = np.einsum("ijk->ij", head).sum(axis=1, dtype=np.float64) + np.einsum("ij->i", tail)
    squares = np.vecdot(head, head).sum(axis=1, dtype=np.float64) + np.vecdot(tail, tail)
    return sums, squares


def _of_some(row: Array, dtype: np.dtype[Any]) -> Array:
    pieces = _Pieces(row[None], dtype)
    figures = _of_rows(replace(pieces, finite=True)).reshape(-1)
    finite = sum(np.count_nonzero(np.isfinite(piece)) for piece in pieces)
    figures[-1] = 1 - finite / row.size
    return figures


def of_texts(array: Array) -> Array:
    """Return the figures of each example's text: shape [n, 5], as `TEXT_FIGURES` has them.

    Args:
        array: Strings of shape [n, ...]; several of one example are one text with spaces between.

    Example:
        >>> of_texts(np.array(["año 2026", ""], object)).tolist()
        [[8.0, 2.0, 0.125, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    rows = array.reshape(len(array), math.prod(array.shape[1:])).tolist()
    found = [_of_text(" ".join(map(str, row))) for row in rows]
    return np.array(found, np.float64).reshape(len(rows), len(TEXT_FIGURES))


def _of_text(text: str) -> tuple[float, ...]:
    raw = text.encode("utf-8", "replace")
    characters = len(text)
    if not characters:
        return 0.0, 0.0, 0.0, 0.0, 1.0
    ascii_ = len(raw) if text.isascii() else len(raw.translate(None, _NOT_ASCII))
    digits = len(raw) - len(raw.translate(None, _DIGITS))
    shares = ((characters - ascii_) / characters, digits / characters)
    return float(characters), float(_words(raw)), *(round(share, 6) for share in shares), 0.0


def _words(raw: bytes) -> int:
    if len(raw) < _LONG:
        return len(raw.split())
    is_space = np.zeros(256, np.bool_)
    is_space[list(_SPACE)] = True
    spaces = is_space[np.frombuffer(raw, np.uint8)]
    # A word begins where no space follows a space, or the text does.
    return int(np.count_nonzero(spaces[:-1] & ~spaces[1:])) + (not spaces[0])
