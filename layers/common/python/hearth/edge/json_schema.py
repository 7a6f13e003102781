"""JSON Schema (2020-12) in fewer words: plain dicts, no library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
# Numbers of versions travel as text: they may be larger than what a JavaScript number holds.
VERSION: Schema = {"type": "string", "pattern": "^[1-9][0-9]*$"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def array(items: Schema, *, least: int = 0, **more: object) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {}), **more}


def record(members: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Return the schema of an object that has these members and no others.

    Example:
        >>> record({"live": BOOLEAN})["required"]
        ['live']
    """
    return {**request(members, optional), "additionalProperties": False}


def request(members: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Return the schema of an object whose further members nobody looks at."""
    required = {"required": list(members)} if members else {}
    return {"type": "object", "properties": {**members, **(optional or {})}, **required}


def mapping(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}
