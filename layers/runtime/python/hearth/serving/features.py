"""What is watched of a request's inputs: one row of values an example."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
from hearth.domain.errors import SignatureMismatch
from hearth.domain.monitoring import COLUMNS, SUMMARIES, TENSOR, Monitoring, WatchedInput
from hearth.serving import rows
from hearth.serving.figures import TENSOR_FIGURES, TEXT_FIGURES, of_tensors, of_texts
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors

_NULL = b"null"


class Watched:
    """One input and the features that are made of it.

    Args:
        watched: From the manifest.
        monitoring: The whole of it: which features are masked.
    """

    def __init__(self, watched: WatchedInput, monitoring: Monitoring) -> None:
        self.name = watched.input
        self._form = watched.form
        self.width = len(watched.features)
        figures = {COLUMNS: self.width, TENSOR: len(TENSOR_FIGURES)}
        self._expected = figures.get(watched.form, len(TEXT_FIGURES))
        hidden = monitoring.capture == SUMMARIES and watched.form == COLUMNS
        masks = [hidden or name in monitoring.masked for name in watched.features]
        # Neighbours that are masked alike, as slices of a row.
        self._runs: list[tuple[bool, slice]] = []
        for masked, group in groupby(range(self.width), masks.__getitem__):
            columns = list(group)
            self._runs.append((masked, slice(columns[0], columns[-1] + 1)))
        self.whole = self._runs == [(False, slice(0, self.width))]

    def is_table_of(self, name: str, width: int) -> bool:
        return (self.name, self._form, self.width) == (name, COLUMNS, width) and self.whole

    def table(self, array: Array) -> Array:
        """Return the values of examples: shape [n, width].

        Raises:
            SignatureMismatch: If they are not as many as there are features.
        """
        if self._form == TENSOR:
            made = of_tensors(array)
        elif self._form == COLUMNS:
            made = array
            if array.ndim != 2:
                made = array.reshape(len(array), math.prod(array.shape[1:]))
        else:
            made = of_texts(array)
        if made.shape[1] != self._expected or self._expected != self.width:
            raise SignatureMismatch(
                f"input {self.name!r} has another number of features",
                got=made.shape[1],
                expected=self.width,
            )
        return made

    def parts(self, array: Array | None, count: int) -> list[list[bytes]]:
        """Return the features of examples as text, in parts of rows."""
        if array is None or all(masked for masked, _ in self._runs):
            return [[b",".join([_NULL] * self.width)] * count]
        table = self.table(array)
        found: list[list[bytes]] = []
        for masked, columns in self._runs:
            if masked:
                found.append([b",".join([_NULL] * (columns.stop - columns.start))] * count)
            elif table.dtype.kind in "OU":
                found.append(rows.word_parts(table[:, columns]))
            else:
                found.append(rows.parts(rows.numbers(table[:, columns])))
        return found


class Features:
    """Makes rows of features of inputs.

    Args:
        monitoring: From the manifest.
        batched: Whether the first dimension of inputs counts examples; if not, each is one.
    """

    def __init__(self, monitoring: Monitoring, *, batched: bool) -> None:
        self._inputs = [Watched(watched, monitoring) for watched in monitoring.inputs]
        self._batched = batched

    def are_columns_of(self, name: str, width: int) -> bool:
        """Return whether all features are one input's columns, and none is masked."""
        return len(self._inputs) == 1 and self._inputs[0].is_table_of(name, width)

    def batches(self, inputs: Tensors) -> tuple[int, list[Array | None]]:
        """Return how many examples there are, and of each watched input a batch of them.

        Raises:
            SignatureMismatch: If inputs disagree; one example stands for every one.
        """
        arrays = [self._batch(inputs.get(watched.name)) for watched in self._inputs]
        if len(arrays) == 1 and arrays[0] is not None:
            return len(arrays[0]), arrays  # as nearly every model has it
        sizes = {len(array) for array in arrays if array is not None}
        count = max(sizes - {1}, default=1) if 0 not in sizes else 0
        if not sizes <= {1, count}:
            raise SignatureMismatch("inputs disagree on the number of examples", got=sorted(sizes))
        return count, [
            array if array is None or len(array) == count else np.repeat(array, count, axis=0)
            for array in arrays
        ]

    def _batch(self, array: Array | None) -> Array | None:
        if array is None or (self._batched and array.ndim):
            return array
        return array[None]

    def text(self, batches: list[Array | None], count: int, step: int = 1) -> bytes:
        """Return the JSON text of the rows of every example, or of every k-th.

        Args:
            batches: One an input, of equal length.
            count: That length.
            step: k.
        """
        chosen, count = batches, len(range(0, count, step))
        if step > 1:
            chosen = [array if array is None else array[::step] for array in batches]
        if len(chosen) == 1 and chosen[0] is not None and self._inputs[0].whole:
            table = self._inputs[0].table(chosen[0])
            if table.dtype.kind not in "OU":
                return rows.numbers(table)
        columns: list[list[bytes]] = []
        for watched, array in zip(self._inputs, chosen, strict=True):
            columns += watched.parts(array, count)
        return rows.side_by_side(columns)
