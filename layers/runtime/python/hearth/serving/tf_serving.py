"""TensorFlow Serving's REST predict: rows (`instances`) and columns (`inputs`).

Source: tensorflow_serving `util/json_tensor.cc` and `g3doc/api_rest.md`; messages keep its wording
where clients look for it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.edge.answers import JSON, Answer
from hearth.edge.events import HttpRequest
from hearth.serving import json_text
from hearth.serving.asked import Asked, Served
from hearth.serving.session import Tensors
from hearth.serving.tensors import Array, from_json

SIGNATURE_NAME = "serving_default"


class TfServing:
    def read(self, request: HttpRequest) -> Asked:
        document = json_text.loads(request.body)
        if not isinstance(document, dict):
            raise MalformedBody(
                "Is not object", got=type(document).__name__, expected="a JSON object"
            )
        if not isinstance(document.get("signature_name", ""), str):
            raise MalformedBody("'signature_name' key must be a string value.")
        return Asked(document, id=request.headers.get("x-request-id", ""))

    def decode(self, asked: Asked, signature: Signature) -> Tensors:
        name = asked.document.get("signature_name") or SIGNATURE_NAME
        if name != SIGNATURE_NAME:
            raise SignatureMismatch(
                f'Serving signature name: "{name}" not found in signature def',
                expected=SIGNATURE_NAME,
            )
        rows, columns = ("instances" in asked.document), ("inputs" in asked.document)
        if rows and columns:
            raise MalformedBody(
                "Not formatted correctly expecting only one of 'instances', 'inputs'"
            )
        if not rows and not columns:
            raise MalformedBody("Missing 'inputs' or 'instances' key", got=list(asked.document)[:8])
        if rows:
            return _decode_rows(asked.document["instances"], signature)
        return _decode_columns(asked.document["inputs"], signature)

    def wanted(self, asked: Asked, signature: Signature) -> tuple[str, ...]:
        return ()

    def encode(self, asked: Asked, outputs: Tensors, served: Served) -> Answer:
        if "instances" in asked.document:
            body = {"predictions": _encode_rows(outputs)}
        else:
            body = {"outputs": _encode_columns(outputs)}
        return Answer(200, json_text.dumps(body), JSON)

    def metadata(self, served: Served, versions: list[int]) -> Answer:
        signature = {
            "inputs": {spec.name: _tensor_info(spec) for spec in served.signature.inputs},
            "outputs": {spec.name: _tensor_info(spec) for spec in served.signature.outputs},
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
        body = {
            "model_spec": {
                "name": served.route.model,
                "signature_name": "",
                "version": str(served.route.version),
            },
            "metadata": {"signature_def": {"signature_def": {SIGNATURE_NAME: signature}}},
        }
        return Answer(200, json_text.dumps(body), JSON)


def _tensor_info(spec: TensorSpec) -> dict[str, Any]:
    dims = [
        {"size": str(size), "name": name} for size, name in zip(spec.shape, spec.dims, strict=True)
    ]
    shape = {"dim": dims, "unknown_rank": False}
    return {"dtype": spec.type.tf, "tensor_shape": shape, "name": spec.name}


def _decode_rows(instances: Any, signature: Signature) -> Tensors:  # noqa: ANN401
    if not isinstance(instances, list) or not instances:
        raise MalformedBody("No values in 'instances' array", expected="a non-empty list")
    if _is_object(instances[0]):
        return _decode_objects(instances, signature)
    if len(signature.inputs) > 1:
        raise SignatureMismatch(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map",
            expected=[spec.name for spec in signature.inputs],
        )
    for at, item in enumerate(instances):
        if _is_object(item):
            raise MalformedBody(f"Expecting value/list but got object at item {at} of input list")
    spec = signature.inputs[0]
    return {spec.name: from_json(instances, spec.type, spec.name)}


def _decode_objects(instances: list[Any], signature: Signature) -> Tensors:
    names = {spec.name for spec in signature.inputs}
    for at, item in enumerate(instances):
        if not _is_object(item):
            raise MalformedBody(f"Expecting object but got list at item {at} of input list")
        for extra in item.keys() - names:
            raise SignatureMismatch(
                f"Failed to process element: {at} of 'instances' list. JSON object: does not have "
                f"named input: {extra}",
                expected=sorted(names),
            )
        if item.keys() != names:
            raise SignatureMismatch(
                f"Failed to process element: {at} of 'instances' list. JSON object: keys must be "
                f"equal to: {','.join(sorted(names))}",
                got=sorted(item),
            )
    return {
        spec.name: from_json([item[spec.name] for item in instances], spec.type, spec.name)
        for spec in signature.inputs
    }


def _is_object(value: Any) -> bool:  # noqa: ANN401
    # {"b64": ...} stands for a string, not for a row of named inputs.
    return isinstance(value, dict) and not (
        value.keys() == {"b64"} and isinstance(value["b64"], str)
    )


def _decode_columns(inputs: Any, signature: Signature) -> Tensors:  # noqa: ANN401
    named = _is_object(inputs)
    if not named and len(signature.inputs) > 1:
        raise SignatureMismatch(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map",
            expected=[spec.name for spec in signature.inputs],
        )
    tensors: Tensors = {}
    for spec in signature.inputs:
        if named and spec.name not in inputs:
            raise SignatureMismatch(
                f"Missing named input: {spec.name} in 'inputs' object.", got=sorted(inputs)
            )
        value = inputs[spec.name] if named else inputs
        tensors[spec.name] = from_json(value, spec.type, spec.name)
    return tensors


def _encode_rows(outputs: Tensors) -> Any:  # noqa: ANN401
    sizes = {name: _batch_size(name, array) for name, array in outputs.items()}
    if len(outputs) == 1:
        [(name, array)] = outputs.items()
        return _encode(name, array)
    expected = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != expected:
            raise SignatureMismatch(
                f"Tensor name: {name} has inconsistent batch size: {size} expecting: {expected}",
                remedy="ask by columns ('inputs')",
            )
    return [
        {name: _encode(name, array[row]) for name, array in outputs.items()}
        for row in range(expected)
    ]


def _batch_size(name: str, array: Array) -> int:
    if not array.ndim:
        raise SignatureMismatch(
            f"Tensor name: {name}  has no shape information", remedy="ask by columns ('inputs')"
        )
    return int(array.shape[0])


def _encode_columns(outputs: Tensors) -> Any:  # noqa: ANN401
    encoded: Mapping[str, Any] = {name: _encode(name, array) for name, array in outputs.items()}
    return next(iter(encoded.values())) if len(encoded) == 1 else encoded


def _encode(name: str, array: Any) -> Any:  # noqa: ANN401
    if isinstance(array, str):
        return _encode_strings(array, encoded=name.endswith("_bytes"))
    if not isinstance(array, np.ndarray):
        array = np.asarray(array)
    if array.dtype.kind in "OU":
        return _encode_strings(array.tolist(), encoded=name.endswith("_bytes"))
    return json_text.array(array) if array.ndim else json_text.scalar(array)


def _encode_strings(value: Any, *, encoded: bool) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_encode_strings(item, encoded=encoded) for item in value]
    if not encoded:
        return value
    return {"b64": base64.b64encode(str(value).encode()).decode()}
