"""Open Inference Protocol v2: `infer` with JSON and with the binary tensor data extension.

Source: open-inference-protocol `inference_rest.md`, Triton's `extension_binary_data.md`.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any

from hearth.domain.errors import MalformedBody, NotBuilt, SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.edge.answers import JSON, Answer
from hearth.edge.events import HttpRequest
from hearth.serving import json_text
from hearth.serving.asked import Asked, Served
from hearth.serving.session import Tensors
from hearth.serving.tensors import Array, from_bytes, from_json, to_bytes

HEADER_LENGTH = "inference-header-content-length"
PLATFORM = "onnx_onnxv1"

# More elements than a request can carry. Only a tensor without any can declare more: a dimension
# of 0 beside huge ones, which a model may turn into an output of their size.
_MOST_ELEMENTS = 16 << 20


class OpenInference:
    def read(self, request: HttpRequest) -> Asked:
        length = _header_length(request)
        document = json_text.loads(request.body[:length])
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise MalformedBody(
                "the request has no list of inputs", expected='{"inputs": [{"name": ..., ...}]}'
            )
        id_ = document.get("id", "")
        if not isinstance(id_, str):
            raise MalformedBody("'id' is not a string", got=type(id_).__name__)
        return Asked(document, memoryview(request.body)[length:], id_)

    def decode(self, asked: Asked, signature: Signature) -> Tensors:
        tensors: Tensors = {}
        at = 0
        for item in asked.document["inputs"]:
            name = _member(item, "name", str)
            if name in tensors:
                raise MalformedBody(f"input {name!r} already exists in request")
            spec = signature.input(name)
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

    def wanted(self, asked: Asked, signature: Signature) -> tuple[str, ...]:
        return tuple(signature.output(name).name for name in _requested(asked))

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        default = _flag(_parameters(asked.document), "binary_data_output", default=False)
        requested = _requested(asked)
        items: list[dict[str, Any]] = []
        blobs: list[bytes | memoryview] = []
        for name, array in outputs.items():
            binary = _flag(requested.get(name, {}), "binary_data", default=default)
            items.append(_encode_one(served.signature.output(name), array, blobs, binary=binary))
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
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _header_length(request: HttpRequest) -> int:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return len(request.body)
    if not (
        text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= len(request.body)
    ):
        raise MalformedBody(
            f"inference header size should be in range (0, {len(request.body)})", got=text
        )
    if int(text) == 0:
        raise NotBuilt(
            "raw binary requests (Inference-Header-Content-Length: 0) are not built yet",
            remedy="send the JSON header before the tensor",
        )
    return int(text)


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


def _requested(asked: Asked) -> dict[str, Mapping[str, Any]]:
    requested: dict[str, Mapping[str, Any]] = {}
    listed = asked.document.get("outputs", [])
    if not isinstance(listed, list):
        raise MalformedBody("'outputs' is not a list", got=type(listed).__name__)
    for item in listed:
        name = _member(item, "name", str)
        if name in requested:
            raise MalformedBody(f"output {name!r} already exists in request")
        requested[name] = _parameters(item)
        if "classification" in requested[name]:
            raise NotBuilt("the classification parameter is not built yet")
    return requested


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
    if math.prod(size or 1 for size in shape) > _MOST_ELEMENTS:
        raise MalformedBody(
            f"shape of input {spec.name!r} is larger than a request can carry",
            got=shape,
            expected=f"at most {_MOST_ELEMENTS} elements",
        )
    if not spec.admits(shape):
        raise SignatureMismatch(
            f"input {spec.name!r} has another shape", got=shape, expected=list(spec.shape)
        )
    return tuple(shape)


def _decode_json(item: Mapping[str, Any], spec: TensorSpec) -> Array:
    shape = _declared(item, spec)
    if "data" not in item:
        raise MalformedBody(f"input {spec.name!r} has neither 'data' nor 'binary_data_size'")
    array = from_json(item["data"], spec.type, spec.name)
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
    if "data" in item:
        raise MalformedBody(f"input {spec.name!r} has both 'data' and 'binary_data_size'")
    return from_bytes(blob, spec.type, _declared(item, spec), spec.name)


def _encode_one(
    spec: TensorSpec, array: Array, blobs: list[bytes | memoryview], *, binary: bool
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": spec.name,
        "datatype": spec.datatype,
        "shape": list(array.shape),
    }
    if binary:
        blob = to_bytes(array)
        blobs.append(blob)
        item["parameters"] = {"binary_data_size": len(blob)}
    elif spec.datatype in ("FP16", "BF16"):
        raise SignatureMismatch(
            f"output {spec.name!r} is {spec.datatype}, which has no JSON form",
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
