"""Any array of any datatype and shape comes back bit for bit, through every encoding there is."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hearth.domain.datatype import BY_NAME
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support import zoo
from support.calling import Caller, infer_body

Array = np.ndarray[Any, Any]
LENGTH = "inference-header-content-length"
WITH_JSON = [name for name in zoo.ELEMENTS if name != "FP16"]
# One sandbox serves all examples: what is there is not changed by them.
examples = settings(max_examples=60, deadline=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def of(datatype: str, shape: Any) -> st.SearchStrategy[Array]:
    if datatype == "BYTES":
        return arrays.arrays(object, shape, elements=TEXT, fill=st.nothing())
    if datatype == "BF16":
        return arrays.arrays(np.uint16, shape)
    return arrays.arrays(np.dtype(BY_NAME[datatype].numpy), shape)


SHAPES = st.tuples(st.integers(0, 5)) | arrays.array_shapes(
    min_dims=0, max_dims=5, max_side=4, min_side=0
)


def same(got: Array, want: Array) -> bool:
    """Bit for bit; of NaN only that it is one where JSON has a single word for all of them."""
    if want.dtype == object:
        return got.shape == want.shape and got.tolist() == want.tolist()
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def canonical(array: Array) -> Array:
    """The array with one NaN for all: JSON has no other."""
    if array.dtype.kind != "f":
        return array
    return np.where(np.isnan(array), array.dtype.type(np.nan), array).astype(array.dtype)


def to_binary(array: Array) -> bytes:
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    encoded = [value.encode() for value in array.ravel()]
    return b"".join(len(item).to_bytes(4, "little") + item for item in encoded)


def from_binary(raw: bytes, like: Array) -> Array:
    if like.dtype != object:
        return np.frombuffer(raw, like.dtype).reshape(like.shape)
    values: list[str] = []
    while raw:
        size = int.from_bytes(raw[:4], "little")
        values.append(raw[4 : 4 + size].decode())
        raw = raw[4 + size :]
    return np.array(values, object).reshape(like.shape)


def listed(array: Array) -> Any:
    """Nested lists in which a float32 is the double of the same value: nothing is rounded."""
    return array.tolist()


def item_of(array: Array, datatype: str) -> dict[str, Any]:
    return {"name": "x", "shape": list(array.shape), "datatype": datatype}


# Each takes a sandbox, a model, its datatype and an array, and returns what came back.


def v2_json(warm: Caller, model: str, datatype: str, array: Array) -> Array:
    item = {**item_of(array, datatype), "data": listed(array.ravel())}
    return _json_output(warm, model, {"inputs": [item]}, array)


def v2_nested(warm: Caller, model: str, datatype: str, array: Array) -> Array:
    nested = listed(array) if array.ndim else [listed(array)]
    return _json_output(
        warm, model, {"inputs": [{**item_of(array, datatype), "data": nested}]}, array
    )


def _json_output(warm: Caller, model: str, body: Any, array: Array) -> Array:
    reply = warm.post(f"/v2/models/{model}/infer", body)
    assert reply.status == 200, reply
    [output] = reply.json["outputs"]
    return np.array(output["data"], array.dtype).reshape(output["shape"])


def v2_binary(warm: Caller, model: str, datatype: str, array: Array, **headers: str) -> Array:
    blob = to_binary(array)
    item = {**item_of(array, datatype), "parameters": {"binary_data_size": len(blob)}}
    body, length = infer_body([item], blob, parameters={"binary_data_output": True})
    coding = headers.get("content-encoding", "")
    if coding:
        body = gzip.compress(body, 1) if coding == "gzip" else zlib.compress(body, 1)
    reply = warm.post(f"/v2/models/{model}/infer", body, headers={**length, **headers})
    return _binary_output(reply, array)


def v2_packed(warm: Caller, model: str, datatype: str, array: Array) -> Array:
    coding = "gzip" if array.ndim % 2 else "deflate"
    headers = {"content-encoding": coding, "accept-encoding": coding}
    return v2_binary(warm, model, datatype, array, **headers)


def _binary_output(reply: Any, array: Array) -> Array:
    assert reply.status == 200, reply
    body = reply.body
    match reply.headers.get("content-encoding"):
        case "gzip":
            body = gzip.decompress(body)
        case "deflate":
            body = zlib.decompress(body)
    length = int(reply.headers[LENGTH])
    [output] = json.loads(body[:length])["outputs"]
    assert output["shape"] == list(array.shape)
    return from_binary(body[length:], array)


def v1_columns(warm: Caller, model: str, datatype: str, array: Array) -> Array:
    reply = warm.post(f"/v1/models/{model}:predict", {"inputs": listed(array)})
    assert reply.status == 200, reply
    return np.array(reply.json["outputs"], array.dtype).reshape(array.shape)


def v1_base64(warm: Caller, model: str, datatype: str, array: Array) -> Array:
    def packed(value: Any) -> Any:
        if isinstance(value, list):
            return [packed(item) for item in value]
        return {"b64": base64.b64encode(value.encode()).decode()}

    reply = warm.post(f"/v1/models/{model}:predict", {"inputs": packed(listed(array))})
    return np.array(reply.json["outputs"], object).reshape(array.shape)


Encoding = Callable[[Caller, str, str, Array], Array]


def bare(datatype: str, array: Array) -> Array:
    """What ONNX Runtime alone makes of it."""
    if datatype == "BF16":
        return array  # numpy cannot ask ONNX Runtime for it; Identity gives back what it took
    text = zoo.same(datatype)
    model = zoo.unranked(text).SerializeToString()
    result: Array = ort.InferenceSession(model).run(None, {"x": array})[0]
    return result


@pytest.mark.parametrize("datatype", WITH_JSON)
@pytest.mark.parametrize("encoding", [v2_json, v2_nested, v1_columns])
def test_array_comes_back_through_json(warm: Caller, datatype: str, encoding: Encoding) -> None:
    """Every number, with its sign and every digit; NaN as NaN; every text."""

    @examples
    @given(of(datatype, SHAPES))
    def check(array: Array) -> None:
        if encoding is v1_columns and 0 in array.shape[:-1]:
            return  # lists cannot say what lies behind a dimension of 0
        want = canonical(bare(datatype, array))
        assert same(canonical(encoding(warm, f"any-{datatype}", datatype, array)), want)

    check()


@pytest.mark.parametrize("datatype", list(zoo.BINARY_ELEMENTS))
@pytest.mark.parametrize("encoding", [v2_binary, v2_packed])
def test_array_comes_back_through_binary(warm: Caller, datatype: str, encoding: Encoding) -> None:
    """Every bit, of every NaN as well."""

    @examples
    @given(of(datatype, SHAPES))
    def check(array: Array) -> None:
        got = encoding(warm, f"any-{datatype}", datatype, array)
        assert same(got, bare(datatype, array))

    check()


def test_strings_come_back_through_base64(warm: Caller) -> None:
    """Text in base64 is the same text."""

    @examples
    @given(of("BYTES", st.tuples(st.integers(1, 5))))
    def check(array: Array) -> None:
        assert same(v1_base64(warm, "any-BYTES", "BYTES", array), array)

    check()


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "INT8", "INT64", "UINT64"])
@pytest.mark.parametrize("encoding", [v2_json, v2_nested, v1_columns])
def test_large_array_comes_back_through_json(
    warm: Caller, datatype: str, encoding: Encoding
) -> None:
    """The same where arrays are so large that they are read into a buffer."""
    random = np.random.default_rng(2026)
    raw = random.integers(0, 256, 4096 * 8, np.uint8).view(BY_NAME[datatype].numpy)
    array = np.where(np.isfinite(raw), raw, 0).astype(raw.dtype)[:4096].reshape(16, 2, 128)

    assert same(encoding(warm, f"any-{datatype}", datatype, array), array)
