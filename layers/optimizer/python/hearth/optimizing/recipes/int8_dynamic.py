"""Weights in 8 bits, activations quantised as they come: no calibration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import onnx
from hearth.optimizing import bits, graphs, model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspecting import operator
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import Work

_MATMUL = ("MatMul", "Gemm", "com.microsoft.Attention")
_REST = ("LSTM", "Gather", "com.microsoft.EmbedLayerNormalization")
_CONV = ("Conv",)


@dataclass(frozen=True, slots=True)
class DynamicInt8:
    """ONNX Runtime's dynamic quantisation of some types of operators, a scale for each channel.

    Args:
        name: Its name.
        summary: What it does.
        operators: Types of operators whose FP32 weights become INT8.
    """

    name: str
    summary: str
    operators: tuple[str, ...]

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.quantized:
            return "it is quantised already"
        if not inspection.opset:
            return "it has no operator of ONNX's own domain"
        if not any(inspection.weighted.get(name) for name in self.operators):
            return f"no FP32 weights in {', '.join(map(_short, self.operators))}"
        return ""

    def apply(self, work: Work) -> Candidate:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        whole = model_file.read(work.before)
        graphs.prepare(whole.model)
        wanted = _without_conv(self.operators, whole.model)
        path = work.folder / "quantized.onnx"
        quantize_dynamic(
            whole.model,
            path,
            op_types_to_quantize=[_short(name) for name in wanted],
            per_channel=True,
            reduce_range=bits.narrow(),
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_misunderstood(whole),
            # Types that cannot be inferred are those behind fused operators.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        made = replace(whole, model=onnx.load(path))
        path.unlink()
        return model_file.write(work, self.name, made, _notes(whole.model, made.model, wanted))

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        if not after.quantized:
            return "no operator was quantised"
        if after.weights.get("FP32", 0) >= before.weights.get("FP32", 0):
            return "its weights are as many bytes of FP32 as before"
        return ""


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _without_conv(wanted: tuple[str, ...], model: onnx.ModelProto) -> tuple[str, ...]:
    """Leave Conv out where there is an LSTM: that is the point, and Conv would slow down."""
    has_lstm = any(node.op_type == "LSTM" for node in model.graph.node)
    return tuple(name for name in wanted if not (has_lstm and name in _CONV))


def _misunderstood(whole: model_file.Whole) -> list[str]:
    """Return the names of nodes that stay in float because the tool would get them wrong."""
    nodes = whole.model.graph.node
    weights = graphs.weights(whole.model)
    uses = Counter(name for node in nodes for name in node.input)
    vectors = {name for name, tensor in weights.items() if len(tensor.dims) < 2}
    wrong = {
        # It takes LSTM's usual layout for granted, and transposes a shared weight twice.
        "LSTM": lambda node: (
            any(a.name == "layout" and a.i for a in node.attribute)
            or any(uses[name] > 1 for name in node.input[1:3])
        ),
        "MatMul": lambda node: bool(vectors & set(node.input)),
        "Attention": lambda node: operator(node) == "Attention",  # ONNX's own has other inputs
    }
    return [
        node.name
        for node in nodes
        # A default that requests may override is no weight.
        if whole.defaults & set(node.input) or wrong.get(node.op_type, _never)(node)
    ]


def _never(_: onnx.NodeProto) -> bool:
    return False


def _notes(before: onnx.ModelProto, after: onnx.ModelProto, wanted: tuple[str, ...]) -> list[str]:
    of, left = (_in_float(model, wanted) for model in (before, after))
    notes = [bits.NOTE] if bits.narrow() else []
    kinds = ", ".join(sorted({_short(node) for node in of}))
    return [*notes, f"{len(left)} of {len(of)} {kinds} stay in float"] if left else notes


def _in_float(model: onnx.ModelProto, wanted: tuple[str, ...]) -> list[str]:
    """Return the type of each node of those wanted that takes FP32 weights."""
    tensors = graphs.weights(model).items()
    floats = {name for name, tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT}
    operators = ((operator(node), node.input[:3]) for node in model.graph.node)
    return [name for name, inputs in operators if name in wanted and floats & set(inputs)]


INT8_DYNAMIC_MATMUL = DynamicInt8(
    "int8-dynamic-matmul",
    "INT8 weights of MatMul and Gemm, activations quantised as they come",
    _MATMUL,
)
INT8_DYNAMIC = DynamicInt8(
    "int8-dynamic",
    "INT8 weights of every operator that ONNX Runtime can, activations quantised as they come",
    (*_MATMUL, *_REST, *_CONV),
)
