from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import catalogue
import numpy as np
import onnx
import pytest
from catalogue import Entry
from data import SETS, Split
from encoder import build_encoder

FOLDER = catalogue.FOLDER
each_model = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.name)


def accuracy(path: Path) -> float:
    return catalogue.measure(catalogue.opened(path), "digits", "classification").value


def test_catalogue_names_every_model_file_once():
    """Each committed model file has exactly one catalogue entry, and each entry its file."""
    files = sorted(path.name for path in FOLDER.glob("*.onnx"))
    assert sorted(entry.file for entry in catalogue.entries()) == files


def test_model_files_stay_under_eight_megabytes_together():
    """What git keeps of models and arrays is less than 8 MB."""
    kept = [*FOLDER.glob("*.onnx"), *FOLDER.glob("*.npz")]
    assert sum(path.stat().st_size for path in kept) < 8_000_000


@each_model
def test_file_is_the_one_described(entry: Entry):
    """A model file has the size and the digest that the catalogue says."""
    content = (FOLDER / entry.file).read_bytes()
    assert len(content) == entry.bytes
    assert sha256(content).hexdigest() == entry.sha256


@each_model
def test_file_is_valid_onnx_of_a_version_that_onnxruntime_reads(entry: Entry):
    """A model passes the checker with shape inference and uses no newer IR than 10 or opset than 21."""
    model = onnx.load(FOLDER / entry.file)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert max(opset.version for opset in model.opset_import if not opset.domain) <= 21


@each_model
def test_file_reaches_the_metric_described(entry: Entry):
    """A model does on the held-out rows what the catalogue says, give or take half a percent."""
    measured = catalogue.measure(catalogue.opened(FOLDER / entry.file), entry.data, entry.task)
    assert measured.name == entry.metric.name
    assert measured.value == pytest.approx(entry.metric.value, abs=0.005)


@each_model
def test_description_matches_what_the_file_says(entry: Entry):
    """An entry written anew from its file is the one in the catalogue, but for the metric."""
    anew = catalogue.describe(FOLDER / entry.file, entry.data, entry.task, entry.script)
    assert (anew.input, anew.outputs) == (entry.input, entry.outputs)
    assert (anew.name, anew.parameters) == (entry.name, entry.parameters)


@each_model
def test_answers_are_the_same_alone_and_in_a_batch(entry: Entry):
    """A sample's answer does not depend on how many samples come with it."""
    session = catalogue.opened(FOLDER / entry.file)
    rows = SETS[entry.data]().shaped(*entry.input.shape[1:]).held_out_x[:5]
    together = session.run(None, {entry.input.name: rows})
    alone = [session.run(None, {entry.input.name: rows[i : i + 1]}) for i in range(len(rows))]
    for batch, singles in zip(together, zip(*alone, strict=True), strict=True):
        single = np.concatenate(singles)
        if batch.dtype == object:
            assert np.array_equal(single, batch)
        else:
            assert single == pytest.approx(batch, abs=1e-4)


def test_cancer_model_answers_with_names():
    """The linear model's label is a string, one of the two names of its classes."""
    session = catalogue.opened(FOLDER / "cancer_logreg.onnx")
    labels, shares = session.run(None, {"features": SETS["breast-cancer"]().held_out_x})
    assert set(labels) == {"benign", "malignant"}
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("load", SETS.values(), ids=SETS)
def test_split_is_the_same_every_time_and_shares_no_row(load: Callable[[], Split]):
    """A data set falls into the same two parts at each call, a quarter of it held out."""
    split, again = load(), load()
    assert np.array_equal(split.held_out_x, again.held_out_x)
    assert np.array_equal(split.train_y, again.train_y)
    rows = len(split.train_x) + len(split.held_out_x)
    assert len(split.held_out_x) == pytest.approx(rows / 4, abs=1)
    assert len(np.unique(np.concatenate([split.train_x, split.held_out_x]), axis=0)) == rows


def test_small_encoder_beats_chance_by_half(tmp_path: Path):
    """A head on two random layers of width 64 is right at least 50 points above chance's 10%."""
    path = build_encoder(tmp_path / "small.onnx", layers=2, width=64, heads=4)
    assert accuracy(path) > 0.6


def test_encoder_is_the_same_file_for_the_same_seed(tmp_path: Path):
    """The seed alone decides the random layers."""
    first, same, other = (
        build_encoder(tmp_path / f"{i}.onnx", layers=1, width=32, heads=2, seed=seed)
        for i, seed in enumerate((1, 1, 2))
    )
    assert first.read_bytes() == same.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_encoder_is_built_of_what_exporters_write(tmp_path: Path):
    """Per layer the graph has 8 MatMul, 2 LayerNormalization, one Softmax and one Erf."""
    path = build_encoder(tmp_path / "one.onnx", layers=1, width=32, heads=2, tokens=8)
    operators = [node.op_type for node in onnx.load(path).graph.node]
    counts = {name: operators.count(name) for name in ("LayerNormalization", "Softmax", "Erf")}
    assert operators.count("MatMul") == 8 + 1  # and one that embeds the pixels
    assert counts == {"LayerNormalization": 2 + 1, "Softmax": 1, "Erf": 1}


@pytest.mark.slow
def test_full_encoder_has_minilm_size_and_reads_digits(tmp_path: Path):
    """Six layers of width 384 weigh about 42 MB and read more than 85% of the held-out digits."""
    path = build_encoder(tmp_path / "encoder.onnx")
    assert path.stat().st_size == pytest.approx(42.7e6, rel=0.01)
    assert accuracy(path) > 0.85
