"""What an ONNX file is, read without trusting it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError
from hearth.domain.errors import ExternalDataEscapes, NotOnnx, UnsupportedModel

# Operator sets that the packed ONNX Runtime brings along.
_KNOWN_DOMAINS = {
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.preview",
    "com.microsoft",
    "com.microsoft.nchwc",
}
_CLASS_ATTRIBUTES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A model file that parses, passes the checker and stays within its folder.

    Args:
        path: The model file.
        external: Files with weights, relative to the model's folder.
        facts: Producer, IR version and operator sets, for the provenance.
        class_labels: The labels of the classifier in the graph, if there is one.
        unranked: Inputs and outputs of which the graph does not even say how many dimensions.
    """

    path: Path
    external: tuple[str, ...]
    facts: dict[str, str]
    class_labels: tuple[str, ...]
    unranked: frozenset[str]


def read(path: Path) -> OnnxFile:
    """Return what a model file is.

    Raises:
        NotOnnx: If it is no file, does not parse or fails the ONNX checker.
        UnsupportedModel: If it uses operators that the packed ONNX Runtime does not know.
        ExternalDataEscapes: If weights lie outside the model's folder.
    """
    model = _parse(path)
    _require_known_format(model, path)
    _require_known_operators(model, path)
    external = tuple(sorted({_inside(path, tensor) for tensor in _external_tensors(model)}))
    unranked = frozenset(
        edge.name
        for edge in (*model.graph.input, *model.graph.output)
        if not edge.type.tensor_type.HasField("shape")
    )
    _check(path, ranked=not unranked)
    return OnnxFile(path, external, _facts(model), _class_labels(model.graph), unranked)


def _parse(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise NotOnnx(f"there is no file {str(path)!r}", remedy="name the .onnx file")
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except (DecodeError, ValueError, OSError) as error:
        raise NotOnnx(
            f"{path.name} does not parse as ONNX",
            got=_first_bytes(path),
            expected="an ONNX protobuf",
            remedy="export the model to ONNX first",
        ) from error
    if not model.graph.node or not model.graph.output:
        raise NotOnnx(f"{path.name} has no graph", got=_first_bytes(path), expected="an ONNX model")
    return model


def _first_bytes(path: Path) -> str:
    with path.open("rb") as file:
        return repr(file.read(16))


def _check(path: Path, *, ranked: bool) -> None:
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        # The checker stops at a tensor of unknown rank, which ONNX Runtime runs all the same.
        if not ranked and "Field 'shape' of 'type' is required but missing" in str(error):
            return
        raise NotOnnx(f"{path.name} fails the ONNX checker", got=error) from error


def _require_known_format(model: onnx.ModelProto, path: Path) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise UnsupportedModel(
            f"{path.name} has a newer IR version than the packed ONNX reads",
            got=model.ir_version,
            expected=f"at most {onnx.IR_VERSION}",
            remedy="export it with an older ONNX",
        )


def _require_known_operators(model: onnx.ModelProto, path: Path) -> None:
    local = {(function.domain, function.name) for function in model.functions}
    unknown = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for graph in _graphs(model)
            for node in graph.node
            if node.domain not in _KNOWN_DOMAINS and (node.domain, node.op_type) not in local
        }
    )
    if unknown:
        raise UnsupportedModel(
            f"{path.name} uses custom operators",
            got=", ".join(unknown[:8]),
            expected="operators of ONNX and com.microsoft",
            remedy="export without them: a Lambda brings no custom operator library",
        )


def _graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto | onnx.FunctionProto]:
    pending: list[onnx.GraphProto | onnx.FunctionProto] = [model.graph, *model.functions]
    while pending:
        graph = pending.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs


def _external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for graph in _graphs(model):
        tensors = list(getattr(graph, "initializer", ()))
        for sparse in getattr(graph, "sparse_initializer", ()):
            tensors += [sparse.values, sparse.indices]
        for node in graph.node:
            for attribute in node.attribute:
                tensors += [attribute.t] if attribute.HasField("t") else []
                tensors += attribute.tensors
        yield from (t for t in tensors if t.data_location == onnx.TensorProto.EXTERNAL)


def _inside(model: Path, tensor: onnx.TensorProto) -> str:
    """Return where a tensor's data lies, relative to the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    folder = model.parent.resolve()
    if not _stays_in(folder, location):
        raise ExternalDataEscapes(
            f"weights of {tensor.name!r} lie outside the model's folder",
            got=repr(location),
            expected="a file beside the model",
            remedy="save the model again with its weights beside it",
        )
    _require_whole(tensor.name, location, folder / location, entries)
    return PurePosixPath(location).as_posix()


def _stays_in(folder: Path, location: str) -> bool:
    asked = PurePosixPath(location)
    if not asked.parts or asked.is_absolute() or ".." in asked.parts or "\0" in location:
        return False
    return (folder / location).resolve().is_relative_to(folder)  # links followed


def _require_whole(name: str, location: str, path: Path, entries: dict[str, str]) -> None:
    try:
        offset, length = (int(entries.get(key) or 0) for key in ("offset", "length"))
    except ValueError as error:
        raise NotOnnx(f"external data of {name!r} has no valid offset", got=entries) from error
    if offset < 0 or length < 0:
        raise NotOnnx(f"external data of {name!r} has no valid offset", got=entries)
    end = offset + length
    size = path.stat().st_size if path.is_file() else -1
    if size < end:
        raise NotOnnx(
            f"weights of {name!r} are not all there",
            got=f"{location}: " + ("no file" if size < 0 else f"{size} bytes"),
            expected=f"at least {end} bytes",
            remedy="put the weight files beside the model",
        )


def _facts(model: onnx.ModelProto) -> dict[str, str]:
    opsets = ", ".join(f"{o.domain or 'ai.onnx'} {o.version}" for o in model.opset_import)
    return {
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "ir_version": str(model.ir_version),
        "opsets": opsets,
    }


def _class_labels(graph: onnx.GraphProto) -> tuple[str, ...]:
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _CLASS_ATTRIBUTES and (attribute.strings or attribute.ints):
                strings = tuple(value.decode() for value in attribute.strings)
                return strings or tuple(str(value) for value in attribute.ints)
    return ()
