"""The publish flow: whole and visible, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hearth.domain.errors import (
    ExternalDataEscapes,
    GoldenMismatch,
    HearthError,
    InvalidDocument,
    InvalidName,
    NotOnnx,
    SignatureMismatch,
    StoreForbidden,
    StoreUnavailable,
    UnsupportedModel,
)
from hearth.domain.manifest import RuntimeOptions, Tolerance
from hearth.domain.monitoring import MonitoringOptions, Threshold
from hearth.publishing.publication import Publisher, Source, prepare, read_class_labels
from hearth.serving.files import Files
from hearth.serving.proof import prove
from hearth.stores.artefacts import Artefacts, ReadManifest, blob_key, manifest_key
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.clock import SystemClock
from hearth.stores.multipart import parts_of
from hearth.stores.ports import Listed
from support import models
from support.breaking import Breaks, Killed
from support.faults import answer

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def keys(s3) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="hearth-models").get("Contents", ())]


@pytest.fixture
def npz(tmp_path):
    def write(name: str, **arrays) -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            np.savez(file, **arrays)
        return path

    return write


def test_publish_makes_version_one(publish, artefacts):
    """The first version of a model has its file, its golden cases and its signature."""
    published = publish("m")
    assert published.new
    assert artefacts.manifest("m", 1).manifest == published.manifest
    assert [(f.path, f.role) for f in published.manifest.files] == [
        ("model.onnx", "model"),
        ("golden.npz", "golden"),
    ]
    (x,), (y,) = published.manifest.signature.inputs, published.manifest.signature.outputs
    assert (x.name, x.datatype, x.shape, x.dims) == ("x", "FP32", (-1, 4), ("N", ""))
    assert (y.name, y.datatype, y.shape) == ("y", "FP32", (-1, 4))


def test_publish_stores_each_file_under_its_digest(publish, s3, bucket, onnx_file):
    """A blob's name is the SHA-256 of its bytes."""
    path = onnx_file()
    published = publish("m", path)
    for file in published.manifest.files:
        body = s3.get_object(Bucket=bucket, Key=blob_key("m", file.sha256))["Body"].read()
        assert hashlib.sha256(body).hexdigest() == file.sha256
        assert len(body) == file.size
    assert published.manifest.model_file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_publish_says_what_it_moved(publish):
    """The bytes that were sent and those that were there already add up."""
    first = publish("m")
    total = sum(file.size for file in first.manifest.files)
    assert (first.uploaded_bytes, first.skipped_bytes) == (total, 0)
    second = publish("m", class_labels=("a", "b"))
    assert (second.uploaded_bytes, second.skipped_bytes) == (0, total)


def test_publish_reports_progress_up_to_the_whole(artefacts, clock, onnx_file):
    """Progress ends at what was announced at the beginning, whether sent or in place."""
    for labels in ((), ("a",)):
        started, done = [], []
        publisher = Publisher(artefacts, clock, done.append, started.append)
        publisher.publish(Source("m", onnx_file(), class_labels=labels))
        assert sum(done) == started[0]


def test_publish_keeps_the_provenance(publish, clock):
    """Who, when, with what, and what the file said of itself."""
    clock.at = datetime(2026, 11, 23, 20, 4, 5, tzinfo=UTC)
    provenance = publish("m", created_by="me", note="a try").manifest.provenance
    assert (provenance.created_at, provenance.created_by) == ("2026-11-23T20:04:05.000Z", "me")
    assert (provenance.note, provenance.origin) == ("a try", "published")
    assert provenance.onnx["opsets"] == "ai.onnx 21"
    assert "onnxruntime" in provenance.tool


def test_identical_content_is_published_once(publish, s3):
    """The same files again are the version that is there; no byte is sent."""
    first = publish("m", created_by="one")
    before = keys(s3)
    again = publish("m", created_by="another", note="again")
    assert (again.new, again.uploaded_bytes) == (False, 0)
    assert again.manifest == first.manifest
    assert keys(s3) == before


@pytest.mark.parametrize(
    "change",
    [
        {"model": models.TRIPLED},
        {"class_labels": ("a",)},
        {"rtol": 0.5},
        {"runtime": RuntimeOptions(intra_op_num_threads=1)},
    ],
    ids=["model", "labels", "tolerance", "options"],
)
def test_anything_that_differs_is_a_new_version(publish, change):
    """A version is its files and how they are to be used."""
    publish("m")
    assert publish("m", **change).manifest.version == 2


def test_going_back_to_older_content_is_a_new_version(publish):
    """Only the newest version is compared: publishing an older model again is a decision."""
    publish("m")
    publish("m", models.TRIPLED)
    third = publish("m")
    assert (third.manifest.version, third.uploaded_bytes) == (3, 0)


def test_publish_puts_a_missing_blob_back(publish, s3, bucket, load):
    """Publishing the same again heals a version whose blob went missing."""
    published = publish("m")
    file = published.manifest.model_file
    s3.delete_object(Bucket=bucket, Key=blob_key("m", file.sha256))
    assert load("m").error_code == "DATA_LOSS"
    again = publish("m")
    assert (again.new, again.uploaded_bytes) == (False, file.size)
    assert load("m").state == "AVAILABLE"


def test_publish_replaces_a_blob_of_another_size(publish, s3, bucket, load):
    """A blob that was cut short is not mistaken for the whole."""
    published = publish("m")
    key = blob_key("m", published.manifest.model_file.sha256)
    s3.put_object(Bucket=bucket, Key=key, Body=b"short")
    publish("m", class_labels=("a",))
    assert load("m", 2).state == "AVAILABLE"


def test_publish_sends_an_old_unnamed_blob_again(publish, artefacts, onnx_file, clock):
    """A blob that a sweeper might be about to remove is not relied upon; a young one is."""
    path = onnx_file()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for model in ("young", "old"):
        artefacts.upload(model, sha256, path, lambda _count: None)
    assert publish("young", path).skipped_bytes == path.stat().st_size
    clock.forward(hours=25)
    assert publish("old", path).skipped_bytes == 0


def test_publish_relies_on_an_old_blob_that_a_version_names(publish, clock):
    """A blob that is named is never swept, however old."""
    publish("m")
    clock.forward(days=365)
    assert publish("m", class_labels=("a",)).uploaded_bytes == 0


def test_publish_goes_on_when_an_older_manifest_cannot_be_read(publish, clock, documents, load):
    """A broken version protects none of its blobs, and keeps no new version from appearing."""
    publish("m")
    documents.create(manifest_key("m", 2), b"{")
    clock.forward(days=365)
    published = publish("m")
    assert published.manifest.version == 3
    assert load("m", 3).state == "AVAILABLE"


@pytest.mark.parametrize("name", ["", "../m", "a/b", "-m", "m" * 129])
def test_publish_refuses_a_name_that_can_never_be(publish, name):
    """A name is checked before anything is read."""
    with pytest.raises(InvalidName):
        publish(name)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", NotOnnx),
        (b"not a model", NotOnnx),
        ("opset", UnsupportedModel),
        ("ir", UnsupportedModel),
        ("operator", UnsupportedModel),
        ("escape", ExternalDataEscapes),
    ],
)
def test_refused_model_leaves_nothing_behind(publish, tmp_path, s3, given, expected):
    """What must not be served is refused before a single byte is uploaded."""
    made = models.model()
    if given == "opset":
        made.opset_import[0].version = 99
    if given == "ir":
        made.ir_version = 99
    if given == "operator":
        made.opset_import.add(domain="my.ops", version=1)
        made.graph.node[0].domain = "my.ops"
    if given == "escape":
        models.external(made, "two", "../weights.bin", length=16)
    path = tmp_path / "refused.onnx"
    path.write_bytes(given if isinstance(given, bytes) else made.SerializeToString())
    with pytest.raises(expected):
        publish("m", path)
    assert keys(s3) == []


def test_model_with_outputs_that_no_protocol_carries_is_refused(publish, tmp_path, s3):
    """A sequence output is found at publication, with the remedy, not by the first caller."""
    text = "g (float[N] x) => (seq(float[N]) y) { y = SequenceConstruct(x) }"
    with pytest.raises(UnsupportedModel, match="export without ZipMap"):
        publish("m", text)
    assert keys(s3) == []


def test_publish_takes_weights_from_several_files(publish, tmp_path, load, registry):
    """External data travels with its model, in its folders, and the version opens from it."""
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    made = models.external(models.model(), "two", "deep/two.bin", length=16)
    made = models.external(made, "one", "one.bin", length=16)
    (folder / "deep/two.bin").write_bytes(np.full(4, 2, "<f4").tobytes())
    (folder / "one.bin").write_bytes(np.full(4, 1, "<f4").tobytes())
    (folder / "any-name.onnx").write_bytes(made.SerializeToString())
    manifest = publish("m", folder / "any-name.onnx").manifest
    assert [(f.path, f.role) for f in manifest.of_role("model", "external_data")] == [
        ("model.onnx", "model"),
        ("deep/two.bin", "external_data"),
        ("one.bin", "external_data"),
    ]
    assert load("m").state == "AVAILABLE"


@pytest.mark.parametrize("name", ["golden.npz", "model.onnx", "evaluation.npz"])
def test_weights_under_a_name_that_hearth_needs_are_refused(publish, tmp_path, npz, name, s3):
    """A weight file must not stand where another file of the version will."""
    folder = tmp_path / "source"
    folder.mkdir()
    made = models.external(models.model(), "two", name, length=16)
    (folder / name).write_bytes(np.full(4, 2, "<f4").tobytes())
    (folder / "source.onnx").write_bytes(made.SerializeToString())
    evaluation = npz("rows.npz", x=ROWS, target=[0, 1, 2])
    with pytest.raises(InvalidDocument, match="rename it"):
        publish("m", folder / "source.onnx", evaluation=evaluation)
    assert keys(s3) == []


def test_golden_cases_are_marked_with_where_they_come_from(publish, npz, tmp_path):
    """A version that was only compared with itself says so."""
    assert publish("a").manifest.golden.origin == "generated"
    given = npz("given.npz", **{"0/inputs/x": ROWS, "0/outputs/y": ROWS * 2 + 1})
    assert publish("b", golden=given).manifest.golden.origin == "given"
    text = tmp_path / "given.json"
    text.write_text(json.dumps({"cases": [{"inputs": {"x": ROWS.tolist()}}]}))
    golden = publish("c", golden=text).manifest.golden
    assert (golden.origin, golden.count, golden.path) == ("given", 1, "golden.npz")


def test_golden_cases_that_disagree_are_refused_before_anything_is_uploaded(publish, npz, s3):
    """A model that does not answer as its publisher expects never becomes a version."""
    given = npz("given.npz", **{"0/inputs/x": ROWS, "0/outputs/y": ROWS * 2 + 1.1})
    with pytest.raises(GoldenMismatch, match=r"golden case 0: output 'y' differs at \[0, 0\]"):
        publish("m", golden=given)
    assert keys(s3) == []


def test_golden_tolerance_is_the_publishers_to_choose(publish, npz):
    """What is close enough is part of the version."""
    given = npz("given.npz", **{"0/inputs/x": ROWS, "0/outputs/y": ROWS * 2 + 1.1})
    golden = publish("m", golden=given, rtol=0.2).manifest.golden
    assert golden.rtol == 0.2


def test_evaluation_set_and_baseline_travel_with_the_version(publish, npz):
    """All are files of the version, named by their role; golden cases come from their rows."""
    manifest = publish(
        "m",
        evaluation=npz("e.npz", x=ROWS, target=[0, 1, 2]),
        baseline=npz("b.npz", x=ROWS),
    ).manifest
    assert [f.path for f in manifest.of_role("evaluation", "reference", "baseline")] == [
        "evaluation.npz",
        "reference.npz",
        "baseline.json",
    ]
    assert manifest.golden.count == 3


def test_publication_says_what_it_chose_and_what_is_missing(publish, npz):
    """Notes name what nobody can judge; with data and labels there are none."""
    assert any("no --baseline and no --evaluation" in note for note in publish("m").notes)
    given = {"baseline": npz("b.npz", x=ROWS), "class_labels": ("a", "b", "c", "d")}
    labelled = npz("e.npz", x=ROWS, target=["a", "d", "d"])
    softmax = models.DOUBLED.replace("y = Add(t, one)", "u = Add(t, one) y = Softmax(u)")
    assert publish("m", softmax, evaluation=labelled, **given).notes == ()


def test_publication_with_data_is_the_same_the_second_time(publish, npz):
    """The baseline is made of the same numbers in the same way: it has the same digest."""
    rows = npz("b.npz", x=np.random.default_rng(1).normal(size=(500, 4)).astype(np.float32))
    assert publish("m", baseline=rows).new
    assert not publish("m", baseline=rows).new
    options = MonitoringOptions(task="regression", thresholds={"rmse": Threshold(upper=1)})
    again = publish("m", baseline=rows, monitoring=options)
    assert again.new
    assert again.manifest.monitoring.thresholds["rmse"].upper == 1


def test_publication_tells_of_rows_that_were_run(artefacts, clock, onnx_file, npz):
    """Progress over reference data ends at the whole."""
    seen = []
    rows = npz("b.npz", x=np.zeros((10_000, 4), np.float32))
    publisher = Publisher(artefacts, clock, measured=lambda done, whole: seen.append((done, whole)))
    publisher.publish(Source("m", onnx_file(), baseline=rows))
    assert len(seen) > 1
    assert seen[-1] == (10_000, 10_000)


@pytest.mark.parametrize("name", ["reference.npz", "baseline.json"])
def test_weights_do_not_take_the_name_of_a_file_of_hearths(publish, with_weights, npz, twos, name):
    """A baseline that is made later would overwrite them."""
    path = with_weights(name, offset=0)
    (path.parent / name).write_bytes(twos)
    with pytest.raises(InvalidDocument, match="name that Hearth needs"):
        publish("m", path, baseline=npz("b.npz", x=ROWS))


@pytest.mark.parametrize("role", ["evaluation", "baseline"])
def test_data_of_another_signature_is_refused(publish, npz, s3, role):
    """An evaluation set or baseline that belongs to another model is refused unseen by S3."""
    data = npz("data.npz", x=ROWS[:, :3], target=[0, 1, 2])
    with pytest.raises(SignatureMismatch):
        publish("m", **{role: data})
    assert keys(s3) == []


def test_class_labels_of_the_publisher_win_over_the_graphs(publish):
    """The graph's labels are taken where nobody says others."""
    made = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
        g (float[N, 2] x) => (string[N] label, float[N, 2] scores)
        { label, scores = ai.onnx.ml.LinearClassifier <
            classlabels_strings = ["no", "yes"], coefficients = [1.0, 2.0, 3.0, 4.0],
            intercepts = [0.0, 0.0], multi_class = 0, post_transform = "SOFTMAX"> (x) }
        """)
    assert publish("m", made).manifest.class_labels == ("no", "yes")
    assert publish("m", made, class_labels=("n", "y")).manifest.class_labels == ("n", "y")


@pytest.mark.parametrize(
    ("name", "text"), [("c.txt", "cat\ndog\n\n"), ("c.json", '["cat", "dog"]'), ("c", "cat\r\ndog")]
)
def test_class_labels_are_read_from_lines_or_a_json_list(tmp_path, name, text):
    """One label a line, or a JSON list."""
    (tmp_path / name).write_text(text)
    assert read_class_labels(tmp_path / name) == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("c.txt", ""), ("c.txt", "a\na"), ("c.txt", "\n \n"), ("c.json", "{")),
        *(("c.json", "5"), ("c.json", "[]"), ("c.json", '["a", "a"]')),
    ],
)
def test_class_labels_that_are_none_are_refused(tmp_path, name, text):
    """No label, a label twice, or no list: said before anything is published."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidDocument, match=f"class labels in {name}"):
        read_class_labels(tmp_path / name)


def test_class_labels_from_a_file_that_is_none_are_refused(tmp_path):
    """A missing or binary file is an invalid document, named."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary"):
        with pytest.raises(InvalidDocument, match=f"class labels in {name} cannot be read"):
            read_class_labels(tmp_path / name)


def test_two_publishers_racing_both_succeed(server_s3, tmp_path):
    """Both make a version, under different numbers, each with all of its files."""
    documents, blobs = (port("hearth-models", server_s3) for port in (S3Documents, S3Blobs))
    artefacts = Artefacts(documents, blobs)
    barrier = threading.Barrier(4)

    def run(number: int) -> int:
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(models.model(models.scaled(number)).SerializeToString())
        barrier.wait()
        return Publisher(artefacts, SystemClock()).publish(Source("m", path)).manifest.version

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(run, range(2, 6)))
    assert sorted(numbers) == [1, 2, 3, 4]
    for number in numbers:
        manifest = artefacts.manifest("m", number).manifest
        assert all(artefacts.blob("m", f.sha256).size == f.size for f in manifest.files)


def test_publisher_takes_the_next_number_when_another_took_its_own(
    publish, publisher, documents, blobs, clock, onnx_file
):
    """The number is decided by who writes the manifest first, not by who looked first."""
    raced = []

    class Slow:
        """Another publisher ends just before this one writes its manifest."""

        def __getattr__(self, name):
            return getattr(documents, name)

        def create(self, key, body):
            if not raced:
                raced.append(key)
                publish("m", models.TRIPLED)
            return documents.create(key, body)

    mine = Publisher(Artefacts(Slow(), blobs), clock).publish(
        Source("m", onnx_file(name="mine.onnx"))
    )
    assert raced == [manifest_key("m", 1)]
    assert mine.manifest.version == 2
    assert Artefacts(documents, blobs).versions("m") == [1, 2]


@pytest.mark.parametrize("lost", [answer(500, "InternalError")])
def test_version_is_made_once_when_the_answer_to_its_manifest_is_lost(
    publish, faults, lost, artefacts
):
    """S3 took the manifest and its answer got lost: the retry makes no second version."""
    faults.on("PutObject", lost, times=1, after=2, late=True)
    assert publish("m").manifest.version == 1
    assert artefacts.versions("m") == [1]


def test_forbidden_upload_leaves_nothing_visible(publish, faults, artefacts):
    """A permission that is missing halfway is told, and no version appears."""
    faults.on("PutObject", answer(403, "AccessDenied"), after=1)
    with pytest.raises(StoreForbidden):
        publish("m")
    faults.heal()
    assert artefacts.versions("m") == []
    again = publish("m")
    assert again.manifest.version == 1
    assert again.skipped_bytes > 0


def publishing_through(breaks: Breaks, documents, blobs, clock) -> Publisher:
    return Publisher(Artefacts(breaks.watch(documents), breaks.watch(blobs)), clock)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "fault", [Killed, lambda: StoreUnavailable("slow")], ids=["killed", "fails"]
)
def test_publishing_that_breaks_anywhere_leaves_nothing_visible_and_a_rerun_completes(
    documents, blobs, artefacts, clock, onnx_file, fault, late
):
    """At every call of every port: no version or the whole version, and a rerun sends the rest."""
    path = onnx_file()
    for at in range(1, 100):
        model, breaks = f"m{at}", Breaks(at, fault, late=late)
        try:
            publishing_through(breaks, documents, blobs, clock).publish(Source(model, path))
            break
        except (Killed, HearthError):
            visible = artefacts.versions(model)
        for number in visible:
            manifest = artefacts.manifest(model, number).manifest
            assert all(artefacts.blob(model, f.sha256) for f in manifest.files)
        there = {item.key for item in artefacts.blobs(model)}
        rerun = Breaks()
        published = publishing_through(rerun, documents, blobs, clock).publish(Source(model, path))
        assert published.manifest.version == 1
        assert artefacts.versions(model) == [1]
        assert rerun.calls.count("upload") == 2 - len(there)
    assert not breaks.struck
    assert at > 6


def test_publish_of_more_than_two_gigabytes(tmp_path, documents, clock):
    """Weights beyond what a protobuf can hold travel as external data, and the version opens."""
    folder = tmp_path / "source"
    folder.mkdir()
    rows = 2_200_000_000 // 1024
    made = models.model(f"""
        g (int64[N] i) => (float[N, 256] y)
        <float[1, 256] w = {{ {", ".join(["0"] * 256)} }}> {{ y = Gather(w, i) }}
        """)
    models.external(made, "w", "weights.bin", offset=0, length=rows * 1024)
    made.graph.initializer[0].dims[0] = rows
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(rows * 1024)  # a sparse file: it takes no room
    (tmp_path / "store").mkdir()
    blobs = _FolderBlobs(tmp_path / "store")
    artefacts = Artefacts(documents, blobs)
    source = Source(
        "m", folder / "model.onnx", runtime=RuntimeOptions(graph_optimization_level="disabled")
    )
    manifest = Publisher(artefacts, clock).publish(source).manifest
    assert manifest.servable_size > 2 << 30
    place = Files(tmp_path / "files", artefacts).place(
        ReadManifest(manifest, "x"), ("model", "external_data", "golden")
    )
    assert prove(place, manifest, 10_240).cases == 3


class _FolderBlobs:
    """Blobs in a folder, by hard link: no byte of a large file is copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stat(self, key: str, like: Path | None = None) -> Listed | None:
        path = self._folder / key.replace("/", "_")
        return Listed(key, path.stat().st_size, datetime.now(UTC)) if path.exists() else None

    def upload(self, key: str, path: Path, progress) -> None:
        try:
            os.link(path, self._folder / key.replace("/", "_"))
        except OSError:
            shutil.copy(path, self._folder / key.replace("/", "_"))

    def download(self, key: str, path: Path, progress, size: int = 0) -> str:
        os.link(self._folder / key.replace("/", "_"), path)
        return key.rsplit("/", 1)[-1]

    def remove(self, key: str) -> None:
        (self._folder / key.replace("/", "_")).unlink()


@pytest.mark.parametrize("size", [1, 8 << 20, (8 << 20) + 1, 2 << 30, 10 << 30, 1 << 40])
def test_parts_are_what_s3_takes(size):
    """S3 takes at most 10,000 parts of 5 MiB to 5 GiB each, the last may be smaller."""
    parts = parts_of(size)
    assert sum(part.size for part in parts) == size
    assert [part.offset for part in parts[1:]] == [p.offset + p.size for p in parts[:-1]]
    assert len(parts) <= 1000
    assert all(5 << 20 <= part.size <= 5 << 30 for part in parts[:-1])
    assert 0 < parts[-1].size <= 5 << 30


def test_prepare_sends_nothing(tmp_path, onnx_file, faults):
    """Checking and describing happens on the publisher's machine alone."""
    draft = prepare(Source("m", onnx_file()), tmp_path, SystemClock().now())
    assert set(draft.paths) == {"model.onnx", "golden.npz"}
    assert faults.calls == []


@pytest.mark.parametrize("checksum", [{"ChecksumAlgorithm": "SHA256"}, {}], ids=["with", "without"])
def test_publish_mends_a_blob_that_was_changed_behind_its_digest(
    publish: Any, s3: Any, bucket: str, checksum: dict[str, str]
) -> None:
    """A blob of the right name and size with other bytes is sent again by the next publish."""
    manifest = publish("m").manifest
    key = blob_key("m", manifest.model_file.sha256)
    good = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=good[:-1] + b"!", **checksum)
    again = publish("m")
    assert again.uploaded_bytes == len(good)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == good


def test_publish_mends_a_large_blob_that_was_changed(
    artefacts: Artefacts, s3: Any, bucket: str, tmp_path: Path
) -> None:
    """A blob that went up in parts is known by its checksum too: the same stays, another goes."""
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * (80 << 10))
    artefacts.upload("m", "0" * 64, large, lambda _count: None)
    assert artefacts.blob("m", "0" * 64, large)
    changed = tmp_path / "changed"
    changed.write_bytes(large.read_bytes()[:-1] + b"!")
    assert artefacts.blob("m", "0" * 64, changed) is None


def test_publish_takes_bf16_at_the_models_edge(serve: Any) -> None:
    """BF16 tensors are held as their 16 bits; cases are made up of numbers, and proven as such."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    m (bfloat16[N] x) => (bfloat16[N] y) { y = Identity(x) }"""
    manifest = serve("m", text).manifest

    assert [spec.datatype for spec in manifest.signature.inputs] == ["BF16"]
    assert manifest.golden.count == 3


def test_manifest_says_how_much_worse_a_variant_may_be(publish):
    """What the publisher allows is kept with the version that it is said of."""
    manifest = publish(tolerance=Tolerance("f1_macro", 0.02)).manifest
    assert manifest.tolerance == Tolerance("f1_macro", 0.02)
