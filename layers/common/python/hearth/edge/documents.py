"""Stored documents, checked by pydantic where they come in for the first time."""

from __future__ import annotations

from functools import cache

from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import Manifest, from_document
from hearth.stores.documents import parse_json
from pydantic import TypeAdapter, ValidationError


@cache
def _manifest() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def read_manifest(body: bytes) -> Manifest:
    """Return the manifest in a JSON document, every field checked.

    Raises:
        InvalidDocument: Naming every field that is wrong.
    """
    # The plain reading comes first: it is the one that predict will use, and it knows the schema.
    from_document(parse_json(body, "manifest"))
    try:
        return _manifest().validate_json(body, strict=True)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:8]
        )
        raise InvalidDocument(
            "manifest is not valid", got=wrong, remedy="publish the model again"
        ) from error
