"""Quality of a model's versions: metrics, classes, slices, gate and estimate in one value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.baseline import Baseline, Calibration
from hearth.domain.monitoring import RANKING, REGRESSION, Monitoring, Threshold
from hearth.domain.quality_metrics import METRICS
from hearth.monitoring import quality as module
from hearth.monitoring.quality import Judged, quality
from hearth.monitoring.report import FAILED, PASSED, Quality
from sklearn import metrics as judge
from support.lines import WINDOW, classified, judged, record, store_feedback, store_records

ROWS = 300


def told(found: Quality) -> dict[str, float]:
    return {metric.name: metric.value for metric in found.metrics}


def served(
    documents: Any, version: int = 1, wrong: int = 30, names: str = "", seed: int = 0
) -> tuple[Any, Any]:
    """Store a version's records and their labels; return true classes and scores.

    The first `wrong` predictions are wrong. Requests fall into regions by turns: eu, us, and one
    of ten small ones.
    """
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, ROWS)
    best = np.where(np.arange(ROWS) < wrong, (true + 1) % 3, true)
    scores = np.round(random.uniform(0.1, 0.15, (ROWS, 3)), 3)
    scores[np.arange(ROWS), best] = 1 - scores.sum(axis=1) + scores[np.arange(ROWS), best]
    labels = names or "012"
    lines, items = [], []
    for n in range(ROWS):
        region = ("eu", "us", f"r{n % 10}")[n % 3]
        slices = {"region": region, "device": "phone" if n % 2 else "desk"}
        line = {"scores": [scores[n].tolist()], "slices": slices}
        lines.append(classified(f"v{version}-{n}", labels[best[n]], **line))
        items.append({"request_id": f"v{version}-{n}", "label": labels[true[n]]})
    store_records(documents, lines, version)
    store_feedback(documents, *items)
    return true, scores


def test_version_is_told_as_a_whole(documents: Any) -> None:
    """Metrics, classes, confusion and reliability are of all rows that feedback names."""
    true, scores = served(documents)
    store_records(documents, [classified("unlabelled", "0", scores=[[0.8, 0.1, 0.1]])], name="b")

    [found], set_aside = quality("m", [judged()], WINDOW, documents)[0].values(), {}

    said = scores.argmax(axis=1)
    assert (found.task, found.labelled, found.predictions) == ("classification", 300, 301)
    assert set(told(found)) == set(METRICS["classification"])
    assert told(found)["accuracy"] == pytest.approx(0.9)
    assert told(found)["log_loss"] == pytest.approx(judge.log_loss(true, scores))
    assert told(found)["f1_macro"] == pytest.approx(judge.f1_score(true, said, average="macro"))
    matrix = judge.confusion_matrix(true, said).tolist()
    assert found.confusion == {
        str(t): {str(s): n for s, n in enumerate(row) if n} for t, row in enumerate(matrix)
    }
    assert {name: [m.name for m in metrics] for name, metrics in found.classes.items()} == {
        name: ["precision", "recall", "f1"] for name in "012"
    }
    assert sum(point.rows for point in found.reliability) == 300
    for metric in (*found.metrics, *(m for ms in found.classes.values() for m in ms)):
        assert metric.low <= metric.value <= metric.high, metric
        assert metric.better == (
            "lower"
            if metric.name in ("log_loss", "brier_score", "expected_calibration_error")
            else "higher"
        )
    assert set_aside == {}


def test_labels_are_in_the_order_of_the_baseline(documents: Any) -> None:
    """Scores belong to the classes as the baseline has them, or else the manifest."""
    true, scores = served(documents, names="cab")
    baseline = Baseline(rows=1, classes=("c", "a", "b"))

    by_baseline = quality("m", [judged(baseline=baseline)], WINDOW, documents)[0][1]
    by_manifest = quality("m", [judged(class_labels=("c", "a", "b"))], WINDOW, documents)[0][1]
    unknown = quality("m", [judged()], WINDOW, documents)[0][1]

    assert told(by_baseline)["log_loss"] == pytest.approx(judge.log_loss(true, scores))
    assert by_manifest.metrics == by_baseline.metrics
    assert told(unknown)["accuracy"] == told(by_baseline)["accuracy"]
    assert "log_loss" not in told(unknown)


def test_slices_are_told_apart(documents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value of a slice with 30 rows or more has its own metrics; the others are counted."""
    true, scores = served(documents)

    found, set_aside = quality("m", [judged()], WINDOW, documents)

    rows = {part.slice: part.rows for part in found[1].slices}
    assert rows == {"device=desk": 150, "device=phone": 150, "region=eu": 100, "region=us": 100}
    assert set_aside == {"slices_too_small": 10}
    [eu] = [part for part in found[1].slices if part.slice == "region=eu"]
    at = np.arange(ROWS) % 3 == 0
    right = (scores.argmax(axis=1) == true)[at].mean()
    assert {m.name: m.value for m in eu.metrics}["accuracy"] == pytest.approx(right)
    assert "roc_auc" not in {m.name for m in eu.metrics}  # of two classes alone

    monkeypatch.setattr(module, "MOST_SLICES", 3)
    wanted = judged(thresholds={"accuracy@region=us": Threshold(lower=0.1)})
    found, set_aside = quality("m", [wanted], WINDOW, documents)
    assert [part.slice for part in found[1].slices] == ["device=desk", "device=phone", "region=us"]
    assert set_aside == {"slices_too_small": 10, "slices_over_bound": 1}


def test_slice_of_a_threshold_is_told_before_larger_ones(
    documents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics of rankings have an @ of their own, and slices are found behind it."""
    lines = [
        record(
            f"{n}", predicted=["x"], top=[[["x", 0.9]]], slices={"region": "eu" if n % 3 else "us"}
        )
        for n in range(120)
    ]
    store_records(documents, lines)
    store_feedback(documents, *({"request_id": f"{n}", "relevant": ["x"]} for n in range(120)))
    monkeypatch.setattr(module, "MOST_SLICES", 1)
    wanted = judged(task=RANKING, thresholds={"ndcg@5@region=us": Threshold(lower=0.9)})

    found, _ = quality("m", [wanted], WINDOW, documents)

    assert [part.slice for part in found[1].slices] == ["region=us"]
    assert found[1].gate is not None
    assert found[1].gate.verdict == PASSED


def test_feedback_may_say_the_slice(documents: Any) -> None:
    """What feedback says of a group holds over what the request said; other names stay."""
    lines = [classified(f"{n}", "1", slices={"region": "eu", "age": "30"}) for n in range(40)]
    store_records(documents, lines)
    store_feedback(
        documents,
        *({"request_id": f"{n}", "label": 1, "slices": {"region": "us"}} for n in range(40)),
    )

    found, _ = quality("m", [judged()], WINDOW, documents)

    assert [part.slice for part in found[1].slices] == ["age=30", "region=us"]


def test_gate_compares_versions_and_slices(documents: Any) -> None:
    """A candidate is judged against the version that it is compared with, on the same window."""
    served(documents, 1, wrong=30)
    served(documents, 2, wrong=60, seed=1)
    limits = {
        "accuracy": Threshold(lower=0.75, absolute=-0.05),
        "recall[2]": Threshold(lower=0.1),
        "accuracy@region=eu": Threshold(lower=0.5),
    }

    found, _ = quality(
        "m",
        [judged(1, thresholds=limits), judged(2, thresholds=limits, compared_with=1)],
        WINDOW,
        documents,
    )

    assert found[1].gate is not None
    assert (found[1].gate.verdict, found[1].gate.first) == (PASSED, True)
    assert found[2].gate is not None
    assert (found[2].gate.verdict, found[2].gate.compared_with) == (FAILED, 1)
    assert found[2].gate.reasons == (
        "accuracy is 0.8, -0.1 (-11.11%) from 0.9: expected a change of at least -0.05",
    )


def test_gate_without_labels_is_closed(documents: Any) -> None:
    """Nothing is good enough of which nothing is known: not by its confidences either."""
    store_records(documents, [classified(f"{n}", "1", scores=[[0.1, 0.9]]) for n in range(50)])
    limits = {"accuracy": Threshold(lower=0.5), "estimated_accuracy": Threshold(lower=0.5)}

    found, _ = quality("m", [judged(thresholds=limits)], WINDOW, documents)

    assert found[1].gate is not None
    assert found[1].gate.verdict == FAILED
    assert len(found[1].gate.reasons) == 2
    assert found[1].estimate is not None
    assert found[1].estimate.value == pytest.approx(0.9)
    assert (found[1].labelled, found[1].metrics) == (0, ())


def test_estimate_is_calibrated_where_there_was_an_evaluation_set(documents: Any) -> None:
    """The baseline's calibration is used for every prediction, labelled or not; else it is said."""
    store_records(documents, [classified(f"{n}", "1", scores=[[0.1, 0.9]]) for n in range(50)])
    made = Baseline(rows=1, calibration=Calibration((0.5, 1.0), (0.5, 0.6), rows=100, error=0.2))

    mended = quality("m", [judged(baseline=made)], WINDOW, documents)[0][1]
    raw = quality("m", [judged()], WINDOW, documents)[0][1]

    assert mended.estimate is not None
    assert raw.estimate is not None
    assert (mended.estimate_calibrated, raw.estimate_calibrated) == (True, False)
    assert mended.estimate.value == pytest.approx(0.58)
    assert raw.estimate.value == pytest.approx(0.9)


def test_many_classes_are_told_by_their_best(documents: Any) -> None:
    """Where a record holds the ten best classes, confidences are told, and losses are not."""
    lines = [
        record(f"{n}", predicted=[f"k{n % 80}"], top=[[[f"k{n % 80}", 0.7], ["k999", 0.2]]])
        for n in range(160)
    ]
    store_records(documents, lines)
    store_feedback(documents, *({"request_id": f"{n}", "label": f"k{n % 79}"} for n in range(160)))
    limits = {"f1[k78]": Threshold(lower=0.1), "f1[nothing]": Threshold(lower=0.0)}

    found, _ = quality("m", [judged(thresholds=limits)], WINDOW, documents)

    assert "log_loss" not in told(found[1])
    assert "expected_calibration_error" in told(found[1])
    assert len(found[1].classes) == 50
    assert "k78" in found[1].classes
    assert len(found[1].confusion) <= 51
    assert sum(sum(row.values()) for row in found[1].confusion.values()) == 160
    assert found[1].estimate is not None
    assert found[1].estimate.value == pytest.approx(0.7)
    assert found[1].gate is not None
    assert [reason.split()[0] for reason in found[1].gate.reasons] == ["f1[nothing]"]


def test_regression_and_ranking_are_told(documents: Any) -> None:
    """The other tasks have their metrics, with intervals and directions, and no estimate."""
    random = np.random.default_rng(0)
    true = random.normal(50, 5, 200)
    said = true + random.normal(1, 1, 200)
    true, said = true.tolist(), said.tolist()
    store_records(documents, [record(f"a{n}", values=[[said[n]]]) for n in range(200)])
    tops = [record(f"b{n}", predicted=["x"], top=[[["x", 0.9], ["y", 0.1]]]) for n in range(200)]
    store_records(documents, tops, version=2)
    store_feedback(documents, *({"request_id": f"a{n}", "value": true[n]} for n in range(200)))
    store_feedback(
        documents, *({"request_id": f"b{n}", "relevant": ["xy"[n % 2]]} for n in range(200))
    )

    found, set_aside = quality("m", [judged(1, REGRESSION), judged(2, RANKING)], WINDOW, documents)

    assert set_aside == {}
    assert set(told(found[1])) == set(METRICS["regression"])
    assert set(told(found[2])) == set(METRICS["ranking"])
    assert told(found[1])["rmse"] == pytest.approx(judge.root_mean_squared_error(true, said))
    bias = {metric.name: metric for metric in found[1].metrics}["bias"]
    assert bias.better == "neither"
    assert bias.low < 1 < bias.high
    assert told(found[2])["hit_rate@1"] == 0.5
    assert told(found[2])["mrr"] == 0.75
    assert found[1].estimate is None
    assert found[1].predictions == found[2].predictions == 200
    assert all(m.low <= m.value <= m.high for one in found.values() for m in one.metrics)


def test_nothing_at_all_is_told_as_nothing(documents: Any) -> None:
    """A version without records and feedback has a quality that says so."""
    found, set_aside = quality("m", [judged()], WINDOW, documents)

    assert found == {1: Quality("classification")}
    assert set_aside == {}


def test_version_says_its_classes_and_task() -> None:
    """A version's labels are the baseline's, and the manifest's where it has none."""
    one = Judged(1, Monitoring(task="ranking"), Baseline(rows=1), ("a",))

    assert (one.task, one.classes) == ("ranking", ("a",))
