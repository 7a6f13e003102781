"""TensorFlow Serving's own assertions on JSON and HTTP, where they lie beside this checkout.

The cases belong to TensorFlow Serving and are not part of the project: without them this module is
skipped. What the project's users meet is tested in tests/unit and tests/functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hearth.domain.datatype import DATATYPES
from hearth.domain.errors import HearthError, InvalidName, MalformedPath
from hearth.domain.registry_entry import Actor, assign
from hearth.domain.signature import Signature, SignatureDef, TensorSpec
from hearth.edge import routes
from hearth.edge.problem import of_error, status_of
from hearth.serving import examples, json_text, tf_payload
from hearth.serving.asked import Body
from hearth.serving.tf_serving import TfServing
from hearth.stores.artefacts import Artefacts
from hearth.stores.registry import Registry
from support import zoo
from support.calling import Caller, Reply

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "conformance"
JSON_CASES, HTTP_CASES = "tfserving_json_cases.jsonl", "tfserving_http_cases.jsonl"
DATATYPE = {datatype.tf: datatype.name for datatype in DATATYPES}
NUMPY = {datatype.tf: datatype.numpy for datatype in DATATYPES} | {"DT_COMPLEX64": "complex64"}

# What differs on purpose; the README says why.
SPELT_OTHERWISE = "JsontensorTest.FromJsonSingleFloatTensorSixDigitPrecision"
# Names with characters that no model or label of Hearth can have.
NAMELESS = {"ParseGet[1]", "ParseGet[4]", "ParseGet[6]", "ParsePost[1]", "ParsePost[4]"} | {
    "ParsePost[5]"
}


def cases(file: str, *kinds: str) -> list[Any]:
    if not (FOLDER / file).exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the cases are not beside this"))]
    found = [json.loads(line) for line in (FOLDER / file).read_text().splitlines()]
    return [
        pytest.param(case, id=case["name"])
        for case in found
        if case.get("kind", "handler") in kinds
    ]


# ------------------------------------------------------------------------------------------- JSON


def number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def request_text(case: dict[str, Any]) -> bytes:
    if case["request_json"] is not None:
        return case["request_json"].encode()
    made = case["request_json_gen"]
    middle = made["open"] * made["depth"] + made["close"] * made["depth"]
    return (made["prefix"] + middle + made["suffix"]).encode()


def as_array(tensor: dict[str, Any]) -> np.ndarray:
    values = [number(value) for value in tensor["values"]]
    array = np.array(values, NUMPY[tensor["dtype"]])
    return array.reshape(tensor["shape"] if tensor["shape"] is not None else ())


def same(got: np.ndarray, want: np.ndarray) -> bool:
    if got.dtype.kind != "f":
        return got.tolist() == want.tolist()
    signs = np.signbit(got) == np.signbit(want)
    return bool(np.array_equal(got, want, equal_nan=True) and (signs | np.isnan(want)).all())


def require_error(case: dict[str, Any], call: Callable[[], Any]) -> None:
    with pytest.raises(HearthError) as caught:
        call()
    expected = case["expect"]
    assert expected["error_substring"] in str(caught.value)
    assert status_of(caught.value, "/v1/models/m:predict") == expected["http_status"]


def read(case: dict[str, Any], verb: str) -> Any:
    return TfServing().read(Body(request_text(case), {}), verb)


def require_facts(asked: Any, case: dict[str, Any]) -> None:
    name = case["expect"].get("signature_name")
    assert name is None or asked.document.get("signature_name", "") == name


@pytest.mark.parametrize("case", cases(JSON_CASES, "predict_request"))
def test_predict_request_is_read_as_tensorflow_serving_reads_it(case: dict[str, Any]) -> None:
    """The same tensors, values and shapes, or the same refusal."""
    specs = tuple(
        TensorSpec(name, DATATYPE[spec["dtype"]], (), ranked=False)
        for name, spec in case["signature"].items()
    )

    def decode() -> dict[str, np.ndarray]:
        asked = read(case, "predict")
        require_facts(asked, case)
        if "format" in case["expect"]:
            row = case["expect"]["format"] == "row"
            assert ("instances" in asked.document) == row
        return tf_payload.decode(asked.document, Signature(specs, ()))

    if not case["expect"]["ok"]:
        require_error(case, decode)
        return
    tensors = decode()
    assert len(tensors) == case["expect"]["num_tensors"]
    for name, want in case["expect"].get("tensors", {}).items():
        assert tensors[name].dtype == np.dtype(NUMPY[want["dtype"]])
        assert list(tensors[name].shape) == want["shape"]
        assert same(tensors[name], as_array(want)), tensors[name]


def comparable(text: str, how: str) -> Any:
    if how == "numbers_as_strings":
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return json.loads(text)


@pytest.mark.parametrize("case", cases(JSON_CASES, "predict_response"))
def test_predict_answer_is_written_as_tensorflow_serving_writes_it(case: dict[str, Any]) -> None:
    """The same JSON, numbers spelt alike where that is asserted."""
    document = {"instances": []} if case["format"] == "row" else {"inputs": []}

    def encode() -> str:
        outputs = {name: as_array(tensor) for name, tensor in case["tensors"].items()}
        return tf_payload.encode(document, outputs).decode()

    if not case["expect"]["ok"]:
        require_error(case, encode)
        return
    how = case["expect"]["compare"]
    if case["name"] == SPELT_OTHERWISE:
        how = "json"
    assert comparable(encode(), how) == comparable(case["expect"]["response_json"], how)


def described(example: examples.Example) -> dict[str, Any]:
    kept = {name: feature for name, feature in example.items() if feature.values}
    return {
        name: {
            "kind": f"{feature.kind}_list",
            "values": [v.decode() if isinstance(v, bytes) else v for v in feature.values],
        }
        for name, feature in kept.items()
    }


def as_numbers(example: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"kind": item["kind"], "values": [number(value) for value in item["values"]]}
        for name, item in example.items()
    }


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize("case", cases(JSON_CASES, "classify_and_regress_request"))
def test_examples_are_read_as_tensorflow_serving_reads_them(
    case: dict[str, Any], verb: str
) -> None:
    """The same features of the same kinds, with the same context, or the same refusal."""

    def decode() -> examples.Examples:
        asked = read(case, verb)
        require_facts(asked, case)
        return examples.read(asked.document)

    if not case["expect"]["ok"]:
        require_error(case, decode)
        return
    found = decode()
    got = [described(example) for example in found.examples]
    assert repr(got) == repr([as_numbers(item) for item in case["expect"]["examples"]])
    assert described(found.context) == as_numbers(case["expect"].get("context", {}))


@pytest.mark.parametrize("case", cases(JSON_CASES, "classify_response", "regress_response"))
def test_results_are_written_as_tensorflow_serving_writes_them(case: dict[str, Any]) -> None:
    """The same results, or the same refusal."""

    def encode() -> str:
        result = case["result"]
        if case["kind"] == "regress_response":
            values = np.array([number(value) for value in result], np.float32)
            return json_text.dumps({"results": examples.regressions(values, len(result))}).decode()
        labels = np.array([[label for label, _ in row] for row in result], object)
        scores = np.array([[score for _, score in row] for row in result], np.float32)
        return json_text.dumps(
            {"results": examples.classifications(scores, labels, (), len(result))}
        ).decode()

    if not case["expect"]["ok"]:
        require_error(case, encode)
        return
    how = case["expect"]["compare"]
    assert comparable(encode(), how) == comparable(case["expect"]["response_json"], how)


@pytest.mark.parametrize("case", cases(JSON_CASES, "status_error"))
def test_error_is_written_as_tensorflow_serving_writes_it(case: dict[str, Any]) -> None:
    """An error is an object with the one key `error`; success has none."""
    message = case["status_message"]
    body = of_error(HearthError(message), "/v1/x").body.decode() if message is not None else ""
    if case["expect"]["compare"] == "exact":
        assert body == case["expect"]["response_json"]
    else:
        assert json.loads(body) == json.loads(case["expect"]["response_json"])


# ------------------------------------------------------------------------------------------- HTTP

MODEL = "saved_model_half_plus_two_2_versions"
LABEL = "Version_Label"
HALF_PLUS_TWO = """
half_plus_two (float x) => (float y)
<float half = {0.5}, float two = {2}>
{ halved = Mul(x, half)  y = Add(halved, two) }
"""
SIGNATURES = {
    "regress_x_to_y": SignatureDef("regress", ("y",)),
    "classify_x_to_y": SignatureDef("classify", ("y",)),
}


@pytest.fixture
def published(
    publish: Callable[..., Any],
    load: Callable[..., Any],
    registry: Registry,
    artefacts: Artefacts,
) -> None:
    """Version 123 of the model alone, under its label."""
    first = publish(MODEL, zoo.unranked(HALF_PLUS_TWO), signature_defs=SIGNATURES).manifest
    artefacts.create_manifest(replace(first, version=123))
    load(MODEL, 123)
    who = Actor("test", "2026-01-01T00:00:00.000Z")
    registry.change(MODEL, lambda entry: assign(entry, LABEL, {123: 1}, who))


def filled(text: str) -> str:
    return (
        text.replace("{model}", MODEL)
        .replace("{label}", LABEL)
        .replace("{nonexistent_label}", "nobody_knows_it")
    )


@pytest.mark.parametrize("case", cases(HTTP_CASES, "handler"))
def test_handler_answers_as_tensorflow_servings(
    case: dict[str, Any], published: None, predict: Caller, health: Caller
) -> None:
    """The same status, and the same answer or a message with the same words."""
    path = filled(case["path"])
    status = case["method"] == "GET" and not path.endswith("/metadata")
    reply: Reply = (health if status else predict)(case["method"], path, case["request_body"])
    expected = case["expect"]
    assert reply.status == expected["http_status"], reply
    assert expected.get("error_substring", "") in reply.json.get("error", "")
    if "response_json" in expected:
        assert reply.json == json.loads(expected["response_json"])
    for name, value in expected.get("headers", {}).items():
        assert reply.headers[name.lower()] == value
    if "response_json_file" in expected:
        require_metadata(reply.json)


def require_metadata(got: dict[str, Any]) -> None:
    """The form of the metadata; TensorFlow's names of its own graph are none of ONNX's."""
    assert got["model_spec"] == {"name": MODEL, "signature_name": "", "version": "123"}
    definitions = got["metadata"]["signature_def"]["signature_def"]
    assert {name: found["method_name"] for name, found in definitions.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "regress_x_to_y": "tensorflow/serving/regress",
        "classify_x_to_y": "tensorflow/serving/classify",
    }
    for found in definitions.values():
        assert found.keys() == {"inputs", "outputs", "method_name", "defaults"}
        shape = {"dim": [], "unknown_rank": True}
        assert found["inputs"] == {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x"}}
        assert found["outputs"] == {"y": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "y"}}


@pytest.mark.parametrize("case", cases(HTTP_CASES, "url_parse"))
def test_path_parses_as_tensorflow_servings(case: dict[str, Any]) -> None:
    """The same paths are routes, with the same parts."""
    expected = case["expect"]
    if not expected["parsed"]:
        with pytest.raises(MalformedPath):
            routes.parse_v1(case["method"], case["path"])
        return
    if "error_substring" in expected:
        with pytest.raises(HearthError, match=expected["error_substring"]):
            routes.parse_v1(case["method"], case["path"])
        return
    if case["name"] in NAMELESS:
        with pytest.raises(InvalidName, match="is not valid"):
            routes.parse_v1(case["method"], case["path"])
        return
    call = routes.parse_v1(case["method"], case["path"])
    assert call.target.model == expected["model_name"]
    assert call.target.version == expected.get("version", 0)
    assert call.target.label == expected.get("label", "")
    assert call.verb == expected.get("method", expected.get("subresource") or "status")
