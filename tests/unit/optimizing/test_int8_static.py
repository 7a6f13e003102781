"""Static quantisation: 8-bit weights and activations, on real models and their own data."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hearth.optimizing.activations import calibration_rows, observe
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.float_graph import prepare
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.quantizing import Scheme, quantize
from hearth.optimizing.recipe import RecipeFailed
from hearth.optimizing.recipes.int8_static import (
    INT8_STATIC,
    INT8_STATIC_CHANNEL,
    INT8_STATIC_ENTROPY,
    INT8_STATIC_PERCENTILE,
)
from hearth.publishing import onnx_file
from onnx import TensorProto
from support import candidates
from support.candidates import MODELS, inspected, relative_error, work

sys.path.append(str(MODELS))
from data import digits
from encoder import build_encoder

ALL = [INT8_STATIC, INT8_STATIC_CHANNEL, INT8_STATIC_PERCENTILE, INT8_STATIC_ENTROPY]
SHAPES = {"digits_conv": (1, 8, 8), "digits_depthwise": (1, 8, 8), "digits_mlp": (64,)}


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    return build_encoder(path, layers=2, width=64, heads=4)


def rows_of(name: str, count: int = 200) -> dict[str, Any]:
    [spec] = candidates.signature(MODELS / f"{name}.onnx").inputs
    return {spec.name: digits().train_x[:count].reshape(-1, *SHAPES[name])}


def held_out(name: str) -> dict[str, Any]:
    [spec] = candidates.signature(MODELS / f"{name}.onnx").inputs
    return {spec.name: digits().held_out_x.reshape(-1, *SHAPES[name])}


def scores(outputs: dict[str, Any]) -> Any:
    return next(array for array in outputs.values() if array.dtype == np.float32)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("name", SHAPES)
def test_real_models_shrink_and_stay_right(recipe, name, tmp_path):
    """A third of the bytes, the same signature, and the classes that the float model predicts."""
    path = MODELS / f"{name}.onnx"
    made = recipe.apply(work(path, tmp_path / "made", rows_of(name)))
    before, after = inspected(path), inspected(made.path)
    assert recipe.ensures(before, after, made) == ""
    assert onnx_file.read(made.path).external == ()  # it could be published
    assert candidates.signature(made.path) == candidates.signature(path)
    assert path.stat().st_size > 3 * made.size
    assert (made.name, made.recipes) == (recipe.name, (recipe.name,))
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["model.onnx"]

    rows = held_out(name)
    wanted, got = (scores(candidates.answers(c, rows)) for c in (Candidate("o", path), made))
    assert relative_error(wanted, got) < 0.05
    assert (wanted.argmax(1) == got.argmax(1)).mean() > 0.99


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_encoder_keeps_what_carries_no_weight_in_float(recipe, encoder, tmp_path):
    """Attention's own products, sums and norms are not quantised: that costs more than it gains."""
    rows = {"pixels": digits().train_x[:64]}
    made = recipe.apply(work(encoder, tmp_path / "made", rows))
    model = onnx.load(made.path)
    quantised = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for node in model.graph.node:
        fed = quantised & set(node.input)
        if node.op_type == "MatMul":
            assert len(fed) in {0, 2}, node
        else:
            assert not fed or node.op_type == "Gemm", node
    assert recipe.ensures(inspected(encoder), inspected(made.path), made) == ""
    wanted, got = (
        scores(candidates.answers(c, {"pixels": digits().held_out_x}))
        for c in (Candidate("o", encoder), made)
    )
    assert (wanted.argmax(1) == got.argmax(1)).mean() > 0.95


def test_activations_are_unsigned_and_weights_signed(tmp_path):
    """U8S8: what x86-64 multiplies fastest."""
    path = MODELS / "digits_conv.onnx"
    made = INT8_STATIC.apply(work(path, tmp_path / "made", rows_of("digits_conv")))
    model = onnx.load(made.path)
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert held[node.input[2]].data_type == TensorProto.UINT8
        if node.op_type == "DequantizeLinear" and node.input[0] in held:
            assert held[node.input[0]].data_type in {TensorProto.INT8, TensorProto.INT32}


def test_answers_are_not_rounded_to_8_bits(tmp_path):
    """What the model answers are sums in float, of which there are more than 256."""
    path = MODELS / "digits_conv.onnx"
    made = INT8_STATIC.apply(work(path, tmp_path / "made", rows_of("digits_conv")))
    assert len(np.unique(scores(candidates.answers(made, held_out("digits_conv"))))) > 1000


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_same_rows_and_seed_give_the_same_bytes(recipe, tmp_path):
    """A candidate can be made again."""
    path = MODELS / "digits_depthwise.onnx"
    one, two = (
        recipe.apply(work(path, tmp_path / name, rows_of("digits_depthwise"))).path.read_bytes()
        for name in ("one", "two")
    )
    assert one == two


def test_scales_by_channel_are_more_and_the_error_less(tmp_path):
    """Weights whose channels differ a thousandfold survive with a scale each, and only so."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    uneven (float[N, 16] x) => (float[N, 16] y)
    { y = MatMul (x, w) }"""
    model = onnx.parser.parse_model(text)
    weights = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    weights *= np.logspace(-3, 3, 16, dtype=np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    path = tmp_path / "uneven.onnx"
    onnx.save(model, path)
    rows = candidates.random_rows(path, 50)
    small = slice(0, 4)
    errors = []
    for recipe in (INT8_STATIC, INT8_STATIC_CHANNEL):
        made = recipe.apply(work(path, tmp_path / recipe.name, rows))
        wanted, got = (candidates.answers(c, rows)["y"] for c in (Candidate("o", path), made))
        errors.append(relative_error(wanted[:, small], got[:, small]))
    assert errors[0] > 0.5
    assert errors[1] < 0.05


def test_signs_of_activation_functions_survive(tmp_path):
    """Relu and Tanh behind a Gemm are applied, whoever joins them with it."""
    for activation in ("Relu", "Tanh"):
        text = f"""<ir_version: 8, opset_import: ["" : 17]>
        deep (float[N, 32] x) => (float[N, 8] y)
        {{ a = Gemm (x, v)  b = {activation} (a)  y = Gemm (b, w) }}"""
        model = onnx.parser.parse_model(text)
        random = np.random.default_rng(0)
        for name, shape in (("v", (32, 64)), ("w", (64, 8))):
            values = random.normal(size=shape).astype(np.float32) / 4
            model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        path = tmp_path / f"{activation}.onnx"
        onnx.save(model, path)
        rows = {"x": random.normal(size=(100, 32)).astype(np.float32)}
        made = INT8_STATIC.apply(work(path, tmp_path / activation, rows))
        wanted, got = (candidates.answers(c, rows)["y"] for c in (Candidate("o", path), made))
        assert relative_error(wanted, got) < 0.05


BRANCHES = """<ir_version: 8, opset_import: ["" : 17]>
branches (float[N, 8, 4, 4] x) => (float[N, 8, 4, 4] y, float[N, 4] z)
<float zero = {0}>
{ sum = ReduceSum <keepdims = 0> (x)  yes = Greater (sum, zero)
  a = Conv <kernel_shape = [1, 1]> (x, v)  b = Relu (a)  c = Conv <kernel_shape = [1, 1]> (b, v)
  s = ReduceMean <axes = [2, 3], keepdims = 0> (c)  g = Gemm (s, w)
  y = If (yes) <
    then_branch = then () => (float[N, 8, 4, 4] t) { t = Add (b, c) },
    else_branch = other () => (float[N, 8, 4, 4] e) { e = Neg (b) }>
  z = If (yes) <
    then_branch = then () => (float[N, 4] t) { t = Neg (g) },
    else_branch = other () => (float[N, 4] e) { e = Identity (g) }> }"""


@pytest.mark.parametrize("sign", [1, -1], ids=["then", "else"])
def test_what_branches_read_is_there_for_them(sign, tmp_path):
    """A subgraph reads tensors by name from outside: none of them is renamed or moved away."""
    model = onnx.parser.parse_model(BRANCHES)
    random = np.random.default_rng(0)
    for name, shape in (("v", (8, 8, 1, 1)), ("w", (8, 4))):
        values = random.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    path = tmp_path / "branches.onnx"
    onnx.save(model, path)
    rows = {"x": sign * random.random((20, 8, 4, 4), dtype=np.float32)}
    made = INT8_STATIC.apply(work(path, tmp_path / "made", rows))
    assert onnx_file.read(made.path).external == ()
    wanted, got = (candidates.answers(c, rows) for c in (Candidate("o", path), made))
    for name, values in wanted.items():
        assert relative_error(values, got[name]) < 0.05


# ------------------------------------------------------------------------------------- calibration


def test_rows_are_few_and_drawn_by_the_seed(tmp_path):
    """At most so many rows are run, the same ones for a seed, in their order."""
    path = MODELS / "digits_mlp.onnx"
    signature = candidates.signature(path)
    [spec] = signature.inputs
    np.savez(
        tmp_path / "rows.npz", **{spec.name: np.arange(64_000, dtype=np.float32).reshape(-1, 64)}
    )
    one, two, other = (
        calibration_rows(tmp_path / "rows.npz", signature, seed, 20).inputs[spec.name][:, 0]
        for seed in (1, 1, 2)
    )
    assert len(one) == 20
    assert (one == two).all()
    assert (np.diff(one) > 0).all()
    assert set(one) != set(other)


def test_ranges_are_those_of_all_rows_however_they_are_cut(tmp_path, monkeypatch):
    """Memory is bounded by running a few rows at a time; the ranges are the same."""
    path = MODELS / "digits_conv.onnx"
    made = work(path, tmp_path / "made", rows_of("digits_conv", 50))
    graph = prepare(made.before, made.folder)
    rows = calibration_rows(made.calibration, made.signature, 0)
    whole = observe(graph, rows, made.signature)
    monkeypatch.setattr("hearth.publishing.rows._CHUNK", 200_000)
    cut = observe(graph, rows, made.signature)
    assert whole.ranges.keys() == cut.ranges.keys()
    for name, found in whole.ranges.items():
        assert cut.ranges[name] == pytest.approx(found, rel=1e-5)


def test_observing_finds_the_values_that_flow(tmp_path):
    """The range of an activation is from its lowest to its highest value, NaN left out."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    scaled (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {2, 0, 0, -3}>
    { y = MatMul (x, w) }"""
    path = tmp_path / "scaled.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    rows = {"x": np.array([[1, 1], [-2, 4], [np.nan, 0]], np.float32)}
    made = work(path, tmp_path / "made", rows)
    graph = prepare(made.before, made.folder)
    found = observe(graph, calibration_rows(made.calibration, made.signature, 0), made.signature)
    assert found.ranges == {"x": (-2.0, 4.0), "y": (-12.0, 2.0)}


# ------------------------------------------------------------------------------------------ refusal


def test_what_it_requires_is_said_in_words():
    """No rows, no float weights where they matter, or quantised before: a reason each."""
    dense = Inspection("dense", 100, {"Gemm": 1}, {"FP32": 100}, {"Gemm": 100})
    assert INT8_STATIC.requires(dense, True) == ""
    assert "no rows" in INT8_STATIC.requires(dense, False)
    assert "already" in INT8_STATIC.requires(replace(dense, quantized=True), True)
    recurrent = replace(dense, weighted={"LSTM": 100_000, "Gemm": 100})
    assert INT8_STATIC.requires(recurrent, True) == (
        "only 100 bytes of float weights are in Conv, ConvTranspose, MatMul, Gemm"
    )
    trees = Inspection("trees", 100, {"ai.onnx.ml.TreeEnsembleClassifier": 1})
    assert "0 bytes" in INT8_STATIC.requires(trees, True)


def test_nothing_quantised_is_seen_in_the_file():
    """A tool that leaves the model as it was has not done what the recipe promises."""
    float32 = Inspection("dense", 100, {"Gemm": 1}, {"FP32": 100}, {"Gemm": 100})
    made = Candidate("x", Path("x"))
    assert "no operator" in INT8_STATIC.ensures(float32, float32, made)
    pretended = replace(float32, quantized=True)
    assert "100 bytes of float weights are left of 100" in INT8_STATIC.ensures(
        float32, pretended, made
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "no rows to calibrate with"),
        ({"x": np.zeros((4, 3), np.float32)}, "do not fit the model"),
        ({"other": np.zeros((4, 8), np.float32)}, "do not fit the model"),
        ({"x": np.zeros((4, 8), np.float64).astype("U")}, "do not fit the model"),
    ],
    ids=["none", "shape", "name", "kind"],
)
def test_rows_that_do_not_fit_are_refused(rows, words, tmp_path):
    """Calibration data of another model makes no candidate."""
    path = tmp_path / "dense.onnx"
    onnx.save(
        onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        dense (float[N, 8] x) => (float[N, 1] y)
        <float[8, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}> { y = MatMul (x, w) }"""),
        path,
    )
    with pytest.raises(RecipeFailed, match=words):
        INT8_STATIC.apply(work(path, tmp_path / "made", rows))


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("(float[N, 8] x) => (float[N, 8] y) { y = Relu (x) }", "no operator worth quantising"),
        (
            """(float[N, 2, 4, 4] x) => (float[N, 2, 4, 4] y) <float[2, 1, 1, 1] w = {1, 2}>
            { y = Conv <group = 2> (x, w) }""",
            "not depthwise ones alone",
        ),
    ],
    ids=["no weights", "depthwise alone"],
)
def test_model_without_anything_worth_it_is_refused(graph, words, tmp_path):
    """Where nothing dense is multiplied, 8 bits gain nothing."""
    path = tmp_path / "idle.onnx"
    onnx.save(
        onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["" : 17]> idle {graph}"""), path
    )
    with pytest.raises(RecipeFailed, match=words):
        INT8_STATIC.apply(work(path, tmp_path / "made", candidates.random_rows(path, 4)))


@pytest.mark.parametrize(
    ("recipe", "opset", "words"),
    [(INT8_STATIC, 10, "at least 11"), (INT8_STATIC_CHANNEL, 12, "at least 13")],
)
def test_old_operator_sets_are_refused(recipe, opset, words, tmp_path):
    """Quantising needs operators that older sets do not have."""
    path = tmp_path / "old.onnx"
    onnx.save(
        onnx.parser.parse_model(f"""<ir_version: 5, opset_import: ["" : {opset}]>
        old (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {{1, 2}}> {{ y = MatMul (x, w) }}"""),
        path,
    )
    with pytest.raises(RecipeFailed, match=words):
        recipe.apply(work(path, tmp_path / "made", candidates.random_rows(path, 4)))


@pytest.mark.parametrize(("reduce_range", "largest"), [(False, 127), (True, 64)])
def test_range_is_reduced_where_products_would_overflow(reduce_range, largest, tmp_path):
    """In 7 bits, the sum of two products fits in 16."""
    path = MODELS / "digits_mlp.onnx"
    made = work(path, tmp_path / "made", rows_of("digits_mlp"))
    graph = prepare(made.before, made.folder)
    rows = calibration_rows(made.calibration, made.signature, 0)
    found = observe(graph, rows, made.signature)
    target = made.folder / "made.onnx"
    quantize(graph, found, graph.operators, Scheme(False, reduce_range), target)
    held = [
        onnx.numpy_helper.to_array(tensor).astype(int)
        for tensor in onnx.load(target).graph.initializer
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) > 1
    ]
    assert len(held) == 3
    assert {int(np.abs(values).max()) for values in held} == {largest}


@pytest.mark.parametrize(("machine", "largest"), [("x86_64", 64), ("aarch64", 127)])
def test_weights_take_seven_bits_on_every_x86(machine, largest, tmp_path, monkeypatch):
    """A version is served by processors that nobody chose: some add products of 8 bits in 16."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    path = MODELS / "digits_mlp.onnx"
    made = INT8_STATIC.apply(work(path, tmp_path / "made", rows_of("digits_mlp")))
    held = [
        onnx.numpy_helper.to_array(tensor).astype(int)
        for tensor in onnx.load(made.path).graph.initializer
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) > 1
    ]
    assert max(int(np.abs(values).max()) for values in held) == largest
    assert ("7 bits" in " ".join(made.notes)) == (largest == 64)
