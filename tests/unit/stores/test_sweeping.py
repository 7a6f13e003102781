"""Sweeping: old blobs that no manifest names, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hearth.stores.artefacts import blob_key, manifest_key
from hearth.stores.sweeping import Sweeper
from support.models import TRIPLED

GRACE = timedelta(hours=72)


@pytest.fixture
def sweeper(artefacts, blobs, clock) -> Sweeper:
    return Sweeper(artefacts, blobs, clock, GRACE)


@pytest.fixture
def stray(s3, bucket):
    """`stray(model)`: a blob that no manifest names."""

    def put(model: str = "m", name: str = "f" * 64) -> str:
        key = blob_key(model, name)
        s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
        return key

    return put


def test_sweep_removes_an_old_blob_that_no_manifest_names(publish, sweeper, clock, stray, blobs):
    """What an interrupted upload left behind goes when its time is over, and is counted."""
    publish("m")
    key = stray()
    clock.forward(hours=73)
    swept = sweeper.sweep()
    assert (swept.removed, swept.bytes, swept.left_alone) == (1, 5, {})
    assert blobs.stat(key) is None


def test_sweep_keeps_a_young_blob(sweeper, clock, stray, blobs):
    """A publisher may be about to name it."""
    key = stray()
    clock.forward(hours=71)
    assert sweeper.sweep().removed == 0
    assert blobs.stat(key)


def test_sweep_keeps_every_blob_that_a_version_names(publish, serve, load, sweeper, clock):
    """However old: what a manifest names stays, the newest version's and the first's."""
    publish("m")
    publish("m", TRIPLED)
    clock.forward(days=365)
    assert sweeper.sweep().removed == 0
    assert load("m", 1).state == "AVAILABLE"


def test_sweep_keeps_a_blob_that_another_version_still_names(publish, sweeper, clock, artefacts):
    """Versions share blobs: one is named as long as any version names it."""
    publish("m")
    publish("m", note="the same bytes, another manifest", class_labels=("a",))
    clock.forward(days=365)
    assert sweeper.sweep().removed == 0


def test_sweep_leaves_a_model_alone_whose_manifest_cannot_be_read(
    publish, sweeper, clock, stray, documents, blobs
):
    """Nothing is known to be unnamed there; the others are swept all the same."""
    publish("broken")
    publish("sound")
    documents.create(manifest_key("broken", 2), b"not json")
    kept, gone = stray("broken"), stray("sound")
    clock.forward(hours=73)
    swept = sweeper.sweep()
    assert list(swept.left_alone) == ["broken"]
    assert "is not JSON" in swept.left_alone["broken"]
    assert blobs.stat(kept)
    assert blobs.stat(gone) is None


def test_sweep_takes_a_model_that_never_got_a_version(sweeper, clock, stray, blobs):
    """A model of which only blobs exist was an upload that never ended."""
    key = stray("unfinished")
    clock.forward(hours=73)
    assert sweeper.sweep().removed == 1
    assert blobs.stat(key) is None


def test_sweep_run_twice_removes_once(sweeper, clock, stray):
    """A job that crashed is run again."""
    stray()
    clock.forward(hours=73)
    assert sweeper.sweep().removed == 1
    assert sweeper.sweep().removed == 0


def test_sweep_keeps_a_blob_that_is_named_while_it_runs(
    publish, publisher, artefacts, blobs, clock, onnx_file
):
    """A version that appears between the listing and the removing keeps its blobs."""

    class PublishedMeanwhile:
        """Another publisher ends just after the old blobs were listed."""

        def __getattr__(self, name):
            return getattr(artefacts, name)

        def blobs(self, model):
            listed = list(artefacts.blobs(model))
            publish("m", TRIPLED)
            return iter(listed)

    named = publish("m", TRIPLED).manifest
    artefacts._documents._s3.delete_object(Bucket="hearth-models", Key=manifest_key("m", 1))
    clock.forward(hours=73)
    assert Sweeper(PublishedMeanwhile(), blobs, clock, GRACE).sweep().removed == 0
    assert all(artefacts.blob("m", file.sha256) for file in named.files)


def test_sweep_keeps_a_blob_that_is_uploaded_again_while_it_runs(artefacts, blobs, clock, stray):
    """A publisher that found a blob too old to rely on sends it again: then it is young."""
    key = stray()
    before = clock.now()
    clock.forward(hours=73)

    class UploadedMeanwhile:
        """Another publisher uploads the blob just after the manifests were read."""

        def __getattr__(self, name):
            return getattr(artefacts, name)

        def named_blobs(self, model):
            clock.at = before  # S3 stamps with its own time: what comes now is young
            stray()
            return set()

    Sweeper(UploadedMeanwhile(), blobs, clock, GRACE).sweep()
    assert blobs.stat(key)
