"""JSON as the protocols use it: bare NaN and Infinity come in and go out, depth is bounded."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import orjson
from hearth.domain.errors import MalformedBody, PayloadTooLarge
from hearth.serving.numbers import Numbers, cut, put_back

# Patterns are compiled when they are first used, which is rare.
_SURROGATE = rb"\\u[dD][89a-fA-F]"
_BRACKETS = rb'(?s)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{}]'
# TensorFlow Serving's parser also knows this short form.
_INFINITY = rb'(?s)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|Inf(?:inity)?'
_DEEP = 200
# Text below this size cannot become more than there is memory for.
_UNCOUNTED = 8 << 20
_MOST_CONTAINERS, _MOST_VALUES = 2_000_000, 8_000_000
_KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    Numbers: "list of numbers",
}
_TOKENS = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}


def loads(text: bytes, *, lenient: bool = False) -> Any:  # noqa: ANN401 (any JSON)
    """Return the JSON value in `text`; in it, large arrays of numbers stand as `Numbers`.

    Args:
        text: UTF-8.
        lenient: As TensorFlow Serving's parser: what follows the value is ignored, and so is how
            deep that nests which nobody looks at.

    Raises:
        MalformedBody: If it is empty, is not JSON, or nests deeper than it can be read.
    """
    if not text.strip():
        raise MalformedBody("JSON Parse error: The document is empty", expected="a JSON object")
    rest, arrays = cut(text)
    if arrays:
        try:
            value = orjson.loads(rest)
        except orjson.JSONDecodeError:
            value = None
        if put_back(value, arrays):
            return value
    return _loads(text, lenient=lenient)


def _loads(text: bytes, *, lenient: bool) -> Any:  # noqa: ANN401
    if len(text) > _UNCOUNTED:
        _require_few(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as strict:
        if "depth limit" not in str(strict):
            return _loads_tokens(text, strict, lenient=lenient)
        # What orjson cannot nest, nothing else tries.
        pruned = _pruned(text) if lenient else text
        if pruned is text:
            raise _too_deep() from strict
    return _loads(pruned, lenient=lenient)


def _require_few(text: bytes) -> None:
    """Refuse text that would take many times its size as Python's lists and numbers."""
    for what, most, marks in (
        ("lists and objects", _MOST_CONTAINERS, (b"[", b"{")),
        ("values", _MOST_VALUES, (b",",)),
    ):
        count = sum(map(text.count, marks))
        if count > most:
            raise PayloadTooLarge(
                f"the JSON holds too many {what}",
                got=count,
                expected=f"at most {most}",
                remedy="send numbers in regular lists, or as binary tensors",
            )


def _loads_tokens(text: bytes, strict: Exception, *, lenient: bool) -> Any:  # noqa: ANN401
    # TF Serving and tritonclient send NaN and Infinity as bare tokens, which orjson refuses.
    try:
        decoder = json.JSONDecoder(parse_int=_integer)
        whole = (re.sub(_INFINITY, _spelt_out, text) if lenient else text).decode()
        value = decoder.raw_decode(whole.lstrip())[0] if lenient else decoder.decode(whole)
        if re.search(_SURROGATE, text):
            # Half a surrogate pair is no text: nothing behind this point could write it down.
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise MalformedBody("JSON Parse error: Invalid value", got=str(strict)) from error


def _spelt_out(match: re.Match[bytes]) -> bytes:
    return b"Infinity" if match[0] == b"Inf" else match[0]


def _pruned(text: bytes) -> bytes:
    """Return JSON text in which whatever nests deeper than `_DEEP` is an empty list."""
    parts: list[bytes] = []
    depth = done = opened = 0
    for match in re.finditer(_BRACKETS, text):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            opened = match.start() if depth == _DEEP else opened
        elif token in (b"]", b"}"):
            if depth == _DEEP:
                parts += [text[done:opened], b"[]"]
                done = match.end()
            depth -= 1
    return b"".join([*parts, text[done:]]) if parts else text


def plain(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return a value as plain JSON: what was cut out of the document is read after all."""
    return _loads(value.text, lenient=False) if isinstance(value, Numbers) else value


def kind(value: Any) -> str:  # noqa: ANN401 (any JSON)
    """Return JSON's word for what a value is.

    Example:
        >>> kind(None), kind(1.5), kind({})
        ('null', 'number', 'object')
    """
    return _KINDS.get(type(value), "value")


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


def array(values: np.ndarray[Any, Any]) -> orjson.Fragment:
    """Return what `dumps` is to be given for an array."""
    return orjson.Fragment(text_of(values))


def text_of(values: np.ndarray[Any, Any]) -> bytes:
    """Return the JSON text of an array.

    Example:
        >>> text_of(np.float32([[0.1, np.nan]]))
        b'[[0.1,NaN]]'
    """
    is_float = values.dtype.kind == "f"
    if is_float and values.dtype.itemsize <= 2:
        # orjson writes a float16 with the digits of its float32. str() of a numpy float is the
        # shortest text of its own width, and float() keeps those digits.
        shortest = np.array([float(str(value)) for value in values.ravel()], object)
        return _dumps_tokens(shortest.reshape(values.shape).tolist())
    if not values.ndim:
        value = values[()]
        return _TOKENS[str(value)] if is_float and not np.isfinite(value) else dumps(value)
    if not values.flags.c_contiguous:
        values = np.ascontiguousarray(values)
    return _with_tokens(values) if is_float else dumps(values)


def _dumps_tokens(value: Any) -> bytes:  # noqa: ANN401
    return json.dumps(value, separators=(",", ":")).encode()


def _with_tokens(values: np.ndarray[Any, Any]) -> bytes:
    text = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" not in text:
        return text
    # orjson writes null for each non-finite number: their tokens are set in, in order.
    parts = text.split(b"null")
    written: list[bytes] = []
    for part, value in zip(parts, values[~np.isfinite(values)].tolist(), strict=False):
        written += [part, _TOKENS[str(value)]]
    return b"".join([*written, parts[-1]])


def _other(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
