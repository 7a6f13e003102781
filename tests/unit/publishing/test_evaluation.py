"""How right a version is on its evaluation set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.publishing.answers import Answers
from hearth.publishing.evaluation import evaluate, f1_macro, regression, values, words
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

CLASSES = ("cat", "dog", "7")
LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        (["dog", "cat"], ["dog", "cat"]),
        ([b"dog", b"cat"], ["dog", "cat"]),
        ([1, 0], ["dog", "cat"]),
        ([[1], [0]], ["dog", "cat"]),
        ([1.0, 2.0], ["dog", "7"]),
        ([True, False], ["dog", "cat"]),
        ([7, 7], ["7", "7"]),
    ],
)
def test_labels_are_words_or_indices(target: Any, meant: list[str]) -> None:
    """A number that is itself a class label is that one, any other the index of one."""
    assert words(np.array(target), CLASSES) == meant


def test_without_class_labels_any_word_is_a_class() -> None:
    """A model that gives labels alone does not say which there are."""
    assert words(np.array([-1, 1]), ()) == ["-1", "1"]


@pytest.mark.parametrize(
    ("target", "got"),
    [
        (["dog", "bird"], "bird"),
        ([0, 3], "'0', '3'"),
        ([0, -1], "'-1', '0'"),
        ([0.5, 1], "not whole"),
        ([np.nan, 1], "not whole"),
        ([[1, 0], [0, 1]], r"shape \[2, 2\]"),
    ],
)
def test_labels_that_the_model_does_not_have_are_refused(target: Any, got: str) -> None:
    """With what they are, and the classes that there are."""
    with pytest.raises(InvalidDocument, match=f"{got}.*class of .*'cat', 'dog', '7'"):
        words(np.array(target), CLASSES)


@pytest.mark.parametrize("target", [["a", "b"], [np.nan, 1], [1, 2, 3], [[1, 2], [3, 4]]])
def test_numbers_that_are_no_values_are_refused(target: Any) -> None:
    """A regression is judged by finite numbers, as many as it gives."""
    with pytest.raises(InvalidDocument, match="'target'"):
        values(np.array(target), 2, 1)


@given(LABELS)
def test_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    """Over all classes that are predicted or true."""
    predicted, truth = ([*column] for column in zip(*pairs, strict=True))
    want = metrics.f1_score(truth, predicted, average="macro", zero_division=0.0)
    assert f1_macro(predicted, truth) == pytest.approx(want)
    assert f1_macro([None, "a"], ["a", "a"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("width", [1, 3])
def test_figures_of_a_regression_are_scikit_learns(width: int) -> None:
    """The mean error, the root of the mean square, and the share of variance explained."""
    random = np.random.default_rng(width)
    truth, got = random.normal(size=(2, 50, width))
    found = regression(got, truth)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, got))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, got))
    assert found["r2"] == pytest.approx(metrics.r2_score(truth, got))


def test_figures_of_a_classification_are_scikit_learns() -> None:
    """Accuracy and log loss, from the predicted class and the score of the true one."""
    random = np.random.default_rng(1)
    scores = random.dirichlet([1, 1, 1], 200)
    truth = random.integers(0, 3, 200)
    answers = Answers(
        predicted=[CLASSES[at] for at in scores.argmax(axis=1)],
        confidence=scores.max(axis=1).tolist(),
        likelihood=scores[np.arange(200), truth].tolist(),
    )
    found = evaluate(answers, "classification", [CLASSES[at] for at in truth])
    want = metrics.accuracy_score(truth, scores.argmax(axis=1))
    assert found.quality["accuracy"] == pytest.approx(want)
    assert found.quality["log_loss"] == pytest.approx(metrics.log_loss(truth, scores))
    assert found.calibration is not None


def test_score_of_nought_for_the_true_class_has_a_finite_loss() -> None:
    """As everywhere, the logarithm is taken of at least 1e-15."""
    answers = Answers(predicted=["a"], confidence=[1.0], likelihood=[0.0])
    assert evaluate(answers, "classification", ["b"]).quality["log_loss"] == pytest.approx(
        34.54, abs=0.01
    )


@pytest.mark.parametrize("confidence", [[3.5, 0.2], ["NaN", 0.2], [None, 0.2], []])
def test_without_probabilities_there_is_neither_loss_nor_calibration(confidence: Any) -> None:
    """Scores of any size say which class, not how sure."""
    answers = Answers(predicted=["a", "b"], confidence=confidence, likelihood=[0.5, 0.5])
    found = evaluate(answers, "classification", ["a", "a"])
    assert found.quality == {"accuracy": 0.5, "f1_macro": pytest.approx(1 / 3)}
    assert found.calibration is None


def test_metric_that_has_no_value_is_left_out() -> None:
    """Of a constant there is no variance to explain; JSON has no NaN."""
    answers = Answers(values=[[1.0], [2.0]])
    found = evaluate(answers, "regression", np.array([[3.0], [3.0]]))
    assert set(found.quality) == {"mae", "rmse"}
    broken = evaluate(Answers(values=[["NaN"]]), "regression", np.array([[3.0]]))
    assert broken.quality == {}


@pytest.mark.parametrize("task", ["", "ranking"])
def test_what_is_not_judged_has_no_quality(task: str) -> None:
    """Without a task, or with ranks that need groups, nothing is said."""
    assert evaluate(Answers(predicted=["a"]), task, ["a"]).quality == {}
