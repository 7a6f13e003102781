"""What outputs are: by what they say, by the labels that there are, by the evaluation set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import InvalidDocument
from hearth.domain.monitoring import MonitoringOptions
from hearth.domain.signature import Signature, SignatureDef, TensorSpec
from hearth.publishing.judging import Evidence, Judged, choose

INPUT = TensorSpec("x", "FP32", (-1, 4))
PROBABILITIES = np.float32([[0.25, 0.75], [0.5, 0.5]])
LOGITS = np.float32([[-1, 3], [2, -9]])
VALUES = np.float32([[12.5], [-3]])
SHARES = np.float32([[0.5], [0.25]])
TYPES = {"f": "FP32", "i": "INT64", "O": "BYTES", "b": "BOOL"}


def judged(options: dict[str, Any] | None = None, /, **outputs: Any) -> Judged:
    """What is chosen for a model that gave these outputs for two rows."""
    known = {
        name: outputs.pop(name)
        for name in ("class_labels", "target", "signature_defs")
        if name in outputs
    }
    specs = tuple(
        TensorSpec(name, TYPES[array.dtype.kind], (-1, *array.shape[1:]))
        for name, array in outputs.items()
    )
    evidence = Evidence(Signature((INPUT,), specs), samples=(outputs,), counts=(2,), **known)
    return choose(MonitoringOptions(**(options or {})), evidence)


def found(judgement: Judged) -> tuple[str, str, str]:
    return judgement.task, judgement.scores, judgement.label


def test_rows_that_sum_to_one_are_a_classification() -> None:
    """Probabilities are known by their sum; nothing needs to be said."""
    assert judged(p=PROBABILITIES) == Judged("classification", "p")


def test_label_beside_scores_is_the_predicted_class() -> None:
    """As classifiers of scikit-learn, XGBoost and LightGBM have them."""
    words = np.array(["a", "b"], object)
    assert found(judged(label=words, probabilities=PROBABILITIES)) == (
        "classification",
        "probabilities",
        "label",
    )
    assert found(judged(out=np.int64([1, 0]), p=PROBABILITIES))[2] == "out"
    assert found(judged(out=np.int64([7, 900]), p=PROBABILITIES))[2] == ""
    assert found(judged(label=words[:, None])) == ("classification", "", "label")


def test_text_that_a_model_writes_is_no_label() -> None:
    """Strings are classes where a name, class labels, scores or the evaluation set say so."""
    words = np.array(["a", "b"], object)
    assert found(judged(answer=words)) == ("", "", "")
    assert found(judged(answer=words, class_labels=("a", "b")))[2] == "answer"
    assert found(judged(answer=words, target=np.array(["a", "a"])))[2] == "answer"
    assert found(judged(answer=words, class_labels=("c", "d")))[2] == ""


def test_rows_of_nan_say_nothing() -> None:
    """A row of the data that a model cannot answer does not make values of its probabilities."""
    broken = np.array([[np.nan, np.nan], [0.5, 0.5]], np.float32)
    assert judged(p=broken) == Judged("classification", "p")
    assert found(judged(p=broken * np.nan))[0] == "regression"


def test_names_that_the_publisher_gives_win_over_the_graphs() -> None:
    """Then the highest score says which class: the graph's label would be of none."""
    words = np.array(["a", "b"], object)
    judgement = judged(label=words, p=PROBABILITIES, class_labels=("cat", "dog"))
    assert found(judgement) == ("classification", "p", "")
    assert found(judged(label=words, p=PROBABILITIES, class_labels=("a", "b")))[2] == "label"


def test_class_labels_make_scores_of_any_numbers() -> None:
    """Logits are scores once somebody says which classes there are."""
    judgement = judged(y=LOGITS, class_labels=("cat", "dog"))
    assert found(judgement) == ("classification", "y", "")
    assert "no calibration" in judgement.notes[0]


@pytest.mark.parametrize(
    "target", [np.array(["a", "b"]), np.int64([0, 1]), np.int64([[1], [0]]), np.float32([1, 0])]
)
def test_evaluation_set_tells_logits_from_values(target: Any) -> None:
    """Labels that are classes of what is scored say that scores they are."""
    assert found(judged(y=LOGITS, target=target)) == ("classification", "y", "")


@pytest.mark.parametrize(
    "target", [np.float32([0.5, 1]), np.int64([0, 2]), np.int64([[0, 1], [1, 0]]), None]
)
def test_few_numbers_that_nothing_is_said_of_are_values(target: Any) -> None:
    """A regression is what remains; where there are several numbers a note asks."""
    judgement = judged(y=LOGITS, target=target)
    assert found(judgement) == ("regression", "y", "")
    assert "taken for a regression's 2 values" in judgement.notes[0]


def test_one_number_a_row_is_a_regression() -> None:
    """Of rank 1, or with a last dimension of 1."""
    assert judged(y=VALUES) == Judged("regression", "y")
    assert judged(y=VALUES[:, 0]) == Judged("regression", "y")


def test_one_share_a_row_is_the_probability_of_a_class_if_anything_says_so() -> None:
    """A sigmoid's number is a regression's unless there are labels."""
    judgement = judged(y=SHARES)
    assert found(judgement) == ("regression", "y", "")
    assert "the probability of a class" in judgement.notes[0]
    assert judged(y=SHARES, class_labels=("no", "yes")) == Judged("classification", "y")
    assert judged(y=SHARES, target=np.int64([0, 1])) == Judged("classification", "y")
    assert found(judged(y=VALUES, target=np.int64([0, 1])))[0] == "regression"


def test_score_that_is_no_probability_is_not_one_of_two() -> None:
    """An outlier detector's label is judged, its distance is not taken for a share."""
    judgement = judged(label=np.int64([[-1], [1]]), scores=VALUES)
    assert found(judgement) == ("classification", "", "label")


def test_among_several_outputs_the_one_that_looks_like_scores_is_taken() -> None:
    """By its sums, then by its name; else nothing is judged, and a note says what there is."""
    assert judged(hidden=LOGITS, p=PROBABILITIES).scores == "p"
    assert judged(hidden=LOGITS, score=VALUES).scores == "score"
    judgement = judged(a=LOGITS, b=VALUES)
    assert found(judgement) == ("", "", "")
    assert "outputs are not judged" in judgement.notes[0]
    assert "a FP32 [-1, 2], b FP32 [-1, 1]" in judgement.notes[0]


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((2, 17), np.float32),
        np.zeros((2, 3, 3), np.float32),
        np.zeros((3, 2), np.float32),
        np.zeros((2, 0), np.float32),
        np.float32([1]),
        np.array([True, False]),
        np.int64([5, 6]),
    ],
    ids=["many", "rank 3", "other rows", "nothing", "one", "booleans", "numbers"],
)
def test_output_that_is_neither_scores_nor_values_is_not_judged(output: Any) -> None:
    """Embeddings, masks and boxes have no accuracy; the publisher is told."""
    judgement = judged(y=output)
    assert found(judgement) == ("", "", "")
    assert judgement.notes


def test_trailing_dimensions_of_one_do_not_matter() -> None:
    """Older image classifiers give [N, classes, 1, 1]."""
    assert judged(y=PROBABILITIES[:, :, None, None]) == Judged("classification", "y")


def test_named_signature_says_what_outputs_are() -> None:
    """Who named the outputs for TensorFlow Serving's clients need not do it again."""
    classify = {"top": SignatureDef("classify", ("b", "a"))}
    words = np.array(["u", "v"], object)
    assert found(judged(a=words, b=LOGITS, c=VALUES, signature_defs=classify)) == (
        "classification",
        "b",
        "a",
    )
    regress = {"r": SignatureDef("regress", ("c",))}
    assert found(judged(b=LOGITS, c=VALUES, signature_defs=regress)) == ("regression", "c", "")


def test_what_the_publisher_says_holds() -> None:
    """Task and outputs are taken as they are given."""
    said = {"task": "regression", "scores": "a"}
    assert judged(said, a=PROBABILITIES, b=VALUES) == Judged("regression", "a")
    assert judged({"task": ""}, a=PROBABILITIES) == Judged()
    assert found(judged({"task": "ranking"}, a=VALUES)) == ("ranking", "a", "")
    words = np.array(["u", "v"], object)
    assert judged({"label": ""}, label=words, p=PROBABILITIES) == Judged("classification", "p")


@pytest.mark.parametrize("field", ["scores", "label"])
def test_output_that_does_not_exist_is_refused(field: str) -> None:
    """With the names of those that do."""
    with pytest.raises(InvalidDocument, match=rf"'{field}'.*got z.*'p'"):
        judged({field: "z"}, p=PROBABILITIES)


def test_model_without_a_sample_is_not_judged() -> None:
    """Nothing is known of what it gives."""
    signature = Signature((INPUT,), (TensorSpec("p", "FP32", (-1, 2)),))
    assert found(choose(MonitoringOptions(), Evidence(signature))) == ("", "", "")
