"""Stored documents, checked where they come in for the first time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hearth.domain.errors import HearthError, InvalidDocument
from hearth.domain.manifest import to_document
from hearth.edge.documents import read_manifest


@pytest.fixture
def manifest(publish: Callable[..., Any]) -> dict[str, Any]:
    """A manifest as publishing writes it."""
    document: dict[str, Any] = json.loads(json.dumps(to_document(publish("m").manifest)))
    return document


def test_manifest_that_was_published_is_read_as_it_was(publish: Callable[..., Any]) -> None:
    """What publishing writes, load-and-warm reads: nothing is lost or coerced."""
    published = publish("m").manifest

    assert read_manifest(json.dumps(to_document(published)).encode()) == published


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), "1"),
        (("version",), 0),
        (("version",), 1.0),
        (("model",), "../m"),
        (("files", 0, "size"), "10"),
        (("files", 0, "size"), -1),
        (("files", 0, "sha256"), "abc"),
        (("files", 0, "path"), "../model.onnx"),
        (("files", 0, "path"), "/etc/passwd"),
        (("files", 0, "role"), "code"),
        (("signature", "inputs", 0, "datatype"), "STRING"),
        (("signature", "inputs", 0, "shape"), ["N", 4]),
        (("signature", "inputs", 0, "dims"), "N"),
        (("golden", "count"), "3"),
        (("golden", "rtol"), "0.1"),
        (("golden", "path"), "none.npz"),
        (("runtime", "intra_op_num_threads"), "2"),
        (("runtime", "session_config"), ["a"]),
        (("provenance", "parent"), None),
        (("class_labels",), [1]),
        (("schema",), "hearth.manifest/2"),
    ],
)
def test_manifest_with_a_wrong_field_is_refused(
    manifest: dict[str, Any], place: tuple[Any, ...], value: Any
) -> None:
    """Every field is of its type and within its bounds: nothing is coerced."""
    *way, last = place
    inner: Any = manifest
    for step in way:
        inner = inner[step]
    inner[last] = value

    with pytest.raises(InvalidDocument):
        read_manifest(json.dumps(manifest).encode())


@pytest.mark.parametrize(
    "field", ["model", "version", "files", "signature", "golden", "runtime", "provenance"]
)
def test_manifest_without_a_field_is_refused(manifest: dict[str, Any], field: str) -> None:
    """A field that is missing is named."""
    del manifest[field]

    with pytest.raises(InvalidDocument, match=field):
        read_manifest(json.dumps(manifest).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
def test_manifest_that_is_no_document_is_refused(body: bytes) -> None:
    """What is no JSON object is no manifest, and never anything but Hearth's error."""
    with pytest.raises(HearthError):
        read_manifest(body)
