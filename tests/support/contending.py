"""Models that a contender has to cope with, and cases for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hearth.domain.manifest import RuntimeOptions
from hearth.optimizing.candidate import ORIGINAL, Candidate
from hearth.serving import golden
from hearth.serving.golden import GoldenCase

from support import models

SLOW = """
slow (float[N,4] x) => (float[N,4] y)
<int64 rounds = {400000000}, bool yes = {1}>
{
  y = Loop (rounds, yes, x) <body = one (int64 i, bool go, float[N,4] a) => (bool go_on, float[N,4] b) {
    go_on = Identity (go)
    b = Neg (a)
  }>
}"""

HUNGRY = """
hungry (float[N,4] x) => (float[N,4] y)
<int64[1] size = {900000000}, int64[1] zero = {0}>
{
  large = ConstantOfShape (size)
  one = Gather <axis = 0> (large, zero)
  y = Add (x, one)
}"""

# The lowest integer divided by -1, which an x86 processor answers by stopping the program. The
# divisor is made of the input, so that nothing is divided while the model is opened.
CRASHING = """
crashing (float[N,4] x) => (float[N,4] y)
<int64 most = {9223372036854775807}, int64 one = {1}>
{
  i = Cast <to = 7> (x)
  sum = ReduceSum <keepdims = 0> (i)
  zero = Sub (sum, sum)
  minus = Sub (zero, one)
  nearly = Neg (most)
  lowest = Sub (nearly, one)
  q = Div (lowest, minus)
  f = Cast <to = 1> (q)
  y = Add (x, f)
}"""

# It runs on one row and on no other number of them.
ONE_ROW = """
one_row (float[N,4] x) => (float[M,4] y)
<int64[2] shape = {1, 4}>
{ y = Reshape (x, shape) }"""

UNKNOWN = "unknown (float[N,4] x) => (float[N,4] y) { y = NoSuchOperator (x) }"
WIDER = "wider (float[N,5] x) => (float[N,5] y) { y = Neg (x) }"
FIXED = "fixed (float[2,4] x) => (float[2,4] y) { y = Neg (x) }"
VECTOR = "vector (float[4] x) => (float[4] y) { y = Neg (x) }"
STRINGS = "strings (string[N] x) => (string[N] y) { y = Identity (x) }"
BF16 = "bf16 (bfloat16[N,4] x) => (bfloat16[N,4] y) { f = Cast <to = 1> (x) n = Neg (f) y = Cast <to = 16> (n) }"

ROW: Any = np.float32([[1, 2, 3, 4]])


def candidate(
    folder: Path, text: str = models.DOUBLED, name: str = ORIGINAL, **runtime: Any
) -> Candidate:
    """Return the model of a graph's text as a candidate in a folder of its own."""
    path = folder / name / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(models.model(text), path)
    return Candidate(name, path, runtime=RuntimeOptions(**runtime))


def layers(folder: Path, count: int, name: str = ORIGINAL, width: int = 256) -> Candidate:
    """Return a model of so many dense layers, which decide what it takes."""
    random = np.random.default_rng(0)
    weights = [
        (random.standard_normal((width, width)) / 16).astype(np.float32) for _ in range(count)
    ]
    nodes = [
        onnx.helper.make_node("MatMul", [f"t{n}", f"w{n}"], [f"t{n + 1}"]) for n in range(count)
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "layers",
        [onnx.helper.make_tensor_value_info("t0", onnx.TensorProto.FLOAT, ["N", width])],
        [onnx.helper.make_tensor_value_info(f"t{count}", onnx.TensorProto.FLOAT, ["N", width])],
        [onnx.numpy_helper.from_array(weight, f"w{n}") for n, weight in enumerate(weights)],
    )
    made = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10
    )
    path = folder / name / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, path)
    return Candidate(name, path)


def cases(folder: Path, *inputs: Any, name: str = "x") -> Path:
    """Return a file with a case for each array, by default one row of four."""
    path = folder / "cases.npz"
    golden.save([GoldenCase({name: array}, {}) for array in inputs or (ROW,)], path)
    return path
