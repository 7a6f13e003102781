"""What every stored JSON document has in common."""

from __future__ import annotations

import json
from typing import Any

from hearth.domain.errors import InvalidDocument
from hearth.stores.ports import Documents

_RESTORE = "restore an earlier version of the object: the bucket keeps them"


def parse_json(body: bytes, what: str, remedy: str = _RESTORE) -> dict[str, Any]:
    """Return a stored JSON object.

    Raises:
        InvalidDocument: If it is not one.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(
            f"{what} is not JSON",
            got=body[:60],
            remedy=remedy,
        ) from error
    if not isinstance(document, dict):
        raise InvalidDocument(f"{what} is not an object", got=type(document).__name__)
    return document


def write_over(documents: Documents, key: str, body: bytes, etag: str) -> str:
    """Write over exactly the document that was read, or where none was: "" for its ETag.

    Returns the new ETag.

    Raises:
        StoreConflict: If another writer was first.
    """
    if etag:
        return documents.replace(key, body, etag)
    return documents.create(key, body)
