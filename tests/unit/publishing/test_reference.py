"""The baseline of real models on real data, and what becomes of data that is out of the ordinary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.baseline import Baseline, from_document
from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import MonitoringOptions
from hearth.publishing import reference
from hearth.publishing.publication import Draft, Source, prepare
from hearth.serving.capture import features, outcomes
from hearth.serving.session import Session
from hearth.stores.clock import SystemClock
from models import data
from sklearn import metrics
from support.models import DOUBLED

MODELS = Path(__file__).parents[2] / "models"
SOFTMAX = """
g (float[N, 2] x) => (float[N, 2] p) { p = Softmax<axis = -1>(x) }
"""
WORDS = "g (string[N] colour, float[N] size) => (float[N] y) { y = Identity(size) }"


@pytest.fixture
def made(tmp_path: Path, onnx_file: Callable[..., Path]) -> Callable[..., tuple[Draft, Baseline]]:
    """`made(model, rows, labelled, **source)`: a draft and its baseline, of rows by input.

    `rows` are given as reference data, `labelled` as evaluation set, each unless it is None.
    """

    def make(
        model: str | Path, rows: Any = None, labelled: Any = None, **source: Any
    ) -> tuple[Draft, Baseline]:
        path = model if isinstance(model, Path) else onnx_file(model)
        for what, arrays in (("baseline", rows), ("evaluation", labelled)):
            if arrays:
                source[what] = tmp_path / f"{what}.npz"
                np.savez(source[what], **arrays)
        draft = prepare(Source("m", path, **source), tmp_path, SystemClock().now())
        document = json.loads((tmp_path / "baseline.json").read_text())
        return draft, from_document(document)

    return make


def test_baseline_of_breast_cancer(made: Any) -> None:
    """Thirty measurements, two classes by name, and the catalogue's accuracy."""
    split = data.breast_cancer()
    draft, baseline = made(
        MODELS / "cancer_logreg.onnx",
        {"features": split.train_x},
        {"features": split.held_out_x, "target": split.held_out_y.astype(str)},
    )
    monitoring = draft.manifest.monitoring
    assert (monitoring.task, monitoring.capture) == ("classification", "all")
    assert (monitoring.scores, monitoring.label) == ("probabilities", "label")
    assert baseline.rows == 426
    assert baseline.names == monitoring.features == tuple(f"features[{at}]" for at in range(30))
    assert baseline.classes == ("benign", "malignant")
    for at, watched in enumerate(baseline.features):
        column = split.train_x[:, at]
        assert sum(watched.counts.bins) == 426
        assert watched.feature.edges[0] == pytest.approx(column.min())
        assert watched.counts.mean == pytest.approx(column.mean(dtype=np.float64), rel=1e-6)
    predicted, score = baseline.outputs
    assert predicted.feature.values == ("benign", "malignant")
    assert sum(predicted.counts.bins) == sum(score.counts.bins) == 426
    assert (score.feature.edges[0], score.feature.edges[-1]) == (0.0, 1.0)
    assert baseline.quality["accuracy"] == pytest.approx(0.986, abs=5e-4)
    assert baseline.calibration is not None
    assert draft.notes == ()


def test_baseline_of_diabetes(made: Any) -> None:
    """Ten measurements, a value, and the catalogue's R2."""
    split = data.diabetes()
    draft, baseline = made(
        MODELS / "diabetes_gbr.onnx",
        {"features": split.train_x},
        {"features": split.held_out_x, "target": split.held_out_y},
    )
    assert draft.manifest.monitoring.task == "regression"
    age, sex = (watched.feature for watched in baseline.features[:2])
    assert age.integral
    assert sex.edges == (1.0, 1.5, 2.0)
    [value] = baseline.outputs
    assert (value.feature.name, sum(value.counts.bins)) == ("value", 331)
    assert baseline.quality["r2"] == pytest.approx(0.4465, abs=5e-5)
    assert set(baseline.quality) == {"mae", "rmse", "r2"}
    assert (baseline.classes, baseline.calibration) == ((), None)


def test_baseline_of_digits(made: Any) -> None:
    """Sixty-four pixels of which some never change and most are often nought."""
    split = data.digits()
    _, baseline = made(
        MODELS / "digits_forest.onnx",
        {"pixels": split.train_x},
        {"pixels": split.held_out_x, "target": split.held_out_y},
    )
    corner, second = baseline.features[:2]
    assert corner.counts.bins == (1347,)
    assert second.counts.bins[0] == int((split.train_x[:, 1] == 0).sum())
    assert baseline.classes == tuple("0123456789")
    assert baseline.quality["accuracy"] == pytest.approx(0.9711, abs=5e-5)
    assert baseline.calibration is not None
    assert baseline.calibration.error > 0.2  # a forest's votes are far from sure
    assert len(baseline.calibration.confidence) > 2
    assert baseline.calibration.accuracy[-1] > 0.9


def test_image_is_watched_by_figures_and_logits_by_the_labels(made: Any) -> None:
    """What an evaluation set says of a network's logits: a classification without probabilities."""
    split = data.digits().shaped(1, 8, 8)
    draft, baseline = made(
        MODELS / "digits_conv.onnx",
        labelled={"image": split.held_out_x, "target": split.held_out_y},
    )
    assert draft.manifest.monitoring.capture == "summaries"
    assert baseline.names[0] == "image.mean"
    assert baseline.quality["accuracy"] == pytest.approx(0.9933, abs=5e-5)
    assert baseline.calibration is None
    assert any("no --baseline" in note for note in draft.notes)


def test_baseline_counts_what_records_hold(made: Any) -> None:
    """The counts are those of the rows that a prediction's record would have."""
    rows = {"x": np.float32([[0.1, 2], [0.3, 1e10], [np.nan, np.inf]])}
    draft, baseline = made(SOFTMAX, rows)
    manifest = draft.manifest
    table = features(rows, manifest.monitoring)
    for watched, column in zip(baseline.features, zip(*table, strict=True), strict=True):
        numbers = [value for value in column if isinstance(value, float)]
        assert watched.counts.minimum == min(numbers)
        assert watched.counts.maximum == max(numbers)
    assert baseline.features[0].counts.nan == 1
    assert baseline.features[1].counts.infinity == 1
    session = Session(draft.paths["model.onnx"], manifest.runtime, 1769)
    said = outcomes(session.run(rows), manifest).predicted
    assert sum(baseline.outputs[0].counts.bins) == sum(word is not None for word in said or ())


def test_words_are_categories_and_text_is_figures(made: Any) -> None:
    """Few words are counted by name; of others nothing but their figures is written down."""
    words = np.array(["red", "blue", "red"] * 10)
    _, baseline = made(WORDS, {"colour": words, "size": np.arange(30, dtype=np.float32)})
    colour = baseline.features[0]
    assert (colour.feature.kind, colour.feature.values) == ("category", ("red", "blue"))
    assert colour.counts.bins == (20, 10)
    text = np.array([f"secret {at}" for at in range(200)])
    draft, baseline = made(WORDS, {"colour": text, "size": np.arange(200, dtype=np.float32)})
    assert baseline.names[0] == "colour.characters"
    assert "secret" not in draft.paths["baseline.json"].read_text()


def test_masked_feature_leaves_no_value_behind(made: Any) -> None:
    """Neither its edges nor its counts stand in the baseline: it is only named."""
    rows = {"x": np.float32([[1, 777.25]] * 5)}
    options = MonitoringOptions(features={"x": ("age", "income")}, masked=("income",))
    draft, baseline = made(SOFTMAX, rows, monitoring=options)
    age, income = baseline.features
    assert sum(age.counts.bins) == 5
    assert income.feature.masked
    assert income.counts.total == 0
    assert "777" not in draft.paths["baseline.json"].read_text()


def test_evaluation_set_stands_in_for_reference_data(made: Any) -> None:
    """Its rows are what later traffic is compared with, and the publisher is told."""
    labelled = {"x": np.float32([[1, 0], [0, 1], [2, 0]]), "target": np.array([0, 1, 0])}
    draft, baseline = made(SOFTMAX, labelled=labelled)
    assert baseline.rows == 3
    assert baseline.quality["accuracy"] == 1.0
    assert any("the evaluation set is what" in note for note in draft.notes)
    assert draft.manifest.of_role("reference") == ()


def test_evaluation_set_is_judged_by_itself_beside_reference_data(made: Any) -> None:
    """Counts come of the one, figures of the other."""
    rows = {"x": np.float32([[1, 0]] * 7)}
    labelled = {"x": np.float32([[1, 0], [0, 1]]), "target": np.array([0, 0])}
    _, baseline = made(SOFTMAX, rows, labelled)
    assert baseline.rows == baseline.outputs[0].counts.total == 7
    assert baseline.quality["accuracy"] == 0.5
    assert baseline.quality["log_loss"] == pytest.approx(
        metrics.log_loss([0, 0], [[0.7310586, 0.2689414], [0.2689414, 0.7310586]], labels=[0, 1])
    )


def test_labels_of_other_classes_are_refused(made: Any) -> None:
    """An evaluation set of another model is named for what it is."""
    labelled = {"x": np.float32([[1, 0], [0, 1]]), "target": np.array(["a", "b"])}
    with pytest.raises(InvalidDocument, match="labels that the model does not have"):
        made(SOFTMAX, labelled=labelled, class_labels=("cat", "dog"))


def test_several_values_are_watched_one_by_one(made: Any) -> None:
    """The first by its plain name, the others by their place."""
    _, baseline = made(DOUBLED, {"x": np.arange(8, dtype=np.float32).reshape(2, 4)})
    names = [watched.feature.name for watched in baseline.outputs]
    assert names == ["value", "value[1]", "value[2]", "value[3]"]


def test_bfloats_are_counted_as_the_numbers_that_they_mean(made: Any) -> None:
    """Their bits lie in the file; 1.0 is 0x3f80."""
    text = '<ir_version: 10, opset_import: ["" : 21]> g (bfloat16[N] x) => (bfloat16[N] y) { y = Identity(x) }'
    _, baseline = made(text, {"x": np.uint16([0x3F80, 0x4000])})
    assert baseline.features[0].counts.maximum == baseline.outputs[0].counts.maximum == 2.0


def test_capture_of_nothing_leaves_outputs_alone(made: Any) -> None:
    """The baseline then says nothing of inputs."""
    options = MonitoringOptions(capture="none")
    _, baseline = made(SOFTMAX, {"x": np.float32([[1, 0]] * 3)}, monitoring=options)
    assert baseline.features == ()
    assert baseline.rows == 3
    assert len(baseline.outputs) == 2


def test_large_data_is_drawn_from_and_said_to_be(made: Any, monkeypatch: Any) -> None:
    """Beyond a bound rows are drawn, the same ones each time, and the publisher is told."""
    monkeypatch.setattr(reference, "MOST_ROWS", 50)
    monkeypatch.setattr(reference, "MOST_RUNS", 20)
    rows = {"x": np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)}
    draft, baseline = made(SOFTMAX, rows)
    again, _ = made(SOFTMAX, rows)
    assert baseline.rows == sum(baseline.features[0].counts.bins) == 50
    assert baseline.outputs[0].counts.total == 20
    assert draft.notes == (
        "of 1,000 rows, 50 drawn at random were counted",
        "the model was run on 20 of 1,000 rows",
    )
    assert draft.manifest.of_role("baseline") == again.manifest.of_role("baseline")
    labelled = {**rows, "target": np.zeros(1000, np.int64)}
    judged, _ = made(SOFTMAX, rows, labelled)
    assert judged.notes[-1] == "the model was run on 20 of 1,000 labelled rows"


@pytest.mark.parametrize("size", [1, 5])
def test_model_of_a_fixed_number_of_rows_has_a_baseline(made: Any, size: int) -> None:
    """As exporters leave it where nobody asks for a dynamic batch."""
    text = f"g (float[{size}, 2] x) => (float[{size}, 2] p) {{ p = Softmax<axis = -1>(x) }}"
    rows = {"x": np.zeros((20, 2), np.float32)}
    _, baseline = made(text, rows)
    assert baseline.outputs[0].counts.total == baseline.features[0].counts.total == 20
    labelled = {**rows, "target": np.zeros(20, np.int64)}
    _, baseline = made(text, labelled=labelled)
    assert baseline.quality["accuracy"] == 1.0


def test_model_of_one_example_has_a_baseline_of_one(made: Any) -> None:
    """A vector that is a whole example is one row; labels cannot be told apart by row."""
    text = "g (float[3] x) => (float[3] p) { p = Softmax<axis = -1>(x) }"
    _, baseline = made(text, {"x": np.float32([1, 2, 3])})
    assert baseline.rows == 1
    assert baseline.names == ("x[0]", "x[1]", "x[2]")
    assert baseline.outputs[0].counts.total == 1
