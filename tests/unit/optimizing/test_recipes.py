"""What each recipe makes of real models, and of models that its tool gets wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.making import make
from hearth.optimizing.plan import NAMES
from hearth.optimizing.recipe import RecipeFailed, Work
from hearth.optimizing.recipes.all import BY_NAME, RECIPES
from hearth.serving.session import Session, Tensors
from onnx import TensorProto, helper, numpy_helper
from support import models

# Model, recipes, an operator that is there afterwards, the most of the original's bytes that are
# left, and how far answers may lie off, relative to their norm.
MADE = [
    ("digits_conv", "graph", "FusedConv", 1.01, 1e-5),
    ("digits_mlp", "graph", "FusedGemm", 1.01, 1e-5),
    ("encoder", "graph", "SkipLayerNormalization", 1.01, 1e-5),
    ("encoder", "fusion", "Attention", 1.01, 1e-5),
    ("digits_mlp", "int8-dynamic-matmul", "MatMulInteger", 0.3, 0.03),
    ("encoder", "int8-dynamic-matmul", "MatMulInteger", 0.4, 0.08),
    ("encoder", "fusion+int8-dynamic-matmul", "QAttention", 0.35, 0.08),
    ("digits_lstm", "int8-dynamic", "DynamicQuantizeLSTM", 0.3, 0.03),
    ("digits_conv", "int8-dynamic", "ConvInteger", 0.3, 0.05),
    ("digits_mlp", "int8-blocks", "MatMulNBits", 0.35, 0.03),
    ("encoder", "int8-blocks", "MatMulNBits", 0.4, 0.02),
    ("digits_mlp", "int4-blocks", "MatMulNBits", 0.25, 0.1),
    ("encoder", "fusion+int8-dynamic", "QAttention", 0.35, 0.08),
    ("encoder", "int4-blocks", "MatMulNBits", 0.3, 0.1),
    ("digits_conv", "fp16", "Cast", 0.51, 0.01),
    ("digits_lstm", "fp16", "Cast", 0.51, 0.01),
    ("encoder", "fp16", "Cast", 0.6, 0.01),
    ("digits_mlp", "pruning", "Gemm", 1.01, 0.5),
]
each_made = pytest.mark.parametrize(("name", "recipes", "operator", "size", "error"), MADE)


def off(got: Tensors, expected: Tensors) -> float:
    """Return the norm of the difference over the norm of what is expected, the worst output's."""
    return max(
        float(np.linalg.norm(got[name] - value) / np.linalg.norm(value))
        for name, value in expected.items()
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@each_made
def test_recipe_does_what_it_says(
    model_at: Callable[[str], Path],
    work: Callable[..., Work],
    answers: Callable[..., Tensors],
    operators: Callable[[Path], list[str]],
    name: str,
    recipes: str,
    operator: str,
    size: float,
    error: float,
) -> None:
    """The operator is in the file, the file is as small as promised, and answers stay close."""
    source = model_at(name)
    made = make(work(source), recipes.split("+"))
    assert operator in operators(made.path)
    assert made.size <= size * source.stat().st_size
    assert off(answers(made.path), answers(source)) <= error
    assert (made.name, made.recipes) == (recipes, tuple(recipes.split("+")))


@each_made
def test_recipe_makes_the_same_bytes_again(
    model_at: Callable[[str], Path],
    work: Callable[..., Work],
    name: str,
    recipes: str,
    operator: str,
    size: float,
    error: float,
) -> None:
    """Made twice, a candidate is the same file; the original's is left as it was."""
    source = model_at(name)
    before = sha256(source)
    one, two = (make(work(source, f), recipes.split("+")) for f in ("one", "two"))
    assert one.path.read_bytes() == two.path.read_bytes()
    assert sha256(source) == before


@each_made
def test_recipe_keeps_the_signature(
    model_at: Callable[[str], Path],
    work: Callable[..., Work],
    name: str,
    recipes: str,
    operator: str,
    size: float,
    error: float,
) -> None:
    """Names, types, shapes and named dimensions of inputs and outputs are those of the original."""
    task = work(model_at(name))
    made = make(task, recipes.split("+"))
    assert Session(made.path, made.runtime, 1).signature == task.signature


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("digits_lstm", "int8-dynamic"),
        ("digits_mlp", "int8-dynamic-matmul"),
        ("digits_mlp", "int8-blocks"),
        ("digits_conv", "fp16"),
    ],
)
def test_recipe_keeps_what_is_predicted(
    model_at: Callable[[str], Path], work: Callable[..., Work], name: str, recipe: str
) -> None:
    """On held-out digits at most one row in a hundred changes its class."""
    from data import SETS

    made = make(work(model_at(name)), ["int8-dynamic-matmul"])
    classes = []
    for path in (model_at(name), made.path):
        session = Session(path, RuntimeOptions(), 1)
        (spec,) = session.signature.inputs
        rows = SETS["digits"]().shaped(*spec.shape[1:]).held_out_x
        (scores,) = session.run({spec.name: rows}).values()
        classes.append(scores.argmax(axis=1))
    assert np.mean(classes[0] == classes[1]) >= 0.99


def test_recipes_are_known_by_their_names() -> None:
    """Each recipe is in the plan, under a name of its own, and says in a line what it does."""
    assert len(BY_NAME) == len(RECIPES)
    assert set(BY_NAME) <= set(NAMES)
    assert all(recipe.summary for recipe in RECIPES)


def test_pruning_zeroes_half_of_the_weights_and_says_what_that_gains(
    model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Half of each matrix is zero, the file is as large as before, and a note says so."""
    source = model_at("digits_mlp")
    made = make(work(source), ["pruning"])
    for tensor in onnx.load(made.path).graph.initializer:
        if len(tensor.dims) == 2:
            values = numpy_helper.to_array(tensor)
            assert np.count_nonzero(values) == values.size - values.size // 2
    assert abs(made.size - source.stat().st_size) < 1000
    assert "take what they took" in made.notes[0]


def test_small_matrices_stay_in_float_which_is_noted(
    model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Blocks replace large matrices alone; the note counts those that are left."""
    made = make(work(model_at("digits_mlp")), ["int8-blocks"])
    assert made.notes == ("1 of 3 MatMul, Gemm stay in float",)


def test_weights_take_seven_bits_where_eight_overflow(
    monkeypatch: pytest.MonkeyPatch, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Some x86-64 add products in 16 bits: no weight is beyond 64, on whichever it is made."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    made = make(work(model_at("digits_mlp")), ["int8-dynamic-matmul"])
    tensors = [numpy_helper.to_array(t) for t in onnx.load(made.path).graph.initializer]
    assert max(int(np.abs(t).max()) for t in tensors if t.dtype == np.int8 and t.size > 99) <= 64
    assert "7 bits" in made.notes[0]


def test_external_data_is_taken_along(
    tmp_path: Path,
    model_at: Callable[[str], Path],
    work: Callable[..., Work],
    answers: Callable[..., Tensors],
) -> None:
    """A model whose weights lie beside it becomes a candidate that needs no other file."""
    source = tmp_path / "apart" / "m.onnx"
    source.parent.mkdir()
    model = onnx.load(model_at("encoder"))
    onnx.save(model, source, save_as_external_data=True, location="w.bin", size_threshold=100)
    for recipes in (["graph"], ["fusion", "int8-dynamic-matmul"], ["int8-blocks"], ["fp16"]):
        made = make(work(source, "+".join(recipes), external=("w.bin",)), recipes)
        assert made.external == ()
        assert list(made.path.parent.iterdir()) == [made.path]
        assert off(answers(made.path), answers(source)) <= 0.08


def test_model_beyond_a_protobuf_is_refused_with_its_size(
    tmp_path: Path, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """A model of more than 2 GB with its weights fails at once, and says how large it is."""
    source = tmp_path / "large" / "m.onnx"
    source.parent.mkdir()
    model = onnx.load(model_at("digits_mlp"))
    onnx.save(model, source, save_as_external_data=True, location="w.bin")
    with (source.parent / "w.bin").open("r+b") as weights:
        weights.truncate(3 << 30)  # sparse: nothing is written
    for recipe in ("graph", "int8-dynamic-matmul", "int8-blocks", "fp16", "pruning"):
        with pytest.raises(RecipeFailed, match=rf"{recipe}: .*too large.*got 3072 MB"):
            make(work(source, recipe, external=("w.bin",)), [recipe])


def saved(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], **shape) -> Path:
    """Write a model from `x` to `y`, both float, of the given shapes."""
    x, y = shape.get("x", ["n", 64]), shape.get("y", ["n", 64])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", shape.get("opset", 17))]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def matrix(*dims: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(dims, dtype=np.float32) / 8


GEMMS = {
    "plain": {},
    "transposed": {"transB": 1},
    "scaled": {"alpha": 0.5},
    "from columns": {"transA": 1},
}


@pytest.mark.parametrize("bias", [(), (64,), (1, 64), (1,)], ids=str)
@pytest.mark.parametrize("kind", GEMMS)
@pytest.mark.parametrize("recipe", ["int8-blocks", "int8-dynamic-matmul"])
def test_gemm_of_any_kind_stays_right(
    tmp_path: Path,
    work: Callable[..., Work],
    answers: Callable[..., Tensors],
    recipe: str,
    kind: str,
    bias: tuple[int, ...],
) -> None:
    """Every form of Gemm gives what it gave: quantised where it can be, else left in float."""
    square = {"x": [64, 64]} if kind == "from columns" else {}
    weights = {"w": matrix(64, 64), "v": matrix(64, 64, seed=1)}
    weights |= {"b": matrix(*bias)} if bias else {}
    first = ["x", "w", "b"] if bias else ["x", "w"]
    nodes = [
        helper.make_node("Gemm", first, ["h"], **GEMMS[kind]),
        helper.make_node("MatMul", ["h", "v"], ["y"]),
    ]
    source = saved(tmp_path / "m.onnx", nodes, weights, **square)
    made = make(work(source), [recipe])
    assert off(answers(made.path), answers(source)) <= 0.05


def test_nodes_without_names_keep_their_own_scales(
    tmp_path: Path, work: Callable[..., Work], answers: Callable[..., Tensors]
) -> None:
    """Nodes without names are quantised each for itself, and share what they shared."""
    weights = {"w": matrix(64, 64), "v": 50 * matrix(64, 64, seed=1), "u": matrix(64, 64, seed=2)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "v"], ["b"]),
        helper.make_node("MatMul", ["b", "u"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], ["y"]),
    ]
    source = saved(tmp_path / "m.onnx", nodes, weights)
    for recipe in ("int8-dynamic-matmul", "int8-blocks"):
        made = make(work(source, recipe), [recipe])
        assert off(answers(made.path), answers(source)) <= 0.05


def test_weights_in_constant_nodes_are_quantised(
    tmp_path: Path, work: Callable[..., Work], operators: Callable[[Path], list[str]]
) -> None:
    """A matrix that a Constant node holds is a weight like any other."""
    held = numpy_helper.from_array(matrix(64, 64), "value")
    nodes = [
        helper.make_node("Constant", [], ["w"], value=held),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    source = saved(tmp_path / "m.onnx", nodes, {})
    made = make(work(source, "dynamic"), ["int8-dynamic-matmul"])
    assert "MatMulInteger" in operators(made.path)
    assert operators(make(work(source, "blocks"), ["int8-blocks"]).path) == ["MatMulNBits"]


def test_weight_that_a_branch_takes_too_stays_for_it(
    tmp_path: Path, work: Callable[..., Work], answers: Callable[..., Tensors]
) -> None:
    """A matrix of which a branch takes the float form is kept beside the quantised one."""
    inner = helper.make_graph(
        [helper.make_node("MatMul", ["h", "w"], ["inner"])],
        "inner",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "v"], ["k"]),
        helper.make_node("If", ["go"], ["z"], then_branch=inner, else_branch=inner),
        helper.make_node("Add", ["z", "k"], ["y"]),
    ]
    weights = {"w": matrix(64, 64), "v": matrix(64, 64, seed=1), "go": np.array([True])}
    source = saved(tmp_path / "m.onnx", nodes, weights)
    for recipe in ("int8-dynamic-matmul", "int8-blocks"):
        made = make(work(source, recipe), [recipe])
        assert off(answers(made.path), answers(source)) <= 0.05


def lstm(path: Path, *, layout: int = 0, shared: bool = False) -> Path:
    """Write two LSTMs of 32 units behind each other, and a MatMul that can always be quantised."""
    weights = {"w": matrix(1, 128, 32), "r": matrix(1, 128, 32, seed=1), "m": matrix(32, 32)}
    weights |= {"squeezed": np.array([2 if layout else 1])}
    second = ("w", "r") if shared else ("w2", "r2")
    weights |= {second[0]: matrix(1, 128, 32, seed=2), second[1]: matrix(1, 128, 32, seed=3)}
    how = {"hidden_size": 32, "layout": layout}
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["a"], **how),
        helper.make_node("Squeeze", ["a", "squeezed"], ["b"]),
        helper.make_node("LSTM", ["b", *second], ["c"], **how),
        helper.make_node("Squeeze", ["c", "squeezed"], ["d"]),
        helper.make_node("MatMul", ["d", "m"], ["y"]),
    ]
    return saved(path, nodes, weights, x=[5, "n", 32], y=[5, "n", 32])


def test_lstms_that_share_weights_stay_in_float(
    tmp_path: Path,
    work: Callable[..., Work],
    answers: Callable[..., Tensors],
    operators: Callable[[Path], list[str]],
) -> None:
    """Two LSTMs of one kernel stay as they are, for the tool would turn the kernel twice."""
    source = lstm(tmp_path / "m.onnx", shared=True)
    made = make(work(source, "shared"), ["int8-dynamic"])
    assert operators(made.path).count("LSTM") == 2
    assert made.notes[-1] == "2 of 3 LSTM, MatMul stay in float"
    assert off(answers(made.path), answers(source)) <= 0.05
    own = make(work(lstm(tmp_path / "own.onnx"), "own"), ["int8-dynamic"])
    assert operators(own.path).count("DynamicQuantizeLSTM") == 2


def test_default_that_requests_override_is_not_quantised(
    tmp_path: Path, work: Callable[..., Work], operators: Callable[[Path], list[str]]
) -> None:
    """A small matrix among the inputs stays one, for requests may bring another."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "v"], ["y"]),
    ]
    weights = {"w": matrix(64, 16), "v": matrix(16, 256, seed=1)}
    source = saved(tmp_path / "m.onnx", nodes, weights, y=["n", 256])
    model = onnx.load(source)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [64, 16]))
    onnx.save(model, source)
    for recipe in ("int8-dynamic-matmul", "int8-blocks"):
        made = make(work(source, recipe), [recipe])
        assert "MatMul" in operators(made.path)
        assert [spec.name for spec in Session(made.path, made.runtime, 1).signature.inputs] == [
            "x",
            "w",
        ]


def test_fp16_keeps_defaults_that_requests_override(
    work: Callable[..., Work], onnx_file: Callable[..., Path]
) -> None:
    """Beside FP16 weights a default is FP32 still, and a request may bring another."""
    text = models.DOUBLED.replace("(float[N, 4] x)", "(float[N, 4] x, float[4] two)")
    made = make(work(onnx_file(text)), ["fp16"])
    assert inspect(made.path).weights["FP16"] == 4 * 2
    session = Session(made.path, made.runtime, 1)
    rows, threes = np.ones((1, 4), np.float32), np.full(4, 3, np.float32)
    assert session.run({"x": rows})["y"].tolist() == [[3] * 4]
    assert session.run({"x": rows, "two": threes})["y"].tolist() == [[4] * 4]


def test_branches_become_fp16_with_what_they_take(
    work: Callable[..., Work], onnx_file: Callable[..., Path]
) -> None:
    """Weights within branches are converted with those around them, and answers stay."""
    text = """
    branches (float[N, 2] x, bool go) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
      h = MatMul (x, w)
      y = If (go) <
        then_branch = a () => (float[N, 2] p) <float[2] one = {1, 1}> { p = Add (h, one) },
        else_branch = b () => (float[N, 2] q) <float[2] two = {2, 2}> { q = Mul (h, two) }
      >
    }
    """
    made = make(work(onnx_file(text)), ["fp16"])
    session = Session(made.path, made.runtime, 1)
    for go, expected in ((True, [[5, 7]]), (False, [[8, 12]])):
        inputs = {"x": np.ones((1, 2), np.float32), "go": np.array(go)}
        assert session.run(inputs)["y"].tolist() == expected


def test_weights_left_among_the_inputs_become_weights(
    tmp_path: Path, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Large defaults of inputs are no part of any signature, and are quantised."""
    model = onnx.load(model_at("digits_mlp"))
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims) > 1024:
            edge = helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims)
            model.graph.input.append(edge)
    onnx.save(model, tmp_path / "m.onnx")
    made = make(work(tmp_path / "m.onnx"), ["int8-dynamic-matmul"])
    assert inspect(made.path).quantized


def test_local_functions_are_part_of_the_graph(
    tmp_path: Path,
    work: Callable[..., Work],
    answers: Callable[..., Tensors],
    operators: Callable[[Path], list[str]],
) -> None:
    """Weights that a local function multiplies by are found and quantised."""
    own = [helper.make_opsetid("", 17)]
    nodes = [helper.make_node("MatMul", ["a", "w"], ["b"]), helper.make_node("Relu", ["b"], ["c"])]
    layer = helper.make_function("own", "Layer", ["a", "w"], ["c"], nodes, own)
    called = [helper.make_node("Layer", ["x", "w"], ["y"], domain="own")]
    source = saved(tmp_path / "m.onnx", called, {"w": matrix(64, 64)})
    model = onnx.load(source)
    model.functions.append(layer)
    model.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(model, source)
    assert inspect(source).weighted == {"MatMul": 64 * 64 * 4}
    for recipe, operator in (("int8-blocks", "MatMulNBits"), ("int8-dynamic", "MatMulInteger")):
        made = make(work(source, recipe), [recipe])
        assert operator in operators(made.path)
        assert off(answers(made.path), answers(source)) <= 0.05


def test_runtime_options_stay(model_at: Callable[[str], Path], work: Callable[..., Work]) -> None:
    """A candidate is opened as the original is."""
    runtime = RuntimeOptions(intra_op_num_threads=1, graph_optimization_level="basic")
    made: Candidate = make(work(model_at("digits_mlp"), runtime=runtime), ["int8-blocks"])
    assert made.opened == (made.path, runtime)
