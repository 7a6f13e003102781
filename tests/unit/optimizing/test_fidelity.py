"""How near a candidate's answers are to the original's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hearth.domain.signature import TensorSpec
from hearth.optimizing.fidelity import fidelity, measure
from hearth.optimizing.pairing import AnswersDiffer
from hearth.optimizing.spread import MOST_ERROR
from hypothesis import given
from hypothesis import strategies as st
from models import data
from support import judged
from support.judged import (
    LABEL,
    MODELS,
    REGRESSION,
    SCORES,
    VALUE,
    altered,
    answered,
    cases,
    changed,
    coarse,
    manifest,
    scored,
    scrambled,
    signature,
)

CLASSES = np.arange(300) % 3


def values(numbers: Any) -> list[Any]:
    array = np.asarray(numbers, np.float32).reshape(-1, 1)
    return cases(len(array), value=array)


def test_same_answers_are_equivalent() -> None:
    """Answers that are the same agree in all rows and are off by nothing."""
    same = cases(300, scores=scored(CLASSES))
    found = fidelity(same, same, manifest())
    assert (found.rows, found.finite, found.equivalent, found.agreement) == (300, True, True, 1.0)
    assert (found.relative_error, found.spread_error) == (0.0, 0.0)


def test_agreement_of_few_rows_shows_little() -> None:
    """That 300 rows of 300 agree shows 99% of all with 95% confidence, and 299 do not."""
    same = cases(300, scores=scored(CLASSES))
    shown = fidelity(same, same, manifest()).agreement_low
    assert shown is not None
    assert 0.99 <= shown < 0.9901
    fewer = cases(299, scores=scored(CLASSES[:299]))
    shown = fidelity(fewer, fewer, manifest()).agreement_low
    assert shown is not None
    assert shown < 0.99


def test_agreement_is_of_classes() -> None:
    """Rows agree where the highest score is the same one, whatever it is."""
    original = cases(300, scores=scored(CLASSES, 0.9))
    other = cases(300, scores=scored(changed(CLASSES, 6), 0.5))
    found = fidelity(original, other, manifest())
    assert found.agreement == pytest.approx(0.98)
    assert not found.equivalent


def test_agreement_is_of_labels_where_the_model_gives_them() -> None:
    """A label decides on the class before the scores do, as in records."""
    named = manifest((LABEL, SCORES), label="label", classes=("a", "b", "c"))
    words = np.array(["a", "b", "c"], object)
    original = cases(300, label=words[CLASSES], scores=scored(CLASSES))
    other = cases(300, label=words[changed(CLASSES, 3)], scores=scored(CLASSES))
    found = fidelity(original, other, named)
    assert found.agreement == pytest.approx(0.99)
    assert not found.equivalent
    assert found.spread_error == 0


def test_rows_that_no_class_is_told_of_agree_if_neither_has_one() -> None:
    """Where all scores are NaN, there is no class, of both."""
    scores = scored(CLASSES)
    scores[:3] = np.nan
    other = scores.copy()
    other[0] = scored([1])[0]
    found = fidelity(cases(300, scores=scores), cases(300, scores=other), manifest())
    assert found.agreement == pytest.approx(1 - 1 / 300)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_no_number_in_place_of_one_is_not_finite(wrong: float) -> None:
    """A candidate is finite wherever the original is."""
    other = np.arange(50.0)
    other[7] = wrong
    found = fidelity(values(np.arange(50.0)), values(other), REGRESSION)
    assert not found.finite
    assert found.spread_error == MOST_ERROR


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_the_original_has_no_number_for_is_no_fault(
    odd: float, random: np.random.Generator
) -> None:
    """NaN and infinity of the original's own are compared as they are."""
    original = random.normal(size=50)
    original[[3, 4]] = odd
    same = fidelity(values(original), values(original), REGRESSION)
    assert (same.finite, same.equivalent, same.spread_error) == (True, True, 0.0)
    near = fidelity(values(original), values(original * 1.01), REGRESSION)
    assert near.finite
    assert 0.005 < near.spread_error < 0.02


@pytest.mark.parametrize(("odd", "instead"), [(np.nan, 3.0), (np.inf, -np.inf), (-np.inf, -80.0)])
def test_a_number_where_the_original_has_none_has_no_bound(
    odd: float, instead: float, random: np.random.Generator
) -> None:
    """An answer that hides that there is none is an error as large as can be."""
    original = random.normal(size=50)
    original[3] = odd
    other = original.copy()
    other[3] = instead
    found = fidelity(values(original), values(other), REGRESSION)
    assert not found.equivalent
    assert found.spread_error == found.relative_error == MOST_ERROR


def test_answering_with_the_mean_is_as_far_off_as_answers_vary(random: np.random.Generator) -> None:
    """Far from zero the mean is relatively near to everything, and off by the whole spread."""
    original = 1000 + random.normal(size=500)
    found = fidelity(values(original), values(np.full(500, original.mean())), REGRESSION)
    assert found.relative_error < 0.002
    assert found.spread_error == pytest.approx(1.0, abs=0.01)


def test_each_value_of_a_row_has_a_spread_of_its_own(random: np.random.Generator) -> None:
    """A small quantity beside a large one is not lost in it."""
    spec = TensorSpec("value", "FP32", (-1, 2))
    what = manifest((spec,), task="regression", scores="value")
    original = random.normal(size=(500, 2)) * [1e6, 1]
    other = original.copy()
    other[:, 1] = 0
    found = fidelity(cases(500, value=original), cases(500, value=other), what)
    assert found.spread_error == pytest.approx(1.0, abs=0.1)
    assert found.relative_error < 1e-5


def test_original_that_does_not_vary_shows_nothing() -> None:
    """What differs from answers that are all the same is off without bound."""
    found = fidelity(values(np.full(50, 2.0)), values(np.full(50, 2.5)), REGRESSION)
    assert found.spread_error == MOST_ERROR
    near = fidelity(values(np.full(50, 2.0)), values(np.full(50, 2.0001)), REGRESSION)
    assert (near.equivalent, near.spread_error) == (True, 0.0)


def test_a_class_that_never_comes_does_not_decide_on_scores() -> None:
    """Scores are measured by the spread of all: that of one class may be next to nothing."""
    original, other = (scored(CLASSES % 2, sure) for sure in (0.9, 0.901))
    original[:, 2], other[:, 2] = 1e-6, 3e-6 + 1e-7 * CLASSES
    found = fidelity(cases(300, scores=original), cases(300, scores=other), manifest())
    assert found.spread_error < 0.01


def test_numbers_far_from_zero_keep_their_digits(random: np.random.Generator) -> None:
    """The spread of float64 values is told however large their mean is."""
    spec = TensorSpec("value", "FP64", (-1, 1))
    what = manifest((spec,), task="regression", scores="value")
    noise = random.normal(size=(300, 1))
    original, other = 1e9 + noise, 1e9 + noise * 1.1
    what = replace(what, golden=replace(what.golden, rtol=0.0, atol=0.0))
    found = fidelity(cases(300, value=original), cases(300, value=other), what)
    assert found.spread_error == pytest.approx(0.1, rel=0.05)


def test_largest_floats_raise_nothing() -> None:
    """Differences that no float holds are errors without bound."""
    spec = TensorSpec("value", "FP64", (-1, 1))
    what = manifest((spec,), task="regression", scores="value")
    original = np.array([[1.7e308], [-1.7e308], [0.0]])
    found = fidelity(cases(3, value=original), cases(3, value=-original), what)
    assert found.spread_error == MOST_ERROR


def test_bfloat16_is_compared_as_the_numbers_that_it_means(random: np.random.Generator) -> None:
    """Sixteen bits that are next to each other mean numbers that are near each other."""
    spec = TensorSpec("value", "BF16", (-1, 1))
    what = manifest((spec,), task="regression", scores="value")
    bits = random.normal(size=(200, 1)).astype(ml_dtypes.bfloat16).view(np.uint16)
    found = fidelity(cases(200, value=bits), cases(200, value=bits + np.uint16(1)), what)
    assert 0 < found.spread_error < 0.02


def test_what_is_no_float_is_compared_exactly() -> None:
    """Integers and strings of outputs that nobody judges agree row by row, or not."""
    ids = TensorSpec("ids", "INT64", (-1, 4))
    words = TensorSpec("words", "BYTES", (-1,))
    what = manifest((ids, words), task="", scores="")
    numbers = np.arange(800).reshape(200, 4)
    texts = np.array([f"w{n}" for n in range(200)], object)
    other_numbers, other_texts = numbers.copy(), texts.copy()
    other_numbers[5, 2] = 0
    other_texts[[5, 9]] = "?"
    found = fidelity(
        cases(200, ids=numbers, words=texts), cases(200, ids=other_numbers, words=other_texts), what
    )
    assert found.agreement == pytest.approx(0.99)
    assert not found.equivalent


def test_nothing_is_agreed_on_where_all_is_float() -> None:
    """A regression names no class."""
    found = fidelity(values(np.arange(9)), values(np.arange(9)), REGRESSION)
    assert found.agreement is None
    assert found.agreement_low is None


def test_worst_of_several_outputs_counts(random: np.random.Generator) -> None:
    """One output that collapsed is not made good by another."""
    other = TensorSpec("other", "FP32", (-1, 40))
    what = manifest((SCORES, other))
    right, wrong = random.normal(size=(2, 300, 40)).astype(np.float32)
    scores = scored(CLASSES)
    found = fidelity(
        cases(300, scores=scores, other=right), cases(300, scores=scores, other=wrong), what
    )
    assert found.agreement == 1.0
    assert found.spread_error > 1
    alone = measure(
        cases(300, scores=scores, other=right),
        cases(300, scores=scores, other=wrong),
        what,
        {"scores"},
    )
    assert alone.fidelity.equivalent


def test_rows_of_dynamic_length_are_compared_element_by_element(
    random: np.random.Generator,
) -> None:
    """Answers whose inner dimensions differ from case to case have columns in the last one."""
    spec = TensorSpec("value", "FP32", (-1, -1, 2))
    what = manifest((spec,), task="", scores="")
    original = [
        judged.GoldenCase(
            {"x": np.zeros((2, 1), np.float32)},
            {"value": random.normal(size=(2, length, 2)).astype(np.float32)},
        )
        for length in (3, 5)
    ]
    other = [
        judged.GoldenCase(case.inputs, {"value": case.outputs["value"] * np.float32(1.05)})
        for case in original
    ]
    found = fidelity(original, other, what)
    assert found.rows == 4
    assert found.spread_error == pytest.approx(0.05, rel=0.3)


def test_model_that_takes_one_example_has_a_row_a_case(random: np.random.Generator) -> None:
    """Without batches, what is in a case is one row."""
    x, value = TensorSpec("x", "FP32", (1,)), TensorSpec("value", "FP32", (3,))
    what = manifest((value,), task="", scores="", inputs=(x,))
    original = [
        judged.GoldenCase({"x": np.zeros(1, np.float32)}, {"value": row})
        for row in random.normal(size=(20, 3)).astype(np.float32)
    ]
    found = fidelity(original, original, what)
    assert (found.rows, found.equivalent) == (20, True)


@pytest.mark.parametrize(
    "other",
    [
        cases(10, value=np.zeros((10, 2), np.float32)),
        cases(10, value=np.zeros((10, 1), np.float64)),
        cases(10, another=np.zeros((10, 1), np.float32)),
        cases(10, 5, value=np.zeros((10, 1), np.float32)),
        [],
    ],
)
def test_answers_of_another_form_cannot_be_compared(other: Any) -> None:
    """Shape, type, name and number of answers are the same, or there is no fidelity."""
    with pytest.raises(AnswersDiffer):
        fidelity(cases(10, value=np.zeros((10, 1), np.float32)), other, REGRESSION)


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40),
    st.floats(0, 1, width=32),
    st.integers(1, 40),
)
def test_how_rows_are_cut_changes_nothing(numbers: list[float], by: float, chunk: int) -> None:
    """Fidelity is of rows: the chunks that they came in do not matter."""
    array = np.array(numbers, np.float32).reshape(-1, 1)
    other = array * np.float32(1 + by) + np.float32(by)
    whole = fidelity(
        cases(len(array), 1000, value=array), cases(len(array), 1000, value=other), REGRESSION
    )
    cut = fidelity(
        cases(len(array), chunk, value=array), cases(len(array), chunk, value=other), REGRESSION
    )
    assert (cut.rows, cut.equivalent, cut.finite) == (whole.rows, whole.equivalent, whole.finite)
    assert cut.relative_error == pytest.approx(whole.relative_error, rel=1e-6, abs=1e-12)
    assert cut.spread_error == pytest.approx(whole.spread_error, rel=1e-3, abs=1e-9)


@given(st.integers(0, 300))
def test_more_disagreement_is_never_less(count: int) -> None:
    """The share of rows that agree falls with each that does not, and so does its limit."""
    found = [
        fidelity(
            cases(300, scores=scored(CLASSES)),
            cases(300, scores=scored(changed(CLASSES, n))),
            manifest(),
        )
        for n in (count, min(count + 1, 300))
    ]
    lows = [one.agreement_low for one in found]
    assert found[0].agreement == pytest.approx(1 - count / 300)
    assert lows[0] is not None
    assert lows[1] is not None
    assert found[0].agreement >= lows[0] >= lows[1] >= 0


@pytest.mark.parametrize("name", ["digits_mlp", "digits_conv", "digits_depthwise"])
def test_weights_on_255_steps_are_near_and_scrambled_ones_are_not(
    name: str, tmp_path: Path
) -> None:
    """Real models on held-out rows: coarse weights keep classes, scrambled ones keep nothing."""
    path = MODELS / f"{name}.onnx"
    made = signature(path)
    what = replace(manifest(made.outputs, scores="logits"), signature=made)
    x = data.digits().shaped(*made.inputs[0].shape[1:]).held_out_x
    original = answered(path, x)
    near = fidelity(original, answered(altered(path, tmp_path / "near", coarse), x), what)
    far = fidelity(original, answered(altered(path, tmp_path / "far", scrambled), x), what)
    assert near.agreement == 1.0
    assert 0 < near.spread_error < 0.05
    assert not near.equivalent
    assert far.agreement is not None
    assert far.agreement < 0.5
    assert far.spread_error > 0.5
    assert VALUE.name not in original[0].outputs
