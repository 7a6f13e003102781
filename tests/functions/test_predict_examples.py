"""TensorFlow Serving's classify and regress, from event to answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from support.calling import Caller

PERSON = {"ratings": [1.5, 2.5], "age": 20, "name": "ann", "member": True}


def ask(warm: Caller, verb: str, model: str, *examples: Any, **body: Any) -> Any:
    reply = warm.post(f"/v1/models/{model}:{verb}", {"examples": list(examples), **body})
    assert reply.status == 200, reply
    return reply.json["results"]


def refusal(warm: Caller, verb: str, model: str, body: Any) -> str:
    reply = warm.post(f"/v1/models/{model}:{verb}", body)
    assert reply.status == 400, reply
    return reply.error


def test_classify_answers_every_class_with_its_label(warm: Caller) -> None:
    """Labels are the manifest's, scores stand in the order of the classes."""
    scores = {"x": [0.5, 0.25, 0.1]}

    assert ask(warm, "classify", "named", scores, {"x": [0, 0, 1]}) == [
        [["cat", 0.5], ["dog", 0.25], ["bird", 0.1]],
        [["cat", 0.0], ["dog", 0.0], ["bird", 1.0]],
    ]


def test_classify_without_labels_leaves_them_empty(warm: Caller) -> None:
    """A model that has no labels answers with empty ones, as TensorFlow Serving does."""
    assert ask(warm, "classify", "scored", {"x": [1, 2, 3]}) == [[["", 1], ["", 2], ["", 3]]]


def test_classify_takes_labels_from_the_graph(warm: Caller) -> None:
    """A signature may name an output that holds the labels."""
    answer = ask(warm, "classify", "labelled", {"x": [0.5, 1.5]}, signature_name="labels")

    assert answer == [[["no", 0.5], ["yes", 1.5]]]


def test_scores_keep_the_digits_of_their_width(warm: Caller) -> None:
    """A float32 is written as the shortest text that reads back as the same float32."""
    reply = warm.post("/v1/models/named:classify", b'{"examples": [{"x": [0.1, NaN, -Infinity]}]}')

    assert reply.body == b'{"results":[[["cat",0.1],["dog",NaN],["bird",-Infinity]]]}'


@pytest.mark.parametrize("name", ["", "serving_default", "top"])
def test_signature_may_be_named(warm: Caller, name: str) -> None:
    """The default signature answers, and one that the publisher named."""
    assert ask(warm, "classify", "named", {"x": [1, 2, 3]}, signature_name=name)


def test_regress_answers_one_value_an_example(warm: Caller) -> None:
    """A column of one value a row is a list of values."""
    rows = [{"x": [1, 2, 3, 4]}, {"x": [0.5, 0.5, 0.0, 0.0]}]

    assert ask(warm, "regress", "summed", *rows) == [10.0, 1.0]


def test_features_of_every_kind_become_the_inputs(warm: Caller) -> None:
    """Floats, integers, text and booleans, in lists or alone; what the model lacks is ignored."""
    other = {"ratings": [0, 1], "age": [3], "name": {"b64": "Ym9i"}, "member": [0], "extra": "x"}

    assert ask(warm, "regress", "features", PERSON, other) == [25.0, 4.0]


def test_context_stands_for_every_example_that_does_not_say_otherwise(warm: Caller) -> None:
    """A feature of the context is every example's, unless it has its own."""
    context = {"age": 1, "member": False, "name": "all", "ratings": [1, 1]}

    assert ask(warm, "regress", "features", {}, {"age": 5}, context=context) == [3.0, 7.0]


def test_features_fill_the_rows_of_an_input_of_any_rank(warm: Caller) -> None:
    """A list of values fills a row of fixed dimensions, and of one dynamic one."""
    row = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for model in ("grid", "free"):
        error = refusal(warm, "classify", model, {"examples": [{"x": row}]})
        assert "which output :classify should answer with is not clear" in error
    assert ask(warm, "regress", "anyhow", {"x": 2.0}, {"x": 3.0}) == [4.0, 6.0]


def test_optional_input_is_an_optional_feature(warm: Caller) -> None:
    """What the graph has a default for may be left out."""
    assert ask(warm, "regress", "optional", {"x": 2.0}, {"x": 3.0}) == [4.0, 6.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": []}, "Input is empty"),
        ({"examples": {}}, "'examples' is not a list/array"),
        ({"examples": [[1]]}, "Example must be JSON object"),
        ({"examples": [PERSON], "context": []}, "Example must be JSON object"),
        (
            {"examples": [{**PERSON, "age": None}]},
            "age has element with unexpected JSON type: Null",
        ),
        (
            {"examples": [{**PERSON, "age": [[1]]}]},
            "age has element with unexpected JSON type: Array",
        ),
        ({"examples": [{**PERSON, "age": {"a": 1}}]}, "unexpected JSON type: Object"),
        ({"examples": [{**PERSON, "age": [1, 1.0]}]}, "feature: age expecting type: int64"),
        ({"examples": [{**PERSON, "age": 2**63}]}, "Only int64_t is supported"),
        ({"examples": [{**PERSON, "name": {"b64": "?"}}]}, "Unable to base64 decode"),
        ({"examples": [{**PERSON, "name": {"b64": base64.b64encode(b"\xff").decode()}}]}, "UTF-8"),
        ({"examples": [{**PERSON, "age": 1.5}]}, "not of expected type: int64"),
        ({"examples": [{**PERSON, "name": 1}]}, "not of expected type: string"),
        ({"examples": [{**PERSON, "member": 2}]}, "not of expected type: bool"),
        ({"examples": [{**PERSON, "age": []}]}, "Feature: age (data type: DT_INT64) is required"),
        ({"examples": [PERSON, {}]}, "could not be found in example 1"),
        ({"examples": [{**PERSON, "ratings": [1, 2, 3]}]}, "does not fill a row"),
        ({"examples": [PERSON, {**PERSON, "age": [1, 2]}]}, "Feature: age of example 1"),
        ({"examples": [PERSON], "signature_name": "none"}, '"none" not found in signature def'),
        ({"examples": [PERSON], "signature_name": 1}, "'signature_name' key must be a string"),
    ],
)
def test_bad_examples_are_refused_by_name(warm: Caller, body: Any, words: str) -> None:
    """Whatever is wrong names the feature and says how."""
    assert words in refusal(warm, "regress", "features", body)


def test_signature_of_another_method_is_refused(warm: Caller) -> None:
    """A signature is asked by its own method alone."""
    body = {"signature_name": "top", "instances": [[1, 2, 3]], "examples": [{"x": [1, 2, 3]}]}
    for verb in ("predict", "regress"):
        error = refusal(warm, verb, "named", body)
        assert f"signature method_name to be tensorflow/serving/{verb}" in error


def test_output_that_is_not_one_value_an_example_is_refused(warm: Caller) -> None:
    """Three scores a row are no regression."""
    error = refusal(warm, "regress", "scored", {"examples": [{"x": [1, 2, 3]}]})
    assert "the model did not give one value an example" in error


def test_metadata_names_every_signature(warm: Caller) -> None:
    """Each with its method and its outputs."""
    found = warm.get("/v1/models/labelled/metadata").json["metadata"]["signature_def"]
    definitions = found["signature_def"]

    assert {name: item["method_name"] for name, item in definitions.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "labels": "tensorflow/serving/classify",
    }
    assert list(definitions["labels"]["outputs"]) == ["scores", "labels"]


def test_scores_that_are_not_one_row_an_example_are_refused(warm: Caller) -> None:
    """Two examples are not answered by one."""
    error = refusal(warm, "classify", "first", {"examples": [{"x": [1, 2, 3]}, {"x": [4, 5, 6]}]})
    assert "did not give one row of scores an example: got [1, 3], expected [2, -1]" in error
