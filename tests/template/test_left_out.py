"""What layers leave out of their wheels is missed by nobody, and every rule of it leaves something out.

The files of this environment stand for those of the layers, whose pins it has; the built layers
themselves run in tests/e2e, and are weighed in tests/bench.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hearth.publishing.publication import Publisher, Source
from hearth.serving.files import Files
from hearth.serving.warming import Attempt, Loader, load_and_warm
from hearth.stores.artefacts import Artefacts
from hearth.stores.aws_s3 import S3Blobs, S3Documents
from hearth.stores.registry import Registry
from hearth_local import layer_view
from hearth_local.template import load
from support import events, models, slimmed, zoo
from support.recording import RecordingAnnouncer, SettableClock
from support.slimmed import LEFT_OUT, ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="other wheels than Lambda's"),
    pytest.mark.timeout(600),
]
PREDICT = ("common", "runtime")
ALL = ("common", "runtime", "optimizer", "monitoring")
COMMITTED = sorted((ROOT / "tests/models").glob("*.onnx"))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What AWS's runtime brings: boto3 and its like."""
    views = tmp_path_factory.mktemp("views")
    return layer_view.build([], views).folder / "aws-runtime"


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every committed model, a small encoder, and a model of each datatype."""
    folder = tmp_path_factory.mktemp("models")
    built = {f"same-{name}": models.model(zoo.same(name)) for name in zoo.BINARY_ELEMENTS}
    for name, model in built.items():
        onnx.save(model, folder / f"{name}.onnx")
    script = "import sys, encoder; encoder.build_encoder(sys.argv[1], layers=1, width=32, heads=2)"
    command = [sys.executable, "-c", script, str(folder / "encoder.onnx")]
    subprocess.run(command, cwd=ROOT / "tests/models", check=True)
    return [*COMMITTED, *sorted(folder.glob("*.onnx"))]


@pytest.fixture
def served(server_s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket behind a socket with two versions proven: numbers, and text."""
    documents, blobs = S3Documents("hearth-models", server_s3), S3Blobs("hearth-models", server_s3)
    artefacts = Artefacts(documents, blobs)
    clock = SettableClock()
    files = Files(tmp_path / "loading", artefacts)
    proving = {"memory_mb": 1769, "attempts": 3}
    loader = Loader(Registry(documents), artefacts, RecordingAnnouncer(), clock, files, **proving)
    for name, text in {"m": models.DOUBLED, "text": zoo.TEXT}.items():
        path = tmp_path / f"{name}.onnx"
        onnx.save(models.model(text), path)
        Publisher(artefacts, clock).publish(Source(name, path))
        assert load_and_warm(name, 1, Attempt(name, lambda: 60.0), loader).state == "AVAILABLE"


def requests() -> list[dict[str, Any]]:
    """Both protocols, in JSON short and long, binary, compressed, and of text."""
    rows = np.arange(40_000, dtype=np.float32).reshape(-1, 4)
    few = json.dumps({"instances": [[1, 2, 3, 4]]})
    many = json.dumps({"instances": rows.tolist()})
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP32"}
    flat = json.dumps({"inputs": [{**tensor, "data": rows.ravel().tolist()}]})
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]})
    words = json.dumps({"instances": ["one", "zwei", "τρία"]})
    binary = {"inference-header-content-length": str(len(head))}
    v1, v2 = "/v1/models/m:predict", "/v2/models/m/infer"
    return [
        events.http("POST", v1, few),
        events.http("POST", v1, many),
        events.http("POST", v1, gzip.compress(many.encode()), {"content-encoding": "gzip"}),
        events.http("POST", v1, many, {"accept-encoding": "gzip"}),
        events.http("POST", v2, flat),
        events.http("POST", v2, head.encode() + rows.tobytes(), binary),
        events.http("POST", "/v1/models/text:predict", words),
        events.http("GET", "/v1/models/m/metadata"),
        events.http("GET", "/v2/models/m/config"),
        events.http("POST", v1, "{"),
    ]


Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(served: None, model_files: list[Path], runtime: Path, tmp_path: Path) -> Run:
    """`run(how)`: what predict answers, and reads, of layers that are `whole` or `slim`."""
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"models": list(map(str, model_files)), "events": requests()}))

    def run(how: str) -> dict[str, Any]:
        opt = slimmed.opt(tmp_path / how, PREDICT, whole=how == "whole")
        environment = slimmed.environment([ROOT / "functions/predict", opt, runtime])
        environment |= {"HEARTH_BUCKET": "hearth-models", "HEARTH_FILES_DIR": str(tmp_path / "f")}
        told = tmp_path / f"{how}.json"
        command = slimmed.command("slimmed_run.py", str(asked), str(told))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(told.read_text())

    return run


def test_predict_works_without_what_is_left_out(run: Run, tmp_path: Path) -> None:
    """Every model, datatype and form of request is answered as with whole wheels, byte for byte.

    And with whole wheels, not one file is read that a rule leaves out.
    """
    whole, slim = run("whole"), run("slim")

    statuses = [slim["answers"][f"event {number}"][0] for number in range(len(requests()))]
    assert statuses == [200] * 9 + [400]
    assert len(slim["answers"]) == 1 + len(COMMITTED) + 1 + len(zoo.BINARY_ELEMENTS) + 10
    assert [n for n in whole["answers"] if whole["answers"][n] != slim["answers"].get(n)] == []
    used = set(whole["used"])
    assert any("onnxruntime_pybind11_state" in file for file in used)
    assert any("openblas" in file for file in used)
    for layer in PREDICT:
        for rule, files in LEFT_OUT.left_out(layer, slimmed.wheels(layer)).items():
            read = [file for file in files if str(tmp_path / "whole" / file) in used]
            assert read == [], f"{rule}: predict reads what it leaves out"


@pytest.mark.parametrize("rule", LEFT_OUT.RULES)
def test_rule_leaves_something_out_of_each_of_its_layers(rule: str) -> None:
    """A rule that matches nothing is a wheel that changed, or a name that was misspelt."""
    layers = LEFT_OUT.RULES[rule].layers
    found = {layer: LEFT_OUT.left_out(layer, slimmed.wheels(layer))[rule] for layer in layers}
    assert any(found.values())
    unmatched = [
        pattern
        for pattern in LEFT_OUT.RULES[rule].patterns
        if not any(
            LEFT_OUT._matches(place, pattern)
            for layer in layers
            for file in map(Path, found[layer])
            for place in (file, *file.parents)
        )
    ]
    assert unmatched == []


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> dict[str, dict[str, Any]]:
    """What keeps each module from being imported, with whole wheels and with slim ones."""
    folder = tmp_path_factory.mktemp("imports")
    found = {}
    for how in ("whole", "slim"):
        opt = slimmed.opt(folder / how, ALL, whole=how == "whole")
        told = folder / f"{how}.json"
        command = slimmed.command("slimmed_imports.py", str(opt), str(told))
        environment = slimmed.environment([opt, runtime])
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found[how] = json.loads(told.read_text())
    return found


def test_module_that_is_left_can_be_imported_as_before(refused: dict[str, dict[str, Any]]) -> None:
    """No module of any layer, used today or not, needs a file that is left out."""
    whole, slim = refused["whole"], refused["slim"]
    assert sum(error is None for error in slim.values()) > 500
    broken = {
        name: error for name, error in slim.items() if error and whole.get(name, error) is None
    }
    assert broken == {}


def test_modules_of_hearth_can_be_imported(refused: dict[str, dict[str, Any]]) -> None:
    """What Hearth is made of needs its layers and nothing else."""
    own = {name: error for name, error in refused["slim"].items() if name.startswith("hearth.")}
    assert len(own) > 150
    assert {name: error for name, error in own.items() if error} == {}


@pytest.mark.parametrize("layer", LEFT_OUT.WHEELS)
def test_licences_and_metadata_stay(layer: str) -> None:
    """A wheel is shipped as a distribution that can be asked its version, with its licences.

    A licence goes only together with all that it is about.
    """
    files = set(slimmed.wheels(layer))
    out = {file for found in LEFT_OUT.left_out(layer, files).values() for file in found}
    assert [file for file in out if ".dist-info/" in file] == []
    for licence in [file for file in out if re.search("LICEN[CS]E|COPYING", file)]:
        folder = licence.rpartition("/")[0] + "/"
        assert [file for file in files - out if file.startswith(folder)] == []


def test_toolchain_moves_from_one_layer_to_the_other() -> None:
    """What the runtime layer leaves out of ONNX Runtime is what the build adds to the optimizer's."""
    makefile = (slimmed.BUNDLE / "Makefile").read_text(encoding="utf-8")
    [names] = re.findall(r"^TOOLCHAIN := (.*)$", makefile, re.MULTILINE)
    rule = LEFT_OUT.RULES["ONNX Runtime's toolchain"]
    assert sorted(rule.patterns) == sorted(f"onnxruntime/{name}" for name in names.split())


def test_build_applies_the_rules_to_every_layer(tmp_path: Path) -> None:
    """The program of the build removes what the rules say, folders that it empties, and no more."""
    kept = ["a/b.py", "hearth/tests/t.py", "numpy/LICENSE.txt"]
    removed = ["bin/f2py", "a/tests/t.py", "a/tests/data/x.bin", "numpy/f2py/g.py", "c/d.pyi"]
    for file in kept + removed:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"")
    command = [sys.executable, str(slimmed.BUNDLE / "left_out.py"), "runtime", str(tmp_path)]
    subprocess.run(command, check=True)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == ["a", "a/b.py", "hearth", "hearth/tests", "hearth/tests/t.py", "numpy", kept[2]]


def test_layers_of_predict_are_small() -> None:
    """What predict's layers ship is less than 110 MB, and less than 40 MB as a zip file.

    Bytecode is about as large as its source, which therefore counts twice; the layers themselves
    are weighed in tests/bench.
    """
    unpacked = zipped = 0
    for layer in PREDICT:
        files = slimmed.wheels(layer)
        out = {file for found in LEFT_OUT.left_out(layer, files).values() for file in found}
        own = (slimmed.ROOT / "layers" / layer / "python").rglob("*.py")
        for path in [*own, *(path for file, path in files.items() if file not in out)]:
            times = 2 if path.suffix == ".py" else 1
            unpacked += times * path.stat().st_size
            zipped += times * len(zlib.compress(path.read_bytes(), 6))
    assert unpacked < 110 << 20
    assert zipped < 40 << 20


def test_layers_of_every_function_are_covered() -> None:
    """The layers that have wheels are those that have rules."""
    layers = {layer.name for f in load(ROOT / "template.yaml").functions for layer in f.layers}
    pinned = {name for name in layers if (ROOT / "layers" / name / "requirements.txt").exists()}
    assert pinned == set(LEFT_OUT.WHEELS)
