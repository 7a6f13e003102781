"""TensorFlow Serving's predict and metadata, from event to answer."""

from __future__ import annotations

import base64
import json
import math
import tracemalloc
from typing import Any

import pytest
from support.calling import Caller
from support.zoo import ELEMENTS

NUMBERS = [name for name in ELEMENTS if name not in ("BOOL", "BYTES", "FP16")]


def predict(warm: Caller, model: str, **body: Any) -> Any:
    reply = warm.post(f"/v1/models/{model}:predict", body)
    assert reply.status == 200, reply
    return reply.json


def refusal(warm: Caller, model: str, **body: Any) -> str:
    reply = warm.post(f"/v1/models/{model}:predict", body)
    assert reply.status == 400, reply
    return reply.error


def b64(text: str) -> dict[str, str]:
    return {"b64": base64.b64encode(text.encode()).decode()}


# ---------------------------------------------------------------------------------- rows, columns


def test_rows_of_an_unnamed_input_give_predictions(warm: Caller) -> None:
    """A plain list of rows is the one input, and the answer is a list of rows."""
    answer = predict(warm, "m", instances=[[1, 2, 3, 4], [0, 0.5, -1, 1e3]])

    assert answer == {"predictions": [[3, 5, 7, 9], [1, 2, -1, 2001]]}


def test_rows_may_name_the_one_input(warm: Caller) -> None:
    """A row may be an object that names the one input: the answer stays unnamed."""
    answer = predict(warm, "m", instances=[{"x": [1, 2, 3, 4]}])

    assert answer == {"predictions": [[3, 5, 7, 9]]}


def test_rows_of_scalars_are_stacked(warm: Caller) -> None:
    """A row may be a scalar: rows of rank 0 make a tensor of rank 1."""
    assert predict(warm, "same-INT32", instances=[1, 2, 3]) == {"predictions": [1, 2, 3]}


def test_rows_of_several_inputs_give_rows_of_several_outputs(warm: Caller) -> None:
    """Several inputs come as one object a row, several outputs go as one object a row."""
    answer = predict(warm, "pair", instances=[{"a": [1, 2], "b": 5}, {"b": 6, "a": [3, 4]}])

    assert answer == {
        "predictions": [{"twice": [2, 4], "next": 6}, {"twice": [6, 8], "next": 7}],
    }


def test_columns_of_an_unnamed_input_give_outputs(warm: Caller) -> None:
    """A bare tensor under `inputs` is the one input, and `outputs` is a bare tensor."""
    assert predict(warm, "m", inputs=[[1, 2, 3, 4]]) == {"outputs": [[3, 5, 7, 9]]}


def test_columns_may_name_the_one_input(warm: Caller) -> None:
    """An object under `inputs` names its tensors; one output is still unnamed."""
    assert predict(warm, "m", inputs={"x": [[1, 2, 3, 4]]}) == {"outputs": [[3, 5, 7, 9]]}


def test_columns_of_several_inputs_give_named_outputs(warm: Caller) -> None:
    """Several inputs come by name, several outputs go by name, each whole."""
    answer = predict(warm, "pair", inputs={"a": [[1, 2], [3, 4]], "b": [5, 6]})

    assert answer == {"outputs": {"twice": [[2, 4], [6, 8]], "next": [6, 7]}}


def test_columns_ignore_names_that_the_model_does_not_have(warm: Caller) -> None:
    """By columns extra names are ignored, unlike by rows: so does TF Serving."""
    answer = predict(warm, "m", inputs={"x": [[1, 2, 3, 4]], "y": "anything"})

    assert answer == {"outputs": [[3, 5, 7, 9]]}


def test_columns_have_no_batch_rule(warm: Caller) -> None:
    """A bare scalar is a tensor of rank 0, and so may be the answer."""
    assert predict(warm, "scalar", inputs=3.5) == {"outputs": 7.0}
    assert predict(warm, "total", inputs=[[1, 2, 3, 4]]) == {"outputs": 10.0}


def test_columns_of_no_rows_give_none(warm: Caller) -> None:
    """A batch of 0 by columns is answered by an empty list."""
    assert predict(warm, "same-FP32", inputs=[]) == {"outputs": []}


def test_other_top_level_keys_are_ignored(warm: Caller) -> None:
    """Whatever else a body holds is not looked at."""
    body = {"instances": [[1, 2, 3, 4]], "parameters": [{}], "context": None, "": 1}

    assert predict(warm, "m", **body) == {"predictions": [[3, 5, 7, 9]]}


def test_input_named_b64_is_told_from_a_base64_value(warm: Caller) -> None:
    """`{"b64": ...}` stands for a string only where it holds one."""
    assert predict(warm, "b64", instances=[{"b64": 1.5}]) == {"predictions": [1.5]}
    assert predict(warm, "b64", inputs={"b64": [1.5, 2]}) == {"outputs": [1.5, 2.0]}


@pytest.mark.parametrize("signature_name", ["serving_default", ""])
def test_default_signature_may_be_named(warm: Caller, signature_name: str) -> None:
    """A model has one signature; its name is TF Serving's default, or left empty."""
    answer = predict(warm, "m", instances=[[1, 2, 3, 4]], signature_name=signature_name)

    assert answer == {"predictions": [[3, 5, 7, 9]]}


# --------------------------------------------------------------------------------------- datatypes


@pytest.mark.parametrize("datatype", NUMBERS)
def test_numbers_come_back_as_they_were_sent(warm: Caller, datatype: str) -> None:
    """Each numeric type travels through a real session unchanged; floats keep their point."""
    raw = warm.post(f"/v1/models/same-{datatype}:predict", {"instances": [0, 1, 100]}).body

    floats = datatype.startswith("FP")
    assert raw == (b'{"predictions":[0.0,1.0,100.0]}' if floats else b'{"predictions":[0,1,100]}')


def test_booleans_come_back_as_they_were_sent(warm: Caller) -> None:
    """BOOL is true and false in both directions."""
    answer = predict(warm, "same-BOOL", instances=[True, False])

    assert answer == {"predictions": [True, False]}


def test_strings_come_as_text_or_base64_and_go_as_text(warm: Caller) -> None:
    """An output that is not called so is written as text, however it came in."""
    answer = predict(warm, "same-BYTES", instances=["a", b64("größe"), "\0\U0001d11e\0"])

    assert answer == {"predictions": ["a", "größe", "\0\U0001d11e\0"]}


def test_outputs_named_bytes_go_as_base64(warm: Caller) -> None:
    """A string output whose name ends in `_bytes` is written as base64, by row and by column."""
    rows = predict(warm, "text", instances=["é\0", "b"])
    columns = predict(warm, "text", inputs=["é\0", "b"])

    assert rows == {
        "predictions": [
            {"plain": "é\0", "raw_bytes": b64("é\0")},
            {"plain": "b", "raw_bytes": b64("b")},
        ]
    }
    assert columns == {
        "outputs": {"plain": ["é\0", "b"], "raw_bytes": [b64("é\0"), b64("b")]},
    }


def test_nan_and_infinity_go_in_and_out_as_bare_tokens(warm: Caller) -> None:
    """Non-finite numbers are bare tokens, in requests and in answers."""
    body = b'{"instances": [NaN, Infinity, -Infinity, 0.1]}'

    reply = warm.post("/v1/models/same-FP32:predict", body)

    assert reply.body == b'{"predictions":[NaN,Infinity,-Infinity,0.1]}'
    assert math.isnan(json.loads(reply.body)["predictions"][0])


def test_what_a_model_makes_of_zero_is_answered(warm: Caller) -> None:
    """A model that divides by zero answers, with tokens that Python's json reads."""
    answer = predict(warm, "divided", inputs=[1, -1, 0])["outputs"]

    assert answer[:2] == [math.inf, -math.inf]
    assert math.isnan(answer[2])


def test_float16_outputs_go_in_their_own_shortest_digits(warm: Caller) -> None:
    """A half-precision output is written with the digits of a half."""
    raw = warm.post("/v1/models/halved:predict", {"instances": [0.1, 3]}).body

    assert json.loads(raw, parse_float=str) == {"predictions": ["0.1", "3.0"]}


def test_floats_come_back_in_their_shortest_digits(warm: Caller) -> None:
    """A float32 that was written with few digits comes back with as few."""
    values = ["0.1", "3.1415927", "0.0001", "16777216.0"]

    reply = warm.post("/v1/models/same-FP32:predict", f'{{"instances":[{",".join(values)}]}}')

    assert json.loads(reply.body, parse_float=str)["predictions"] == values


# -------------------------------------------------------------------------------------- bad bodies


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"{", "JSON Parse error"),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value"),
        (b"[[1, 2, 3, 4]]", "Is not object"),
        (b"null", "Is not object"),
        (b'"instances"', "Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": [1], "inputs": [1]}', "expecting only one of 'instances', 'inputs'"),
        (b'{"instances": []}', "No values in 'instances' array"),
        (b'{"instances": {}}', "No values in 'instances' array"),
        (b'{"instances": null}', "No values in 'instances' array"),
        (b'{"instances": [1], "signature_name": 1}', "'signature_name' key must be a string"),
        (b'{"instances": [1], "signature_name": null}', "'signature_name' key must be a string"),
        (b'{"instances": [[1, 2, 3, 4]], "signature_name": "s"}', '"s" not found in signature def'),
        (b'{"instances": "bad", "signature_name": "s"}', '"s" not found in signature def'),
        (b'{"instances": [[1, 2], [3]]}', "element 1: Expecting tensor size: 2 but got: 1"),
        (b'{"instances": [[1, 2], [[3, 4]]]}', "Expecting shape [2] but got: [1,2]"),
        (
            b'{"instances": [[1, 2, 3]]}',
            "input 'x' has another shape: got [1, 3], expected [-1, 4]",
        ),
        (
            b'{"instances": [["a", "b", "c", "d"]]}',
            "not of expected type: float: got 'a', expected FP32",
        ),
        (b'{"instances": [{"x": [1, 2, 3, 4]}, [1, 2, 3, 4]]}', "object but got list at item 1"),
        (b'{"instances": [[1, 2, 3, 4], {"x": [1]}]}', "value/list but got object at item 1"),
        (b'{"instances": [{"x": [1, 2, 3, 4], "z": 1}]}', "does not have named input: z"),
        (b'{"instances": [{}]}', "keys must be equal to: x"),
        (b'{"inputs": {}}', "Missing named input: x in 'inputs' object"),
        (b'{"inputs": {"b64": "AAAA"}}', "not of expected type"),
        (b'{"inputs": 5}', "input 'x' has another shape: got [], expected [-1, 4]"),
    ],
)
def test_bad_body_is_refused_in_tf_servings_words(warm: Caller, body: bytes, message: str) -> None:
    """A request that cannot be a prediction is a 400 that says where it goes wrong."""
    reply = warm.post("/v1/models/m:predict", body)

    assert reply.status == 400
    assert message in reply.error


def test_several_inputs_must_be_named(warm: Caller) -> None:
    """A plain list or value cannot be several inputs."""
    assert "instances is a plain list" in refusal(warm, "pair", instances=[[1, 2]])
    assert "inputs is a plain value/list" in refusal(warm, "pair", inputs=[[1, 2]])


def test_rows_name_exactly_the_inputs(warm: Caller) -> None:
    """By rows, every object has every input and nothing else; the row is counted."""
    good = {"a": [1, 2], "b": 5}

    assert "element: 1 of 'instances'" in refusal(warm, "pair", instances=[good, {"a": [1, 2]}])
    assert "keys must be equal to: a,b" in refusal(warm, "pair", instances=[good, {"a": [1, 2]}])
    assert "does not have named input: c" in refusal(warm, "pair", instances=[{**good, "c": 1}])


def test_columns_name_every_input(warm: Caller) -> None:
    """By columns, a missing input is named."""
    assert "Missing named input: b" in refusal(warm, "pair", inputs={"a": [[1, 2]]})


def test_columns_of_different_lengths_are_refused_where_they_must_agree(warm: Caller) -> None:
    """Inputs that share a symbolic dimension have one size there."""
    message = refusal(warm, "joined", inputs={"a": [1, 2], "b": [1]})

    assert "disagree on dimension 'N': got 1, expected 2" in message


def test_rows_refuse_outputs_that_have_no_batch(warm: Caller) -> None:
    """An output without dimensions cannot be rows; by columns it can be answered."""
    message = refusal(warm, "total", instances=[[1, 2, 3, 4]])

    assert "Tensor name: y  has no shape information" in message
    assert "columns" in message


def test_rows_refuse_outputs_that_disagree_on_the_batch(warm: Caller) -> None:
    """Outputs of different lengths cannot be one list of rows; by columns they can."""
    message = refusal(warm, "uneven", instances=[[1, 2], [3, 4]])

    assert "Tensor name: z has inconsistent batch size: 1 expecting: 2" in message
    assert predict(warm, "uneven", inputs=[[1, 2], [3, 4]]) == {
        "outputs": {"y": [[1, 2], [3, 4]], "z": [[4, 6]]},
    }


def test_values_that_the_graph_refuses_are_the_callers_error(warm: Caller) -> None:
    """An index out of range is found by ONNX Runtime and is still a 400."""
    assert "does not accept these inputs" in refusal(warm, "picked", instances=[7])


# --------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m:predict",
        "/v1/models/m/versions/1:predict",
        "/v1/models/m/versions/00001:predict",
        "/v1/models/m/labels/stable:predict",
        "/v1/models/%6D:predict",
        "/v1/models/m/labels/%73table:predict",
        "/V1/Models/m/VERSIONS/1:Predict",
    ],
)
def test_version_label_or_neither_leads_to_the_model(warm: Caller, path: str) -> None:
    """A version, a label or neither; percent-encoded or not; words of the path in any case."""
    reply = warm.post(path, {"instances": [[1, 2, 3, 4]]})

    assert (reply.status, reply.json) == (200, {"predictions": [[3, 5, 7, 9]]})


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m",
        "/v1/models",
        "/v1/foo",
        "/v1/models/m:explain",
        "/v1/models/m/:predict",
        "/v1/models//versions/1:predict",
        "/v1/models/m/versions/one:predict",
        "/v1/models/m/versions/-1:predict",
        "/v1/models/m/versions/1/labels/stable:predict",
        "/v1/models/m/version/1:predict",
        "/v1/models/m:predict/",
        "/v1/models/a/b:predict",
        "/v1/models/m\n:predictx",
    ],
)
def test_other_addresses_are_malformed_requests(warm: Caller, path: str) -> None:
    """What TF Serving's pattern does not match is a 400, not a 404."""
    reply = warm.post(path, {"instances": [[1, 2, 3, 4]]})

    assert reply.status == 400
    assert "Malformed request: POST " in reply.error


@pytest.mark.parametrize("number", ["9223372036854775808", "18446744073709551615", "9" * 60, "0"])
def test_version_that_is_no_int64_is_refused(warm: Caller, number: str) -> None:
    """A version is a positive 64-bit number; the message is TF Serving's."""
    reply = warm.post(f"/v1/models/m/versions/{number}:predict", {"instances": [[1, 2, 3, 4]]})

    assert reply.status == 400
    assert f"Failed to convert version: {number}" in reply.error


@pytest.mark.parametrize(
    "name",
    ["%2e%2e", "..%2Fetc", "%2Fetc%2Fpasswd", "m%2F..%2Fm", "%20..", ".hidden", "m%00", "%ff", "é"],
)
def test_name_that_could_be_a_path_is_refused(warm: Caller, name: str) -> None:
    """A model's name is never a path, however it is encoded."""
    for path in (f"/v1/models/{name}:predict", f"/v1/models/m/labels/{name}:predict"):
        reply = warm.post(path, {"instances": [[1, 2, 3, 4]]})
        assert reply.status == 400
        assert "is not valid" in reply.error


# ---------------------------------------------------------------------------------------- metadata


@pytest.mark.parametrize(
    "path", ["/v1/models/pair", "/v1/models/pair/versions/1", "/v1/models/pair/labels/stable"]
)
def test_metadata_has_tf_servings_shape(warm: Caller, path: str) -> None:
    """The double nesting, the sizes as strings and the printed defaults are as TF Serving's."""
    reply = warm.get(f"{path}/metadata")

    def tensor(name: str, dtype: str, *dims: tuple[str, str]) -> dict[str, Any]:
        shape = {
            "dim": [{"size": size, "name": name} for size, name in dims],
            "unknown_rank": False,
        }
        return {"dtype": dtype, "tensor_shape": shape, "name": name}

    rows = ("-1", "N")
    assert reply.status == 200
    assert reply.json == {
        "model_spec": {"name": "pair", "signature_name": "", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {
                            "a": tensor("a", "DT_FLOAT", rows, ("2", "")),
                            "b": tensor("b", "DT_INT64", rows),
                        },
                        "outputs": {
                            "twice": tensor("twice", "DT_FLOAT", rows, ("2", "")),
                            "next": tensor("next", "DT_INT64", rows),
                        },
                        "method_name": "tensorflow/serving/predict",
                        "defaults": {},
                    }
                }
            }
        },
    }


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [("BOOL", "DT_BOOL"), ("UINT64", "DT_UINT64"), ("FP16", "DT_HALF"), ("BYTES", "DT_STRING")],
)
def test_metadata_names_types_as_tensorflow_does(warm: Caller, datatype: str, dtype: str) -> None:
    """Datatypes have TensorFlow's names there."""
    document = warm.get(f"/v1/models/same-{datatype}/metadata").json

    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == dtype


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("pair", {"a": [1.5, 2.5], "b": 7}),
        ("text", {"x": "a,[]é"}),
        ("table", {"x": [[1, 2], [3, 4]]}),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_rows_of_several_outputs_are_those_of_the_columns(
    warm: Caller, model: str, row: Any, count: int
) -> None:
    """Row by row the answer holds what it holds column by column."""
    rows = predict(warm, model, instances=[row] * count)["predictions"]
    columns = predict(warm, model, inputs={name: [row[name]] * count for name in row})["outputs"]

    assert len(rows) == count
    for name, column in columns.items():
        assert [found[name] for found in rows] == column


def test_many_rows_of_several_outputs_take_little_memory(warm: Caller) -> None:
    """A hundred thousand rows are text, not a hundred thousand times some objects."""
    body = json.dumps({"instances": [{"a": [1.5, 2.5], "b": 1}] * 100_000}).encode()
    tracemalloc.start()
    reply = warm.post("/v1/models/pair:predict", body)
    assert tracemalloc.get_traced_memory()[1] < 150 << 20
    tracemalloc.stop()
    assert reply.status == 200
    assert reply.json["predictions"][99_999] == {"twice": [3.0, 5.0], "next": 2}
