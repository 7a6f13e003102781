"""TensorFlow Serving's predict payload: rows (`instances`) and columns (`inputs`).

Source: tensorflow_serving `util/json_tensor.cc`; messages keep its wording where clients look
for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving import json_text
from hearth.serving.numbers import Array, Numbers
from hearth.serving.session import Tensors
from hearth.serving.strings import is_base64, strings_to_json
from hearth.serving.tensors import from_json


def decode(document: Mapping[str, Any], signature: Signature) -> Tensors:
    """Return the tensors of a predict request.

    Raises:
        MalformedBody: If it is neither rows nor columns.
        SignatureMismatch: If they are not the model's.
    """
    rows, columns = ("instances" in document), ("inputs" in document)
    if rows and columns:
        raise MalformedBody("Not formatted correctly expecting only one of 'instances', 'inputs'")
    if not rows and not columns:
        raise MalformedBody("Missing 'inputs' or 'instances' key", got=list(document)[:8])
    if rows:
        return _decode_rows(document["instances"], signature)
    return _decode_columns(document["inputs"], signature)


def encode(document: Mapping[str, Any], outputs: Tensors) -> bytes:
    """Return the answer to a predict request as JSON text, in the format that it came in.

    Raises:
        SignatureMismatch: If the outputs make no rows.
    """
    if not outputs:
        raise SignatureMismatch("Cannot convert empty tensor map to JSON")
    if "instances" in document:
        return b'{"predictions":%b}' % _encode_rows(outputs)
    return b'{"outputs":%b}' % _encode_columns(outputs)


def _decode_rows(instances: Any, signature: Signature) -> Tensors:  # noqa: ANN401
    if not isinstance(instances, list | Numbers) or instances == []:
        raise MalformedBody("No values in 'instances' array", expected="a non-empty list")
    if isinstance(instances, list) and _is_object(instances[0]):
        return _decode_objects(instances, signature)
    spec = _only_input(signature, "instances is a plain list, but expecting list of objects")
    if isinstance(instances, list) and dict in set(map(type, instances)):
        for at, item in enumerate(instances):
            if _is_object(item):
                raise MalformedBody(
                    f"Expecting value/list but got object at item {at} of input list"
                )
    return {spec.name: from_json(instances, spec.type, spec.name)}


def _only_input(signature: Signature, otherwise: str) -> TensorSpec:
    inputs = signature.inputs
    if len(inputs) == 1:
        return inputs[0]
    if len(signature.required) > 1 or not inputs:
        raise SignatureMismatch(
            f"{otherwise} as multiple input tensors required as per tensorinfo_map",
            expected=[spec.name for spec in inputs],
        )
    return (signature.required or inputs)[0]


def _decode_objects(instances: list[Any], signature: Signature) -> Tensors:
    given = _names(instances, signature)
    return {
        spec.name: from_json([item[spec.name] for item in instances], spec.type, spec.name)
        for spec in signature.inputs
        if spec.name in given
    }


def _names(instances: list[Any], signature: Signature) -> set[str]:
    """Return the names that every row has: all inputs, or all but optional ones."""
    known = {spec.name for spec in signature.inputs}
    names = {spec.name for spec in signature.required}
    if isinstance(instances[0], dict):
        names |= instances[0].keys() & known
    for at, item in enumerate(instances):
        if not _is_object(item):
            raise MalformedBody(f"Expecting object but got list at item {at} of input list")
        for extra in item.keys() - known:
            raise SignatureMismatch(
                f"Failed to process element: {at} of 'instances' list. JSON object: does not have "
                f"named input: {extra}",
                expected=sorted(known),
            )
        if item.keys() != names:
            raise SignatureMismatch(
                f"Failed to process element: {at} of 'instances' list. JSON object: keys must be "
                f"equal to: {','.join(sorted(names))}",
                got=sorted(item),
            )
    return names


def _is_object(value: Any) -> bool:  # noqa: ANN401
    # {"b64": ...} stands for a string, not for a row of named inputs.
    return isinstance(value, dict) and not is_base64(value)


def _decode_columns(inputs: Any, signature: Signature) -> Tensors:  # noqa: ANN401
    if not _is_object(inputs):
        spec = _only_input(signature, "inputs is a plain value/list, but expecting an object")
        return {spec.name: from_json(inputs, spec.type, spec.name)}
    for spec in signature.required:
        if spec.name not in inputs:
            raise SignatureMismatch(
                f"Missing named input: {spec.name} in 'inputs' object.", got=sorted(inputs)
            )
    return {
        spec.name: from_json(inputs[spec.name], spec.type, spec.name)
        for spec in signature.inputs
        if spec.name in inputs
    }


def _encode_rows(outputs: Tensors) -> bytes:
    if len(outputs) == 1:
        [(name, array)] = outputs.items()
        _batch_size(name, array)
        return _encode(name, array)
    sizes = {name: _batch_size(name, array) for name, array in outputs.items()}
    expected = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != expected:
            raise SignatureMismatch(
                f"Tensor name: {name} has inconsistent batch size: {size} expecting: {expected}",
                remedy="ask by columns ('inputs')",
            )
    columns = [
        [b"%b:%b" % (orjson.dumps(name), text) for text in _rows(name, array)]
        for name, array in outputs.items()
    ]
    rows = [b"{%b}" % b",".join(row) for row in zip(*columns, strict=True)]
    return b"[%b]" % b",".join(rows)


def _rows(name: str, array: Array) -> list[bytes]:
    """Return the JSON text of each row: an object in Python for each would take ten times more."""
    if array.dtype.kind in "OU":
        return [_encode(name, row) for row in array]
    if not len(array):
        return []
    text = _encode(name, array)
    # Only between two rows do so many brackets close and open.
    opening, closing = b"[" * (array.ndim - 1), b"]" * (array.ndim - 1)
    inner = text[array.ndim : -array.ndim].split(closing + b"," + opening)
    return [opening + row + closing for row in inner]


def _batch_size(name: str, array: Array) -> int:
    if not array.ndim:
        raise SignatureMismatch(
            f"Tensor name: {name}  has no shape information", remedy="ask by columns ('inputs')"
        )
    return int(array.shape[0])


def _encode_columns(outputs: Tensors) -> bytes:
    texts = {name: _encode(name, array) for name, array in outputs.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(n), text) for n, text in texts.items())


def _encode(name: str, array: Array | str) -> bytes:
    if isinstance(array, str):  # an element of an array
        return json_text.dumps(strings_to_json(array, encoded=name.endswith("_bytes")))
    kind = array.dtype.kind
    if kind in "OU":
        return json_text.dumps(strings_to_json(array.tolist(), encoded=name.endswith("_bytes")))
    if kind == "c":
        raise SignatureMismatch(f"JSON does not support tensor type: {array.dtype.name}")
    return json_text.text_of(array)
