"""Recipes `int8-static...`: weights and activations in 8 bits, scaled by calibration rows."""

from __future__ import annotations

from dataclasses import dataclass

from hearth.domain.errors import HearthError
from hearth.optimizing import ranges
from hearth.optimizing.activations import Activations, Method, calibration_rows, observe
from hearth.optimizing.bits import NOTE, narrow
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.float_graph import WEIGHTED, FloatGraph, prepare
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.quantizing import Scheme, quantize
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.publishing.rows import Rows

MODEL = "model.onnx"
# Of all float weights, what must lie in operators that become faster.
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Int8Static:
    """U8S8 with QuantizeLinear and DequantizeLinear around what is worth it.

    Args:
        name: Of the recipe.
        summary: For people.
        per_channel: Whether each output channel of a weight has its own scale.
        method: What makes a range of a histogram; None for the range of all values.
    """

    name: str
    summary: str
    per_channel: bool = False
    method: Method | None = None

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        return static_requires(inspection, calibration=calibration)

    def apply(self, work: Work) -> Candidate:
        graph, rows, activations = calibrated(work, self.method)
        scheme = Scheme(self.per_channel, narrow())
        target = work.folder / MODEL
        quantize(graph, activations, graph.operators, scheme, target)
        graph.path.unlink()
        return quantised(work, self.name, [f"ranges of {len(rows)} rows"])

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        return static_ensures(before, after)


def static_requires(inspection: Inspection, *, calibration: bool) -> str:
    """Return why no static quantisation can matter for a model."""
    if inspection.quantized:
        return "it is quantised already"
    could = sum(inspection.weighted.get(op, 0) for op in WEIGHTED)
    if could <= _LEAST_SHARE * sum(inspection.weighted.values()):
        return f"only {could} bytes of float weights are in {', '.join(WEIGHTED)}"
    return "" if calibration else "there are no rows to calibrate with"


def static_ensures(before: Inspection, after: Inspection) -> str:
    """Return in which way a model is not quantised that should be."""
    if not after.quantized:
        return "no operator was quantised"
    left, had = (sum(seen.weighted.get(op, 0) for op in WEIGHTED) for seen in (after, before))
    if left >= had:
        return f"{left} bytes of float weights are left of {had}"
    return ""


def calibrated(work: Work, method: Method | None) -> tuple[FloatGraph, Rows, Activations]:
    """Return the float graph, the rows, and the ranges of activations on them.

    Raises:
        RecipeFailed: If there are no rows, or the model cannot be run on them.
    """
    if work.calibration is None:
        raise RecipeFailed("there are no rows to calibrate with")
    graph = prepare(work.before, work.folder)
    try:
        rows = calibration_rows(work.calibration, work.signature, work.seed)
        return graph, rows, observe(graph, rows, work.signature, method)
    except HearthError as error:
        raise RecipeFailed("the calibration rows do not fit the model", got=error) from error


def quantised(work: Work, recipe: str, notes: list[str]) -> Candidate:
    """Return the candidate whose model was written into the work's folder."""
    return work.before.portable.then(
        recipe,
        work.folder / MODEL,
        external=(),
        notes=(*work.before.notes, *notes, *([NOTE] if narrow() else [])),
    )


INT8_STATIC = Int8Static("int8-static", "8-bit weights and activations, one scale a tensor")
INT8_STATIC_CHANNEL = Int8Static(
    "int8-static-channel",
    "8-bit weights and activations, one scale an output channel of a weight",
    per_channel=True,
)
INT8_STATIC_PERCENTILE = Int8Static(
    "int8-static-percentile",
    "8-bit weights and activations, ranges without the outermost values",
    method=ranges.percentile,
)
INT8_STATIC_ENTROPY = Int8Static(
    "int8-static-entropy",
    "8-bit weights and activations, ranges that keep the distribution best",
    method=ranges.entropy,
)
