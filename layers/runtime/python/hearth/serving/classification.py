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
from hearth.serving.numbers import Array
from hearth.serving.strings import array as strings
from hearth.serving.tensors import widened

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
    batched = values.ndim > 1 and values.size > 0
    rows = values.reshape(len(values) if batched else 1, -1)
    best = _order(rows)[:, :count]
    found = np.take_along_axis(rows, best, axis=1)
    texts = [
        _text(value, at, labels)
        for row, places in zip(found, best.tolist(), strict=True)
        for value, at in zip(row, places, strict=True)
    ]
    return strings(texts, best.shape if batched else (best.shape[1],))


def _order(rows: Array) -> Array:
    """Return each row's indices from the largest value down; equal ones in order, NaN last."""
    # A sort of the reverse, reversed, keeps equal values in their order.
    finite = np.where(np.isnan(rows), -np.inf, rows) if rows.dtype.kind == "f" else rows
    ascending = np.argsort(finite[:, ::-1], axis=1, kind="stable")
    descending: Array = rows.shape[1] - 1 - ascending[:, ::-1]
    return descending


def _text(value: Any, at: int, labels: Sequence[str]) -> str:  # noqa: ANN401 (an element)
    number = f"{value:f}" if value.dtype.kind == "f" else str(int(value))
    return f"{number}:{at}:{labels[at]}" if at < len(labels) else f"{number}:{at}"
