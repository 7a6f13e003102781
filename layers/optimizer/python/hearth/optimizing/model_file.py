"""Model files as recipes read and write them: whole, with their weights, in a form of their own.

What a tool leaves is put in order before it is written: inputs and outputs are described as they
were, nodes stand in an order in which they can run, and exactly the domains in use are imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.graphs import delete, graphs, made, plain, taken
from hearth.optimizing.recipe import RecipeFailed, Work

MICROSOFT = "com.microsoft"
# A protobuf message is under 2 GB, weights included; some of it is left for what a recipe adds.
LARGEST = (1 << 31) - (16 << 20)


@dataclass(frozen=True, slots=True)
class Whole:
    """A model with its weights in memory, which a recipe changes.

    Args:
        model: What is changed.
        inputs: Descriptions of its inputs when it was read.
        outputs: The same of its outputs.
        defaults: Names of inputs that have a default.
    """

    model: onnx.ModelProto
    inputs: tuple[onnx.ValueInfoProto, ...]
    outputs: tuple[onnx.ValueInfoProto, ...]
    defaults: frozenset[str]


def read(candidate: Candidate) -> Whole:
    """Return a candidate's model with all of its weights.

    Raises:
        RecipeFailed: If it is too large for one protobuf message.
    """
    files = [candidate.path, *(candidate.path.parent / name for name in candidate.external)]
    size = sum(file.stat().st_size for file in files)
    if size > LARGEST:
        raise RecipeFailed(
            "the model is too large to be changed as one protobuf message",
            got=f"{size >> 20} MB",
            expected=f"at most {LARGEST >> 20} MB with its weights",
        )
    model = plain(onnx.load(candidate.path))
    edges = onnx.GraphProto(input=model.graph.input, output=model.graph.output)  # copies
    tensors = {tensor.name for tensor in model.graph.initializer}
    defaults = frozenset(edge.name for edge in edges.input if edge.name in tensors)
    return Whole(model, tuple(edges.input), tuple(edges.output), defaults)


def write(work: Work, recipe: str, whole: Whole, notes: Iterable[str] = ()) -> Candidate:
    """Write what a recipe made of a model, and return it as a candidate.

    Raises:
        RecipeFailed: If it cannot be written as one protobuf message.
    """
    _put_in_order(whole)
    try:
        content = whole.model.SerializeToString(deterministic=True)
    except Exception as error:
        raise RecipeFailed("the model cannot be written as one message", got=error) from error
    path = work.folder / "model.onnx"
    path.write_bytes(content)
    before = work.before
    recipes = (*before.recipes, recipe)
    return Candidate(
        name="+".join(recipes),
        path=path,
        runtime=before.runtime,
        recipes=recipes,
        notes=(*before.notes, *notes),
    )


def _put_in_order(whole: Whole) -> None:
    graph = whole.model.graph
    gone = whole.defaults - {tensor.name for tensor in graph.initializer}
    inputs = [edge for edge in whole.inputs if edge.name not in gone]
    for edges, kept in ((graph.input, inputs), (graph.output, whole.outputs)):
        del edges[:]
        edges.extend(kept)
    sort(graph)
    _import_domains(whole.model)


def sort(graph: onnx.GraphProto) -> None:
    """Put nodes behind what they take, and leave their order otherwise: tools append at the end."""
    own = made(graph)
    waiting = [(tuple(node.output), taken(node) & own) for node in graph.node]
    known: set[str] = set()
    places: dict[tuple[str, ...], int] = {}
    while waiting:
        still: list[tuple[tuple[str, ...], set[str]]] = []
        for outputs, needed in waiting:
            if needed <= known:
                known.update(outputs)
                places[outputs] = len(places)
            else:
                still.append((outputs, needed))
        if len(still) == len(waiting):
            raise RecipeFailed("the graph runs in a circle", got=still[0][0])
        waiting = still
    graph.node.sort(key=lambda node: places[tuple(node.output)])


def _import_domains(model: onnx.ModelProto) -> None:
    used = {"", *(_own(node.domain) for graph in graphs(model) for node in graph.node)}
    delete(model.opset_import, lambda opset: _own(opset.domain) not in used)
    if MICROSOFT in used and all(opset.domain != MICROSOFT for opset in model.opset_import):
        model.opset_import.add(domain=MICROSOFT, version=1)


def _own(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain
