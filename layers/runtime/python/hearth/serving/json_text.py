"""JSON as the protocols use it: bare NaN and Infinity come in and go out, depth is bounded."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import orjson
from hearth.domain.errors import MalformedBody

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(text: bytes) -> Any:  # noqa: ANN401 (any JSON)
    """Return the JSON value in `text`.

    Raises:
        MalformedBody: If it is empty, is not JSON, or nests deeper than it can be read.
    """
    if not text.strip():
        raise MalformedBody("JSON Parse error: The document is empty", expected="a JSON object")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as strict:
        if "depth limit" in str(strict):  # what orjson cannot nest, nothing else tries
            raise _too_deep() from strict
        return _loads_leniently(text, strict)


def _loads_leniently(text: bytes, strict: Exception) -> Any:  # noqa: ANN401
    # TF Serving and tritonclient send NaN and Infinity as bare tokens, which orjson refuses.
    try:
        value = json.loads(text.decode(), parse_int=_integer)
        if _SURROGATE.search(text):
            # Half a surrogate pair is no text: nothing behind this point could write it down.
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise MalformedBody("JSON Parse error: Invalid value", got=str(strict)) from error


def _too_deep() -> MalformedBody:
    return MalformedBody("JSON nests too deeply", expected="at most some 1,000 levels")


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)  # as orjson has it


def dumps(value: Any) -> bytes:  # noqa: ANN401 (any JSON, with arrays in it)
    """Return JSON text of a value that may hold numpy arrays and bytes.

    Floats are written as the shortest digits that read back as the same value of their own
    width; non-finite ones as bare tokens, as TF Serving writes them.

    Example:
        >>> dumps({"a": np.float32([0.1, 3])})
        b'{"a":[0.1,3.0]}'
    """
    return orjson.dumps(value, default=_other, option=orjson.OPT_SERIALIZE_NUMPY)


def array(values: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401
    """Return what `dumps` is to be given for an array: itself, unless orjson would spoil it."""
    if values.dtype.kind == "f" and not _is_plain(values):
        return orjson.Fragment(_with_tokens(values))
    return values if values.flags.c_contiguous else np.ascontiguousarray(values)


def scalar(values: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401
    """Return what `dumps` is to be given for an array without dimensions."""
    return array(values) if values.dtype.kind == "f" and not _is_plain(values) else values[()]


def _is_plain(values: np.ndarray[Any, Any]) -> bool:
    # orjson writes NaN as null, and a float16 with the digits of its float32.
    return values.dtype.itemsize > 2 and bool(np.isfinite(values).all())


def _with_tokens(values: np.ndarray[Any, Any]) -> bytes:
    # str() of a numpy float is the shortest text of its width; float() of it keeps those digits.
    shortest = np.array([float(str(value)) for value in values.ravel()], object)
    return json.dumps(shortest.reshape(values.shape).tolist()).encode()


def _other(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
