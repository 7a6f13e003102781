"""Making candidates in another process: what fails there is a reason that names the recipe."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.domain.manifest import RuntimeOptions
from hearth.domain.signature import Signature
from hearth.optimizing import making, work_document
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.making import make, make_apart, working_folder
from hearth.optimizing.recipe import RecipeFailed, Work
from onnx import TensorProto, helper, numpy_helper
from support import models

# Folding this takes minutes: 400 products of matrices of 2,000 by 2,000, all of constants.
_PRODUCTS = "\n".join(f"m{at + 1} = MatMul(m{at}, m{at})" for at in range(400))
ENDLESS = f"""<ir_version: 10, opset_import: ["" : 21]>
endless (float[N,4] x) => (float[N,4] y)
<int64[2] size = {{2000, 2000}}, int64[2] zero = {{0, 0}}>
{{
  m0 = ConstantOfShape (size)
  {_PRODUCTS}
  one = GatherND (m400, zero)
  y = Add (x, one)
}}"""

BRANCHES = """
branches (float[N, 64] x, bool go) => (float[N, 64] y)
{
  y = If (go) <
    then_branch = a () => (float[N, 64] p) { p = Relu (x) },
    else_branch = b () => (float[N, 64] q) { q = Neg (x) }
  >
}
"""


@pytest.fixture
def unopened(tmp_path: Path) -> Callable[[Path], Work]:
    """`unopened(path)`: work on a model that is not to be opened here."""
    return lambda path: Work(Candidate("original", path), tmp_path / "made", Signature((), ()))


def test_child_makes_what_is_made_here(
    model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """A child process leaves the same bytes, and says the same of them."""
    recipes = ["fusion", "int8-dynamic-matmul"]
    here = make(work(model_at("encoder"), "here"), recipes)
    apart = make_apart(work(model_at("encoder"), "apart"), recipes, 1500, 60)
    assert apart.path.read_bytes() == here.path.read_bytes()
    assert replace(apart, path=here.path) == here


def test_work_writes_in_its_folder_alone(
    tmp_path: Path, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Afterwards there is the candidate's folder: temporary files and earlier recipes are gone."""
    task = work(model_at("encoder"))
    made = make_apart(task, ["fusion", "int8-dynamic"], 1500, 60)
    assert list(task.folder.iterdir()) == [working_folder(task, 1, "int8-dynamic")]
    assert list(made.path.parent.iterdir()) == [made.path]
    assert list(tmp_path.iterdir()) == [task.folder]


def test_recipes_need_nothing_that_lambda_lacks(
    tmp_path: Path, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Without sympy, torch, onnx_ir, scipy and flatbuffers each recipe makes the same bytes."""
    recipes = (["graph"], ["fusion", "int8-dynamic"], ["int8-blocks"], ["int4-blocks"], ["fp16"])
    tasks = [work(model_at("encoder"), f"lacking-{at}") for at in range(len(recipes))]
    asked = [
        {"work": work_document.from_work(task), "recipes": names}
        for task, names in zip(tasks, recipes, strict=True)
    ]
    script = """
import json, sys
sys.modules.update(dict.fromkeys(["sympy", "torch", "onnx_ir", "scipy", "sklearn", "flatbuffers"]))
from hearth.optimizing import making, work_document
for asked in json.load(sys.stdin):
    print(making.make(work_document.to_work(asked["work"]), asked["recipes"]).path)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = [Path(line) for line in done.stdout.splitlines() if line.startswith(str(tmp_path))]
    for path, names in zip(made, recipes, strict=True):
        here = make(work(model_at("encoder"), "+".join(names)), names)
        assert path.read_bytes() == here.path.read_bytes()


def test_document_of_work_reads_back(
    tmp_path: Path, model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """Work and candidates survive JSON: every field of them."""
    runtime = RuntimeOptions(intra_op_num_threads=2, session_config={"a": "b"})
    before = Candidate(
        "a+b",
        tmp_path / "m.onnx",
        ("w.bin",),
        runtime,
        ("a", "b"),
        tmp_path / "saved.onnx",
        runtime,
        ("note",),
    )
    task = work(model_at("digits_conv"))
    for whole in (task, replace(task, before=before, calibration=tmp_path / "c.npz", seed=7)):
        assert work_document.to_work(work_document.from_work(whole)) == whole


@pytest.mark.parametrize(
    ("name", "recipe", "reason"),
    [
        ("digits_forest", "int8-dynamic", "no FP32 weights"),
        ("cancer_logreg", "int8-blocks", "no FP32 weights"),
        ("diabetes_gbr", "fp16", "no FP32 weights"),
        ("digits_conv", "fusion", "no attention"),
        ("digits_conv", "int8-blocks", "no MatMul or Gemm"),
        ("digits_conv", "int3", "no such recipe"),
    ],
)
def test_failure_names_the_recipe_and_the_reason(
    model_at: Callable[[str], Path],
    work: Callable[..., Work],
    name: str,
    recipe: str,
    reason: str,
) -> None:
    """What a recipe cannot do is said in its name, the same here and from a child."""
    with pytest.raises(RecipeFailed, match=rf"^{recipe}: .*{reason}") as here:
        make(work(model_at(name), "here"), [recipe])
    with pytest.raises(RecipeFailed) as apart:
        make_apart(work(model_at(name), "apart"), [recipe], 1500, 60)
    assert str(apart.value) == str(here.value)


def test_model_without_onnx_operators_is_a_reason(
    tmp_path: Path, work: Callable[..., Work]
) -> None:
    """A model of another domain alone, on which ONNX Runtime's quantiser raises, is told before."""
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    edges = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy"]
    graph = helper.make_graph([node], "g", edges[:1], edges[1:])
    opsets = [helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(RecipeFailed, match=r"int8-dynamic: .*ONNX's own domain"):
        make(work(tmp_path / "m.onnx"), ["int8-dynamic"])


def test_tool_that_changes_nothing_fails(
    onnx_file: Callable[..., Path], work: Callable[..., Work]
) -> None:
    """Branches that cannot be optimised come back as they were, which is no candidate."""
    with pytest.raises(RecipeFailed, match=r"graph: .*nothing to optimise"):
        make(work(onnx_file(BRANCHES)), ["graph"])


def test_tool_that_leaves_float_weights_fails(tmp_path: Path, work: Callable[..., Work]) -> None:
    """A vector is a weight of MatMul that the quantiser does not take: nothing became smaller."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.ones(64, np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(RecipeFailed, match=r"int8-dynamic-matmul: .*no operator was quantised"):
        make(work(tmp_path / "m.onnx"), ["int8-dynamic-matmul"])


def test_candidate_of_another_signature_fails(
    model_at: Callable[[str], Path], work: Callable[..., Work]
) -> None:
    """A candidate whose outputs are not those of the original is never returned."""
    task = work(model_at("digits_mlp"))
    (output,) = task.signature.outputs
    other = Signature(task.signature.inputs, (replace(output, datatype="FP64"),))
    with pytest.raises(RecipeFailed, match="graph: the model's outputs are not those"):
        make(replace(task, signature=other), ["graph"])


def test_file_that_does_not_parse_is_a_reason(
    tmp_path: Path, unopened: Callable[[Path], Work]
) -> None:
    """What is no model fails in the child with a reason, and is no exception of protobuf."""
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(RecipeFailed, match="graph"):
        make_apart(unopened(tmp_path / "m.onnx"), ["graph"], 1500, 60)


def test_child_that_does_not_end_is_stopped(
    onnx_file: Callable[..., Path], unopened: Callable[[Path], Work]
) -> None:
    """A tool that is still at it when time is up is stopped, and its recipe is named."""
    task = unopened(onnx_file(models.model(ENDLESS)))
    started = time.monotonic()
    with pytest.raises(RecipeFailed, match=r"graph did not end in time.*after 3 s"):
        make_apart(task, ["graph"], 1500, 3)
    assert time.monotonic() - started < 60
    assert not (task.folder / "scratch").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux bounds memory so")
def test_child_that_takes_too_much_memory_is_a_reason(
    tmp_path: Path, unopened: Callable[[Path], Work]
) -> None:
    """A model of 160 MB is not made over in 256 MB, and that is said."""
    weights = numpy_helper.from_array(np.zeros((6400, 6400), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6400])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6400])],
        [weights],
    )
    onnx.save(helper.make_model(graph, ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(RecipeFailed, match="int8-blocks takes more memory than there is"):
        make_apart(unopened(tmp_path / "m.onnx"), ["int8-blocks"], 256, 60)


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (-9, b"", "fusion takes more memory than there is"),
        (1, b"std::bad_alloc", "fusion takes more memory than there is"),
        (-11, b"", "fusion crashes: got exit status -11"),
        (1, b"Traceback", "fusion crashes: got exit status 1: Traceback"),
    ],
)
def test_child_that_dies_without_a_word_is_a_reason(status: int, said: bytes, reason: str) -> None:
    """A child that was killed ran out of memory; one that died otherwise crashed."""
    spoken = b'noise of a tool hearth: {"at": "fusion"}\nhearth: {"at'
    done = subprocess.CompletedProcess(["child"], status, spoken, said)
    with pytest.raises(RecipeFailed, match=reason):
        making._read(done, ["graph", "fusion"], 256)
