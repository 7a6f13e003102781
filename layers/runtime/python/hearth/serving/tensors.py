"""One tensor between the wire and an array, in JSON and in bytes."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Collection
from typing import Any

import numpy as np
from hearth.domain.datatype import Datatype
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.serving import json_text
from hearth.serving.numbers import DTYPES, MOST_DIMENSIONS, Array, Numbers
from hearth.serving.strings import strings_from_bytes, strings_from_json, strings_to_bytes

_ALIGNMENT = 16  # what numpy's own memory has
# Which kinds of numpy array a JSON value may have become, for each kind of tensor.
_ADMITTED = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_ADMITTED_TYPES: dict[str, set[type]] = {"f": {int, float}, "i": {int}, "u": {int}, "b": {bool}}
_NUMBERS = {int, float, bool}
_LAST_EXACT = 2**53


def from_json(
    value: Any,  # noqa: ANN401 (any JSON)
    datatype: Datatype,
    name: str,
    *,
    coerce: bool = False,
) -> Array:
    """Return a JSON value as an array of a datatype, its shape read from the nesting.

    Args:
        value: A scalar or nested lists; `Numbers` among them.
        datatype: The element type wanted.
        name: What the message calls it.
        coerce: Whether a whole float may stand for an integer, and 0 and 1 for booleans: some
            clients of Open Inference have no other numbers, and its text leaves it to the server.

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
    array = _from_numbers(value, datatype)
    if array is not None:
        return array
    lists = _plain(value)
    if datatype.name == "BYTES":
        return _from_strings(lists, name)
    return _from_lists(lists, datatype, name, coerce=coerce)


def _from_numbers(value: Any, datatype: Datatype) -> Array | None:  # noqa: ANN401
    """Return the array of a value that is nothing but `Numbers`, at its top or one level below."""
    if isinstance(value, Numbers):
        return value.array(datatype)
    if not isinstance(value, list) or not value or type(value[0]) is not Numbers:
        return None
    rows = [item.array(datatype) if type(item) is Numbers else None for item in value]
    whole = [row for row in rows if row is not None]
    if len(whole) != len(rows) or len({row.shape for row in whole}) != 1:
        return None
    return np.stack(whole)


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list) and Numbers in set(map(type, value)):
        return [json_text.plain(item) for item in value]
    return json_text.plain(value)


def _from_strings(value: Any, name: str) -> Array:  # noqa: ANN401
    try:
        return strings_from_json(value, _bounded_shape(value), name)
    except ValueError as error:
        raise _ragged(value, name) from error


def _from_lists(value: Any, datatype: Datatype, name: str, *, coerce: bool) -> Array:  # noqa: ANN401
    # Looked at before numpy does: of text it would make an array as wide as the longest, and
    # among numbers it takes true for 1.
    types = _types(value)
    if not types <= _NUMBERS or (bool in types and len(types) > 1):
        raise _not_of_type(value, datatype, name)
    try:
        raw = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise _ragged(value, name) from error
    wanted = DTYPES[datatype.name].kind
    if raw.dtype.kind == "f" and wanted in "iu":
        raw = _exact(value, raw, coerce=coerce)
    elif raw.dtype.kind in "fi" and wanted == "b" and coerce and ((raw == 0) | (raw == 1)).all():
        raw = raw.astype(np.bool_)
    if raw.size and raw.dtype.kind not in _ADMITTED[wanted]:
        raise _not_of_type(value, datatype, name)
    return _cast(raw, datatype, name)


def _types(value: Any) -> set[type]:  # noqa: ANN401
    """Return the types of all values in nested lists."""
    if not isinstance(value, list):
        return {type(value)}
    found: set[type] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        types = set(map(type, item))
        if list in types:
            pending += [inner for inner in item if type(inner) is list]
        found |= types
    return found - {list}


def _exact(value: Any, raw: Array, *, coerce: bool) -> Array:  # noqa: ANN401
    """Return integers as they were written, where numpy has made floats of them.

    It does where some are beyond int64 and others are not, and where there are floats among them.
    """
    listed = np.asarray(value, object).ravel().tolist()
    items = [_integer(item) if coerce else item for item in listed]
    if not items or not all(type(item) is int for item in items):
        return raw
    wide = np.uint64 if min(items) >= 0 else np.int64
    limits = np.iinfo(wide)
    fits = limits.min <= min(items) and max(items) <= limits.max
    return np.array(items, wide).reshape(raw.shape) if fits else raw


def _integer(item: float) -> float:
    # Beyond 2^53 a float no longer says which integer was meant.
    whole = type(item) is float and item.is_integer() and abs(item) <= _LAST_EXACT
    return int(item) if whole else item


def _not_of_type(value: Any, datatype: Datatype, name: str) -> SignatureMismatch:  # noqa: ANN401
    wanted = _ADMITTED_TYPES[DTYPES[datatype.name].kind]
    return SignatureMismatch(
        f"a value of tensor {name!r} is not of expected type: "
        + datatype.tf.removeprefix("DT_").lower(),
        got=reprlib.repr(_first(value, wanted)),
        expected=datatype.name,
    )


def _first(value: Any, wanted: Collection[type]) -> Any:  # noqa: ANN401
    """Return the first value in nested lists that is of none of the wanted types, or the first."""
    pending, last = [value], None
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += reversed(item)
            continue
        if type(item) not in wanted:
            return item
        last = item if last is None else last
    return last


def _ragged(value: list[Any], name: str) -> SignatureMismatch:
    """Return what is wrong with lists that make no tensor, in TF Serving's words for it."""
    size, shape = _count(value[0]), _shape(value[0])
    wrong = "lists of one level hold both values and lists, or differ in length"
    if len(shape) >= MOST_DIMENSIONS:
        wrong = f"lists nest deeper than {MOST_DIMENSIONS} levels"
    for at, item in enumerate(value if len(shape) < MOST_DIMENSIONS else ()):
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
    return f"[{','.join(map(str, shape[:MOST_DIMENSIONS]))}]"


def _count(value: Any) -> int:  # noqa: ANN401
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        else:
            count += 1
    return count


def _bounded_shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    shape = _shape(value)
    if len(shape) > MOST_DIMENSIONS:
        raise ValueError("too many dimensions")
    return shape


def _shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _cast(raw: Array, datatype: Datatype, name: str) -> Array:
    dtype = DTYPES[datatype.name]
    if not raw.size:
        return np.empty(raw.shape, dtype)
    if dtype.kind in "iu" and raw.dtype != dtype and not _fits(raw, dtype):
        raise SignatureMismatch(
            f"tensor {name!r} has values out of range",
            got=f"{raw.min()} to {raw.max()}",
            expected=f"{np.iinfo(dtype).min} to {np.iinfo(dtype).max}",
        )
    if dtype.kind != "f":
        return raw.astype(dtype, copy=False)
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as in TF Serving
        return raw.astype(dtype, copy=False)


def _fits(raw: Array, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return int(raw.min()) >= limits.min and int(raw.max()) <= limits.max


def from_bytes(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], name: str) -> Array:
    """Return binary tensor data as an array: a view of it, where its address allows that.

    Raises:
        MalformedBody: If the number of bytes is not what the shape needs.

    Source:
        Open Inference Protocol, binary tensor data extension: each BYTES element is a 32-bit
        little-endian length and as many bytes.
    """
    if datatype.name == "BYTES":
        return strings_from_bytes(raw, shape, name)
    expected = math.prod(shape) * datatype.size
    if len(raw) != expected:
        raise MalformedBody(
            f"tensor {name!r} has another number of bytes", got=len(raw), expected=expected
        )
    array = np.frombuffer(raw, DTYPES[datatype.name].newbyteorder("<"))
    if array.__array_interface__["data"][0] % _ALIGNMENT:
        # Kernels sum in another order at another alignment: the last bits of an answer would
        # depend on how long the JSON before the tensor was.
        array = array.copy()
    if datatype.name == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise MalformedBody(f"tensor {name!r} has a byte that is no boolean", expected="0 or 1")
    return array.reshape(shape)


def widened(array: Array, datatype: Datatype) -> Array:
    """Return an array as numbers: the bits that carry BF16 become the float32 that they mean."""
    if datatype.name != "BF16":
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)


def to_bytes(array: Array) -> bytes | memoryview:
    """Return an array's binary tensor data."""
    if array.dtype.kind in "OU":
        return strings_to_bytes(array.ravel())
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data if little.size else b""
