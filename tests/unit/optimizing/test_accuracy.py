"""How much of a metric a candidate loses, and how often its limit is right."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.domain.manifest import METRICS
from hearth.optimizing.accuracy import accuracy, most_lost
from hearth.optimizing.judgement import Accuracy
from hearth.optimizing.truth import NotMeasurable, constant, metric, truth
from hypothesis import given
from hypothesis import strategies as st
from models import data
from sklearn import metrics
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
    signature,
)

_DRAWN = np.random.default_rng(11)
TRUE = _DRAWN.integers(0, 3, 600)
RIGHT = changed(TRUE, 30, 1)  # 95% right
SURE = _DRAWN.uniform(0.4, 0.99, 600)


def classified(
    before: Any, after: Any, name: str = "accuracy", what: Any = None, sure: Any = 0.8
) -> Accuracy:
    return accuracy(
        cases(len(before), scores=scored(before, sure)),
        cases(len(after), scores=scored(after, sure)),
        TRUE[: len(before)],
        what or manifest(),
        name,
    )


def regressed(before: Any, after: Any, true: Any, name: str = "rmse") -> Accuracy:
    columns = [np.asarray(a, np.float32).reshape(len(true), -1) for a in (before, after)]
    return accuracy(
        *(cases(len(true), value=a) for a in columns), np.asarray(true), REGRESSION, name
    )


def test_accuracy_is_of_both_on_the_same_rows() -> None:
    """570 of 600 right, then 564: one in 95 is lost."""
    found = classified(RIGHT, np.where(np.arange(600) < 6, (TRUE + 1) % 3, RIGHT))
    lost = int((RIGHT[:6] == TRUE[:6]).sum())
    assert found.original == pytest.approx(0.95)
    assert found.candidate == pytest.approx((570 - lost) / 600)
    assert found.loss == pytest.approx(lost / 570)
    assert found.loss_high > found.loss
    assert (found.metric, found.rows) == ("accuracy", 600)


def test_no_difference_in_few_rows_is_not_taken_for_none() -> None:
    """Where 0 of 450 rows differ, three may have been missed; of 50, so many more."""
    of_450, of_50 = (classified(TRUE[:n], TRUE[:n]) for n in (450, 50))
    assert of_450.loss == of_50.loss == 0
    assert 0.0065 < of_450.loss_high < 0.0067
    assert of_50.loss_high > 0.05


def test_errors_of_both_cancel_out() -> None:
    """A candidate that is wrong where the original is loses nothing, however often that is."""
    poor = changed(TRUE, 300, 2)
    assert classified(poor, poor).loss_high < 0.012
    other = changed(TRUE, 300, 3)
    assert classified(poor, other).loss_high > 0.09


def test_better_candidate_loses_less_than_nothing() -> None:
    """Loss is below 0 where more is right, and its limit, where it is enough."""
    found = classified(changed(TRUE, 120, 4), TRUE)
    assert found.loss == pytest.approx(-0.25)
    assert found.loss < found.loss_high < 0


@given(st.integers(1, 2000), st.integers(0, 300), st.integers(0, 300))
def test_limit_lies_above_the_loss_and_moves_with_it(stay: int, harmed: int, helped: int) -> None:
    """One row more that is lost raises the limit; one more that is won lowers it."""
    high = most_lost(stay, harmed, helped)
    loss = max((harmed - helped) / (stay + harmed), -1.0)
    assert loss <= high <= 1
    assert most_lost(stay, harmed + 1, helped) >= high - 1e-9
    assert most_lost(stay, harmed, helped + 1) <= high + 1e-9


@given(st.integers(100, 2000), st.integers(0, 40))
def test_more_rows_of_a_kind_narrow_the_limit(stay: int, harmed: int) -> None:
    """Twice the rows with twice the harm say the same with more confidence."""
    assert most_lost(2 * stay, 2 * harmed, 0) < most_lost(stay, harmed, 0)


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "log_loss"])
def test_classification_metrics_are_scikit_learns(name: str) -> None:
    """Both values are what scikit-learn makes of the same answers."""
    after = changed(RIGHT, 30, 5)
    found = classified(RIGHT, after, name, sure=SURE)
    reference = {
        "accuracy": lambda told: metrics.accuracy_score(TRUE, told),
        "f1_macro": lambda told: metrics.f1_score(TRUE, told, average="macro"),
        "log_loss": lambda told: metrics.log_loss(TRUE, scored(told, SURE), labels=[0, 1, 2]),
    }[name]
    assert found.original == pytest.approx(reference(RIGHT), rel=1e-5)
    assert found.candidate == pytest.approx(reference(after), rel=1e-5)
    assert found.loss > 0
    assert found.loss_high > found.loss


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_regression_metrics_are_scikit_learns(name: str, random: np.random.Generator) -> None:
    """Both values are what scikit-learn makes of the same answers; worse is a loss of each."""
    true = random.normal(size=300)
    before = true + random.normal(size=300) * 0.3
    after = before + random.normal(size=300) * 0.2
    found = regressed(before, after, true, name)
    reference = {
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "r2": metrics.r2_score,
    }[name]
    assert found.original == pytest.approx(reference(true, before), rel=1e-4)
    assert found.candidate == pytest.approx(reference(true, after), rel=1e-4)
    assert 0 < found.loss < found.loss_high


def test_log_loss_sees_what_accuracy_does_not() -> None:
    """Classes that are all right with probabilities that are all off lose nothing, and much."""
    before = cases(600, scores=scored(TRUE, 0.95))
    after = cases(600, scores=scored(TRUE, 0.5))
    assert accuracy(before, after, TRUE, manifest(), "accuracy").loss == 0
    assert accuracy(before, after, TRUE, manifest(), "log_loss").loss > 5


def test_rare_class_weighs_in_macro_f1() -> None:
    """A class of six rows may be lost in rows that were not seen: equal answers show little."""
    true = np.array([0] * 594 + [1] * 6)
    answers = cases(600, scores=scored(true))
    rare = accuracy(answers, answers, true, manifest(), "f1_macro")
    balanced = classified(TRUE, TRUE, "f1_macro")
    assert rare.loss == balanced.loss == 0
    assert rare.loss_high > 0.2
    assert balanced.loss_high < 0.01


def test_worst_row_raises_the_limit(random: np.random.Generator) -> None:
    """Harm in one row alone may be seen thrice as often elsewhere."""
    true = random.normal(size=400)
    before = true + random.normal(size=400) * 0.5
    spread = before + random.normal(size=400) * 0.05
    single = before.copy()
    single[7] += math.sqrt(((spread - true) ** 2).sum() - ((before - true) ** 2).sum() + 5)
    alone, everywhere = regressed(before, single, true), regressed(before, spread, true)
    assert alone.loss_high - alone.loss > 3 * (everywhere.loss_high - everywhere.loss)


def test_labels_are_words_or_indices() -> None:
    """A label is a class by its name, or by its place; a model may give names itself."""
    words = np.array(["a", "b", "c"])
    named = manifest((LABEL, SCORES), label="label", classes=tuple(words))
    before = cases(600, label=words[RIGHT].astype(object), scores=scored(RIGHT))
    found = [
        accuracy(before, before, target, named, "accuracy").original
        for target in (TRUE, words[TRUE], np.char.encode(words[TRUE]))
    ]
    assert found == [pytest.approx(0.95)] * 3


def test_probability_of_one_class_is_a_score_of_both(random: np.random.Generator) -> None:
    """One score a row is the second class's."""
    two = manifest((replace(SCORES, shape=(-1, 1)),))
    true = random.integers(0, 2, 400)
    answers = cases(400, scores=np.where(true == 1, 0.9, 0.2).astype(np.float32).reshape(-1, 1))
    assert accuracy(answers, answers, true, two, "accuracy").original == 1.0
    assert accuracy(answers, answers, true, two, "log_loss").original > 0


@pytest.mark.parametrize("wrong", [TRUE[:599], TRUE[:0]])
def test_labels_that_are_not_one_a_row_measure_nothing(wrong: Any) -> None:
    """Rows and labels belong together one by one."""
    answers = cases(600, scores=scored(RIGHT))
    with pytest.raises(NotMeasurable):
        accuracy(answers, answers, wrong, manifest(), "accuracy")


def test_labels_that_the_model_does_not_have_are_refused() -> None:
    """A class that no score is for is a wrong evaluation set, not a wrong model."""
    answers = cases(600, scores=scored(RIGHT))
    with pytest.raises(InvalidDocument):
        accuracy(answers, answers, TRUE + 5, manifest(), "accuracy")


@pytest.mark.parametrize("name", METRICS)
def test_metric_of_another_task_cannot_be_measured(name: str, random: np.random.Generator) -> None:
    """A regression has no accuracy, and a classification no root mean square error."""
    true = random.normal(size=50).astype(np.float32)
    of_values = name in ("rmse", "mae", "r2")
    answers = (RIGHT, RIGHT, name) if of_values else (true, true, true, name)
    measured = classified if of_values else regressed
    with pytest.raises(NotMeasurable):
        measured(*answers)


def test_log_loss_of_scores_that_are_no_probabilities_cannot_be_measured() -> None:
    """Logits have no likelihood."""
    answers = cases(600, scores=10 * scored(RIGHT) - 5)
    with pytest.raises(NotMeasurable):
        accuracy(answers, answers, TRUE, manifest(), "log_loss")


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_no_share_of_nothing_can_be_lost(name: str, random: np.random.Generator) -> None:
    """A faultless original, or one that explains nothing, has no relative loss."""
    true = random.integers(-9, 9, 50).astype(np.float32)
    before = true if name == "rmse" else -true
    with pytest.raises(NotMeasurable):
        regressed(before, true + 1, true, name)


def test_candidate_that_answers_no_number_cannot_be_measured(random: np.random.Generator) -> None:
    """NaN in a regression's values has no error."""
    true = random.normal(size=50).astype(np.float32)
    after = true.copy()
    after[3] = np.nan
    with pytest.raises(NotMeasurable):
        regressed(true + 1, after, true)


def test_what_is_compared_by_default() -> None:
    """Accuracy of classes, the root mean square error of values, else what the manifest says."""
    assert metric(manifest()) == "accuracy"
    assert metric(REGRESSION) == "rmse"
    assert metric(manifest(metric="f1_macro")) == "f1_macro"
    assert metric(manifest(task="ranking")) == ""


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "log_loss", "rmse", "mae", "r2"])
def test_best_answer_that_is_the_same_for_all(name: str, random: np.random.Generator) -> None:
    """No other constant answer has a better metric."""
    if name in ("rmse", "mae", "r2"):
        values = random.exponential(size=99).astype(np.float32)
        true = truth(values, cases(99, value=values.reshape(-1, 1)), REGRESSION)
        best = constant(name, true)
        others = [
            metrics.r2_score(values, np.full(99, c))
            if name == "r2"
            else -(
                (np.abs(values - c) ** (2 if name == "rmse" else 1)).mean()
                ** (0.5 if name == "rmse" else 1)
            )
            for c in np.linspace(values.min(), values.max(), 200)
        ]
        assert (best if name == "r2" else -best) >= max(others) - 1e-6
        return
    rare = np.array([0] * 70 + [1] * 25 + [2] * 5)
    true = truth(rare, cases(100, scores=scored(rare)), manifest())
    expected = {
        "accuracy": 0.7,
        "f1_macro": metrics.f1_score(rare, [0] * 100, average="macro", zero_division=0),
        "log_loss": metrics.log_loss(rare, np.tile([0.7, 0.25, 0.05], (100, 1))),
    }
    assert constant(name, true) == pytest.approx(expected[name])


PASSING = 0.01
TRIALS = 1000


def passing(rows: int, loss: float, churn: float, right: float = 0.95) -> float:
    """Return how often the limit of what is lost of accuracy is at most 1%.

    `churn` is the share of rows that become wrong, and of as many that become right, beside `loss`.
    """
    harmed, helped = loss * right + churn, churn
    shares = [right - harmed, harmed, helped, 1 - right - helped]
    drawn = np.random.default_rng(rows).multinomial(rows, shares, TRIALS)
    return float(np.mean([most_lost(*map(int, row[:3])) <= PASSING for row in drawn]))


@pytest.mark.parametrize("rows", [50, 450, 5000])
@pytest.mark.parametrize("churn", [0.0, 0.005, 0.02])
def test_twice_the_loss_seldom_passes(rows: int, churn: float) -> None:
    """A candidate that loses 2% of accuracy passes a limit of 1% in at most 5% of samples.

    Measured of 1,000 samples each, for a churn of 0, 0.5% and 2%: none of 50 rows; 0, 0.2% and 0.2%
    of 450; none of 5,000.
    """
    assert passing(rows, 0.02, churn) <= 0.05


@pytest.mark.parametrize("rows", [450, 2000, 5000])
@pytest.mark.parametrize("churn", [0.0, 0.005, 0.02])
def test_loss_at_the_limit_passes_as_seldom_as_promised(rows: int, churn: float) -> None:
    """A loss of just 1% passes 5 times of 100 at most: measured were 1% to 5.6% of 1,000 samples."""
    assert passing(rows, 0.01, churn) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / TRIALS)


@pytest.mark.parametrize(
    ("rows", "churn", "least", "most"),
    [
        (50, 0.0, 0, 0),
        (450, 0.0, 1, 1),
        (450, 0.005, 0.35, 0.5),
        (450, 0.02, 0.15, 0.3),
        (5000, 0.0, 1, 1),
        (5000, 0.005, 0.99, 1),
        (5000, 0.02, 0.9, 1),
    ],
)
def test_power(rows: int, churn: float, least: float, most: float) -> None:
    """How often an equally good candidate passes: few rows show little of one that differs.

    Measured of 1,000 samples: none of 50 rows (300 are the fewest); of 450 rows all with the same
    answers, 43% where 1% of rows differ (half of them for the better), 22% where 4% do; of 5,000
    rows 100%, 100% and 95%.
    """
    assert least <= passing(rows, 0.0, churn) <= most


def errors_lost(rows: int, loss: float, rare: float, trials: int) -> float:
    """Return how often the limit of what is lost of the root mean square error is at most 1%.

    Errors have heavy tails (t with 5 degrees of freedom). A candidate's are made larger everywhere
    by noise of its own, or, with `rare`, in that share of rows alone.
    """
    random, passed = np.random.default_rng(rows), 0
    for _ in range(trials):
        error = random.standard_t(5, rows)
        square = ((1 + loss) ** 2 - 1) * 5 / 3
        after = error + random.normal(size=rows) * math.sqrt(square + 1e-4)
        if rare:
            hit = random.random(rows) < rare
            after = np.where(hit, np.sqrt(error**2 + square / rare), error)
        true = np.zeros(rows)
        passed += regressed(error, after, true).loss_high <= PASSING
    return passed / trials


@pytest.mark.parametrize(("rows", "trials"), [(50, 300), (450, 300), (5000, 60)])
def test_twice_the_error_seldom_passes(rows: int, trials: int) -> None:
    """A candidate whose root mean square error is 2% higher passes in at most 5% of samples.

    Measured: 1.1% of 1,000 samples of 50 rows, 0.2% of 1,000 of 450, none of 200 of 5,000.
    """
    assert errors_lost(rows, 0.02, 0, trials) <= 0.05


@pytest.mark.parametrize(("rows", "trials"), [(450, 300), (5000, 60)])
def test_harm_in_one_row_of_a_hundred_seldom_passes(rows: int, trials: int) -> None:
    """The same harm in a hundredth of the rows is seen as well: 0.8% of 1,000 samples of 450 passed.

    Harm in fewer rows than that may be missed: of 0.5%, one sample of 450 rows in ten holds none,
    and 9.9% passed (of 5,000 rows, none). With 50 rows most samples hold none, which is why the
    gate asks for 300.
    """
    assert errors_lost(rows, 0.02, 0.01, trials) <= 0.05


@pytest.mark.parametrize(("rows", "trials"), [(450, 200), (5000, 40)])
def test_power_for_values(rows: int, trials: int) -> None:
    """A candidate whose answers are off by a hundredth of the error passes always."""
    assert errors_lost(rows, 0.0, 0, trials) == 1.0


@pytest.mark.parametrize("name", ["digits_mlp", "digits_conv"])
def test_digits_keep_the_catalogues_accuracy(name: str, tmp_path: Any) -> None:
    """A real classifier on held-out rows, its weights on 255 steps."""
    path = MODELS / f"{name}.onnx"
    made = signature(path)
    split = data.digits().shaped(*made.inputs[0].shape[1:])
    what = replace(manifest(made.outputs, scores="logits"), signature=made)
    before = answered(path, split.held_out_x)
    after = answered(altered(path, tmp_path, coarse), split.held_out_x)
    found = accuracy(before, after, split.held_out_y, what, "accuracy")
    told = np.concatenate([case.outputs["logits"] for case in before]).argmax(axis=1)
    assert found.original == pytest.approx(metrics.accuracy_score(split.held_out_y, told))
    assert (found.rows, found.loss) == (450, 0.0)
    assert 0.006 < found.loss_high < 0.0075


def test_regression_on_real_rows(tmp_path: Any) -> None:
    """Diabetes: boosted trees whose leaves are a tenth lower lose R2, as scikit-learn says."""
    path = MODELS / "diabetes_gbr.onnx"
    split, made = data.diabetes(), signature(path)
    what = replace(manifest(made.outputs, task="regression", scores="progression"), signature=made)
    lower = altered(path, tmp_path, lambda leaves: leaves * 0.8)
    before, after = (answered(p, split.held_out_x) for p in (path, lower))
    found = accuracy(before, after, split.held_out_y, what, "r2")
    told = np.concatenate([case.outputs["progression"] for case in after])
    assert found.original == pytest.approx(0.4465, abs=1e-3)
    assert found.candidate == pytest.approx(metrics.r2_score(split.held_out_y, told), rel=1e-5)
    assert found.loss != 0
    assert found.loss_high > found.loss
    assert VALUE.datatype == made.outputs[0].datatype
