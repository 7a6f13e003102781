"""Small weights set to zero. It changes neither the file's size nor the speed, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from hearth.optimizing import graphs, model_file
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspecting import operator
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import RecipeFailed, Work
from onnx import TensorProto, numpy_helper

_OPERATORS = ("Conv", "Gemm", "LSTM", "MatMul")
_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Pruning:
    """The smaller half of each matrix's weights becomes zero, by magnitude."""

    name: str = "pruning"
    summary: str = "half of the weights zero; neither smaller nor faster unless compressed"

    def requires(self, inspection: Inspection, calibration: bool) -> str:
        if inspection.quantized:
            return "it is quantised already"
        if not any(inspection.weighted.get(name) for name in _OPERATORS):
            return f"no FP32 weights in {', '.join(_OPERATORS)}"
        return ""

    def apply(self, work: Work) -> Candidate:
        whole = model_file.read(work.before)
        graphs.prepare(whole.model)
        pruned = [_prune(tensor) for tensor in _matrices(whole.model)]
        if not sum(pruned):
            raise RecipeFailed("no matrix of weights is in the main graph")
        note = f"{sum(pruned)} weights are zero; the file and its runs take what they took"
        return model_file.write(work, self.name, whole, [note])

    def ensures(self, before: Inspection, after: Inspection, made: Candidate) -> str:
        matrices = list(_matrices(onnx.load(made.path)))
        zeros = sum(_zeros(tensor) for tensor in matrices)
        numbers = sum(numpy_helper.to_array(tensor).size for tensor in matrices)
        return "" if zeros >= _SHARE * numbers - len(matrices) else "its weights are not pruned"


def _matrices(model: onnx.ModelProto) -> Iterator[TensorProto]:
    weights = graphs.weights(model)
    nodes = (node for node in model.graph.node if operator(node) in _OPERATORS)
    for name in dict.fromkeys(name for node in nodes for name in node.input):
        tensor = weights.get(name)
        if tensor is not None and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            yield tensor


def _prune(tensor: TensorProto) -> int:
    values = numpy_helper.to_array(tensor).copy()
    flat = values.reshape(-1)
    least = np.argsort(np.abs(flat), kind="stable")[: int(flat.size * _SHARE)]
    flat[least] = 0
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return least.size


def _zeros(tensor: TensorProto) -> int:
    values = numpy_helper.to_array(tensor)
    return int(values.size - np.count_nonzero(values))


PRUNING = Pruning()
