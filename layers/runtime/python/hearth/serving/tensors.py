"""One tensor between the wire and an array, in JSON and in bytes."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
from hearth.domain.datatype import Datatype
from hearth.domain.errors import MalformedBody, SignatureMismatch

Array = np.ndarray[Any, Any]

# Which kinds of numpy array a JSON value may have become, for each kind of tensor.
_ADMITTED = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_LENGTH = np.dtype("<u4")


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
    if datatype.name == "BYTES":
        return _strings(value, name)
    if datatype.name in ("FP16", "BF16"):
        raise SignatureMismatch(
            f"tensor {name!r} is {datatype.name}, which has no JSON form",
            remedy="use the binary data format",
        )
    try:
        raw = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise SignatureMismatch(
            f"tensor {name!r} is ragged", got=error, remedy="make lists of one level equally long"
        ) from error
    return _cast(raw, datatype, name)


def _cast(raw: Array, datatype: Datatype, name: str) -> Array:
    dtype = np.dtype(datatype.numpy)
    if not raw.size:
        return np.empty(raw.shape, dtype)
    if raw.dtype.kind not in _ADMITTED[dtype.kind]:
        raise SignatureMismatch(
            f"tensor {name!r} has values that are not of its type",
            got=f"{_first_odd(raw)} of type {raw.dtype.name}",
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


def _first_odd(raw: Array) -> str:
    return repr(raw.flat[0])[:64]


def _strings(value: Any, name: str) -> Array:  # noqa: ANN401
    flat: list[str] = []
    shape = _shape(value)
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
        raise SignatureMismatch(
            f"tensor {name!r} is ragged", remedy="make lists of one level equally long"
        )
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
        got=repr(value)[:64],
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
    return np.frombuffer(raw, np.dtype(datatype.numpy).newbyteorder("<")).reshape(shape)


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
