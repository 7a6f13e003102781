"""Graphs of ONNX models: what they hold, what their nodes take, and how weights stand in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import onnx
from onnx import inliner

# Larger defaults of inputs are weights that an exporter left there: no signature has them.
_MOST_DEFAULTS = 1024


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Yield the main graph and every graph within it."""
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        yield graph
        for node in graph.node:
            pending += inner_graphs(node)


def inner_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Return the graphs that a node holds: branches, and bodies of loops."""
    found: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        found += [attribute.g] if attribute.HasField("g") else []
        found += attribute.graphs
    return found


def constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """Return the tensor that a node of type Constant holds; None for any other node."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    return next((a.t for a in node.attribute if a.name == "value"), None)


def weights(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Return the tensors of the main graph that no request can override, by name."""
    inputs = {edge.name for edge in model.graph.input}
    return {tensor.name: tensor for tensor in model.graph.initializer if tensor.name not in inputs}


def plain(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model in the one form that recipes know; the model given is spent.

    Local functions are part of the graph, as ONNX Runtime makes them, and weights are no inputs:
    a default is among the inputs only where requests can override it.
    """
    made = inliner.inline_local_functions(model) if model.functions else model
    tensors = {tensor.name for tensor in made.graph.initializer}
    if made.ir_version >= 4:  # before, every weight had to be an input
        tensors -= {tensor.name for tensor in made.graph.initializer if _few(tensor)}
    delete(made.graph.input, lambda edge: edge.name in tensors)
    made.ir_version = max(made.ir_version, 4)
    return made


def prepare(model: onnx.ModelProto) -> None:
    """Give each node of the main graph a name of its own, and make weights of its constants.

    ONNX Runtime's tools tell nodes by their names, and take weights from initialisers alone.
    """
    given = {edge.name for edge in model.graph.output}
    taken: set[str] = set()
    for at, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}:{at}"
        taken.add(node.name)
        tensor = constant(node)
        if tensor is not None and node.output[0] not in given:
            added = model.graph.initializer.add()
            added.CopyFrom(tensor)
            added.name = node.output[0]
    lifted = {tensor.name for tensor in model.graph.initializer}
    delete(model.graph.node, lambda node: constant(node) is not None and node.output[0] in lifted)


def drop_unused(model: onnx.ModelProto) -> None:
    """Remove weights of the main graph that nothing takes."""
    used = {edge.name for edge in (*model.graph.output, *model.graph.input)}
    for graph in graphs(model):
        used.update(name for node in graph.node for name in node.input)
        used.update(edge.name for edge in graph.output)
    delete(model.graph.initializer, lambda tensor: tensor.name not in used)


def _few(tensor: onnx.TensorProto) -> bool:
    return bool(math.prod(tensor.dims) <= _MOST_DEFAULTS)


def delete(items: Any, unwanted: Callable[[Any], bool]) -> None:  # noqa: ANN401 (protobuf's lists)
    """Remove in place what is unwanted, without copying the rest."""
    for at in reversed(range(len(items))):
        if unwanted(items[at]):
            del items[at]


def made(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.output}


def taken(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node takes, those that its inner graphs take from outside too."""
    names = set(node.input)
    for graph in inner_graphs(node):
        own = made(graph) | {edge.name for edge in graph.input}
        own |= {tensor.name for tensor in graph.initializer}
        names |= {edge.name for edge in graph.output} - own
        for inner in graph.node:
            names |= taken(inner) - own
    return names - {""}
