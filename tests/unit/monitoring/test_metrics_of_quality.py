"""Metrics are scikit-learn's, and sums of parts are the sums of the whole."""

from __future__ import annotations

import math
import warnings
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hearth.monitoring import classification, ranking, regression
from hearth.monitoring.join import Outcome, Sample
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as judge


def summed(sums: Any, samples: Iterable[Sample]) -> Any:
    for sample in samples:
        sums.add(sample)
    return sums


def classes_of(width: int) -> tuple[str, ...]:
    return tuple(map(str, range(width)))


def empty(width: int) -> classification.Sums:
    ranked = (1,) if width == 2 else tuple(range(width))
    return classification.Sums(classes_of(width), ranked)


def samples_of(true: Any, scores: Any, predicted: Any = None) -> list[Sample]:
    best = scores.argmax(axis=1) if predicted is None else predicted
    return [
        Sample(n, n % 20, (), str(t), Outcome(str(b), array("d", row), (), row[b]))
        for n, (t, row, b) in enumerate(zip(true, scores.tolist(), best, strict=True))
    ]


def some_scores(width: int, rows: int, seed: int = 0) -> tuple[Any, Any]:
    """Return true classes, and scores that know something of them."""
    random = np.random.default_rng(seed)
    true = random.choice(width, rows, p=np.arange(1, width + 1) / sum(range(1, width + 1)))
    odds = random.normal(0, 1.5, (rows, width)) + 2 * np.eye(width)[true]
    scores = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    return true, scores


@pytest.mark.parametrize("width", [2, 3, 10])
def test_classification_is_as_scikit_learn_has_it(width: int) -> None:
    """Every metric of a classification is scikit-learn's to the last digits; the area nearly so."""
    true, scores = some_scores(width, 2000)
    said = scores.argmax(axis=1)

    found = classification.figures(summed(empty(width), samples_of(true, scores)))

    expected = {
        "accuracy": judge.accuracy_score(true, said),
        "balanced_accuracy": judge.balanced_accuracy_score(true, said),
        "log_loss": judge.log_loss(true, scores),
        "brier_score": judge.brier_score_loss(true, scores if width > 2 else scores[:, 1]),
        **{
            f"{name}_{average}": score(true, said, average=average)
            for name, score in (
                ("precision", judge.precision_score),
                ("recall", judge.recall_score),
                ("f1", judge.f1_score),
            )
            for average in ("macro", "micro", "weighted")
        },
    }
    area = found.pop("roc_auc")
    error = found.pop("expected_calibration_error")
    assert found == pytest.approx(expected, rel=1e-12)
    exact = judge.roc_auc_score(true, scores if width > 2 else scores[:, 1], multi_class="ovr")
    assert area == pytest.approx(exact, abs=2e-4)
    assert error == pytest.approx(calibration_error(true, scores), rel=1e-12)


def calibration_error(true: Any, scores: Any) -> float:
    """The textbook's: over 15 bins, the share of rows times how far claim and truth are apart."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == true
    at = np.minimum((confidence * 15).astype(int), 14)
    return sum(
        (at == b).mean() * abs(right[at == b].mean() - confidence[at == b].mean())
        for b in range(15)
        if (at == b).any()
    )


def test_classes_are_as_scikit_learn_has_them() -> None:
    """Precision, recall and F1 of each class are scikit-learn's; 0 where nothing is to be told."""
    true, scores = some_scores(4, 300)
    sums = summed(empty(4), samples_of(true, scores, np.minimum(scores.argmax(axis=1), 2)))

    found = classification.of_classes([*classes_of(4), "none"], sums)

    with warnings.catch_warnings(action="ignore"):
        table = judge.precision_recall_fscore_support(true, np.minimum(scores.argmax(axis=1), 2))
    for name, values in zip(("precision", "recall", "f1"), table[:3], strict=True):
        assert [found[f"{name}[{c}]"] for c in classes_of(4)] == pytest.approx(values.tolist())
    assert (found["f1[3]"], found["precision[none]"]) == (0, 0)


@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.01, 30),
    digits=st.integers(1, 17),
    rows=st.integers(3, 300),
)
def test_area_is_within_the_error_that_it_states(
    seed: int, scale: float, digits: int, rows: int
) -> None:
    """However scores lie, the exact area differs by no more than the pairs that share a bin."""
    random = np.random.default_rng(seed)
    true = random.integers(0, 2, rows)
    true[:2] = 0, 1
    odds = random.normal(0, scale, rows) + true
    own = np.round(1 / (1 + np.exp(-odds)), digits)
    scores = np.stack([1 - own, own], axis=1)

    area, error = classification.roc_auc(summed(empty(2), samples_of(true, scores)), 0)

    assert abs(area - judge.roc_auc_score(true, own)) <= error + 1e-12


def test_area_of_certain_models_stays_fine() -> None:
    """On the scale of log-odds, scores within a millionth of 0 and 1 are still told apart."""
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 5000)
    odds = random.normal(0, 1, 5000) + true - 13
    own = 1 / (1 + np.exp(-odds))
    sums = summed(empty(2), samples_of(true, np.stack([1 - own, own], axis=1)))

    area, error = classification.roc_auc(sums, 0)

    assert area == pytest.approx(judge.roc_auc_score(true, own), abs=2e-4)
    assert error < 0.01


def test_row_that_the_model_could_not_tell_is_wrong_and_no_class() -> None:
    """A prediction of nothing lowers recall and accuracy, and no class's precision."""
    known = Sample(0, 0, (), "1", Outcome("1"))
    lost = Sample(1, 1, (), "1", Outcome(None))

    sums = summed(classification.Sums(()), [known, lost])
    found = classification.figures(sums)

    assert found["accuracy"] == found["recall_macro"] == 0.5
    assert found["precision_macro"] == found["precision_micro"] == 1
    assert classification.confusion(sums, frozenset("1")) == {"1": {"1": 1, "none": 1}}


@pytest.mark.parametrize(
    "scores", [[3.0, -2.0], [0.4, 0.4], [math.nan, 1.0], [0.5, 0.25, 0.25], [math.inf, 0.0]]
)
def test_scores_that_are_no_probabilities_have_no_loss(scores: list[float]) -> None:
    """Log loss, Brier's score and the area are told of probabilities of the classes, or not at all."""
    sample = Sample(0, 0, (), "1", Outcome("1", array("d", scores), (), math.nan))

    found = classification.figures(summed(empty(2), [sample]))

    assert not {"log_loss", "brier_score", "roc_auc", "expected_calibration_error"} & found.keys()
    assert found["accuracy"] == 1


def test_certain_and_wrong_costs_no_infinity() -> None:
    """A score of 0 for the true class is clipped, as scikit-learn does it."""
    true, scores = np.array([0, 1, 1]), np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])

    found = classification.figures(summed(empty(2), samples_of(true, scores)))

    assert found["log_loss"] == pytest.approx(judge.log_loss(true, scores), rel=1e-12)


def test_confusion_is_bounded() -> None:
    """Classes that are not shown are one, whether true or predicted."""
    rows = [("1", "1"), ("1", "2"), ("2", "1"), ("3", "2"), ("3", "1")]
    sums = summed(
        classification.Sums(()),
        [Sample(n, 0, (), true, Outcome(said)) for n, (true, said) in enumerate(rows)],
    )

    assert classification.confusion(sums, frozenset("1")) == {
        "1": {"1": 1, "other": 1},
        "other": {"1": 2, "other": 1},
    }


def test_reliability_is_what_was_claimed_and_what_was_right() -> None:
    """A calibration curve: mean confidence, share right and rows of each bin that has any."""
    true, scores = some_scores(3, 500)
    sums = summed(empty(3), samples_of(true, scores))

    found = classification.reliability(sums)

    assert sum(point.rows for point in found) == 500
    mean = sum(point.accuracy * point.rows for point in found) / 500
    assert mean == pytest.approx((scores.argmax(axis=1) == true).mean())
    assert [p.confidence for p in found] == sorted(p.confidence for p in found)


def regressed(true: Any, said: Any) -> list[Sample]:
    return [
        Sample(n, n % 20, (), tuple(t), Outcome(None, array("d", s)))
        for n, (t, s) in enumerate(zip(true.tolist(), said.tolist(), strict=True))
    ]


@pytest.mark.parametrize(("outputs", "centre"), [(1, 0), (1, 1e7), (3, 50)])
def test_regression_is_as_scikit_learn_has_it(outputs: int, centre: float) -> None:
    """Every metric of a regression is scikit-learn's, far from 0 as well, of several outputs too."""
    random = np.random.default_rng(0)
    true = random.normal(centre, 3, (1000, outputs))
    said = true + random.normal(0.2, 1, true.shape)

    found = regression.figures(summed(regression.Sums(), regressed(true, said)))

    expected = {
        "mae": judge.mean_absolute_error(true, said),
        "rmse": judge.root_mean_squared_error(true, said),
        "r2": judge.r2_score(true, said),
        "bias": (said - true).mean(),
        **({"mape": judge.mean_absolute_percentage_error(true, said)} if centre else {}),
    }
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("true", [[0, 1, 2], [-1, 1, 2], [1e-6, 100, 100]])
def test_percentage_of_nothing_is_not_told(true: list[float]) -> None:
    """Where true values are 0, change their sign or come near to it, a percentage says nothing."""
    rows = np.array(true, dtype=float)[:, None]

    assert "mape" not in regression.figures(summed(regression.Sums(), regressed(rows, rows + 1)))


def test_truth_that_never_varies_has_no_r2() -> None:
    """Of a constant nothing is to be explained."""
    rows = np.full((5, 1), 3.0)

    assert "r2" not in regression.figures(summed(regression.Sums(), regressed(rows, rows + 1)))


def ranked(gains: Any, scores: Any) -> list[Sample]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return [
        Sample(
            n,
            n % 20,
            (),
            tuple((str(i), float(g)) for i, g in enumerate(gains[n]) if g),
            Outcome(None, None, tuple(map(str, order[n].tolist()))),
        )
        for n in range(len(gains))
    ]


def test_ranking_is_as_scikit_learn_has_it() -> None:
    """NDCG is scikit-learn's at each cut; hit rate and reciprocal rank are what they say."""
    random = np.random.default_rng(0)
    scores = random.random((200, 30))
    gains = random.integers(0, 4, (200, 30)) * (random.random((200, 30)) < 0.1)
    gains[:, 0] = np.maximum(gains[:, 0], 1)

    found = ranking.figures(summed(ranking.Sums(), ranked(gains, scores)))

    for cut in (1, 5, 10):
        expected = judge.ndcg_score(gains, scores, k=cut, ignore_ties=True)
        assert found[f"ndcg@{cut}"] == pytest.approx(expected, rel=1e-9)
        top = np.take_along_axis(gains, np.argsort(-scores, axis=1)[:, :cut], axis=1)
        assert found[f"hit_rate@{cut}"] == (top > 0).any(axis=1).mean()
    top = np.take_along_axis(gains, np.argsort(-scores, axis=1)[:, :10], axis=1) > 0
    first = np.where(top.any(axis=1), 1 / (top.argmax(axis=1) + 1), 0)
    assert found["mrr"] == pytest.approx(first.mean())


KINDS = {
    "classification": (
        lambda: empty(3),
        classification.figures,
        samples_of(*some_scores(3, 60)),
    ),
    "binary": (lambda: empty(2), classification.figures, samples_of(*some_scores(2, 60))),
    "regression": (
        regression.Sums,
        regression.figures,
        regressed(
            np.random.default_rng(0).normal(5, 1, (60, 2)),
            np.random.default_rng(1).normal(5, 1, (60, 2)),
        ),
    ),
    "ranking": (
        ranking.Sums,
        ranking.figures,
        ranked(np.eye(60, 20) + np.eye(60, 20, -20) + 1, np.random.default_rng(1).random((60, 20))),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_parts_in_any_order_are_the_whole(kind: str, data: Any) -> None:
    """Sums of parts, added in any order, tell the same as the sums of everything at once."""
    make, figures, samples = KINDS[kind]
    shuffled = data.draw(st.permutations(samples))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=4)))
    parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]

    merged = make()
    for part in data.draw(st.permutations(parts)):
        merged = merged + summed(make(), part)
    whole = summed(make(), samples)

    assert figures(merged) == pytest.approx(figures(whole), rel=1e-9)
    assert (merged.rows, merged.requests) == (whole.rows, whole.requests)
    if isinstance(merged, classification.Sums):
        assert isinstance(merged.confusion, Counter)
        assert merged.confusion == whole.confusion
        assert merged.odds == whole.odds
