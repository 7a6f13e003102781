"""Versions in the bucket: manifests, and the blobs that they name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hearth.domain.errors import (
    ArtefactCorrupt,
    InvalidDocument,
    StoreConflict,
    StoreUnavailable,
    UnknownVersion,
)
from hearth.domain.manifest import ArtefactFile
from hearth.stores.artefacts import Artefacts, blob_key, manifest_key, parse_manifest_key
from support.breaking import Breaks
from support.models import TRIPLED


def silent(_count):
    pass


def file_of(content: bytes, **wrong) -> ArtefactFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return ArtefactFile(
        **{"path": "f", "sha256": sha256, "size": len(content), "role": "model", **wrong}
    )


@pytest.fixture
def stored(artefacts, tmp_path):
    """`stored(content)`: the file's description, its bytes lying in the bucket."""

    def store(content: bytes) -> ArtefactFile:
        path = tmp_path / "stored"
        path.write_bytes(content)
        file = file_of(content)
        artefacts.upload("m", file.sha256, path, silent)
        return file

    return store


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("models/digits/versions/3/manifest.json", ("digits", 3)),
        ("models/a.b-c/versions/10/manifest.json", ("a.b-c", 10)),
        ("models/m/versions/9223372036854775807/manifest.json", ("m", 2**63 - 1)),
        ("models/m/versions/9223372036854775808/manifest.json", None),
        ("models/m/versions/03/manifest.json", None),
        ("models/m/versions/0/manifest.json", None),
        ("models/m/versions/x/manifest.json", None),
        ("models/m/versions/1/manifest.json.tmp", None),
        ("models/m/versions/1/other.json", None),
        ("models/-m/versions/1/manifest.json", None),
        ("models/m/n/versions/1/manifest.json", None),
        ("models/m/blobs/abc", None),
        ("registry/m.json", None),
    ],
)
def test_manifest_key_is_recognised_where_a_version_can_be(key, expected):
    """Only a key that a publisher writes makes a version: one spelling, names that can exist."""
    assert parse_manifest_key(key) == expected


def test_version_exists_when_its_manifest_does(publish, artefacts):
    """Numbers are listed oldest first, as numbers."""
    for factor in range(10):
        publish("m", TRIPLED.replace("3, 3", f"{factor}, 3", 1))
    assert artefacts.versions("m") == list(range(1, 11))
    assert artefacts.versions("other") == []


def test_manifest_is_written_once(publish, artefacts):
    """A version never changes: its number cannot be taken twice."""
    manifest = publish("m").manifest
    with pytest.raises(StoreConflict):
        artefacts.create_manifest(replace(manifest, class_labels=("a",)))
    assert artefacts.manifest("m", 1).manifest == manifest


def test_manifest_that_does_not_exist_is_an_unknown_version(artefacts):
    """A version without a manifest is named."""
    with pytest.raises(UnknownVersion, match="Could not find version 7 of model m"):
        artefacts.manifest("m", 7)


def test_manifest_in_the_wrong_place_is_refused(publish, artefacts, documents):
    """A manifest says which version it is: copied elsewhere, it is none."""
    publish("m")
    body = artefacts.manifest_bytes("m", 1)
    for model, version in (("m", 2), ("other", 1)):
        documents.create(manifest_key(model, version), body)
        with pytest.raises(InvalidDocument, match="lies in the wrong place: got m version 1"):
            artefacts.manifest(model, version)


def test_fetch_gives_the_verified_bytes(artefacts, stored, tmp_path):
    """What lies at the path afterwards is what the manifest names."""
    artefacts.fetch("m", stored(b"weights"), tmp_path / "got", silent)
    assert (tmp_path / "got").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (b"Weights", "got 7 bytes, sha256"),
        (b"weight", "got 6 bytes"),
        (b"weights and more", "got 16 bytes"),
        (b"", "got 0 bytes"),
        (None, "is not in the bucket"),
    ],
    ids=["tampered", "truncated", "longer", "empty", "missing"],
)
def test_fetch_leaves_nothing_when_the_blob_is_not_what_was_named(
    artefacts, s3, bucket, tmp_path, there, words
):
    """A blob that was changed, cut or lost is ArtefactCorrupt, and no byte of it stays on disk."""
    file = file_of(b"weights")
    if there is not None:
        s3.put_object(Bucket=bucket, Key=blob_key("m", file.sha256), Body=there)
    target = tmp_path / "place" / "got"
    target.parent.mkdir()
    with pytest.raises(ArtefactCorrupt, match=words):
        artefacts.fetch("m", file, target, silent)
    assert list(target.parent.iterdir()) == []


def test_fetch_leaves_nothing_when_the_store_fails(documents, blobs, stored, tmp_path):
    """A download that breaks off leaves no part behind, and keeps its own error."""
    file = stored(b"weights")
    breaks = Breaks(1, lambda: StoreUnavailable("slow"), late=True)
    target = tmp_path / "place" / "got"
    target.parent.mkdir()
    with pytest.raises(StoreUnavailable):
        Artefacts(documents, breaks.watch(blobs)).fetch("m", file, target, silent)
    assert list(target.parent.iterdir()) == []


def test_fetches_of_one_blob_to_one_place_do_not_mix(documents, blobs, stored, tmp_path):
    """Two processes that fetch the same blob at once each verify bytes of their own."""
    file = stored(b"weights")
    target = tmp_path / "place" / "got"
    target.parent.mkdir()
    alone = Artefacts(documents, blobs)

    class Overtaken:
        """Another fetch of the same blob runs from beginning to end within this one."""

        def download(self, key: str, path: Path, progress, size: int = 0) -> str:
            digest = blobs.download(key, path, progress)
            alone.fetch("m", file, target, silent)
            return digest

    Artefacts(documents, Overtaken()).fetch("m", file, target, silent)
    assert target.read_bytes() == b"weights"
    assert list(target.parent.iterdir()) == [target]


def test_named_blobs_are_those_of_every_version(publish, artefacts):
    """A blob that any version names is named."""
    one, two = publish("m").manifest, publish("m", TRIPLED).manifest
    assert artefacts.named_blobs("m") == {f.sha256 for m in (one, two) for f in m.files}


def test_models_are_those_with_an_object(publish, artefacts):
    """A model whose upload never ended has objects, and is listed for the sweeper."""
    publish("a")
    publish("b")
    assert artefacts.models() == ["a", "b"]
