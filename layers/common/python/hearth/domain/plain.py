"""Frozen dataclasses as JSON and back, without loss: NaN is null, infinities are words.

Where None may stand, null is read as None, NaN or not: both say that there is no figure.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.domain.value import INFINITY, NEGATIVE_INFINITY

_WORDS = {INFINITY: math.inf, NEGATIVE_INFINITY: -math.inf}


def to_plain(value: Any) -> dict[str, Any]:  # noqa: ANN401 (any dataclass)
    """Return a dataclass, and those within it, as JSON that orjson and json write alike.

    Half a surrogate pair, which no UTF-8 has, becomes a question mark.
    """
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    return to_plain(value) if is_dataclass(value) else value


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else INFINITY if value > 0 else NEGATIVE_INFINITY


def from_plain(kind: Any, document: Any, place: str) -> Any:  # noqa: ANN401 (any annotation, any JSON)
    """Return the value of a dataclass that JSON stands for.

    Members that the class does not have are left alone: a newer version may have written them.

    Args:
        kind: The class, or what its fields are annotated with.
        document: The JSON.
        place: What it is called in errors.

    Raises:
        InvalidDocument: If a member is missing, or of another type.
    """
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if document is None else from_plain(of[0], document, place)
    if origin is tuple:
        items = _require(list, document, place)
        return tuple(from_plain(of[0], item, f"{place}[{i}]") for i, item in enumerate(items))
    if origin is Mapping:
        members = _require(dict, document, place).items()
        return {key: from_plain(of[1], item, f"{place}[{key[:40]!r}]") for key, item in members}
    if is_dataclass(kind):
        return _dataclass(kind, _require(dict, document, place), place)
    return _read_number(document, place) if kind is float else _require(kind, document, place)


def _dataclass(kind: Any, document: Mapping[str, Any], place: str) -> Any:  # noqa: ANN401
    found = {}
    for field, annotation in _fields(kind):
        if field.name in document:
            found[field.name] = from_plain(
                annotation, document[field.name], f"{place}.{field.name}"
            )
        elif field.default is MISSING and field.default_factory is MISSING:
            what = place.partition(".")[0].partition("[")[0]
            raise InvalidDocument(f"{what} is not complete", got=f"no {place}.{field.name}")
    return kind(**found)


@cache
def _fields(kind: Any) -> tuple[tuple[Field[Any], Any], ...]:  # noqa: ANN401
    hints = typing.get_type_hints(kind)
    return tuple((field, hints[field.name]) for field in fields(kind))


def _require(kind: type, value: Any, place: str) -> Any:  # noqa: ANN401
    if type(value) is not kind:
        raise InvalidDocument(
            f"{place} is of another type", got=repr(value)[:80], expected=kind.__name__
        )
    return value


def _read_number(value: Any, place: str) -> float:  # noqa: ANN401
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if type(value) not in (int, float):
        raise InvalidDocument(f"{place} is no number", got=repr(value)[:80], expected="a number")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidDocument(f"{place} is no number", got="one beyond all floats") from error
