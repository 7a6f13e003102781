"""A version's saved graph: opened where it was saved for, refused elsewhere, proven with the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import Manifest
from hearth.domain.routing import Route
from hearth.optimizing.recipes.saved_graph import SAVED_GRAPH
from hearth.publishing.publication import Published
from hearth.serving import golden
from hearth.serving.openings import openings
from hearth.serving.processor import family
from hearth.serving.proof import prove
from hearth.serving.proof_process import prove_apart
from hearth.serving.warming import Attempt, Outcome, load_and_warm
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts, blob_key, digest_of
from support import models, saved
from support.calling import Caller
from support.candidates import MODELS, work

CONV = MODELS / "digits_conv.onnx"
# Families and versions that no machine of these tests has.
ELSEWHERE = [{"processor": "riscv64 rvv"}, {"onnxruntime": "1.0.0"}]

NARROW = "narrow (float[N, 3] x) => (float[N, 3] y) { y = Neg (x) }"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    """The convolutional model as ONNX Runtime leaves it here: its graph and its weights."""
    made = SAVED_GRAPH.apply(work(CONV, tmp_path / "saved"))
    return (made.saved, *(made.saved.parent / name for name in made.saved_external))


@pytest.fixture
def version(
    publish: Callable[..., Published], artefacts: Artefacts, files: tuple[Path, ...]
) -> Callable[..., Manifest]:
    """`version(**where)`: version 2 of a model, which has a saved graph besides."""

    def make(**where: str) -> Manifest:
        first = publish("m", CONV).manifest
        return saved.publish(artefacts, saved.with_saved_graph(first, files, **where), files)

    return make


@pytest.fixture
def open_version(
    artefacts: Artefacts, worker: Callable[..., Worker], tmp_path: Path
) -> Callable[..., tuple[Any, set[str]]]:
    """`open_version()`: version 2 opened by predict's worker, and the blobs that it fetched for it."""

    def open_it() -> tuple[Any, set[str]]:
        sha256 = digest_of(artefacts.manifest_bytes("m", 2))
        opened, new = worker().open(Route("m", 2, "", "version", sha256))
        assert new
        return opened, {path.name for path in (tmp_path / "serving/blobs").iterdir()}

    return open_it


def blobs(manifest: Manifest, *roles: str) -> set[str]:
    return {file.sha256 for file in manifest.of_role(*roles)}


def require_golden(opened: Any, artefacts: Artefacts, folder: Path) -> None:
    [file] = opened.manifest.of_role("golden")
    artefacts.fetch("m", file, folder / "golden.npz", lambda _count: None)
    for number, case in enumerate(golden.load(folder / "golden.npz")):
        got = opened.session.run(case.inputs)
        golden.compare(number, case.outputs, got, opened.manifest.golden, opened.manifest.signature)


# ----------------------------------------------------------------------------------------- predict


def test_predict_opens_the_saved_graph_where_it_was_saved_for(
    version, load, open_version, artefacts, tmp_path
):
    """On this family and this ONNX Runtime, the saved graph alone is fetched; it answers right."""
    manifest = version()
    assert load("m", 2).state == "AVAILABLE"
    opened, fetched = open_version()
    assert fetched == blobs(manifest, "saved_graph")
    assert opened.size == sum(file.size for file in manifest.of_role("saved_graph"))
    require_golden(opened, artefacts, tmp_path)


@pytest.mark.parametrize("where", ELSEWHERE, ids=["processor", "onnxruntime"])
def test_predict_opens_the_model_everywhere_else(
    where, version, load, open_version, artefacts, tmp_path
):
    """On another family or by another ONNX Runtime, the saved graph is not even fetched."""
    manifest = version(**where)
    assert load("m", 2).state == "AVAILABLE"
    opened, fetched = open_version()
    assert fetched == blobs(manifest, "model", "external_data")
    assert opened.size >= manifest.servable_size == CONV.stat().st_size
    require_golden(opened, artefacts, tmp_path)


@pytest.mark.parametrize("at", [0, 1], ids=["graph", "weights"])
def test_predict_opens_the_model_where_the_saved_graph_is_gone(
    at, version, load, open_version, artefacts, s3, bucket, tmp_path, capfd
):
    """What only makes opening faster does not keep a version from being served; the log says so."""
    manifest = version()
    assert load("m", 2).state == "AVAILABLE"
    gone = manifest.of_role("saved_graph")[at]
    s3.delete_object(Bucket=bucket, Key=blob_key("m", gone.sha256))
    opened, fetched = open_version()
    assert blobs(manifest, "model") <= fetched
    assert "saved graph not opened" in capfd.readouterr().err
    require_golden(opened, artefacts, tmp_path)


def test_version_with_a_saved_graph_answers_over_http(version, load, predict: Caller):
    """A request does not see which file was opened."""
    version()
    assert load("m", 2).state == "AVAILABLE"
    image = np.zeros((1, 1, 8, 8)).tolist()
    one, two = (
        predict.post(f"/v1/models/m/versions/{number}:predict", {"instances": image})
        for number in (2, 2)
    )
    assert (one.status, two.status) == (200, 200)
    assert one.json == two.json


# ----------------------------------------------------------------------------------- load and warm


def test_load_proves_both_and_measures_what_is_served(version, load, loader):
    """Golden cases are run on the saved graph and on the model, which other sandboxes open."""
    manifest = version()
    seen = []

    def watching(folder: Path, *rest: Any) -> Any:
        seen.extend(path.name for path in folder.iterdir())
        return prove(folder, *rest)

    attempt = Attempt("load", lambda: 60.0)
    outcome = load_and_warm("m", 2, attempt, loader(prove=watching))
    assert outcome.state == "AVAILABLE"
    assert outcome.figures.cold_open_ms > 0
    assert set(seen) == {"golden.npz", "model.onnx"} | {
        file.path for file in manifest.of_role("saved_graph")
    }


def test_load_fetches_no_saved_graph_of_another_processor(version, loader):
    """It cannot be proven here, and is not opened."""
    version(processor="riscv64 rvv")
    seen = []

    def watching(folder: Path, *rest: Any) -> Any:
        seen.extend(path.name for path in folder.iterdir())
        return prove(folder, *rest)

    assert load_and_warm("m", 2, Attempt("load", lambda: 60.0), loader(prove=watching)).state == (
        "AVAILABLE"
    )
    assert set(seen) == {"golden.npz", "model.onnx"}


@pytest.mark.parametrize("proof", [prove, prove_apart])
@pytest.mark.parametrize(
    ("other", "code"),
    [
        (models.TRIPLED, "GoldenMismatch"),
        (NARROW, "SignatureDiffers"),
        (b"no model at all", "NotOnnx"),
    ],
    ids=["answers", "signature", "no model"],
)
def test_saved_graph_that_is_not_the_model_ends_the_load(
    proof, other, code, publish, artefacts, loader, tmp_path
):
    """A version whose saved graph answers otherwise is never served, though its model is right."""
    path = tmp_path / "saved.onnx"
    if isinstance(other, bytes):
        path.write_bytes(other)
    else:
        onnx.save(models.model(other), path)
    manifest = saved.with_saved_graph(publish("m").manifest, (path,))
    saved.publish(artefacts, manifest, (path,))
    outcome = load_and_warm("m", 2, Attempt("load", lambda: 60.0), loader(prove=proof))
    assert outcome.state == "END"
    assert code in outcome.error_message


def test_model_that_is_wrong_ends_the_load_though_its_saved_graph_is_right(
    publish, artefacts, load, tmp_path
):
    """Other sandboxes would open the model: it is proven wherever a saved graph is."""
    path = tmp_path / "saved.onnx"
    onnx.save(models.model(models.TRIPLED), path)
    golden_of_tripled = publish("m", models.TRIPLED).manifest
    doubled = publish("m", models.DOUBLED).manifest
    [right] = golden_of_tripled.of_role("golden")
    files = tuple(right if file.role == "golden" else file for file in doubled.files)
    manifest = saved.with_saved_graph(replace(doubled, files=files), (path,))
    saved.publish(artefacts, manifest, (path,))
    outcome = load("m", manifest.version)
    assert outcome.state == "END"
    assert "GoldenMismatch" in outcome.error_message


def test_version_without_a_saved_graph_never_asks_for_the_processor(publish):
    """Predict pays nothing for what a version does not have."""
    manifest = publish("m").manifest
    family.cache_clear()
    assert openings(manifest) == (manifest.portable,)
    assert family.cache_info().currsize == 0


def test_manifest_is_read_back_as_it_was_written(version, artefacts):
    """What the bucket holds says all of the saved graph."""
    manifest = version()
    assert artefacts.manifest("m", 2).manifest == manifest
    assert json.loads(artefacts.manifest_bytes("m", 2))["saved_graph"]["processor"] == family()


def test_loaded_twice_is_available_still(version, load: Callable[..., Outcome]):
    """A second event for a version changes nothing."""
    version()
    assert load("m", 2).changed
    assert not load("m", 2).changed
