"""What a caller may say of a search for a variant: the body that asks for one, and the query."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from hearth.domain.errors import BadRequest, InvalidName, MalformedBody
from hearth.domain.identity import INT64_MAX
from hearth.domain.identity import version as to_version
from hearth.domain.optimization import OBJECTIVES, Wish
from hearth.edge.compression import inflated
from hearth.edge.events import HttpRequest

RECIPE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_RECIPE, MOST_RECIPES = 64, 32
MOST_ROWS, MOST_BATCHES = 4096, 4
_VERSION = f"an integer from 1 to {INT64_MAX}"
_QUERY = ("version", "format")


def read_request(request: HttpRequest) -> Wish:
    """Return what a request's body asks for; an empty one asks for the defaults.

    Raises:
        MalformedBody: If it is no JSON object, or a field is unknown or of another type.
        UnsupportedCoding: If its coding is not taken.
        PayloadTooLarge: If it is too large once inflated.
    """
    body = inflated(request.body, request.headers)
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise MalformedBody(
            "the body is not JSON", got=body[:60], expected='{"objective": "latency"}, or nothing'
        ) from error
    if not isinstance(document, dict):
        raise MalformedBody(
            "the body is no object", got=type(document).__name__, expected="a JSON object"
        )
    return of_fields(document, request.request_id)


def of_fields(fields: Mapping[str, Any], request_id: str = "") -> Wish:
    """Return the wish in an object's fields; what it leaves out has its default.

    Args:
        fields: What was sent.
        request_id: What makes a search that is forced one of its own.

    Raises:
        MalformedBody: If a field is unknown or of another type.

    Example:
        >>> of_fields({"objective": "size", "max_loss": 0.02}).max_loss
        0.02
    """
    unknown = sorted(fields.keys() - _FIELDS.keys())
    if unknown:
        raise MalformedBody(
            "a search has no such field",
            got=", ".join(map(reprlib.repr, unknown[:10])),
            expected="some of " + ", ".join(_FIELDS),
            remedy="leave it out",
        )
    found = {name: _FIELDS[name](value) for name, value in fields.items()}
    return Wish(**{**found, "force": (request_id or "now") if found.get("force") else ""})


def read_query(query: Mapping[str, list[str]]) -> int:
    """Return the version whose search is asked for, 0 where none is named.

    Raises:
        BadRequest: If a parameter is unknown, or stands there twice.
        InvalidName: If the version is not a positive number.

    Example:
        >>> read_query({"version": ["3"]}), read_query({"format": ["html"]})
        (3, 0)
    """
    unknown = sorted(query.keys() - set(_QUERY))
    if unknown:
        raise BadRequest(
            "the report of a search takes no such parameter",
            got=", ".join(map(reprlib.repr, unknown[:10])),
            expected="some of " + ", ".join(_QUERY),
            remedy="leave it out",
        )
    named = query.get("version", [])
    if len(named) > 1:
        raise BadRequest("version stands there more than once", got=len(named), expected="once")
    return to_version(named[0]) if named else 0


def _wrong(field: str, value: object, expected: str) -> MalformedBody:
    return MalformedBody(
        f"{field} of a search is not usable",
        got=reprlib.repr(value),
        expected=expected,
        remedy="correct it, or leave it out for the default",
    )


def _version(value: object) -> int:
    """Return a version, written as a number or, as versions travel elsewhere, as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong("version", value, _VERSION)
    try:
        return to_version(value)
    except InvalidName as error:
        raise _wrong("version", value, _VERSION) from error


def _objective(value: object) -> str:
    if not isinstance(value, str) or value not in OBJECTIVES:
        raise _wrong("objective", value, "one of " + ", ".join(OBJECTIVES))
    return value


def _max_loss(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise _wrong("max_loss", value, "a number from 0 to 1, 1 itself left out: 0.01 is 1%")
    return float(value)


def _recipes(value: object) -> tuple[str, ...]:
    expected = f"at most {MOST_RECIPES} names, each like 'int8-dynamic'"
    if not isinstance(value, list) or len(value) > MOST_RECIPES:
        raise _wrong("recipes", value, expected)
    for item in value:
        if not isinstance(item, str) or len(item) > LONGEST_RECIPE or not RECIPE.fullmatch(item):
            raise _wrong("recipes", item, expected)
    return tuple(dict.fromkeys(value))


def _batches(value: object) -> tuple[int, ...]:
    expected = f"at most {MOST_BATCHES} whole numbers from 1 to {MOST_ROWS}"
    if not isinstance(value, list) or len(value) > MOST_BATCHES:
        raise _wrong("batches", value, expected)
    for item in value:
        if type(item) is not int or not 1 <= item <= MOST_ROWS:
            raise _wrong("batches", item, expected)
    return tuple(dict.fromkeys(value))


def _flag(name: str) -> Callable[[object], bool]:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise _wrong(name, value, "true or false")
        return value

    return read


_FIELDS: dict[str, Callable[[object], Any]] = {
    "version": _version,
    "objective": _objective,
    "max_loss": _max_loss,
    "recipes": _recipes,
    "batches": _batches,
    "publish": _flag("publish"),
    "force": _flag("force"),
}
