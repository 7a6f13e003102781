"""What one predict sandbox holds: verified versions only, within memory and disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import predict as predict_module
import pytest
from hearth.publishing.publication import Published, Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry
from onnx import numpy_helper
from support import models, zoo
from support.calling import Caller
from support.faults import Faults
from support.recording import RecordingAnnouncer, SettableClock

BUCKET = "hearth-models"
ONES = {"instances": [[1, 1, 1, 1]]}
MANIFEST = "models/m/versions/1/manifest.json"


def weighty(kilobytes: int, seed: int, text: str = models.DOUBLED) -> onnx.ModelProto:
    """Return a model whose file is at least so large, and unlike any other's."""
    model = models.model(text)
    ballast = np.random.default_rng(seed).integers(0, 255, kilobytes << 10, np.uint8)
    model.graph.initializer.append(numpy_helper.from_array(ballast, "ballast"))
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sandbox keeps its files."""
    return tmp_path / "files"


def versions(folder: Path) -> int:
    return len(list(folder.glob("versions/*")))


def blobs(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("blobs/*")}


def ask(predict: Caller, model: str = "m", version: int = 1) -> Any:
    return predict.post(f"/v1/models/{model}/versions/{version}:predict", ONES)


@pytest.fixture
def opened(predict: Caller, capfd: pytest.CaptureFixture[str]) -> Callable[..., bool]:
    """`opened(model, version)`: asks it, and says whether it had to be opened for that."""

    def ask_and_look(model: str = "m", version: int = 1) -> bool:
        capfd.readouterr()
        reply = ask(predict, model, version)
        assert reply.status == 200, reply
        [record] = capfd.readouterr().out.splitlines()
        return "LoadTime" in json.loads(record)

    return ask_and_look


# ---------------------------------------------------------------------------------------- tampering


def of_another_version(body: bytes) -> bytes:
    return body.replace(b'"version": 1', b'"version": 2')


def with_another_blob(body: bytes) -> bytes:
    document = json.loads(body)
    document["files"][0]["sha256"] = "0" * 64
    return json.dumps(document).encode()


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "one more space": lambda body: body + b" ",
    "empty": lambda _: b"",
    "no JSON": lambda _: b"\xff{",
    "deep": lambda _: b"[" * 500_000,
    "another version's": of_another_version,
    "another blob": with_another_blob,
    "a digest that is none": lambda body: body.replace(b'"sha256": "', b'"sha256": "zz'),
    "a path outside": lambda body: body.replace(b"model.onnx", b"../../m.onnx"),
}


@pytest.mark.parametrize("how", list(TAMPERED))
def test_manifest_tampered_with_after_its_proof_is_not_served(
    predict: Caller, serve: Callable[..., Published], s3: Any, bucket: str, folder: Path, how: str
) -> None:
    """A manifest with any other byte than the proven one is a 500 that says so, and is not read."""
    serve("m")
    body = s3.get_object(Bucket=bucket, Key=MANIFEST)["Body"].read()
    s3.put_object(Bucket=bucket, Key=MANIFEST, Body=TAMPERED[how](body))

    for reply in (ask(predict), predict.get("/v2/models/m")):
        assert reply.status == 500
        assert "manifest of m version 1 is not the one that was proven" in reply.error
        assert "restore the object's first version" in reply.error
    assert versions(folder) == 0

    s3.put_object(Bucket=bucket, Key=MANIFEST, Body=body)
    assert ask(predict).status == 200


def test_manifest_that_is_gone_after_its_proof_is_not_served(
    predict: Caller, serve: Callable[..., Published], s3: Any, bucket: str
) -> None:
    """What the registry calls AVAILABLE and the bucket lost is the server's fault, not a 404."""
    serve("m")
    s3.delete_object(Bucket=bucket, Key=MANIFEST)

    reply = ask(predict)

    assert reply.status == 500
    assert "is not the one that was proven: got none" in reply.error


@pytest.mark.parametrize("how", ["another byte", "shorter", "longer", "empty", "gone"])
def test_blob_tampered_with_after_its_proof_is_not_served(
    predict: Caller, serve: Callable[..., Published], s3: Any, bucket: str, folder: Path, how: str
) -> None:
    """A blob whose bytes are not the manifest's is a 500; nothing of it stays on the disk."""
    file = serve("m").manifest.model_file
    key = f"models/m/blobs/{file.sha256}"
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    changed = {
        "another byte": body[:-1] + bytes([body[-1] ^ 1]),
        "shorter": body[:-1],
        "longer": body + b"\0",
        "empty": b"",
    }
    if how == "gone":
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        s3.put_object(Bucket=bucket, Key=key, Body=changed[how])

    reply = ask(predict)

    assert reply.status == 500
    assert file.sha256 in reply.error
    assert versions(folder) == 0
    assert blobs(folder) == set()

    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert ask(predict).status == 200


def test_version_that_is_open_outlives_its_objects(
    predict: Caller, serve: Callable[..., Published], s3: Any, bucket: str
) -> None:
    """What was verified and opened goes on answering, whatever becomes of the bucket."""
    file = serve("m").manifest.model_file
    assert ask(predict).status == 200

    s3.delete_object(Bucket=bucket, Key=MANIFEST)
    s3.delete_object(Bucket=bucket, Key=f"models/m/blobs/{file.sha256}")

    assert ask(predict).status == 200


def test_version_is_fetched_once(
    predict: Caller, serve: Callable[..., Published], faults: Faults
) -> None:
    """The first request reads manifest and blob; those after it read the registry alone."""
    serve("m")
    before = faults.count("GetObject")
    ask(predict)
    assert faults.count("GetObject") == before + 3
    ask(predict)
    assert faults.count("GetObject") == before + 4


# ------------------------------------------------------------------------------------ memory budget


@pytest.fixture
def budget_of_one_megabyte(
    predict: Caller, function_environment: Callable[..., None], serve: Callable[..., Published]
) -> None:
    """Versions 1, 2, 3 of m with 400 KB each: two fit."""
    function_environment(HEARTH_CACHE_MB="1")
    predict_module.assemble.cache_clear()
    for seed in range(3):
        serve("m", weighty(400, seed))


def test_least_recently_used_version_goes_first(
    budget_of_one_megabyte: None, opened: Callable[..., bool], folder: Path
) -> None:
    """Within the budget versions stay open; beyond it the one that was asked longest ago closes."""
    assert [opened("m", 1), opened("m", 2)] == [True, True]
    assert [opened("m", 1), opened("m", 2), opened("m", 1)] == [False, False, False]
    assert opened("m", 3)
    assert not opened("m", 1)
    assert opened("m", 2)
    assert opened("m", 3)
    assert versions(folder) == 2
    assert len(blobs(folder)) == 2


def test_version_beyond_the_budget_is_served_alone(
    budget_of_one_megabyte: None,
    serve: Callable[..., Published],
    opened: Callable[..., bool],
    folder: Path,
) -> None:
    """A version that is larger than the whole budget closes all others and is served."""
    serve("large", weighty(1500, 9))
    assert opened("m", 1)

    assert opened("large")
    assert not opened("large")
    assert versions(folder) == 1
    assert opened("m", 1)


def sharing(path: Path, text: str) -> Path:
    """Return the file of a model whose weights lie beside it: the same for every text."""
    model = models.model(text)
    weights = np.random.default_rng(5).standard_normal((4, 60_000)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
    path.mkdir(parents=True)
    onnx.save(
        model,
        path / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=1024,
    )
    return path / "model.onnx"


def test_blob_that_versions_share_stays_while_one_needs_it(
    predict: Caller,
    function_environment: Callable[..., None],
    serve: Callable[..., Published],
    opened: Callable[..., bool],
    faults: Faults,
    folder: Path,
    tmp_path: Path,
) -> None:
    """Weights that two versions share lie on the disk once, and go with the last that needs them."""
    function_environment(HEARTH_CACHE_MB="2")
    predict_module.assemble.cache_clear()
    graph = """
    weighed (float[N, 4] x) => (float[N, 4] y)
    <int64[1] axis = {1}>
    { t = MatMul(x, weights)  s = ReduceMax(t, axis)  z = Mul(s, x)  y = Add(z, x) }
    """
    first = serve("m", sharing(tmp_path / "1", graph)).manifest
    second = serve("m", sharing(tmp_path / "2", graph.replace("Add", "Sub"))).manifest
    [weights] = {f.sha256 for f in first.files if f.path == "weights.bin"}
    assert weights in {f.sha256 for f in second.files}

    assert opened("m", 1)
    reads = faults.count("GetObject")
    assert opened("m", 2)
    # Version 2 brought its manifest and its graph (and the registry); the weights lay there.
    assert faults.count("GetObject") == reads + 3
    assert blobs(folder) == {first.model_file.sha256, second.model_file.sha256, weights}
    assert not opened("m", 2)  # which makes it worth more than version 1

    serve("other", weighty(1000, 1))
    assert opened("other")
    assert blobs(folder) & {first.model_file.sha256, second.model_file.sha256, weights} == {
        second.model_file.sha256,
        weights,
    }
    assert not opened("m", 2)
    serve("large", weighty(2500, 2))
    assert opened("large")
    assert weights not in blobs(folder)
    assert opened("m", 1)


# --------------------------------------------------------------------------------------------- disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`disk(kilobytes)`: ephemeral storage is that small, and what lies in the folder takes it."""

    def set_size(kilobytes: int) -> None:
        def statvfs(path: Path) -> SimpleNamespace:
            used = sum(file.stat().st_size for file in Path(path).iterdir())
            return SimpleNamespace(f_bavail=(kilobytes << 10) - used, f_frsize=1)

        monkeypatch.setattr(os, "statvfs", statvfs)

    return set_size


def test_full_disk_closes_versions_until_the_next_fits(
    predict: Caller,
    serve: Callable[..., Published],
    opened: Callable[..., bool],
    disk: Callable[[int], None],
    folder: Path,
) -> None:
    """When ephemeral storage is full, the least recently used go until the wanted version fits."""
    for seed in range(3):
        serve("m", weighty(400, seed))
    disk(1000)

    assert [opened("m", 1), opened("m", 2), opened("m", 3)] == [True, True, True]
    assert versions(folder) == 2
    assert [opened("m", 3), opened("m", 2), opened("m", 1)] == [False, False, True]


def test_disk_that_is_too_small_says_so_and_others_go_on(
    predict: Caller,
    serve: Callable[..., Published],
    opened: Callable[..., bool],
    disk: Callable[[int], None],
    folder: Path,
) -> None:
    """A version that no disk of this size holds is a 503 with both sizes; others are served again."""
    serve("m", weighty(400, 1))
    serve("large", weighty(2000, 2))
    disk(1000)
    assert opened("m")

    reply = ask(predict, "large")

    assert reply.status == 503
    assert "ephemeral storage is too small for this version: got 1024000 bytes free" in reply.error
    assert "raise the function's ephemeral storage" in reply.error
    assert blobs(folder) == set()
    assert opened("m")


def test_files_of_a_process_that_died_give_way(
    predict: Caller,
    serve: Callable[..., Published],
    opened: Callable[..., bool],
    disk: Callable[[int], None],
    folder: Path,
) -> None:
    """A sandbox keeps its disk when its process dies: what lies there makes room when needed."""
    serve("m", weighty(400, 1))
    serve("n", weighty(700, 2))
    assert opened("m")
    (folder / "blobs" / "half.part").write_bytes(bytes(300 << 10))
    predict_module.assemble.cache_clear()  # as after a crash: a new process in the same sandbox
    disk(1000)

    assert opened("n")
    assert versions(folder) == 1
    assert len(blobs(folder)) == 1


def test_files_of_a_process_that_died_are_used_again(
    predict: Caller, serve: Callable[..., Published], opened: Callable[..., bool], faults: Faults
) -> None:
    """A blob that was verified is not fetched again by the next process in the same sandbox."""
    serve("m", weighty(400, 1))
    assert opened("m")
    predict_module.assemble.cache_clear()
    reads = faults.count("GetObject")

    assert opened("m")
    assert faults.count("GetObject") == reads + 2  # registry and manifest


SCARCE = """
import sys
from pathlib import Path
import numpy as np
from hearth.domain.routing import Target
from hearth.edge.settings import PredictSettings
from hearth.serving import memory
from hearth.serving.stock import Stock
from hearth.serving.worker import Worker
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_payloads import S3Payloads
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry

bucket, folder = sys.argv[1:]
documents = S3Documents(bucket)
artefacts = Artefacts(documents, S3Blobs(bucket))
settings = PredictSettings(bucket, memory_mb=200, files_dir=folder)
stock = Stock(Registry(documents), artefacts, settings)
worker = Worker(stock, S3Payloads(bucket), settings)
routes = [worker.catalogue.route(Target(name), "") for name in ("one", "two", "zeros")]
x = np.ones((1, 4096), np.float32)
for route in routes:
    worker.open(route)
assert len(worker._sessions._open) == 3
worker._sessions.close_others(routes[0].manifest_sha256)
data = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) / 1024
memory.limit(data + 150)
for _ in range(2):
    for route in routes[:2]:
        print(worker.open(route)[0].session.run({"x": x})["y"].sum())
worker.open(routes[2])
print(worker.run(routes[2], {"x": np.int64([45_000_000])}, ())["y"].size)
try:
    worker.run(routes[2], {"x": np.int64([250_000_000])}, ())
except Exception as error:
    print(type(error).__name__)
"""


def test_models_that_do_not_fit_together_are_served_in_turn(server_s3: Any, tmp_path: Path) -> None:
    """Where memory ends before the budget does, others make room; what fits alone is answered."""
    documents, blobs = S3Documents(BUCKET, server_s3), S3Blobs(BUCKET, server_s3)
    artefacts, clock = Artefacts(documents, blobs), SettableClock()
    files = Files(tmp_path / "loading", artefacts)
    announcer = RecordingAnnouncer()
    loader = Loader(
        Registry(documents), artefacts, announcer, clock, files, memory_mb=1769, attempts=3
    )
    for name, model in {
        "one": heavy(1.0),
        "two": heavy(2.0),
        "zeros": models.model(zoo.ZEROS),
    }.items():
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        Publisher(artefacts, clock).publish(Source(name, path))
        assert load_and_warm(name, 1, Attempt(name, lambda: 60.0), loader).state == "AVAILABLE"
    command = [sys.executable, "-c", SCARCE, BUCKET, str(tmp_path / "serving")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("4096.0", "8192.0", "4096.0", "8192.0"),
        *("45000000", "ResourceExhausted"),
    ]


def heavy(value: float) -> onnx.ModelProto:
    """A model of 64 MB that answers with the first of its many weights."""
    model = models.model("""
        heavy (float[1, 4096] x) => (float[1, 4096] y) { y = MatMul(x, w) }
    """)
    weights = np.zeros((4096, 4096), np.float32)
    weights[0] = value
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    return model
