"""Recipe `int8-static-mixed`: what costs most accuracy stays in float, as little as suffices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hearth.domain.errors import HearthError
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.activations import Activations
from hearth.optimizing.bits import narrow
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.float_graph import FloatGraph
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.quantizing import Scheme, quantize
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.optimizing.recipes.int8_static import (
    MODEL,
    calibrated,
    quantised,
    static_ensures,
    static_requires,
)
from hearth.publishing.rows import Rows, batch_size, chunks
from hearth.serving.numbers import Array
from hearth.serving.session import Session

# Root mean square of the error over the standard deviation of the float model's answers.
BOUND = 0.02
_MOST_UNITS = 48
_ROWS = 32
_TRIAL = "trial.onnx"
_MEMORY_MB = 1769  # decides the threads alone, which are given here
_ONE_THREAD = RuntimeOptions(intra_op_num_threads=1)  # the same sums every time

Unit = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Operators are ranked by what each alone does to the answers, then given back to float.

    At most half of them: where that does not bring the error within the bound, the notes say so.
    """

    name: str = "int8-static-mixed"
    summary: str = "8-bit weights and activations but for the operators where accuracy is lost"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        return static_requires(inspection, calibration=calibration)

    def apply(self, work: Work) -> Candidate:
        graph, rows, activations = calibrated(work, None)
        bench = _Bench(graph, activations, _some(rows, work), work)
        back, error = _given_back(bench, graph)
        rest = tuple(name for name in graph.operators if name not in back)
        bench.write(rest, work.folder / MODEL)
        graph.path.unlink()
        return quantised(work, self.name, [_note(graph, back, error)])

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        return static_ensures(before, after)


class _Bench:
    """Where a graph with some operators quantised is run beside the float graph."""

    def __init__(self, graph: FloatGraph, activations: Activations, rows: Rows, work: Work) -> None:
        self._graph = graph
        self._activations = activations
        self._parts = [part.inputs for part in chunks(rows, work.signature)]
        self._scheme = Scheme(per_channel=True, reduce_range=narrow())
        self._trial = work.folder / _TRIAL
        self._wanted = self._answers(graph.path)
        if not self._wanted:
            raise RecipeFailed("the model has no float outputs: no loss can be seen in them")

    def write(self, operators: Unit, target: Path) -> None:
        quantize(self._graph, self._activations, operators, self._scheme, target)

    def error(self, operators: Unit) -> float:
        """Return the error of the answers with these operators quantised, and no others."""
        self.write(operators, self._trial)
        try:
            got = self._answers(self._trial)
        finally:
            self._trial.unlink()
        return max(spread_error(w, g) for w, g in zip(self._wanted, got, strict=True))

    def _answers(self, path: Path) -> list[Array]:
        """Return the float outputs of all rows, each as one vector."""
        try:
            session = Session(path, _ONE_THREAD, _MEMORY_MB)
            outputs = session.signature.outputs
            names = [spec.name for spec in outputs if spec.datatype == "FP32"]
            found = [session.run(inputs, names) for inputs in self._parts] if names else []
        except HearthError as error:
            raise RecipeFailed("a trial does not run", got=error) from error
        return [np.concatenate([part[name].reshape(-1) for part in found]) for name in names]


def spread_error(wanted: Array, got: Array) -> float:
    """Return the root mean square of the difference over the standard deviation of `wanted`.

    Example:
        >>> spread_error(np.array([-1.0, 1.0]), np.array([-1.0, 1.5])) < 0.36
        True
    """
    if not np.isfinite(got).all():
        return float("inf")
    error = float(np.sqrt(np.mean(np.square(got.astype(np.float64) - wanted))))
    return error / max(float(wanted.std()), 1e-12)


def _some(rows: Rows, work: Work) -> Rows:
    size = batch_size(work.signature, rows.inputs) or 1
    return rows[: max(_ROWS - _ROWS % size, size)] if work.signature.batched else rows


def _units(operators: Sequence[str]) -> list[Unit]:
    """Return what is given back at once: an operator, or neighbours where there are many."""
    size = -(-len(operators) // _MOST_UNITS)
    return [tuple(operators[at : at + size]) for at in range(0, len(operators), size)]


def _given_back(bench: _Bench, graph: FloatGraph) -> tuple[Unit, float]:
    """Return the operators that stay in float, the costliest first, and the error that is left."""
    error = bench.error(graph.operators)
    if error <= BOUND:
        return (), error
    ranked = sorted(_units(graph.operators), key=lambda unit: -bench.error(unit))
    count, error = _fewest(bench, ranked)
    return tuple(name for unit in ranked[:count] for name in unit), error


def _fewest(bench: _Bench, ranked: Sequence[Unit]) -> tuple[int, float]:
    """Return how many units to give back, and the error that is left.

    Their number is doubled until the error is within the bound, then halved between.
    """
    errors: dict[int, float] = {}

    def error(count: int) -> float:
        if count not in errors:
            left = tuple(name for unit in ranked[count:] for name in unit)
            errors[count] = bench.error(left)
        return errors[count]

    most, count, short = len(ranked) // 2, 0, -1
    while error(count) > BOUND and count < most:
        short, count = count, min(max(2 * count, 1), most)
    if errors[count] > BOUND:
        return min(errors.items(), key=lambda item: (item[1], item[0]))
    while count - short > 1:
        middle = (count + short) // 2
        if error(middle) > BOUND:
            short = middle
        else:
            count = middle
    return count, errors[count]


def _note(graph: FloatGraph, back: Unit, error: float) -> str:
    named = f" ({', '.join(back[:8])}{', ...' * (len(back) > 8)})" if back else ""
    verdict = "within" if error <= BOUND else "not within"
    return (
        f"{len(back)} of {len(graph.operators)} operators stay in float{named}; on calibration "
        f"rows the error is {error:.4f} of the answers' spread, {verdict} {BOUND}"
    )


INT8_STATIC_MIXED = Mixed()
