"""Weights of MatMul and Gemm in blocks of 8 or 4 bits, each block with a scale of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from hearth.optimizing import graphs, model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspecting import operator
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import RecipeFailed, Work
from onnx import TensorProto, helper, numpy_helper

# Of fewer weights the node itself takes longer than what it multiplies.
_LEAST = 4096
# Multiplied as 8-bit integers: in floats, weights of 8 bits take 20 times as long.
_AS_INT8 = 4

_Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Blocks:
    """ONNX Runtime's MatMulNBits in place of MatMul and Gemm.

    Args:
        name: Its name.
        summary: What it does.
        bits: Of a weight, 8 or 4.
        block: Largest number of weights with one scale.
        symmetric: Whether blocks lie around zero; else each has a zero point too.
    """

    name: str
    summary: str
    bits: int
    block: int
    symmetric: bool

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.quantized:
            return "it is quantised already"
        if not any(inspection.weighted.get(name) for name in ("MatMul", "Gemm")):
            return "no FP32 weights in MatMul, Gemm"
        return ""

    def apply(self, work: Work) -> Candidate:
        whole = model_file.read(work.before)
        graphs.prepare(whole.model)
        replacing = _Replacing(whole.model, self)
        nodes = [made for node in whole.model.graph.node for made in replacing.of(node)]
        if not replacing.packed:
            raise RecipeFailed(
                "no MatMul or Gemm can take its weights in blocks",
                expected=f"constant FP32 matrices of at least {_LEAST} numbers",
            )
        del whole.model.graph.node[:]
        whole.model.graph.node.extend(nodes)
        graphs.drop_unused(whole.model)
        return model_file.write(work, self.name, whole, replacing.notes())

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        if not after.operators.get(f"{model_file.MICROSOFT}.MatMulNBits"):
            return "no operator takes weights in blocks"
        if after.weights.get("FP32", 0) >= before.weights.get("FP32", 0):
            return "its weights are as many bytes of FP32 as before"
        return ""


@dataclass(slots=True)
class _Replacing:
    """What nodes are replaced with, and the packed weights, which nodes may share."""

    model: onnx.ModelProto
    recipe: Blocks
    packed: dict[tuple[str, bool], tuple[list[str], int, int, int]] = field(default_factory=dict)
    kept: int = 0
    replaced: int = 0
    weights: Mapping[str, TensorProto] = field(init=False)

    def __post_init__(self) -> None:
        self.weights = graphs.weights(self.model)

    def of(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Yield what stands for a node: itself where it is none that can be replaced."""
        transposed = _transposed(node)
        matrix = self.weights.get(node.input[1]) if transposed is not None else None
        if transposed is None or matrix is None or not _fits(matrix):
            self.kept += _is_float_matrix(matrix)
            yield node
            return
        self.replaced += 1
        names, rows, columns, block = self._pack(matrix, transposed=transposed)
        added = node.input[2] if len(node.input) > 2 else ""
        product = f"{node.output[0]}:product" if added else node.output[0]
        yield helper.make_node(
            "MatMulNBits",
            [node.input[0], *names],
            [product],
            node.name,
            domain=model_file.MICROSOFT,
            K=rows,
            N=columns,
            bits=self.recipe.bits,
            block_size=block,
            accuracy_level=_AS_INT8,
        )
        if added:
            yield helper.make_node("Add", [product, added], [node.output[0]], f"{node.name}:add")

    def notes(self) -> list[str]:
        total = self.kept + self.replaced
        return [f"{self.kept} of {total} MatMul, Gemm stay in float"] if self.kept else []

    def _pack(self, matrix: TensorProto, *, transposed: bool) -> tuple[list[str], int, int, int]:
        key = (matrix.name, transposed)
        if key not in self.packed:
            values = numpy_helper.to_array(matrix)
            values = np.ascontiguousarray(values.T if transposed else values)
            block = _block(values.shape[0], self.recipe.block)
            tensors = _quantise(values, self.recipe, block)
            prefix = f"{matrix.name}:{'t' if transposed else 'n'}"
            names = [f"{prefix}:{part}" for part in ("blocks", "scales", "zeros")[: len(tensors)]]
            self.model.graph.initializer.extend(
                numpy_helper.from_array(t, name) for t, name in zip(tensors, names, strict=True)
            )
            self.packed[key] = (names, *values.shape, block)
        return self.packed[key]


def _transposed(node: onnx.NodeProto) -> bool | None:
    """Return whether a node takes its matrix transposed; None where it cannot be replaced."""
    if operator(node) == "MatMul":
        return False
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    plain = all(given.pop(name, 1.0) == 1.0 for name in ("alpha", "beta"))
    if operator(node) != "Gemm" or not plain or given.get("transA") or "broadcast" in given:
        return None
    return bool(given.get("transB"))


def _is_float_matrix(tensor: TensorProto | None) -> bool:
    return tensor is not None and tensor.data_type == TensorProto.FLOAT


def _fits(tensor: TensorProto) -> bool:
    return (
        tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2
        and math.prod(tensor.dims) >= _LEAST
    )


def _block(rows: int, most: int) -> int:
    """Return the largest block that a column fills, for a block is stored whole."""
    return next(size for size in (128, 64, 32, 16) if size <= most and size <= max(rows, 16))


def _quantise(values: _Weights, recipe: Blocks, block: int) -> list[npt.NDArray[np.generic]]:
    """Return blocks and scales of each column, and zero points where there are any."""
    from onnxruntime.capi import _pybind_state as native

    rows, columns = values.shape
    count, in_byte = math.ceil(rows / block), 8 // recipe.bits
    padded = np.pad(values, ((0, count * block - rows), (0, 0)))
    packed = np.zeros((columns, count, block // in_byte), np.uint8)
    scales = np.zeros((columns, count), np.float32)
    zeros = np.zeros((columns, math.ceil(count / in_byte)), np.uint8)
    pack = native.quantize_matmul_8bits if recipe.bits == 8 else native.quantize_matmul_4bits
    pack(packed, padded, scales, zeros, block, columns, rows, recipe.symmetric)
    return [packed, scales] if recipe.symmetric else [packed, scales, zeros]


INT8_BLOCKS = Blocks("int8-blocks", "INT8 weights of MatMul and Gemm in blocks", 8, 128, True)
INT4_BLOCKS = Blocks("int4-blocks", "4-bit weights of MatMul and Gemm in blocks", 4, 32, False)
