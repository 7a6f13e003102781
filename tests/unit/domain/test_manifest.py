"""The manifest: its document says all of it, and nothing of it leaves the version's folder."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hearth.domain.errors import HearthError, InvalidDocument
from hearth.domain.manifest import (
    ArtefactFile,
    GoldenCases,
    Lineage,
    Manifest,
    Provenance,
    RuntimeOptions,
    SavedGraph,
    Tolerance,
    from_document,
    to_document,
)
from hearth.domain.signature import Signature, TensorSpec
from hearth.edge.documents import read_manifest
from hypothesis import given
from hypothesis import strategies as st

SHA = "ab" * 32
FILES = (
    ArtefactFile("model.onnx", SHA, 100, "model"),
    ArtefactFile("weights/one.bin", "cd" * 32, 1 << 33, "external_data"),
    ArtefactFile("golden.npz", "ef" * 32, 10, "golden"),
)
MANIFEST = Manifest(
    model="m",
    version=3,
    files=FILES,
    signature=Signature(
        inputs=(TensorSpec("x", "FP32", (-1, 4), ("N", "")),),
        outputs=(TensorSpec("y", "BYTES", ()),),
    ),
    golden=GoldenCases("golden.npz", 3, "generated"),
    runtime=RuntimeOptions(session_config={"session.use_env_allocators": "1"}),
    provenance=Provenance("2026-11-23T20:00:00.000Z", "me", "onnx 1", onnx={"ir_version": "10"}),
    class_labels=("cat", "dog"),
)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(to_document(MANIFEST)))


def body(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_document_holds_the_whole_manifest():
    """A manifest survives its JSON, read plainly or with every field checked."""
    assert from_document(DOCUMENT) == MANIFEST
    assert read_manifest(body(DOCUMENT)) == MANIFEST


def test_servable_size_counts_what_must_lie_on_disk_to_open_it():
    """Golden cases and evaluation sets take no room in a serving sandbox."""
    assert MANIFEST.servable_size == 100 + (1 << 33)
    assert MANIFEST.model_file.path == "model.onnx"


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "a\\..\\x", "c:\\x", "a\0b"],
)
def test_file_whose_path_leaves_the_folder_is_refused(path):
    """No path with `..`, a root, a backslash or a NUL is ever a file of a version."""
    with pytest.raises(InvalidDocument, match="leaves the version's folder"):
        ArtefactFile(path, SHA, 1, "model")


@pytest.mark.parametrize(
    "wrong", [{"role": "readme"}, {"size": -1}, {"sha256": "x"}, {"sha256": SHA.upper()}]
)
def test_file_that_is_not_well_described_is_refused(wrong):
    """A file has a known role, a size and a SHA-256."""
    with pytest.raises(HearthError):
        ArtefactFile(**{"path": "a", "sha256": SHA, "size": 1, "role": "model", **wrong})


@pytest.mark.parametrize(
    "files",
    [
        (),
        FILES[1:],
        FILES[:2],
        (*FILES, FILES[0]),
        (*FILES, replace(FILES[0], path="other.onnx")),
    ],
    ids=["none", "no model", "no golden file", "twice", "two models"],
)
def test_manifest_that_does_not_hang_together_is_refused(files):
    """One model, the golden file, and no path twice."""
    with pytest.raises(InvalidDocument, match="does not hang together"):
        replace(MANIFEST, files=files)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "hearth.manifest/2"}, "unknown schema: got hearth.manifest/2"),
        ({"files": 5}, "not complete"),
        ({"model": "../m"}, "model name is not valid"),
        ({"version": 0}, "version"),
        ({"signature": {"inputs": [{"name": "x"}], "outputs": []}}, "not complete: got KeyError"),
    ],
)
def test_document_of_another_kind_says_what_is_wrong(change, words):
    """A document that is no manifest is InvalidDocument, in words that name the field."""
    with pytest.raises(InvalidDocument, match=words):
        from_document({**DOCUMENT, **change})


SAVED = SavedGraph("saved.onnx", "x86_64 avx2", "1.32.0", RuntimeOptions(1, 1, "disabled"))
WITH_SAVED = replace(
    MANIFEST,
    files=(
        *FILES,
        ArtefactFile("saved.onnx", "01" * 32, 90, "saved_graph"),
        ArtefactFile("saved.bin", "02" * 32, 20, "saved_graph"),
    ),
    saved_graph=SAVED,
)


def test_saved_graph_is_opened_where_it_was_saved_for():
    """On its family and by its ONNX Runtime: with its own options, and none of the model's files."""
    opening = WITH_SAVED.opening("x86_64 avx2", "1.32.0")
    assert opening.file.path == "saved.onnx"
    assert (opening.runtime, opening.roles, opening.size) == (SAVED.runtime, ("saved_graph",), 110)


@pytest.mark.parametrize(
    "where", [("x86_64 avx2 avx512f", "1.32.0"), ("x86_64", "1.32.0"), ("x86_64 avx2", "1.33.0")]
)
def test_saved_graph_is_refused_everywhere_else(where):
    """On a family with less or more, or by another ONNX Runtime, the model itself is opened."""
    assert WITH_SAVED.opening(*where) == WITH_SAVED.portable == MANIFEST.portable
    assert MANIFEST.portable.runtime == MANIFEST.runtime


def test_version_without_a_saved_graph_is_opened_as_ever():
    """There is one way to open it."""
    assert MANIFEST.opening("x86_64 avx2", "1.32.0") == MANIFEST.portable


def test_document_holds_the_saved_graph_and_may_lack_it():
    """A saved graph survives its JSON; a manifest from before there were any is read as it was."""
    document = json.loads(json.dumps(to_document(WITH_SAVED)))
    assert from_document(document) == read_manifest(body(document)) == WITH_SAVED
    before = {key: value for key, value in DOCUMENT.items() if key != "saved_graph"}
    assert from_document(before) == read_manifest(body(before)) == MANIFEST


@pytest.mark.parametrize(
    "changes",
    [
        {"files": FILES},
        {"saved_graph": None},
        {"saved_graph": replace(SAVED, path="model.onnx")},
    ],
    ids=["no file", "not described", "another file"],
)
def test_saved_graph_that_does_not_hang_together_is_refused(changes):
    """It is described where its file is, and the other way round."""
    with pytest.raises(InvalidDocument, match="has no such saved graph"):
        replace(WITH_SAVED, **changes)


@pytest.mark.parametrize("wrong", [5, "text", [], {}, {"path": "saved.onnx"}])
def test_saved_graph_of_another_form_is_refused(wrong):
    """Whatever stands there but a saved graph is InvalidDocument, read plainly or checked."""
    document = {**json.loads(json.dumps(to_document(WITH_SAVED))), "saved_graph": wrong}
    for read in (from_document, lambda found: read_manifest(body(found))):
        with pytest.raises(InvalidDocument, match="not complete"):
            read(document)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = (
        value.keys()
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    return [p for key in keys for p in ((*at, key), *paths(value[key], (*at, key)))]


WRONG = [None, 5, -1, 1.5, "text", "", [], {}, True, {"a": 1}, [1]]


def damaged(path: tuple[Any, ...], wrong: Any, *, remove: bool) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    if remove:
        del spot[path[-1]]
    else:
        spot[path[-1]] = wrong
    return document


@given(path=st.sampled_from(paths(DOCUMENT)), wrong=st.sampled_from(WRONG), remove=st.booleans())
def test_damaged_document_is_invalid_or_still_a_manifest(path, wrong, remove):
    """Whatever becomes of one field, the full check gives a whole manifest or InvalidDocument."""
    try:
        manifest = read_manifest(body(damaged(path, wrong, remove=remove)))
    except InvalidDocument:
        return
    assert read_manifest(body(to_document(manifest))) == manifest


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("golden", "count"), "3"),
        (("golden", "rtol"), "0.1"),
        (("class_labels",), [1, 2]),
        (("runtime", "session_config"), {"a": 1}),
        (("signature", "inputs", 0, "shape"), ["N", 4]),
        (("provenance", "created_at"), 5),
    ],
)
def test_full_check_names_the_field_of_a_wrong_type(path, wrong):
    """What came in from outside is checked field by field before anything is opened."""
    with pytest.raises(InvalidDocument, match="manifest is not valid.*" + str(path[0])):
        read_manifest(body(damaged(path, wrong, remove=False)))


@pytest.mark.parametrize(
    "raw", [b"", b"not json", b"[]", b"null", b"5", b'"text"', b"\xff\xfe", b"[" * 100_000]
)
def test_bytes_that_are_no_json_object_are_invalid(raw):
    """Anything but a JSON object is refused in clear words."""
    with pytest.raises(InvalidDocument, match="manifest is not"):
        read_manifest(raw)


LINEAGE = Lineage(
    recipes=("fusion", "int8-dynamic-matmul"),
    objective="latency",
    processor="x86_64 avx avx2",
    seed=20,
    tools={"onnx": "1.23.2"},
    figures={"latency_ratio": 0.4},
    report="reports/m/2/searches/a1.json",
)


def test_document_holds_how_a_variant_was_made():
    """Lineage and tolerance come back as they were, by the plain reading and by the full one."""
    made = replace(MANIFEST.provenance, origin="optimized", parent=2, lineage=LINEAGE)
    manifest = replace(MANIFEST, provenance=made, tolerance=Tolerance("rmse", 0.05))
    body = json.dumps(to_document(manifest)).encode()
    assert from_document(json.loads(body)) == read_manifest(body) == manifest


def test_document_from_before_there_were_variants_is_read():
    """A manifest without tolerance and lineage has the usual tolerance, and no parent."""
    document = json.loads(json.dumps(to_document(MANIFEST)))
    del document["tolerance"], document["provenance"]["lineage"]
    assert from_document(document) == MANIFEST


@pytest.mark.parametrize("wrong", [{"metric": "beauty"}, {"max_loss": 1.0}, {"max_loss": -0.1}])
def test_tolerance_that_cannot_be_kept_is_refused(wrong):
    """A metric that nobody computes, or a loss that is none."""
    with pytest.raises(InvalidDocument, match="tolerance of variants"):
        Tolerance(**wrong)
