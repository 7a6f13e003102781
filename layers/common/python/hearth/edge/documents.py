"""Stored documents, checked by pydantic where they come in for the first time."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TypeVar

from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import Manifest, RuntimeOptions, from_document
from hearth.domain.signature import SignatureDef
from hearth.stores.documents import parse_json
from pydantic import TypeAdapter, ValidationError

_Kind = TypeVar("_Kind")


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
    return _read(_manifest(), body, "manifest", "publish the model again")


def read_runtime_options(body: bytes) -> RuntimeOptions:
    """Return the runtime options in a JSON document; what it leaves out has its default.

    Raises:
        InvalidDocument: Naming every field that is wrong or unknown.

    Example:
        >>> read_runtime_options(b'{"intra_op_num_threads": 2}').intra_op_num_threads
        2
    """
    known = {field.name for field in fields(RuntimeOptions)}
    document = parse_json(body, "runtime options", "write them as a JSON object")
    unknown = sorted(document.keys() - known)
    if unknown:
        raise InvalidDocument(
            "there are no such runtime options", got=unknown, expected=f"some of {sorted(known)}"
        )
    return _read(TypeAdapter(RuntimeOptions), body, "runtime options document", "correct it")


def read_signature_defs(body: bytes) -> dict[str, SignatureDef]:
    """Return the named signatures in a JSON document.

    Raises:
        InvalidDocument: Naming every field that is wrong.

    Example:
        >>> body = b'{"top": {"method": "classify", "outputs": ["scores", "labels"]}}'
        >>> read_signature_defs(body)["top"].method
        'classify'
    """
    adapter = TypeAdapter(dict[str, SignatureDef])
    return _read(adapter, body, "document of signatures", "correct it")


def _read(adapter: TypeAdapter[_Kind], body: bytes, what: str, remedy: str) -> _Kind:
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:8]
        )
        raise InvalidDocument(f"{what} is not valid", got=wrong, remedy=remedy) from error
