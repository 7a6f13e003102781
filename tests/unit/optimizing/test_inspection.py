"""What a model is made of, read from its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.inspection import FAMILIES
from onnx import TensorProto, helper, numpy_helper
from support import models

BRANCHES = """
branches (float[N, 4] x, bool go) => (float[N, 4] y)
<float[4, 4] w = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}>
{
  y = If (go) <
    then_branch = a () => (float[N, 4] p) { p = MatMul (x, w) },
    else_branch = b () => (float[N, 4] q)
      <float[4, 4] v = {2,0,0,0, 0,2,0,0, 0,0,2,0, 0,0,0,2}>
      { r = MatMul (x, v)  q = Relu (r) }
  >
}
"""


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("cancer_logreg", "linear"),
        ("diabetes_gbr", "trees"),
        ("digits_forest", "trees"),
        ("digits_mlp", "dense"),
        ("digits_conv", "convolutional"),
        ("digits_depthwise", "depthwise convolutional"),
        ("digits_lstm", "recurrent"),
        ("encoder", "transformer"),
    ],
)
def test_family_is_told_from_the_graph(
    model_at: Callable[[str], Path], name: str, family: str
) -> None:
    """Each of the real models belongs to its own family, of those that are known."""
    assert inspect(model_at(name)).family == family
    assert family in FAMILIES


def test_weights_are_counted_by_who_takes_them(model_at: Callable[[str], Path]) -> None:
    """An LSTM's kernels and a classifier's matrix stand under their operators, in bytes of FP32."""
    found = inspect(model_at("digits_lstm"))
    assert found.weighted["LSTM"] > 0.9 * found.weights["FP32"]
    assert found.weighted["LSTM"] + found.weighted["Gemm"] <= found.weights["FP32"]
    assert (found.dynamic, found.quantized, found.opset) == (("batch",), False, 17)
    assert found.nodes == 5


def test_operators_are_named_with_their_domain(model_at: Callable[[str], Path]) -> None:
    """What is not in ONNX's own domain is named with its domain; own operators are not."""
    assert "ai.onnx.ml.TreeEnsembleRegressor" in inspect(model_at("diabetes_gbr")).operators
    assert inspect(model_at("diabetes_gbr")).opset >= 0


def test_branches_count_with_the_weights_around_them(onnx_file: Callable[..., Path]) -> None:
    """Nodes within branches count, with their own weights and with those outside that they take."""
    found = inspect(onnx_file(BRANCHES))
    assert found.operators == {"If": 1, "MatMul": 2, "Relu": 1}
    assert found.weighted == {"MatMul": 2 * 64}


def test_shared_weight_counts_once_for_its_operator(onnx_file: Callable[..., Path]) -> None:
    """A tensor that two nodes of a type take is its bytes once."""
    text = models.DOUBLED.replace("y = Add(t, one)", "u = Mul(t, two)  y = Add(u, one)")
    assert inspect(onnx_file(text)).weighted == {"Mul": 16, "Add": 16}


def test_constant_nodes_are_weights(onnx_file: Callable[..., Path]) -> None:
    """A tensor that a Constant node holds counts as an initialiser does."""
    text = "c (float[N, 2] x) => (float[N, 2] y) { k = Constant <value = float[2] {1, 2}> () y = Mul (x, k) }"
    assert inspect(onnx_file(text)).weighted == {"Mul": 8}


def test_input_with_a_default_is_no_weight(onnx_file: Callable[..., Path]) -> None:
    """What a request may override is nothing that a recipe may change."""
    text = models.DOUBLED.replace("(float[N, 4] x)", "(float[N, 4] x, float[4] two)")
    assert inspect(onnx_file(text)).weighted == {"Add": 16}


def test_size_holds_external_data(tmp_path: Path, model_at: Callable[[str], Path]) -> None:
    """The size is that of every file that has to be fetched."""
    model = onnx.load(model_at("digits_mlp"))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin")
    found = inspect(tmp_path / "m.onnx")
    assert found.size == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert found.weights == inspect(model_at("digits_mlp")).weights


@pytest.mark.parametrize(
    "operator", ["QuantizeLinear", "MatMulInteger", "MatMulNBits", "QLinearConv"]
)
def test_quantised_model_is_known_by_its_operators(tmp_path: Path, operator: str) -> None:
    """One quantised operator makes a quantised model."""
    node = helper.make_node(operator, ["x"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", None])],
    )
    onnx.save(helper.make_model(graph), tmp_path / "q.onnx")
    found = inspect(tmp_path / "q.onnx")
    assert found.quantized
    assert found.dynamic == ("n", "?")


def test_small_types_are_counted_in_bits(tmp_path: Path) -> None:
    """Seven numbers of four bits are four bytes; strings are their letters."""
    four = helper.make_tensor("four", TensorProto.INT4, [7], [1] * 7)
    words = numpy_helper.from_array(np.array(["ab", "c"], object), "words")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["four"], ["y"])],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.INT4, [7])],
        [four, words],
    )
    onnx.save(helper.make_model(graph), tmp_path / "w.onnx")
    assert inspect(tmp_path / "w.onnx").weights == {"INT4": 4, "BYTES": 3}
