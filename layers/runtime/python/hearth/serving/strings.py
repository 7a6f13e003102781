"""BYTES tensors between the wire and an array: strings, base64, and their binary layout."""

from __future__ import annotations

import binascii
import math
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.serving.numbers import Array


def is_base64(value: Any) -> bool:  # noqa: ANN401 (any JSON)
    """Return whether a JSON value stands for a string in base64: `{"b64": "<text>"}`."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def from_base64(value: Any, name: str) -> bytes:  # noqa: ANN401 (any JSON)
    """Return the bytes in a value that `is_base64`."""
    try:
        return binascii.a2b_base64(value["b64"], strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedBody(
            f"Unable to base64 decode a value of tensor {name!r}", got=str(error)
        ) from error


def text(raw: bytes | memoryview, name: str) -> str:
    """Return bytes as the text that ONNX Runtime's Python interface takes for a string.

    Raises:
        SignatureMismatch: If they are not UTF-8: ONNX Runtime could not give them back.
    """
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise SignatureMismatch(
            f"tensor {name!r} has bytes that are not UTF-8",
            got=bytes(raw[:32]),
            remedy="send UTF-8",
        ) from error


def strings_from_json(value: Any, shape: tuple[int, ...], name: str) -> Array:  # noqa: ANN401
    """Return nested lists of strings as an array of objects.

    Args:
        value: A string, `{"b64": ...}`, or nested lists of them.
        shape: What the nesting should be.
        name: What messages call the tensor.

    Raises:
        ValueError: If the nesting is another.
        SignatureMismatch: If a value is no string.
    """
    flat: list[str] = []
    _flatten(value, shape, name, flat)
    return array(flat, shape)


def array(flat: list[str], shape: tuple[int, ...]) -> Array:
    made = np.empty(len(flat), object)
    made[:] = flat
    return made.reshape(shape)


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
    if is_base64(value):
        return text(from_base64(value, name), name)
    raise SignatureMismatch(
        f"tensor {name!r} has a value that is not a string: JSON value "
        f"{reprlib.repr(value)} is not of expected type: string",
        expected='a string or {"b64": "<base64>"}',
    )


def strings_from_bytes(raw: memoryview, shape: tuple[int, ...], name: str) -> Array:
    """Return the strings in binary tensor data: each a 32-bit length and as many bytes.

    Raises:
        MalformedBody: If the data ends within an element, or their number is another.
    """
    count = math.prod(shape)
    values: list[str] = []
    at = 0
    while at < len(raw) and len(values) <= count:
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if at + 4 > len(raw) or end > len(raw):
            raise MalformedBody(f"tensor {name!r} ends within element {len(values)}")
        values.append(text(raw[at + 4 : end], name))
        at = end
    if len(values) != count:
        raise MalformedBody(
            f"tensor {name!r} has another number of elements", got=len(values), expected=count
        )
    return array(values, shape)


def strings_to_bytes(values: Iterable[Any]) -> bytes:
    parts = [str(value).encode() for value in values]
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def strings_to_json(value: Any, *, encoded: bool) -> Any:  # noqa: ANN401
    """Return nested lists of strings as JSON, each as `{"b64": ...}` if it is to be encoded."""
    if isinstance(value, list):
        return [strings_to_json(item, encoded=encoded) for item in value]
    if not encoded:
        return value
    return {"b64": binascii.b2a_base64(str(value).encode(), newline=False).decode()}
