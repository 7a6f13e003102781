"""Static quantisation with operators given back to float where accuracy is lost."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from hearth.optimizing.candidate import Candidate
from hearth.optimizing.recipe import RecipeFailed
from hearth.optimizing.recipes.int8_static import INT8_STATIC_CHANNEL
from hearth.optimizing.recipes.int8_static_mixed import (
    BOUND,
    INT8_STATIC_MIXED,
    _fewest,
    _units,
    spread_error,
)
from hearth.publishing import onnx_file
from onnx import numpy_helper
from support import candidates
from support.candidates import inspected, work

# `fragile` undoes what makes one value of sixteen huge: 8 bits cannot hold both.
TEXT = """<ir_version: 8, opset_import: ["" : 17]>
mixed (float[N, 16] x) => (float[N, 16] y)
{ m0 = Mul (x, huge)  mm = MatMul (m0, fragile)  h = Identity (mm)
   n1 = MatMul (h, w0)  n2 = MatMul (n1, w1)  n3 = MatMul (n2, w2)  y = MatMul (n3, w3) }"""


@pytest.fixture
def fragile(tmp_path: Path) -> Path:
    """A model of five products, the first of which does not survive 8 bits."""
    model = onnx.parser.parse_model(TEXT)
    random = np.random.default_rng(0)
    huge = np.ones(16, np.float32)
    huge[0] = 1e5
    product = np.eye(16, dtype=np.float32)
    product[0, 0] = 1e-5
    tensors = {"huge": huge, "fragile": product}
    for at in range(4):
        turned, _ = np.linalg.qr(random.normal(size=(16, 16)))
        tensors[f"w{at}"] = turned.astype(np.float32)
    for name, values in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    path = tmp_path / "fragile.onnx"
    onnx.save(model, path)
    return path


def test_what_loses_accuracy_stays_in_float(fragile, tmp_path):
    """Few operators of five are given back: the error falls within the bound, the rest is INT8."""
    rows = candidates.random_rows(fragile, 64)
    whole = INT8_STATIC_CHANNEL.apply(work(fragile, tmp_path / "whole", rows))
    mixed = INT8_STATIC_MIXED.apply(work(fragile, tmp_path / "mixed", rows))
    wanted, lost, kept = (
        candidates.answers(c, rows)["y"] for c in (Candidate("o", fragile), whole, mixed)
    )
    assert spread_error(wanted, lost) > 0.5
    assert spread_error(wanted, kept) <= 1.5 * BOUND
    told = re.match(r"([12]) of 5 operators stay in float", mixed.notes[0])
    assert told, mixed.notes
    assert f", within {BOUND}" in mixed.notes[0]
    before, after = inspected(fragile), inspected(mixed.path)
    assert after.weighted["MatMul"] == int(told[1]) * 16 * 16 * 4
    assert INT8_STATIC_MIXED.ensures(before, after, mixed) == ""
    assert [file.name for file in (tmp_path / "mixed").iterdir()] == ["model.onnx"]
    assert candidates.signature(mixed.path) == candidates.signature(fragile)
    assert onnx_file.read(mixed.path).external == ()  # it could be published


def test_same_rows_give_the_same_bytes(fragile, tmp_path):
    """Trials and their order follow from the model and the rows."""
    rows = candidates.random_rows(fragile, 32)
    one, two = (
        INT8_STATIC_MIXED.apply(work(fragile, tmp_path / name, rows)).path.read_bytes()
        for name in ("one", "two")
    )
    assert one == two


def test_model_without_float_answers_is_refused(tmp_path):
    """Where only labels are answered, no loss can be ranked."""
    path = tmp_path / "labels.onnx"
    onnx.save(
        onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        labels (float[N, 2] x) => (int64[N, 1] y)
        <float[2, 3] w = {1, 2, 3, 4, 5, 6}> { s = MatMul (x, w)  y = ArgMax <axis = 1> (s) }"""),
        path,
    )
    with pytest.raises(RecipeFailed, match="no float outputs"):
        INT8_STATIC_MIXED.apply(work(path, tmp_path / "made", candidates.random_rows(path, 4)))


class Losses:
    """Operators that each add an error of their own while they are quantised."""

    def __init__(self, *errors: float) -> None:
        self.errors = {str(at): error for at, error in enumerate(errors)}
        self.trials = 0

    def error(self, operators: tuple[str, ...]) -> float:
        self.trials += 1
        return sum(self.errors[name] for name in operators)


@pytest.mark.parametrize("bad", range(33))
def test_as_few_as_suffice_are_given_back_in_few_trials(bad):
    """Of 64, exactly those that cost too much, found in a number of trials that grows like a logarithm."""
    losses = Losses(*[1.0] * bad, *[0.0] * (64 - bad))
    units = [(name,) for name in losses.errors]
    assert _fewest(losses, units) == (bad, 0.0)
    assert losses.trials <= 12


def test_more_than_half_are_never_given_back():
    """Where half of them does not suffice, the best that was tried is made, with its error."""
    losses = Losses(*[1.0] * 8)
    assert _fewest(losses, [(name,) for name in losses.errors]) == (4, 4.0)


def test_many_operators_are_given_back_by_neighbours():
    """Ranking is bounded: never more units than 48, and no operator is left out."""
    for count in (1, 47, 48, 49, 500):
        operators = [str(at) for at in range(count)]
        units = _units(operators)
        assert len(units) <= 48
        assert [name for unit in units for name in unit] == operators


def test_answers_that_are_not_finite_are_the_worst():
    """An error that cannot be computed is no small one."""
    assert spread_error(np.array([1.0, 2.0]), np.array([1.0, np.nan])) == float("inf")
