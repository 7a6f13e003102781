"""A float graph made ready to be quantised, and which of its operators are worth it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.recipe import RecipeFailed
from hearth.optimizing.saving import Saving, require_one_file, save

CONVOLUTIONS = ("Conv", "ConvTranspose")
WEIGHTED = (*CONVOLUTIONS, "MatMul", "Gemm")
# What passes 8-bit values on between convolutions: by its first input, or by all of them.
_OF_ONE = ("Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape")
_OF_ALL = ("Add", "Concat")
# ONNX Runtime joins them with a Gemm before them, whose 8-bit weights it then does not see.
_JOINED = {
    "Relu",
    "Clip",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "HardSigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "ThresholdedRelu",
}
_PREPARED = "float.onnx"
_LEAST_OPSET = 11


@dataclass(frozen=True)
class FloatGraph:
    """A float model: constants folded, every node with a name of its own.

    Args:
        path: Its file.
    """

    path: Path

    def load(self) -> onnx.ModelProto:
        """Return the model, for the caller to change."""
        return onnx.load(self.path)

    @cached_property
    def operators(self) -> tuple[str, ...]:
        """Names of nodes whose weights are to be quantised, in the graph's order.

        Nodes with a constant float weight. A depthwise convolution has little to multiply: it is
        among them only where it is fed by another convolution in 8 bits.
        """
        return tuple(name for name, weighted in self._chosen if weighted)

    def around(self, operators: tuple[str, ...]) -> tuple[str, ...]:
        """Return the nodes to quantise with some operators: they, and what passes values on."""
        return tuple(name for name, _ in _choose(self._model, set(operators)))

    @cached_property
    def activations(self) -> tuple[str, ...]:
        """Names of the tensors that flow into and out of what may be quantised."""
        chosen = {name for name, _ in self._chosen}
        constant = {tensor.name for tensor in self._model.graph.initializer}
        found = {
            tensor: None
            for node in self._model.graph.node
            if node.name in chosen
            for tensor in (*node.input, *node.output)
            if tensor and tensor not in constant
        }
        return tuple(found)

    @cached_property
    def float_outputs(self) -> frozenset[str]:
        """Outputs of matrix products that may stay in float while their weights have 8 bits."""
        joined = _joined(self._model)
        return frozenset(
            node.output[0]
            for node in self._model.graph.node
            if node.op_type == "Gemm" and node.output[0] not in joined
        )

    @cached_property
    def _model(self) -> onnx.ModelProto:
        return self.load()

    @cached_property
    def _chosen(self) -> tuple[tuple[str, bool], ...]:
        return tuple(_choose(self._model, None))


def prepare(before: Candidate, folder: Path) -> FloatGraph:
    """Write the float graph of a candidate into a folder.

    ONNX Runtime itself folds constants and joins normalisations with convolutions; symbolic
    shape inference, which many models fail, is not needed for what is done here.

    Raises:
        RecipeFailed: If it is too large, of an old operator set, or has nothing to quantise.
    """
    require_one_file(before.path, before.size)
    path = folder / _PREPARED
    save(before.path, path, Saving("basic"))
    model = onnx.load(path)
    opset = next((entry.version for entry in model.opset_import if not entry.domain), 0)
    if opset < _LEAST_OPSET:
        raise RecipeFailed(
            "the model's operator set is too old to be quantised",
            got=f"ai.onnx {opset}",
            expected=f"at least {_LEAST_OPSET}",
        )
    for at, node in enumerate(model.graph.node):
        node.name = f"{at}:{node.op_type}"
    onnx.save(model, path)
    graph = FloatGraph(path)
    if not graph.operators:
        raise RecipeFailed(
            "there is no operator worth quantising",
            expected=f"{', '.join(WEIGHTED)} with constant weights, not depthwise ones alone",
        )
    return graph


def _choose(model: onnx.ModelProto, among: set[str] | None) -> Iterator[tuple[str, bool]]:
    """Yield names of nodes that are quantised, and whether each has a weight of its own."""
    weights = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1
    }
    joined = _joined(model)
    captured = {name for node in model.graph.node for name in captures(node)}
    carried: set[str] = set()  # tensors that are there in 8 bits
    for node in model.graph.node:
        if among is None:
            wanted = _has_weight(node, weights) and not _idle(node, weights, carried)
        else:
            wanted = node.name in among
        if wanted:
            yield node.name, True
            if node.op_type in CONVOLUTIONS or node.output[0] in joined:
                carried.update(node.output)
        elif _passes_on(node, carried) and captured.isdisjoint(node.output):
            yield node.name, False
            carried.update(node.output)


def captures(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that subgraphs of a node read, which are not among its inputs."""
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from captures(inner)


def _joined(model: onnx.ModelProto) -> set[str]:
    """Return what flows into activation functions."""
    return {node.input[0] for node in model.graph.node if node.op_type in _JOINED}


def _has_weight(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    known = node.op_type in WEIGHTED and node.domain in ("", "ai.onnx")
    return known and len(node.input) > 1 and node.input[1] in weights


def _idle(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], carried: set[str]) -> bool:
    """Return whether it is a depthwise convolution that would be quantised for itself alone."""
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    depthwise = node.op_type == "Conv" and group > 1 and weights[node.input[1]].dims[1] == 1
    return depthwise and node.input[0] not in carried


def _passes_on(node: onnx.NodeProto, carried: set[str]) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    return (node.op_type in _OF_ONE and node.input[0] in carried) or (
        node.op_type in _OF_ALL and carried.issuperset(node.input)
    )
