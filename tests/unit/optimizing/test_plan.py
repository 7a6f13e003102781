"""Which candidates are worth making, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hearth.optimizing.inspecting import inspect
from hearth.optimizing.inspection import Inspection
from hearth.optimizing.plan import LOADING, NAMES, Plans, combine, plan

# Every recipe of the contract: the loading and static ones are made elsewhere.
CONTRACT = {
    *("graph", "fusion", "int8-dynamic-matmul", "int8-dynamic", "int8-blocks", "int4-blocks"),
    *("fp16", "pruning", "int8-static", "int8-static-channel", "int8-static-percentile"),
    *("int8-static-entropy", "int8-static-mixed", "external-data", "saved-graph", "threads-1"),
}
EVERY_MODEL = pytest.mark.parametrize(
    "name",
    [
        *("cancer_logreg", "diabetes_gbr", "digits_forest", "digits_mlp", "digits_conv"),
        *("digits_depthwise", "digits_lstm", "encoder"),
    ],
)
MB = 1 << 20


@pytest.fixture
def planned(model_at: Callable[[str], Path]) -> Callable[..., Plans]:
    """`planned(name, **how)`: the plan for a real model, with rows to calibrate with."""
    return lambda name, **how: plan(inspect(model_at(name)), **{"calibration": True, **how})


def reason(plans: Plans, recipe: str) -> str:
    return next(skipped.reason for skipped in plans.skipped if skipped.recipe == recipe)


@EVERY_MODEL
@pytest.mark.parametrize("calibration", [True, False])
def test_every_recipe_is_tried_or_has_a_reason(
    planned: Callable[..., Plans], name: str, *, calibration: bool
) -> None:
    """Each recipe there is stands in a candidate or among those left out, with a sentence."""
    plans = planned(name, calibration=calibration)
    used = {recipe for recipes in plans.candidates for recipe in recipes}
    skipped = [s.recipe for s in plans.skipped]
    assert used | set(skipped) == CONTRACT == set(NAMES)
    assert not used & set(skipped)
    assert len(set(skipped)) == len(skipped)
    assert all(len(s.reason) > 10 for s in plans.skipped)
    assert bool(plans.candidates) != bool(plans.nothing)


@pytest.mark.parametrize(
    ("name", "words"),
    [("diabetes_gbr", "tree"), ("digits_forest", "tree"), ("cancer_logreg", "linear")],
)
def test_trees_and_linear_models_have_nothing_to_gain(
    planned: Callable[..., Plans], name: str, words: str
) -> None:
    """For models of ai.onnx.ml nothing is made, and a sentence says why."""
    plans = planned(name)
    assert plans.candidates == ()
    assert words in plans.nothing


def test_transformer_is_quantised_dynamically_with_and_without_fusion(
    planned: Callable[..., Plans],
) -> None:
    """A transformer's MatMul are quantised as it runs first, then fused as well, then static."""
    candidates = planned("encoder").candidates
    assert candidates[:3] == (
        ("int8-dynamic-matmul",),
        ("fusion", "int8-dynamic-matmul"),
        ("int8-static",),
    )
    assert {("int8-static-channel",), ("int8-blocks",)} <= set(candidates)


def test_conv_is_quantised_statically_and_never_as_it_runs(planned: Callable[..., Plans]) -> None:
    """Static recipes come first for Conv; dynamic ones are left out because ConvInteger is slow."""
    plans = planned("digits_conv")
    assert plans.candidates[0] == ("int8-static-channel",)
    assert ("int8-static",) in plans.candidates
    assert "ConvInteger" in reason(plans, "int8-dynamic")
    assert not any("dynamic" in name for recipes in plans.candidates for name in recipes)


def test_conv_without_rows_is_not_quantised(planned: Callable[..., Plans]) -> None:
    """Without rows to calibrate with, static recipes are left out for that reason."""
    plans = planned("digits_conv", calibration=False)
    assert "calibrate" in reason(plans, "int8-static-channel")
    assert ("saved-graph",) in plans.candidates


def test_depthwise_is_tried_statically(planned: Callable[..., Plans]) -> None:
    """For depthwise Conv the graph is saved first; measuring decides about static quantisation."""
    plans = planned("digits_depthwise")
    assert plans.candidates[:3] == (("saved-graph",), ("int8-static-channel",), ("int8-static",))
    assert "ConvInteger" in reason(plans, "int8-dynamic")


def test_lstm_is_quantised_dynamically(planned: Callable[..., Plans]) -> None:
    """An LSTM is quantised as it runs; static quantisation would leave it in float."""
    plans = planned("digits_lstm")
    assert plans.candidates[0] == ("int8-dynamic",)
    assert "bytes of float weights" in reason(plans, "int8-static")


def test_conv_before_an_lstm_does_not_hold_it_back(model_at: Callable[[str], Path]) -> None:
    """Where most weights are an LSTM's, it is quantised dynamically, Conv or not."""
    lstm = inspect(model_at("digits_lstm"))
    both = replace(
        lstm,
        operators={**lstm.operators, "Conv": 3},
        weighted={**lstm.weighted, "Conv": 100_000},
    )
    assert ("int8-dynamic",) in plan(both, calibration=True).candidates


def test_gru_has_no_quantised_form() -> None:
    """A GRU's weights cannot be quantised, which is said."""
    taken = {"GRU": MB, "Gemm": 1000}
    gru = Inspection("recurrent", MB, {"GRU": 1, "Gemm": 1}, {"FP32": MB}, taken, opset=17)
    assert "no GRU" in reason(plan(gru, calibration=True), "int8-dynamic")


def test_tiny_dense_model_has_nothing_to_gain() -> None:
    """Under a bound on its weights a dense model is left alone; the sentence states the bound."""
    tiny = Inspection("dense", 9000, {"Gemm": 2}, {"FP32": 8000}, {"Gemm": 8000}, opset=17)
    assert "32 KB" in plan(tiny, calibration=True).nothing
    assert not plan(replace(tiny, weighted={"Gemm": 64_000}), calibration=True).nothing


def test_quantised_model_is_only_loaded_in_other_ways() -> None:
    """What is quantised already is not quantised again; ways of loading may still be tried."""
    done = Inspection(
        "convolutional",
        MB,
        {"QLinearConv": 20, "QuantizeLinear": 9},
        {"INT8": MB},
        quantized=True,
        opset=17,
    )
    plans = plan(done, calibration=True)
    assert plans.candidates == (("saved-graph",),)
    assert "already" in reason(plans, "int8-static")
    assert "already" in reason(plans, "int8-dynamic")


def test_model_without_onnx_operators_has_nothing_to_gain() -> None:
    """Recipes change operators of ONNX's own domain; without those there is nothing to do."""
    other = Inspection("other", MB, {"com.microsoft.Tokenizer": 1})
    assert "own domain" in plan(other, calibration=True).nothing


def test_asked_for_is_tried_though_it_promises_nothing(planned: Callable[..., Plans]) -> None:
    """A recipe that is named is tried where it can matter, and no other is."""
    plans = planned("digits_conv", only=("int8-dynamic", "pruning"))
    assert plans.candidates == (("int8-dynamic",), ("pruning",))
    assert reason(plans, "int8-static") == "it was not asked for"


def test_asked_for_is_left_out_where_it_cannot_matter(planned: Callable[..., Plans]) -> None:
    """A recipe that cannot matter is not tried even when it is named; then nothing is made."""
    plans = planned("digits_forest", only=("int8-dynamic",))
    assert plans.candidates == ()
    assert plans.nothing
    assert "no FP32 weights" in reason(plans, "int8-dynamic")


def test_recipes_asked_for_are_combined_as_planned(planned: Callable[..., Plans]) -> None:
    """Of candidates with several recipes, those are made whose recipes are all asked for."""
    plans = planned("encoder", only=("fusion", "int8-dynamic-matmul"))
    assert plans.candidates == (
        ("int8-dynamic-matmul",),
        ("fusion", "int8-dynamic-matmul"),
        ("fusion",),
    )


def test_unknown_recipe_is_said_to_be_unknown(planned: Callable[..., Plans]) -> None:
    """A name that no recipe has is left out for that reason."""
    assert "no recipe of that name" in reason(planned("digits_mlp", only=("int2",)), "int2")


def test_the_best_that_passed_get_another_way_of_loading(model_at: Callable[[str], Path]) -> None:
    """The best two candidates are combined with what promises to load them faster."""
    found = inspect(model_at("digits_conv"))
    passed = [("int8-static-channel",), ("int8-static",), ("fp16",)]
    assert combine(found, passed, passed) == (
        ("int8-static-channel", "saved-graph"),
        ("int8-static", "saved-graph"),
    )


def test_nothing_is_made_or_loaded_twice(model_at: Callable[[str], Path]) -> None:
    """What was made before is not made again, and a way of loading is not added to another."""
    found = inspect(model_at("digits_conv"))
    made = [("int8-static", "saved-graph")]
    assert combine(found, [("int8-static",), ("saved-graph",)], made) == ()


def test_only_bounds_combinations_too(model_at: Callable[[str], Path]) -> None:
    """Without a way of loading among what may be used, nothing is combined; with one, it is."""
    found = inspect(model_at("digits_conv"))
    assert combine(found, [("int8-static",)], [], only=("int8-static",)) == ()
    assert combine(found, [("int8-static",)], [], only=("int8-static", "threads-1")) == (
        ("int8-static", "threads-1"),
    )
    assert set(LOADING) < CONTRACT
