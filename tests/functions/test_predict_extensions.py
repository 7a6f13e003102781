"""What Triton adds to Open Inference: raw requests, classification, configuration, parameters."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from support.calling import Caller, Reply, infer_body

LENGTH = "inference-header-content-length"
ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}


def outputs_of(reply: Reply) -> tuple[dict[str, Any], bytes]:
    """The JSON of a binary answer, and the bytes behind it."""
    assert reply.status == 200, reply
    length = int(reply.headers[LENGTH])
    return json.loads(reply.body[:length]), reply.body[length:]


def raw(warm: Caller, model: str, body: bytes) -> Reply:
    return warm.post(f"/v2/models/{model}/infer", body, headers={LENGTH: "0"})


def refusal(warm: Caller, model: str, body: Any, **headers: str) -> str:
    reply = warm.post(f"/v2/models/{model}/infer", body, headers=headers)
    assert reply.status == 400, reply
    return reply.error


# -------------------------------------------------------------------------------------------- raw


def test_raw_request_is_one_tensor_and_nothing_else(warm: Caller) -> None:
    """Without JSON the shape follows from the number of bytes; the answer is binary."""
    document, blob = outputs_of(raw(warm, "m", np.arange(8, dtype="<f4").tobytes()))

    assert document["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [2, 4], "parameters": {"binary_data_size": 32}}
    ]
    assert np.frombuffer(blob, "<f4").tolist() == [1, 3, 5, 7, 9, 11, 13, 15]


@pytest.mark.parametrize(
    ("model", "size", "shape"),
    [("same-FP16", 6, [3]), ("same-BF16", 4, [2]), ("scalar", 4, []), ("m", 0, [0, 4])],
)
def test_raw_request_takes_the_shape_that_its_bytes_fill(
    warm: Caller, model: str, size: int, shape: list[int]
) -> None:
    """One dynamic dimension takes what is there, and nothing too."""
    document, _ = outputs_of(raw(warm, model, bytes(size)))
    assert document["outputs"][0]["shape"] == shape


def test_raw_request_of_two_dynamic_dimensions_is_a_batch_of_one(warm: Caller) -> None:
    """As Triton has it, what comes without a shape is one item."""
    document, _ = outputs_of(raw(warm, "free", bytes(3 * 2 * 4)))
    assert document["outputs"][0]["shape"] == [1, 3, 2]


def test_raw_string_is_the_whole_body(warm: Caller) -> None:
    """One string comes bare; it goes back with its length before it."""
    document, blob = outputs_of(raw(warm, "same-BYTES", "größe\0".encode()))

    assert document["outputs"][0]["shape"] == [1]
    assert blob == struct.pack("<I", 8) + "größe\0".encode()


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        ("m", bytes(15), "has another number of bytes: got 15"),
        ("scalar", bytes(8), "has another number of bytes: got 8, expected 4"),
        ("pair", bytes(8), "needs a model with one input"),
        ("same-BYTES", b"\xff", "not UTF-8"),
        ("same-BOOL", b"\2", "no boolean"),
    ],
)
def test_raw_request_that_fills_no_tensor_is_refused(
    warm: Caller, model: str, body: bytes, words: str
) -> None:
    """Too much or too little, several inputs, bytes that mean nothing."""
    assert words in refusal(warm, model, body, **{LENGTH: "0"})


# --------------------------------------------------------------------------------- classification


def classified(warm: Caller, model: str, data: list[float], **parameters: Any) -> dict[str, Any]:
    shape = [len(data) // 3, 3]
    inputs = [{"name": "x", "shape": shape, "datatype": "FP32", "data": data}]
    outputs = [{"name": "scores", "parameters": parameters}]
    reply = warm.post(f"/v2/models/{model}/infer", {"inputs": inputs, "outputs": outputs})
    assert reply.status == 200, reply
    [output] = reply.json["outputs"]
    return output


def test_classification_answers_the_largest_with_their_labels(warm: Caller) -> None:
    """BYTES of shape [batch, n], the largest first, each with its index and label."""
    assert classified(warm, "named", [0.5, 2, 1, 3, 0, 0], classification=2) == {
        "name": "scores",
        "datatype": "BYTES",
        "shape": [2, 2],
        "data": ["2.000000:1:dog", "1.000000:2:bird", "3.000000:0:cat", "0.000000:1:dog"],
    }


def test_classification_has_at_most_all_classes(warm: Caller) -> None:
    """Whoever asks for more gets what there is; without labels the index alone."""
    output = classified(warm, "scored", [1, 2, 3], classification=99)
    assert output["data"] == ["3.000000:2", "2.000000:1", "1.000000:0"]


def test_classification_goes_in_binary_too(warm: Caller) -> None:
    """`binary_data` beside it gives strings in the binary layout."""
    inputs = [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]
    asked = [{"name": "scores", "parameters": {"classification": 1, "binary_data": True}}]
    reply = warm.post("/v2/models/scored/infer", {"inputs": inputs, "outputs": asked})

    document, blob = outputs_of(reply)
    assert document["outputs"][0]["shape"] == [1, 1]
    assert blob == struct.pack("<I", 10) + b"3.000000:2"


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2", [], {}])
def test_classification_is_a_positive_number(warm: Caller, count: Any) -> None:
    """Anything else is refused by name."""
    outputs = [{"name": "y", "parameters": {"classification": count}}]
    words = "'classification' of output 'y' is not a number of classes"
    assert words in refusal(warm, "m", {"inputs": [ROW], "outputs": outputs})


# ---------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("path", ["/v2/models/pair/config", "/v2/models/pair/versions/1/config"])
def test_config_is_a_triton_model_configuration(warm: Caller, path: str) -> None:
    """Names, types and whole shapes; no dimension is hidden as a batch."""
    found = warm.get(path).json

    assert found["name"] == "pair"
    assert (found["platform"], found["backend"]) == ("onnxruntime_onnx", "onnxruntime")
    assert found["max_batch_size"] == 0
    assert found["version_policy"] == {"specific": {"versions": [1]}}
    assert found["input"] == [
        {
            "name": "a",
            "data_type": "TYPE_FP32",
            "dims": [-1, 2],
            "format": "FORMAT_NONE",
            "optional": False,
        },
        {
            "name": "b",
            "data_type": "TYPE_INT64",
            "dims": [-1],
            "format": "FORMAT_NONE",
            "optional": False,
        },
    ]
    assert found["output"][1] == {"name": "next", "data_type": "TYPE_INT64", "dims": [-1]}
    assert found["default_model_filename"] == "model.onnx"


def test_config_says_what_is_optional_and_what_is_text(warm: Caller) -> None:
    """BYTES are Triton's TYPE_STRING; a default makes an input optional."""
    strings = warm.get("/v2/models/same-BYTES/config").json
    optional = warm.get("/v2/models/optional/config").json["input"]

    assert strings["input"][0]["data_type"] == "TYPE_STRING"
    assert [(item["name"], item["optional"]) for item in optional] == [
        ("x", False),
        ("factor", True),
    ]


def test_config_of_an_unknown_model_is_not_found(predict: Caller, bucket: str) -> None:
    """As everywhere: what is not there is 404."""
    assert predict.get("/v2/models/none/config").status == 404


# ---------------------------------------------------------------------------- inputs, parameters


def test_optional_input_may_be_left_out_or_given(warm: Caller) -> None:
    """The graph's default stands in for what is not sent, in both protocols."""
    x = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}
    factor = {"name": "factor", "shape": [1], "datatype": "FP32", "data": [5]}

    for inputs, want in (([x], [2, 4]), ([x, factor], [5, 10]), ([factor, x], [5, 10])):
        reply = warm.post("/v2/models/optional/infer", {"inputs": inputs})
        assert reply.json["outputs"][0]["data"] == want
    for body, want in (
        ({"inputs": [1, 2]}, {"outputs": [2, 4]}),
        ({"inputs": {"x": [1, 2], "factor": [5]}}, {"outputs": [5, 10]}),
        ({"instances": [1, 2]}, {"predictions": [2, 4]}),
        ({"instances": [{"x": 1}, {"x": 2}]}, {"predictions": [2, 4]}),
    ):
        assert warm.post("/v1/models/optional:predict", body).json == want
    assert "expected ['factor', 'x']" in refusal(warm, "optional", {"inputs": [factor]})


def test_model_without_ranks_takes_any_shape(warm: Caller) -> None:
    """A graph that does not say its shapes admits all of them, and says so."""
    for shape in ([], [3], [0], [2, 1, 3]):
        data = list(range(int(np.prod(shape))))
        item = {"name": "x", "shape": shape, "datatype": "FP32", "data": data}
        [output] = warm.post("/v2/models/anyhow/infer", {"inputs": [item]}).json["outputs"]
        assert (output["shape"], output["data"]) == (shape, [2 * value for value in data])
    assert warm.get("/v2/models/anyhow").json["inputs"][0]["shape"] == [-1]
    info = warm.get("/v1/models/anyhow/metadata").json["metadata"]["signature_def"]
    shape = info["signature_def"]["serving_default"]["inputs"]["x"]["tensor_shape"]
    assert shape == {"dim": [], "unknown_rank": True}


@pytest.mark.parametrize(
    "parameters",
    [{}, {"priority": 1, "timeout": 1000}, {"sequence_id": "a"}, {"mine": 1.5, "yours": False}],
)
def test_parameters_that_mean_nothing_here_are_taken(
    warm: Caller, parameters: dict[str, Any]
) -> None:
    """A request may carry parameters of its own."""
    reply = warm.post("/v2/models/m/infer", {"inputs": [ROW], "parameters": parameters})
    assert reply.status == 200


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([], "'parameters' is not an object"),
        ({"a": None}, "parameter 'a' is no string, number or boolean"),
        ({"a": {}}, "parameter 'a' is no string, number or boolean"),
        ({"triton_enable_empty_final_response": True}, "is reserved"),
        ({"binary_data_output": 1}, "'binary_data_output' is not a boolean"),
    ],
)
def test_parameters_of_wrong_types_are_refused(warm: Caller, parameters: Any, words: str) -> None:
    """Strings, numbers and booleans, by names that are free."""
    assert words in refusal(warm, "m", {"inputs": [ROW], "parameters": parameters})


def test_shared_memory_is_refused_with_the_way_out(warm: Caller) -> None:
    """A function shares no memory with anyone; large tensors go through the bucket."""
    where = {"shared_memory_region": "a", "shared_memory_byte_size": 16}
    asked = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": where}
    outputs = [{"name": "y", "parameters": where}]

    for body in ({"inputs": [asked]}, {"inputs": [ROW], "outputs": outputs}):
        assert "X-Hearth-Input-Location" in refusal(warm, "m", body)


# ------------------------------------------------------------------------------------ BF16, FP16


def test_bf16_goes_in_and_out_as_its_bits(warm: Caller) -> None:
    """BF16 has no JSON form; in binary it is two bytes an element, untouched."""
    bits = np.array([0x3F80, 0xC000, 0x7F80, 0x7FC1, 0x0001], "<u2").tobytes()
    item = {
        "name": "x",
        "shape": [5],
        "datatype": "BF16",
        "parameters": {"binary_data_size": 10},
    }
    body, headers = infer_body([item], bits, parameters={"binary_data_output": True})
    document, blob = outputs_of(warm.post("/v2/models/same-BF16/infer", body, headers=headers))

    assert document["outputs"][0]["datatype"] == "BF16"
    assert blob == bits


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_floats_have_no_json_form(warm: Caller, datatype: str) -> None:
    """Neither in nor out: the message says what to use instead."""
    model = f"same-{datatype}"
    item = {"name": "x", "shape": [1], "datatype": datatype, "data": [1]}
    assert "use the binary data format" in refusal(warm, model, {"inputs": [item]})
    binary = {**item, "parameters": {"binary_data_size": 2}}
    del binary["data"]
    body, headers = infer_body([binary], b"\0\0")
    assert "use the binary data format" in refusal(warm, model, body, **headers)


def test_bf16_outputs_of_tensorflow_serving_are_numbers(warm: Caller) -> None:
    """Where the other protocol writes numbers, BF16 is the numbers that its bits mean."""
    reply = warm.post("/v1/models/rounded:predict", {"instances": [1.5, -2.0, 0.1]})

    assert reply.json == {"predictions": [1.5, -2.0, 0.100097656]}


@pytest.mark.parametrize("padding", range(0, 17, 4))
def test_answer_does_not_depend_on_where_the_tensor_lies(warm: Caller, padding: int) -> None:
    """Kernels sum in another order at another alignment: the caller's id must not show."""
    values = np.random.default_rng(1).standard_normal((1, 4)).astype("<f4") * 1000
    item = {"name": "x", "shape": [1, 4], "datatype": "FP32"}
    asked = {**item, "parameters": {"binary_data_size": 16}}
    body, headers = infer_body([asked], values.tobytes(), id="i" * (padding + 1))
    binary = warm.post("/v2/models/total/infer", body, headers=headers).json["outputs"][0]
    text = {"inputs": [{**item, "data": [float(value) for value in values.ravel()]}]}

    assert binary == warm.post("/v2/models/total/infer", text).json["outputs"][0]


@pytest.mark.parametrize("path", ["/v1/models/zeros:predict", "/v2/models/zeros/infer"])
def test_output_that_no_answer_holds_is_refused_before_it_is_written(
    warm: Caller, path: str
) -> None:
    """Hundreds of megabytes of text are not made to be thrown away."""
    inputs: Any = [{"name": "x", "shape": [1], "datatype": "INT64", "data": [50_000_000]}]
    body = {"inputs": [50_000_000] if path.startswith("/v1") else inputs}
    reply = warm.post(path, body)

    assert reply.status == 413
    assert "got at least 200000000 bytes" in reply.error
