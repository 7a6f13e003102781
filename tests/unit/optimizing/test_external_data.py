"""Weights in a file of their own: mapped where they lie, the answers unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.recipe import RecipeFailed
from hearth.optimizing.recipes.external_data import EXTERNAL_DATA
from hearth.publishing import onnx_file
from onnx import numpy_helper
from support import candidates, models
from support.candidates import inspected, work

WIDTH = 1500  # 9 MB a layer

# What a process holds that no file backs, before a model is opened and after it was run.
_PROBE = """
import json, pathlib, sys
import numpy as np
from hearth.domain.manifest import RuntimeOptions
from hearth.serving.session import Session
def held():
    text = pathlib.Path("/proc/self/smaps_rollup").read_text()
    return int(text.split("Anonymous:")[1].split()[0]) / 1024
path, runtime, width = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
before = held()
session = Session(path, RuntimeOptions(**runtime), 1769)
session.run({"x": np.ones((1, width), np.float32)})
print(held() - before)
"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers of 9 MB."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    wide (float[N, {WIDTH}] x) => (float[N, {WIDTH}] y)
    {{ a = MatMul (x, w0)  b = Add (a, v0)  c = Relu (b)
       d = MatMul (c, w1)  e = Add (d, v1)  f = Relu (e)  y = MatMul (f, w2) }}"""
    model = onnx.parser.parse_model(text)
    random = np.random.default_rng(0)
    for at in range(3):
        values = random.normal(size=(WIDTH, WIDTH)).astype(np.float32) / 40
        model.graph.initializer.append(numpy_helper.from_array(values, f"w{at}"))
        model.graph.initializer.append(numpy_helper.from_array(values[0], f"v{at}"))
    path = tmp_path_factory.mktemp("wide") / "wide.onnx"
    onnx.save(model, path)
    return path


def test_answers_and_signature_stay(wide, tmp_path):
    """The same signature and the same answers, with almost all bytes in the weights' file."""
    made = EXTERNAL_DATA.apply(work(wide, tmp_path / "made"))
    assert made.external == ("weights.bin",)
    assert made.name == "external-data"
    assert candidates.signature(made.path) == candidates.signature(wide)
    assert made.path.stat().st_size < made.size / 100
    assert EXTERNAL_DATA.ensures(inspected(wide), inspected(made.path), made) == ""
    rows = candidates.random_rows(wide, 5)
    wanted, got = (candidates.answers(c, rows)["y"] for c in (Candidate("o", wide), made))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_it_is_opened_as_it_is(wide, tmp_path):
    """Nothing is optimised or packed when it is opened; the other options are the publisher's."""
    runtime = RuntimeOptions(
        intra_op_num_threads=2, session_config={"session.dynamic_block_base": "4"}
    )
    before = Candidate(ORIGINAL, wide, runtime=runtime)
    made = EXTERNAL_DATA.apply(work(wide, tmp_path / "made", before=before))
    assert made.runtime == RuntimeOptions(
        intra_op_num_threads=2,
        graph_optimization_level="disabled",
        session_config={"session.dynamic_block_base": "4", "session.disable_prepacking": "1"},
    )


def test_graph_is_optimised_ahead_and_portable(wide, tmp_path):
    """MatMul and Add are one operator in the file; nothing in it is for one processor."""
    made = EXTERNAL_DATA.apply(work(wide, tmp_path / "made"))
    operators = inspected(made.path).operators
    assert sum(operators.values()) < 7
    assert not any("nchwc" in name for name in operators)
    assert onnx_file.read(made.path).external == ("weights.bin",)


def test_large_weights_begin_pages(wide, tmp_path):
    """What is mapped lies at the start of a page."""
    made = EXTERNAL_DATA.apply(work(wide, tmp_path / "made"))
    offsets = [
        int(entry.value)
        for tensor in onnx.load(made.path, load_external_data=False).graph.initializer
        for entry in tensor.external_data
        if entry.key == "offset" and np.prod(tensor.dims) > WIDTH
    ]
    assert len(offsets) == 3
    assert not any(offset % 4096 for offset in offsets)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_weights_are_mapped_and_not_copied(wide, tmp_path):
    """An open session holds a small part of the weights as memory of its own; they are the file's."""
    made = EXTERNAL_DATA.apply(work(wide, tmp_path / "made"))

    def grown(path: Path, runtime: dict) -> float:
        command = [sys.executable, "-c", _PROBE, str(path), json.dumps(runtime), str(WIDTH)]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    weights_mb = made.size / (1 << 20)
    how = {
        "graph_optimization_level": made.runtime.graph_optimization_level,
        "session_config": dict(made.runtime.session_config),
    }
    assert grown(wide, {}) > 0.9 * weights_mb
    assert grown(made.path, how) < 0.4 * weights_mb


def test_same_model_gives_the_same_bytes(wide, tmp_path):
    """A candidate can be made again: graph and weights alike."""
    one, two = (EXTERNAL_DATA.apply(work(wide, tmp_path / name)) for name in ("one", "two"))
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (tmp_path / "one/weights.bin").read_bytes() == (
        tmp_path / "two/weights.bin"
    ).read_bytes()


def test_model_with_external_data_is_laid_out_anew(wide, tmp_path):
    """Weights that an exporter put beside the model come into the one file."""
    onnx.save(
        onnx.load(wide), tmp_path / "outside.onnx", save_as_external_data=True, location="some.data"
    )
    before = Candidate(ORIGINAL, tmp_path / "outside.onnx", external=("some.data",))
    made = EXTERNAL_DATA.apply(work(before.path, tmp_path / "made", before=before))
    assert {file.name for file in (tmp_path / "made").iterdir()} == {"model.onnx", "weights.bin"}
    rows = candidates.random_rows(wide, 2)
    wanted, got = (candidates.answers(c, rows)["y"] for c in (before, made))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_what_it_requires_is_said_in_words():
    """Convolutions copy their weights whatever is done; small weights gain nothing."""
    large = {"FP32": 1 << 24}
    assert EXTERNAL_DATA.requires(Inspection("dense", 1, {"MatMul": 1}, large), False) == ""
    for convolution in ("Conv", "QLinearConv"):
        words = EXTERNAL_DATA.requires(
            Inspection("convolutional", 1, {convolution: 1}, large), False
        )
        assert (
            words
            == f"weights of {convolution} are laid out anew when it is opened, so they are copied"
        )
    small = Inspection("dense", 1, {"MatMul": 1}, {"FP32": 1000})
    assert "under 1 MB" in EXTERNAL_DATA.requires(small, False)


def test_model_without_weights_is_refused(onnx_file, tmp_path):
    """Where nothing lies outside the file there is no candidate."""
    with pytest.raises(RecipeFailed, match="no weight is large enough"):
        EXTERNAL_DATA.apply(work(onnx_file(models.DOUBLED), tmp_path / "made"))


def test_model_that_does_not_open_is_refused(tmp_path, onnx_file):
    """What ONNX Runtime says of it is the reason."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    made = work(onnx_file(models.DOUBLED), tmp_path / "made", before=Candidate(ORIGINAL, broken))
    with pytest.raises(RecipeFailed, match="did not save the graph"):
        EXTERNAL_DATA.apply(made)
