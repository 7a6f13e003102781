"""Three ways to ask for a prediction over HTTP, each as a client of its own writes and reads it."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from support.calling import Caller, Reply, infer_body

from nodes.cases import Case, Values


class Refused(Exception):
    """The answer was an error; its text is the exception's."""


class Unsayable(Exception):
    """The protocol has no words for the case's tensors."""


@dataclass(frozen=True)
class Protocol:
    name: str
    ask: Callable[[Caller, Case], Values]


def _json(caller: Caller, case: Case) -> Values:
    """Return what Open Inference answers in JSON."""
    inputs = [
        {**_head(name, array, case), "data": array.ravel().tolist()}
        for name, array in case.inputs.items()
    ]
    reply = _answered(caller.post(f"/v2/models/{case.name}/infer", json.dumps({"inputs": inputs})))
    return {
        item["name"]: _array(item["data"], item, case).reshape(item["shape"])
        for item in json.loads(reply.body)["outputs"]
    }


def _binary(caller: Caller, case: Case) -> Values:
    """Return what Open Inference answers in binary tensor data."""
    blobs = {name: _bytes(array) for name, array in case.inputs.items()}
    inputs = [
        {**_head(name, array, case), "parameters": {"binary_data_size": len(blobs[name])}}
        for name, array in case.inputs.items()
    ]
    body, headers = infer_body(
        inputs, b"".join(blobs.values()), parameters={"binary_data_output": True}
    )
    reply = _answered(caller.post(f"/v2/models/{case.name}/infer", body, headers=headers))
    length = int(reply.headers["inference-header-content-length"])
    at, outputs = length, {}
    for item in json.loads(reply.body[:length])["outputs"]:
        end = at + item["parameters"]["binary_data_size"]
        outputs[item["name"]] = _unpacked(reply.body[at:end], item, case)
        at = end
    assert at == len(reply.body)
    return outputs


def _columns(caller: Caller, case: Case) -> Values:
    """Return what TensorFlow Serving answers to columns."""
    inputs = {name: array.tolist() for name, array in case.inputs.items()}
    for name, array in case.inputs.items():
        if np.shape(inputs[name]) != array.shape:
            raise Unsayable(f"shape {list(array.shape)}")
    reply = _answered(
        caller.post(f"/v1/models/{case.name}:predict", json.dumps({"inputs": inputs}))
    )
    answer = json.loads(reply.body)["outputs"]
    # One output comes without its name.
    named = {next(iter(case.outputs)): answer} if len(case.outputs) == 1 else answer
    return {name: _nested(value, name, case) for name, value in named.items()}


PROTOCOLS = (
    Protocol("JSON v2", _json),
    Protocol("binary v2", _binary),
    Protocol("TF Serving", _columns),
)


def _answered(reply: Reply) -> Reply:
    if reply.status != 200:
        raise Refused(f"{reply.status}: {reply.error}")
    return reply


def _head(name: str, array: Any, case: Case) -> dict[str, Any]:
    return {"name": name, "datatype": case.datatypes[name], "shape": list(array.shape)}


def _bytes(array: Any) -> bytes:
    if array.dtype != object:
        return bytes(array.tobytes())
    texts = [str(text).encode() for text in array.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _unpacked(raw: bytes, item: dict[str, Any], case: Case) -> Any:
    assert item["datatype"] == case.datatypes[item["name"]], item
    if item["datatype"] == "BYTES":
        return _objects(list(_texts(raw))).reshape(item["shape"])
    dtype = case.outputs[item["name"]].dtype
    return np.frombuffer(raw, dtype).reshape(item["shape"])


def _texts(raw: bytes) -> Iterator[str]:
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        yield raw[at + 4 : at + 4 + length].decode()
        at += 4 + length


def _array(data: list[Any], item: dict[str, Any], case: Case) -> Any:
    assert item["datatype"] == case.datatypes[item["name"]], item
    return _typed(data, case.outputs[item["name"]].dtype)


def _nested(value: Any, name: str, case: Case) -> Any:
    want = case.outputs[name]
    if name.endswith("_bytes") and want.dtype == object:
        value = _decoded(value)
    # Lists say no more than this of the shape of a tensor that holds nothing.
    if not want.size and value == want.tolist():
        return want
    return _typed(value, want.dtype)


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return base64.b64decode(value["b64"]).decode()


def _typed(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return JSON as an array: numbers without a point for integers, true and false for BOOL."""
    exact = _objects(value)
    kind = {"b": bool, "i": int, "u": int, "O": str}.get(dtype.kind, float)
    assert all(type(item) is kind for item in exact.flat), f"{dtype}: {value!r:.200}"
    return exact.astype(dtype)


def _objects(value: Any) -> Any:
    array = np.empty(np.shape(value), object)
    array[...] = value
    return array
