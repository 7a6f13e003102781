"""The values that flow through a float graph on calibration rows, and the ranges they fill.

ONNX Runtime's own calibrators keep every value until the last row has been run; here there are two
numbers a tensor, or one histogram, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import Signature
from hearth.optimizing.float_graph import FloatGraph
from hearth.optimizing.ranges import BINS, Histogram, Range
from hearth.publishing.rows import Rows, batch_size, chunks, read_rows
from hearth.serving.numbers import Array
from hearth.serving.session import Session

MOST_ROWS = 128
_OBSERVED = "observed.onnx"
_MEMORY_MB = 1769  # decides the threads alone, which are given here
# One thread: the same sums every time. Nothing is joined that is to be looked at.
_AS_IT_IS = RuntimeOptions(intra_op_num_threads=1, graph_optimization_level="disabled")

Method = Callable[[Histogram], Range]


@dataclass(frozen=True, slots=True)
class Activations:
    """Ranges of tensors.

    Args:
        ranges: Lowest and highest value that is represented, by tensor; float tensors only.
        rows: How many rows they were taken from.
    """

    ranges: dict[str, Range]
    rows: int


def calibration_rows(path: Path, signature: Signature, seed: int, most: int = MOST_ROWS) -> Rows:
    """Return rows to calibrate with: so many at most, drawn by a seed, in their order.

    Raises:
        InvalidDocument: If the file cannot be read.
        SignatureMismatch: If it belongs to another model.
    """
    rows = read_rows(path, signature, labelled=False)
    if not signature.batched or len(rows) <= most:
        return rows
    size = batch_size(signature, rows.inputs)
    most = max(most - most % size, size) if size else most
    drawn = np.random.default_rng(seed).choice(len(rows), most, replace=False, shuffle=False)
    return rows[np.sort(drawn)]


def observe(
    graph: FloatGraph, rows: Rows, signature: Signature, method: Method | None = None
) -> Activations:
    """Return the ranges of a graph's activations.

    Args:
        graph: The float graph; what is made of it on the way lies beside it for that long.
        rows: To run it on.
        signature: Of the model.
        method: What makes a range of a histogram; without one, it holds every value.

    Raises:
        HearthError: If the graph does not open, or cannot be run on the rows.
    """
    path = graph.path.with_name(_OBSERVED)
    onnx.save(_observed(graph), path)
    try:
        watched = _Watched(path, rows, signature)
        ranges = watched.extremes()
        if method:
            histograms = watched.histograms(ranges)
            ranges = {name: method(found) for name, found in histograms.items()}
    finally:
        path.unlink(missing_ok=True)
    return Activations(ranges, len(rows))


def _observed(graph: FloatGraph) -> onnx.ModelProto:
    """Return the model with its activations among its outputs; ONNX Runtime knows their types."""
    model = graph.load()
    known = {value.name for value in (*model.graph.output, *model.graph.input)}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in graph.activations if name not in known
    )
    return model


class _Watched:
    """A session that gives all activations, a bounded number of rows at a time."""

    def __init__(self, path: Path, rows: Rows, signature: Signature) -> None:
        self._session = Session(path, _AS_IT_IS, _MEMORY_MB)
        self._rows = rows
        self._signature = signature
        observed = self._session.signature
        self._names = [spec.name for spec in observed.outputs if spec.datatype == "FP32"]
        floats = (spec.name for spec in observed.inputs if spec.datatype == "FP32")
        self._inputs = [name for name in floats if name in rows.inputs]

    def extremes(self) -> dict[str, Range]:
        found: dict[str, Range] = {}
        for name, values in self._values():
            low, high = found.get(name, (np.inf, -np.inf))
            if values.size:
                found[name] = min(low, float(values.min())), max(high, float(values.max()))
        return found

    def histograms(self, ranges: dict[str, Range]) -> dict[str, Histogram]:
        counts = {name: np.zeros(BINS, np.int64) for name in ranges}
        for name, values in self._values():
            if name in counts:
                # Zero is kept exactly whatever the range, and what Relu gives is full of it.
                some = values[values != 0]
                counts[name] += np.histogram(some, BINS, _around_zero(ranges[name]))[0]
        return {name: Histogram(counts[name], *_around_zero(ranges[name])) for name in ranges}

    def _values(self) -> Iterator[tuple[str, Array]]:
        for part in chunks(self._rows, self._signature, self._elements_of_a_row()):
            yield from ((name, _finite(part.inputs[name])) for name in self._inputs)
            for name, values in self._session.run(part.inputs, self._names).items():
                yield name, _finite(values)

    def _elements_of_a_row(self) -> int:
        size = batch_size(self._signature, self._rows.inputs) or 1
        first = self._rows[:size] if self._signature.batched else self._rows
        outputs = self._session.run(first.inputs, self._names)
        return sum(values.size for values in outputs.values()) // size


def _finite(values: Array) -> Array:
    flat = values.reshape(-1)
    good = np.isfinite(flat)
    return flat if good.all() else flat[good]


def _around_zero(found: Range) -> Range:
    """Return a range that holds zero, which every quantised range must."""
    low, high = min(found[0], 0.0), max(found[1], 0.0)
    return (low, high) if high > low else (low, low + 1.0)
