"""Reading what a model is made of from its file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from hearth.optimizing import graphs
from hearth.optimizing.inspection import (
    CONVOLUTIONAL,
    DENSE,
    DEPTHWISE,
    LINEAR,
    OTHER,
    RECURRENT,
    TRANSFORMER,
    TREES,
    Inspection,
)
from onnx import TensorProto

_OWN = ("", "ai.onnx")  # ONNX's own domain has two names


def inspect(path: Path) -> Inspection:
    """Return what a model file is made of; it was checked when it was published."""
    model = graphs.plain(onnx.load(path, load_external_data=False))
    operators = Counter(operator(node) for graph in graphs.graphs(model) for node in graph.node)
    tensors = _Tensors.of(model)
    return Inspection(
        family=_family(model, operators),
        size=_size(path, tensors.files),
        operators=dict(sorted(operators.items())),
        weights=dict(sorted(tensors.weights.items())),
        weighted=dict(sorted(tensors.weighted.items())),
        dynamic=_dynamic(model.graph),
        quantized=any(_is_quantized(name) for name in operators),
        opset=max((o.version for o in model.opset_import if o.domain in _OWN), default=0),
    )


def operator(node: onnx.NodeProto) -> str:
    """Return what a node's type is called: with its domain, unless that is ONNX's own."""
    return str(node.op_type if node.domain in _OWN else f"{node.domain}.{node.op_type}")


@dataclass(frozen=True, slots=True)
class _Tensors:
    """Constant tensors of a model, by what they hold and by who takes them."""

    weights: Mapping[str, int]
    weighted: Mapping[str, int]
    files: frozenset[str]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> _Tensors:
        counts: Counter[str] = Counter()
        weighted: Counter[str] = Counter()
        files: set[str] = set()
        for graph, scope in _scopes(model):
            for tensor in _constants(graph):
                counts[_datatype(tensor)] += _bytes(tensor)
                files.update(e.value for e in tensor.external_data if e.key == "location")
            weighted.update(_weighted(graph, scope))
        return cls(counts, weighted, frozenset(files))


_Scope = Mapping[str, TensorProto]


def _scopes(model: onnx.ModelProto) -> Iterator[tuple[onnx.GraphProto, _Scope]]:
    """Yield each graph with the constants that its nodes see: its own, and those around it."""
    pending: list[tuple[onnx.GraphProto, _Scope]] = [(model.graph, {})]
    while pending:
        graph, around = pending.pop()
        inputs = {edge.name for edge in graph.input}
        own = {t.name: t for t in graph.initializer if t.name not in inputs}
        own |= {n.output[0]: t for n in graph.node if (t := graphs.constant(n)) is not None}
        scope = {**around, **own}
        yield graph, scope
        pending += [(inner, scope) for n in graph.node for inner in graphs.inner_graphs(n)]


def _constants(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    yield from (t for node in graph.node if (t := graphs.constant(node)) is not None)


def _weighted(graph: onnx.GraphProto, scope: _Scope) -> Counter[str]:
    """Count the FP32 bytes that each type of node takes, a tensor once for each type."""
    found: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for node in graph.node:
        for name in node.input:
            tensor, key = scope.get(name), (operator(node), name)
            if tensor is not None and tensor.data_type == TensorProto.FLOAT and key not in seen:
                seen.add(key)
                found[operator(node)] += _bytes(tensor)
    return found


# What Open Inference calls a type of numbers, and the bits of one; other types keep ONNX's name.
_BITS: Mapping[int, tuple[str, int]] = {
    TensorProto.FLOAT: ("FP32", 32),
    TensorProto.DOUBLE: ("FP64", 64),
    TensorProto.FLOAT16: ("FP16", 16),
    TensorProto.BFLOAT16: ("BF16", 16),
    TensorProto.INT4: ("INT4", 4),
    TensorProto.UINT4: ("UINT4", 4),
    TensorProto.BOOL: ("BOOL", 8),
    **{getattr(TensorProto, f"INT{bits}"): (f"INT{bits}", bits) for bits in (8, 16, 32, 64)},
    **{getattr(TensorProto, f"UINT{bits}"): (f"UINT{bits}", bits) for bits in (8, 16, 32, 64)},
}


def _datatype(tensor: TensorProto) -> str:
    if tensor.data_type == TensorProto.STRING:
        return "BYTES"
    known = _BITS.get(tensor.data_type)
    return known[0] if known else str(TensorProto.DataType.Name(tensor.data_type))


def _bytes(tensor: TensorProto) -> int:
    if tensor.data_type == TensorProto.STRING:
        return sum(len(text) for text in tensor.string_data)
    bits = _BITS.get(tensor.data_type, ("", 8))[1]
    numbers: int = math.prod(tensor.dims)
    return math.ceil(numbers * bits / 8)


def _size(path: Path, files: frozenset[str]) -> int:
    return path.stat().st_size + sum((path.parent / name).stat().st_size for name in files)


def _dynamic(graph: onnx.GraphProto) -> tuple[str, ...]:
    """Return the symbolic dimensions in the order in which inputs name them; `?` has no name."""
    dims = [dim for edge in graph.input for dim in edge.type.tensor_type.shape.dim]
    names = [d.dim_param or "?" for d in dims if not d.HasField("dim_value")]
    return tuple(dict.fromkeys(names))


_TREES = {"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"}
_LINEAR = {"LinearClassifier", "LinearRegressor"}
_RECURRENT = {"LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"}
_ATTENTION = {"Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"}
_CONV = {"Conv", "ConvTranspose", "FusedConv", "NhwcFusedConv"}
_CONV |= {"ConvInteger", "QLinearConv", "QLinearConvTranspose"}
_DENSE = {"MatMul", "Gemm", "FusedMatMul", "FusedGemm", "MatMulInteger", "QLinearMatMul", "QGemm"}
_DENSE |= {"MatMulNBits", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
# A model with at least this share of grouped Conv is one of the MobileNet kind.
_DEPTHWISE_SHARE = 0.25


def _family(model: onnx.ModelProto, operators: Mapping[str, int]) -> str:
    types = {name.rpartition(".")[2] for name in operators}
    if types & _RECURRENT:
        return RECURRENT
    if types & _ATTENTION or any(_attends(g) for g in graphs.graphs(model)):
        return TRANSFORMER
    if types & _CONV:
        return DEPTHWISE if _is_depthwise(model) else CONVOLUTIONAL
    others = ((TREES, _TREES), (LINEAR, _LINEAR), (DENSE, _DENSE))
    return next((family for family, some in others if types & some), OTHER)


def _attends(graph: onnx.GraphProto) -> bool:
    """Return whether what a Softmax gives is multiplied by something: attention spelled out."""
    shares = {node.output[0] for node in graph.node if node.op_type == "Softmax"}
    for node in graph.node:
        if node.op_type in ("Cast", "Dropout", "Identity", "Where", "Reshape", "Transpose"):
            shares |= set(node.output) if shares & set(node.input) else set()
        elif node.op_type == "MatMul" and shares & set(node.input):
            return True
    return False


def _is_depthwise(model: onnx.ModelProto) -> bool:
    convs = [n for g in graphs.graphs(model) for n in g.node if n.op_type.endswith("Conv")]
    grouped = [n for n in convs if any(a.name == "group" and a.i > 1 for a in n.attribute)]
    return len(grouped) >= _DEPTHWISE_SHARE * max(1, len(convs))


_QUANTIZED = (
    *("Quantize", "Dequantize", "DynamicQuantize", "QLinear", "QAttention", "QGemm", "QEmbed"),
    *("MatMulInteger", "ConvInteger", "MatMulNBits", "MatMulBnb4", "QOrdered", "QMoE"),
    "GatherBlockQuantized",
)


def _is_quantized(name: str) -> bool:
    return name.rpartition(".")[2].startswith(_QUANTIZED)
