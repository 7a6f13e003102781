"""One tensor between the wire and an array, in JSON and in bytes."""

from __future__ import annotations

import base64
import binascii
import math
import reprlib
from typing import Any

import numpy as np
from hearth.domain.datatype import Datatype
from hearth.domain.errors import MalformedBody, SignatureMismatch

Array = np.ndarray[Any, Any]

# Which kinds of numpy array a JSON value may have become, for each kind of tensor.
_ADMITTED = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_MOST_DIMENSIONS = 64  # numpy's own bound


def from_json(value: Any, datatype: Datatype, name: str) -> Array:  # noqa: ANN401 (any JSON)
    """Return a JSON value as an array of a datatype, its shape read from the nesting.

    Args:
        value: A scalar or nested lists.
        datatype: The element type wanted.
        name: What the message calls it.

    Raises:
        SignatureMismatch: If lists are ragged, or a value is not of the datatype.

    Source:
        TF Serving's `json_tensor.cc`: a JSON integer may stand for a float, never the reverse;
        booleans are only true and false; strings may come as `{"b64": ...}`.
    """
    if datatype.name in ("FP16", "BF16"):
        raise SignatureMismatch(
            f"tensor {name!r} is {datatype.name}, which has no JSON form",
            remedy="use the binary data format",
        )
    try:
        if datatype.name == "BYTES":
            return _strings(value, name)
        raw = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise _ragged(value, name) from error
    if raw.dtype.kind == "f" and np.dtype(datatype.numpy).kind in "iu":
        raw = _integers(value, raw)
    return _cast(raw, datatype, name)


def _integers(value: Any, raw: Array) -> Array:  # noqa: ANN401
    # numpy makes floats of integers where some are beyond int64 and some are not.
    exact = np.asarray(value, object)
    whole = all(type(item) is int and item >= 0 for item in exact.flat)
    return exact.astype(np.uint64) if whole else raw


def _ragged(value: list[Any], name: str) -> SignatureMismatch:
    """Return what is wrong with lists that make no tensor, in TF Serving's words for it."""
    size, shape = _count(value[0]), _shape(value[0])
    wrong = f"lists nest deeper than {_MOST_DIMENSIONS} levels or differ in length"
    for at, item in enumerate(value if len(shape) < _MOST_DIMENSIONS else ()):
        if _count(item) != size:
            wrong = f"element {at}: Expecting tensor size: {size} but got: {_count(item)}"
            break
        if _shape(item) != shape:
            wrong = f"element {at}: Expecting shape {_text(shape)} but got: {_text(_shape(item))}"
            break
    return SignatureMismatch(
        f"tensor {name!r} is ragged: {wrong}", remedy="make lists of one level equally long"
    )


def _text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape[:_MOST_DIMENSIONS]))}]"


def _count(value: Any) -> int:  # noqa: ANN401
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        else:
            count += 1
    return count


def _cast(raw: Array, datatype: Datatype, name: str) -> Array:
    dtype = np.dtype(datatype.numpy)
    if not raw.size:
        return np.empty(raw.shape, dtype)
    if raw.dtype.kind not in _ADMITTED[dtype.kind]:
        raise SignatureMismatch(
            f"a value of tensor {name!r} is not of expected type: "
            + datatype.tf.removeprefix("DT_").lower(),
            got=_first(raw),
            expected=datatype.name,
        )
    if dtype.kind in "iu" and not _fits(raw, dtype):
        raise SignatureMismatch(
            f"tensor {name!r} has values out of range",
            got=f"{raw.min()} to {raw.max()}",
            expected=f"{np.iinfo(dtype).min} to {np.iinfo(dtype).max}",
        )
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as in TF Serving
        return raw.astype(dtype, copy=False)


def _fits(raw: Array, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return int(raw.min()) >= limits.min and int(raw.max()) <= limits.max


def _first(raw: Array) -> str:
    return reprlib.repr(raw.ravel()[:1].tolist()[0])


def _strings(value: Any, name: str) -> Array:  # noqa: ANN401
    flat: list[str] = []
    shape = _shape(value)
    if len(shape) > _MOST_DIMENSIONS:
        raise ValueError("too many dimensions")
    _flatten(value, shape, name, flat)
    made = np.empty(len(flat), object)
    made[:] = flat
    return made.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flatten(value: Any, shape: tuple[int, ...], name: str, into: list[str]) -> None:  # noqa: ANN401
    if not shape:
        into.append(_string(value, name))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError("ragged")
    for item in value:
        _flatten(item, shape[1:], name, into)


def _string(value: Any, name: str) -> str:  # noqa: ANN401
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return text(base64.b64decode(value["b64"], validate=True), name)
        except (binascii.Error, ValueError) as error:
            raise MalformedBody(
                f"Unable to base64 decode a value of tensor {name!r}", got=str(error)
            ) from error
    raise SignatureMismatch(
        f"tensor {name!r} has a value that is not a string",
        got=reprlib.repr(value),
        expected='a string or {"b64": "<base64>"}',
    )


def text(raw: bytes, name: str) -> str:
    """Return bytes as the text that ONNX Runtime's Python interface takes for a string."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise SignatureMismatch(
            f"tensor {name!r} has bytes that are not UTF-8", got=raw[:32], remedy="send UTF-8"
        ) from error


def from_bytes(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], name: str) -> Array:
    """Return a view of binary tensor data: little-endian, row-major, not copied.

    Raises:
        MalformedBody: If the number of bytes is not what the shape needs.

    Source:
        Open Inference Protocol, binary tensor data extension: each BYTES element is a 32-bit
        little-endian length and as many bytes.
    """
    if datatype.name == "BYTES":
        return _string_elements(raw, shape, name)
    expected = math.prod(shape) * datatype.size
    if len(raw) != expected:
        raise MalformedBody(
            f"tensor {name!r} has another number of bytes", got=len(raw), expected=expected
        )
    array = np.frombuffer(raw, np.dtype(datatype.numpy).newbyteorder("<"))
    if datatype.name == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise MalformedBody(f"tensor {name!r} has a byte that is no boolean", expected="0 or 1")
    return array.reshape(shape)


def _string_elements(raw: memoryview, shape: tuple[int, ...], name: str) -> Array:
    count = math.prod(shape)
    values: list[str] = []
    at = 0
    while at < len(raw) and len(values) <= count:
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if at + 4 > len(raw) or end > len(raw):
            raise MalformedBody(f"tensor {name!r} ends within element {len(values)}")
        values.append(text(bytes(raw[at + 4 : end]), name))
        at = end
    if len(values) != count:
        raise MalformedBody(
            f"tensor {name!r} has another number of elements", got=len(values), expected=count
        )
    made = np.empty(count, object)
    made[:] = values
    return made.reshape(shape)


def to_bytes(array: Array) -> bytes | memoryview:
    """Return an array's binary tensor data."""
    if array.dtype.kind in "OU":
        parts = [str(value).encode() for value in array.ravel()]
        return b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data if little.size else b""
