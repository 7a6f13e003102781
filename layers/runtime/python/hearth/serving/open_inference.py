"""Open Inference Protocol v2: `infer` with JSON and with the binary tensor data extension.

Source: open-inference-protocol `inference_rest.md`, Triton's `extension_binary_data.md`,
`extension_classification.md` and `extension_parameters.md`.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.manifest import Manifest
from hearth.domain.signature import DYNAMIC, Signature, TensorSpec
from hearth.edge.answers import JSON, Answer
from hearth.serving import json_text
from hearth.serving.asked import Asked, Body, Served
from hearth.serving.classification import classify, count_of
from hearth.serving.session import Tensors
from hearth.serving.strings import array as strings
from hearth.serving.strings import text
from hearth.serving.tensors import Array, from_bytes, from_json, to_bytes

HEADER_LENGTH = "inference-header-content-length"
PLATFORM = "onnx_onnxv1"

# More elements than any request can carry.
_MOST_ELEMENTS = 1 << 31
# A tensor without elements can declare any dimensions beside its 0, which a model may turn into
# an output of their size.
_MOST_BESIDE_ZERO = 16 << 20
_SHARED_MEMORY = "shared_memory_region"


@dataclass(frozen=True, slots=True)
class _Output:
    """How one output is to be answered; `classes` 0 means as it is."""

    binary: bool
    classes: int = 0


class OpenInference:
    def read(self, body: Body, verb: str) -> Asked:
        length = _header_length(body)
        if length == 0 and HEADER_LENGTH in body.headers:
            return Asked({"inputs": []}, verb, memoryview(body.content), raw=True)
        document = json_text.loads(body.content[:length])
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise MalformedBody(
                "the request has no list of inputs", expected='{"inputs": [{"name": ..., ...}]}'
            )
        id_ = document.get("id", "")
        if not isinstance(id_, str):
            raise MalformedBody("'id' is not a string", got=type(id_).__name__)
        _check_parameters(_parameters(document))
        return Asked(document, verb, memoryview(body.content)[length:], id_)

    def decode(self, asked: Asked, manifest: Manifest) -> Tensors:
        if asked.raw:
            return _decode_raw(asked.binary, manifest.signature)
        tensors: Tensors = {}
        at = 0
        for item in asked.document["inputs"]:
            name = _member(item, "name", str)
            if name in tensors:
                raise MalformedBody(f"input {name!r} already exists in request")
            spec = manifest.signature.input(name)
            size = _parameters(item).get("binary_data_size")
            if size is None:
                tensors[name] = _decode_json(item, spec)
            else:
                tensors[name] = _decode_binary(item, spec, _blob(asked.binary, at, size, name))
                at += size
        if at != len(asked.binary):
            raise MalformedBody(
                "binary data is left over", got=len(asked.binary) - at, expected="0 bytes"
            )
        return tensors

    def wanted(self, asked: Asked, manifest: Manifest) -> tuple[str, ...]:
        return tuple(manifest.signature.output(name).name for name in _requested(asked))

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        requested = _requested(asked)
        default = _Output(binary=_default_binary(asked))
        items: list[dict[str, Any]] = []
        blobs: list[bytes | memoryview] = []
        for name, array in outputs.items():
            spec, how = served.signature.output(name), requested.get(name, default)
            datatype = spec.datatype
            if how.classes:
                labels = served.manifest.class_labels
                array, datatype = classify(array, spec, how.classes, labels), "BYTES"  # noqa: PLW2901
            items.append(_encode_one((name, datatype), array, blobs, binary=how.binary))
        document = {
            "model_name": served.route.model,
            "model_version": str(served.route.version),
            **({"id": asked.id} if asked.id else {}),
            "outputs": items,
        }
        return _answer(json_text.dumps(document), blobs)

    def metadata(self, served: Served, versions: list[int]) -> Answer:
        body = {
            "name": served.route.model,
            "versions": [str(version) for version in versions],
            "platform": PLATFORM,
            "inputs": [_describe(spec) for spec in served.signature.inputs],
            "outputs": [_describe(spec) for spec in served.signature.outputs],
        }
        return Answer(200, json_text.dumps(body), JSON)


def _describe(spec: TensorSpec) -> dict[str, Any]:
    shape = list(spec.shape) if spec.ranked else [DYNAMIC]
    return {"name": spec.name, "datatype": spec.datatype, "shape": shape}


def _header_length(body: Body) -> int:
    given = body.headers.get(HEADER_LENGTH)
    if given is None:
        return len(body.content)
    digits = given.isascii() and given.isdigit() and len(given) < 12
    if not digits or int(given) > len(body.content):
        raise MalformedBody(
            f"inference header size should be in range (0, {len(body.content)})", got=given
        )
    return int(given)


def _decode_raw(binary: memoryview, signature: Signature) -> Tensors:
    """Return the one input whose bytes are all that a request holds."""
    if len(signature.required) != 1:
        raise SignatureMismatch(
            "a raw binary request needs a model with one input",
            got=[spec.name for spec in signature.required],
            remedy="send the JSON header before the tensors",
        )
    [spec] = signature.required
    shape = _raw_shape(spec, len(binary))
    if spec.datatype == "BYTES":
        return {spec.name: strings([text(binary, spec.name)], shape)}
    return {spec.name: from_bytes(binary, spec.type, shape, spec.name)}


def _raw_shape(spec: TensorSpec, size: int) -> tuple[int, ...]:
    shape = list(spec.shape) if spec.ranked else [DYNAMIC]
    if spec.datatype == "BYTES":
        shape = [1 if dim == DYNAMIC else dim for dim in shape]
        if math.prod(shape) != 1:
            raise SignatureMismatch(
                f"a raw binary request carries one string, input {spec.name!r} takes more",
                got=list(spec.shape),
                expected="[1] or [-1]",
            )
        return tuple(shape)
    if shape.count(DYNAMIC) > 1 and shape[0] == DYNAMIC:
        shape[0] = 1  # a batch of one, as Triton has it
    if shape.count(DYNAMIC) > 1:
        raise SignatureMismatch(
            f"the shape of input {spec.name!r} cannot be told from a raw binary request",
            got=list(spec.shape),
            expected="at most one variable dimension behind the batch",
            remedy="send the JSON header before the tensor",
        )
    one = math.prod(dim for dim in shape if dim != DYNAMIC) * spec.type.size
    return tuple((size // one if one else 0) if dim == DYNAMIC else dim for dim in shape)


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if name.startswith("triton_"):
            raise MalformedBody(f"parameter {name!r} is reserved")
        if not isinstance(value, str | int | float | bool):
            raise MalformedBody(
                f"parameter {name!r} is no string, number or boolean", got=type(value).__name__
            )


def _member(item: Any, key: str, kind: type) -> Any:  # noqa: ANN401
    if not isinstance(item, dict) or not isinstance(item.get(key), kind):
        raise MalformedBody(
            f"an input or output has no {key!r}", got=reprlib.repr(item), expected=kind.__name__
        )
    return item[key]


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters", {})
    if not isinstance(found, dict):
        raise MalformedBody("'parameters' is not an object", got=type(found).__name__)
    return found


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise MalformedBody(f"{name!r} is not a boolean", got=value, expected="true or false")
    return value


def _default_binary(asked: Asked) -> bool:
    return asked.raw or _flag(_parameters(asked.document), "binary_data_output", default=False)


def _requested(asked: Asked) -> dict[str, _Output]:
    listed = asked.document.get("outputs", [])
    if not isinstance(listed, list):
        raise MalformedBody("'outputs' is not a list", got=type(listed).__name__)
    default = _default_binary(asked)
    requested: dict[str, _Output] = {}
    for item in listed:
        name = _member(item, "name", str)
        if name in requested:
            raise MalformedBody(f"output {name!r} already exists in request")
        parameters = _parameters(item)
        _refuse_shared_memory(f"output {name!r}", parameters)
        count = parameters.get("classification")
        requested[name] = _Output(
            binary=_flag(parameters, "binary_data", default=default),
            classes=0 if count is None else count_of(count, name),
        )
    return requested


def _refuse_shared_memory(what: str, parameters: Mapping[str, Any]) -> None:
    if _SHARED_MEMORY in parameters:
        raise MalformedBody(
            f"{what} lies in shared memory, which a function and its caller do not have",
            got=_SHARED_MEMORY,
            remedy="send the tensor, or name an object with X-Hearth-Input-Location",
        )


def _blob(binary: memoryview, at: int, size: Any, name: str) -> memoryview:  # noqa: ANN401
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary) - at:
        raise MalformedBody(
            f"binary_data_size of input {name!r} does not fit the body",
            got=size,
            expected=f"0 to {len(binary) - at}",
        )
    return binary[at : at + size]


def _declared(item: Mapping[str, Any], spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape that a request declares, checked before anything is allocated for it."""
    if _member(item, "datatype", str) != spec.datatype:
        raise SignatureMismatch(
            f"input {spec.name!r} has another datatype",
            got=item["datatype"],
            expected=spec.datatype,
        )
    shape = _member(item, "shape", list)
    if not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise MalformedBody(
            f"shape of input {spec.name!r} is not valid", got=shape, expected="sizes from 0 up"
        )
    most = _MOST_BESIDE_ZERO if 0 in shape else _MOST_ELEMENTS
    if math.prod(size or 1 for size in shape) > most:
        raise MalformedBody(
            f"shape of input {spec.name!r} is larger than a request can carry",
            got=shape,
            expected=f"at most {most} elements",
        )
    if not spec.admits(shape):
        raise SignatureMismatch(
            f"input {spec.name!r} has another shape", got=shape, expected=list(spec.shape)
        )
    return tuple(shape)


def _decode_json(item: Mapping[str, Any], spec: TensorSpec) -> Array:
    shape = _declared(item, spec)
    if item.get("data") is None:
        _refuse_shared_memory(f"input {spec.name!r}", _parameters(item))
        raise MalformedBody(f"input {spec.name!r} has neither 'data' nor 'binary_data_size'")
    array = from_json(item["data"], spec.type, spec.name, coerce=True)
    # `data` may be nested or flat; either way its elements must fill the declared shape.
    if array.shape != shape:
        try:
            return array.reshape(shape)
        except ValueError as error:
            raise SignatureMismatch(
                f"data of input {spec.name!r} does not fill its shape",
                got=f"{array.size} elements",
                expected=list(shape),
            ) from error
    return array


def _decode_binary(item: Mapping[str, Any], spec: TensorSpec, blob: memoryview) -> Array:
    if item.get("data") is not None:
        raise MalformedBody(f"input {spec.name!r} has both 'data' and 'binary_data_size'")
    return from_bytes(blob, spec.type, _declared(item, spec), spec.name)


def _encode_one(
    what: tuple[str, str], array: Array, blobs: list[bytes | memoryview], *, binary: bool
) -> dict[str, Any]:
    name, datatype = what
    item: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
    if binary:
        blob = to_bytes(array)
        blobs.append(blob)
        item["parameters"] = {"binary_data_size": len(blob)}
    elif datatype in ("FP16", "BF16"):
        raise SignatureMismatch(
            f"output {name!r} is {datatype}, which has no JSON form",
            remedy="use the binary data format: binary_data_output",
        )
    else:
        item["data"] = json_text.array(array.ravel())
    return item


def _answer(document: bytes, blobs: list[bytes | memoryview]) -> Answer:
    if not blobs:
        return Answer(200, document, JSON)
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(document)),
    }
    return Answer(200, b"".join([document, *blobs]), headers, binary=True)
