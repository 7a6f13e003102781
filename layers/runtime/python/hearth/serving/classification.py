"""Triton's classification extension: an output's largest values with their classes.

Source: Triton `docs/protocol/extension_classification.md` and `http_server.cc`: elements are
`<value>:<index>[:<label>]`, floats with six decimals as C++'s `std::to_string` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.signature import TensorSpec
from hearth.serving.strings import array as strings
from hearth.serving.tensors import Array, widened

_MOST_ELEMENTS = 1_000_000


def count_of(value: Any, output: str) -> int:  # noqa: ANN401 (any JSON)
    """Return how many classes the parameter asks for.

    Raises:
        MalformedBody: If it is no positive integer.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MalformedBody(
            f"'classification' of output {output!r} is not a number of classes",
            got=value,
            expected="an integer from 1 up",
        )
    return value


def classify(values: Array, spec: TensorSpec, count: int, labels: Sequence[str]) -> Array:
    """Return the `count` largest values with their classes, the largest first.

    Args:
        values: Shape [...]: of rank 2 and more, each item of the first dimension is classified
            by itself.
        spec: The output's.
        count: How many at most.
        labels: Class labels by index; where there are fewer than values, the others have none.

    Returns:
        Strings of shape [n] or [batch, n], n being at most `count`.

    Raises:
        SignatureMismatch: If the output has strings, or too many elements to be sorted.

    Example:
        >>> spec = TensorSpec("y", "FP32", (-1, 3))
        >>> classify(np.float32([[0.5, 0.125, 0.375]]), spec, 2, ["a", "b", "c"]).tolist()
        [['0.500000:0:a', '0.375000:2:c']]
    """
    if spec.datatype == "BYTES":
        raise SignatureMismatch(
            f"class result not available for output {spec.name!r} due to unsupported type 'BYTES'"
        )
    if values.size > _MOST_ELEMENTS:
        raise SignatureMismatch(
            "classification output tensor too large", got=values.size, expected=_MOST_ELEMENTS
        )
    values = widened(values, spec.type)
    rows = values.reshape(len(values), -1) if values.ndim > 1 and values.size else values.ravel()
    if rows.ndim == 1:
        return _line(rows, count, labels)
    lines = [_line(row, count, labels) for row in rows]
    return np.stack(lines)


def _line(row: Array, count: int, labels: Sequence[str]) -> Array:
    best = _order(row)[:count]
    texts = [_text(row[at], int(at), labels) for at in best]
    return strings(texts, (len(texts),))


def _order(row: Array) -> Array:
    """Return indices from the largest value down; equal ones in their order, NaN at the end."""
    # A sort of the reverse, reversed, keeps equal values in their order.
    ascending = np.argsort(row[::-1], kind="stable")
    if row.dtype.kind == "f":
        ascending = np.concatenate(
            [ascending[np.isnan(row[::-1][ascending])], ascending[~np.isnan(row[::-1][ascending])]]
        )
    descending: Array = len(row) - 1 - ascending[::-1]
    return descending


def _text(value: Any, at: int, labels: Sequence[str]) -> str:  # noqa: ANN401 (an element)
    number = f"{value:f}" if value.dtype.kind == "f" else str(int(value))
    return f"{number}:{at}:{labels[at]}" if at < len(labels) else f"{number}:{at}"
