"""Stored documents, checked by pydantic where they come in for the first time."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import Manifest, RuntimeOptions, from_document
from hearth.domain.monitoring import MonitoringOptions
from hearth.domain.signature import SignatureDef
from hearth.stores.documents import parse_json
from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Kind = TypeVar("_Kind")

_MOST_NAMED = 20


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


def read_monitoring_options(body: bytes) -> MonitoringOptions:
    """Return what a JSON document says of monitoring; what it leaves out is chosen later.

    Raises:
        InvalidDocument: Naming every field that is wrong or unknown.

    Example:
        >>> read_monitoring_options(b'{"capture": "sampled", "sample_rate": 0.1}').sample_rate
        0.1
    """
    from hearth.edge.monitoring_options import Document  # only publishers read it

    adapter = TypeAdapter(Document)
    return _read(adapter, body, "monitoring document", "correct it").options()


def _read(adapter: TypeAdapter[_Kind], body: bytes, what: str, remedy: str) -> _Kind:
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'all of it'}: {_message(item)}"
            for item in error.errors()[:_MOST_NAMED]
        )
        raise InvalidDocument(f"{what} is not valid: {wrong}", remedy=remedy) from error


def _message(wrong: ErrorDetails) -> str:
    return "there is no such field" if wrong["type"] == "extra_forbidden" else wrong["msg"]
