"""A float graph with 8-bit weights and activations, as QuantizeLinear and DequantizeLinear say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from hearth.optimizing.activations import Activations
from hearth.optimizing.float_graph import FloatGraph
from hearth.optimizing.model_file import sort
from hearth.optimizing.recipe import RecipeFailed

# Its output stays in float: ONNX Runtime multiplies in integers and scales what comes out.
_FLOAT_OUT = ["MatMul"]
_LEAST_OPSET_OF_CHANNELS = 13


@dataclass(frozen=True, slots=True)
class Scheme:
    """How weights are quantised.

    Args:
        per_channel: With a scale for each output channel.
        reduce_range: In 7 bits, so that sums of two products fit in 16.
    """

    per_channel: bool
    reduce_range: bool


def quantize(
    graph: FloatGraph,
    activations: Activations,
    operators: tuple[str, ...],
    scheme: Scheme,
    target: Path,
) -> None:
    """Write the graph with some of its operators quantised.

    Args:
        graph: The float graph.
        activations: Ranges of its tensors.
        operators: Which; all others stay in float.
        scheme: How.
        target: Where to.

    Raises:
        RecipeFailed: If ONNX Runtime's tool fails, or operators are too old for the scheme.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = _described(graph, activations)
    _require_opset(model, scheme)
    nodes = list(graph.around(operators))
    types = sorted({node.op_type for node in model.graph.node if node.name in nodes})
    try:
        with contextlib.redirect_stdout(sys.stderr):
            quantizer = QDQQuantizer(
                model,
                scheme.per_channel,
                scheme.reduce_range,
                QuantType.QInt8,
                QuantType.QUInt8,
                _tensors_data(activations),
                nodes,
                [],
                types,
                {"OpTypesToExcludeOutputQuantization": _FLOAT_OUT},
            )
            quantizer.quantize_model()
            made = quantizer.model.model
            _spare(made.graph, set(nodes), graph.float_outputs)
            sort(made.graph)
    except Exception as error:
        raise RecipeFailed(
            "ONNX Runtime's quantiser failed", got=f"{type(error).__name__}: {str(error)[:300]}"
        ) from error
    onnx.save(made, target)


def _spare(graph: onnx.GraphProto, quantised: set[str], float_outputs: frozenset[str]) -> None:
    """Take back the roundings that no weight needs.

    The quantiser rounds a tensor for all that read it, and whatever an operator gives. Operators
    in float read what was there before; what a matrix product gives is not rounded at all. But
    what a convolution gives stays: the rounding may stand for the Relu behind it.
    """
    makers = {name: node for node in graph.node for name in node.output}
    for pair in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        rounded = makers.get(pair.input[0])
        if rounded is None or rounded.op_type != "QuantizeLinear":
            continue
        source, result = rounded.input[0], pair.output[0]
        maker = makers.get(source)
        if maker is None or maker.name not in quantised:
            _read(graph, result, source, besides=quantised)
        elif float_outputs & {source, result}:
            # A graph's output keeps its name, whatever the quantiser called it before rounding.
            maker.output[0] = result if result in float_outputs else source
            _read(graph, source, maker.output[0])
            _read(graph, result, maker.output[0])
            graph.node.remove(rounded)
            graph.node.remove(pair)


def _read(
    graph: onnx.GraphProto, old: str, new: str, besides: Collection[str] = frozenset()
) -> None:
    """Let all operators but some read another tensor."""
    for node in graph.node:
        if node.name not in besides:
            for at, name in enumerate(node.input):
                if name == old:
                    node.input[at] = new


def _described(graph: FloatGraph, activations: Activations) -> onnx.ModelProto:
    """Return the model with the types of its activations, which the quantiser asks for."""
    model = graph.load()
    edges = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    known = {value.name for value in edges}
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in activations.ranges
        if name not in known
    )
    return model


def _require_opset(model: onnx.ModelProto, scheme: Scheme) -> None:
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    if scheme.per_channel and opset < _LEAST_OPSET_OF_CHANNELS:
        raise RecipeFailed(
            "the model's operator set has no scales by channel",
            got=f"ai.onnx {opset}",
            expected=f"at least {_LEAST_OPSET_OF_CHANNELS}",
        )


def _tensors_data(activations: Activations) -> object:
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    ranges = {
        name: (np.array(low, np.float32), np.array(high, np.float32))
        for name, (low, high) in activations.ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, ranges)
