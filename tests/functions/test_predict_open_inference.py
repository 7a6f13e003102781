"""Open Inference v2's infer and metadata, in JSON and with binary data, from event to answer."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from support.calling import Caller, Reply, infer_body
from support.zoo import ELEMENTS

ROW = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
ROW_BYTES = np.array([1, 2, 3, 4], np.float32).tobytes()
LENGTH = "inference-header-content-length"


def binary(name: str, datatype: str, shape: list[int], size: int) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}


def infer(warm: Caller, model: str, *inputs: dict[str, Any], **members: Any) -> Any:
    reply = warm.post(f"/v2/models/{model}/infer", {"inputs": list(inputs), **members})
    assert reply.status == 200, reply
    return reply.json


def infer_binary(
    warm: Caller, model: str, inputs: list[dict[str, Any]], blobs: bytes = b"", **members: Any
) -> Reply:
    body, headers = infer_body(inputs, blobs, **members)
    return warm.post(f"/v2/models/{model}/infer", body, headers=headers)


def refusal(warm: Caller, body: Any, model: str = "m", **headers: str) -> str:
    reply = warm.post(f"/v2/models/{model}/infer", body, headers=headers)
    assert reply.status == 400, reply
    return reply.error


def parted(reply: Reply) -> tuple[Any, bytes]:
    """Return the JSON and the binary data of an answer."""
    length = int(reply.headers[LENGTH])
    return json.loads(reply.body[:length]), reply.body[length:]


# -------------------------------------------------------------------------------------------- JSON


def test_infer_answers_json_with_model_version_and_outputs(warm: Caller) -> None:
    """The answer names the model, the version that answered, and each output whole."""
    assert infer(warm, "m", ROW) == {
        "model_name": "m",
        "model_version": "1",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 4], "data": [3, 5, 7, 9]}],
    }


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2, 3, 4]], [[1, 2], [3, 4]]])
def test_infer_takes_data_nested_or_flat(warm: Caller, data: Any) -> None:
    """`data` is row-major, nested or flat; its elements fill the declared shape."""
    assert infer(warm, "m", {**ROW, "data": data})["outputs"][0]["data"] == [3, 5, 7, 9]


def test_infer_writes_data_flat(warm: Caller) -> None:
    """Outputs of any rank are written flat, with their shape beside them."""
    two = {**ROW, "shape": [2, 4], "data": [[0] * 4, [1] * 4]}

    [output] = infer(warm, "m", two)["outputs"]

    assert (output["shape"], output["data"]) == ([2, 4], [1] * 4 + [3] * 4)


def test_infer_echoes_the_id(warm: Caller) -> None:
    """The caller's id comes back; where there was none, there is none."""
    assert infer(warm, "m", ROW, id="größe-1")["id"] == "größe-1"
    assert "id" not in infer(warm, "m", ROW)


def test_infer_gives_the_requested_outputs_in_their_order(warm: Caller) -> None:
    """Requested outputs, in the requested order; none requested means all."""
    inputs = [
        {"name": "b", "shape": [1], "datatype": "INT64", "data": [5]},
        {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
    ]

    def names(**members: Any) -> list[str]:
        return [output["name"] for output in infer(warm, "pair", *inputs, **members)["outputs"]]

    assert names() == ["twice", "next"]
    assert names(outputs=[]) == ["twice", "next"]
    assert names(outputs=[{"name": "next"}]) == ["next"]
    assert names(outputs=[{"name": "next"}, {"name": "twice"}]) == ["next", "twice"]


def test_infer_ignores_members_that_it_does_not_know(warm: Caller) -> None:
    """A client's own members (kserve's `model_name`) and parameters do no harm."""
    members = {"model_name": "another", "parameters": {"priority": 1}, "extra": None}

    assert infer(warm, "m", ROW, **members)["model_name"] == "m"


def test_infer_takes_a_tensor_without_dimensions(warm: Caller) -> None:
    """Shape [] is one value."""
    one = {"name": "x", "shape": [], "datatype": "FP32", "data": [3]}

    [output] = infer(warm, "scalar", one)["outputs"]

    assert (output["shape"], output["data"]) == ([], [6])
    assert infer(warm, "scalar", {**one, "data": 3})["outputs"] == [output]


def test_infer_takes_a_batch_of_none(warm: Caller) -> None:
    """A dimension of 0 is answered by one."""
    none = {**ROW, "shape": [0, 4], "data": []}

    [output] = infer(warm, "m", none)["outputs"]

    assert (output["shape"], output["data"]) == ([0, 4], [])


@pytest.mark.parametrize("datatype", [name for name in ELEMENTS if name != "FP16"])
def test_infer_carries_every_datatype_in_json(warm: Caller, datatype: str) -> None:
    """Each type that has a JSON form comes back as it was sent."""
    data = {"BOOL": [True, False], "BYTES": ["a\0", "é"]}.get(datatype, [0, 100])

    [output] = infer(
        warm,
        f"same-{datatype}",
        {"name": "x", "shape": [2], "datatype": datatype, "data": data},
    )["outputs"]

    assert output == {"name": "y", "datatype": datatype, "shape": [2], "data": data}


def test_infer_carries_nan_and_infinity_as_bare_tokens(warm: Caller) -> None:
    """Non-finite numbers are bare tokens in both directions, as tritonclient writes them."""
    body = (
        b'{"inputs":[{"name":"x","shape":[3],"datatype":"FP64","data":[NaN,Infinity,-Infinity]}]}'
    )

    data = warm.post("/v2/models/same-FP64/infer", body).json["outputs"][0]["data"]

    assert math.isnan(data[0])
    assert data[1:] == [math.inf, -math.inf]


def test_infer_refuses_half_precision_in_json(warm: Caller) -> None:
    """FP16 has no JSON form, neither in nor out: the message points at the binary format."""
    half = {"name": "x", "shape": [1], "datatype": "FP16", "data": [1.0]}
    single = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}

    assert "use the binary data format" in refusal(warm, {"inputs": [half]}, "same-FP16")
    assert "use the binary data format" in refusal(warm, {"inputs": [single]}, "halved")


# ------------------------------------------------------------------------------------------ binary


def test_infer_takes_binary_inputs(warm: Caller) -> None:
    """Data behind the JSON is the input; the answer is JSON unless binary was asked for."""
    reply = infer_binary(warm, "m", [binary("x", "FP32", [1, 4], 16)], ROW_BYTES)

    assert reply.json["outputs"][0]["data"] == [3, 5, 7, 9]


def test_infer_gives_binary_outputs_where_asked(warm: Caller) -> None:
    """`binary_data_output` makes all outputs binary: sizes in the JSON, data behind it."""
    reply = warm.post(
        "/v2/models/m/infer", {"inputs": [ROW], "parameters": {"binary_data_output": True}}
    )

    document, data = parted(reply)
    assert reply.headers["content-type"] == "application/octet-stream"
    assert document["outputs"] == [
        {
            "name": "y",
            "datatype": "FP32",
            "shape": [1, 4],
            "parameters": {"binary_data_size": 16},
        }
    ]
    assert np.frombuffer(data, np.float32).tolist() == [3, 5, 7, 9]


@pytest.mark.parametrize("everywhere", [None, False, True])
@pytest.mark.parametrize("twice", [None, False, True])
def test_infer_flag_of_an_output_goes_before_the_requests(
    warm: Caller, everywhere: bool | None, twice: bool | None
) -> None:
    """An output's own `binary_data` decides; without it, the request's `binary_data_output`."""
    flag = {} if twice is None else {"parameters": {"binary_data": twice}}
    members = {} if everywhere is None else {"parameters": {"binary_data_output": everywhere}}
    reply = warm.post(
        "/v2/models/pair/infer",
        {
            "inputs": [
                {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
                {"name": "b", "shape": [1], "datatype": "INT64", "data": [5]},
            ],
            "outputs": [{"name": "twice", **flag}, {"name": "next"}],
            **members,
        },
    )

    wanted = [bool(everywhere) if twice is None else twice, bool(everywhere)]
    document, data = parted(reply) if any(wanted) else (reply.json, b"")
    assert ["data" not in output for output in document["outputs"]] == wanted
    assert len(data) == 8 * sum(wanted)


def test_infer_takes_binary_and_json_inputs_together(warm: Caller) -> None:
    """Blobs belong to the binary inputs in their order, whatever stands between them."""
    reply = infer_binary(
        warm,
        "pair",
        [
            {"name": "b", "shape": [1], "datatype": "INT64", "data": [5]},
            binary("a", "FP32", [1, 2], 8),
        ],
        ROW_BYTES[:8],
    )

    assert [output["data"] for output in reply.json["outputs"]] == [[2, 4], [6]]


@pytest.mark.parametrize("datatype", list(ELEMENTS))
def test_infer_carries_every_datatype_in_binary(warm: Caller, datatype: str) -> None:
    """Each type comes back bit for bit, at whatever offset the JSON ends."""
    raw = {
        "BYTES": b"\2\0\0\0a\0\0\0\0\0",
        "BOOL": b"\1\0",
        "FP32": np.array([0x7FC00001, 0x80000000], np.uint32).tobytes(),
    }.get(datatype, bytes(range(16)))
    sizes = {"BOOL": 1, "BYTES": 5, "FP32": 4, "FP64": 8, "FP16": 2}
    size = sizes.get(datatype) or int(datatype.removeprefix("U").removeprefix("INT")) // 8
    shape = [len(raw) // size]
    for padding in range(4):
        reply = infer_binary(
            warm,
            f"same-{datatype}",
            [binary("x", datatype, shape, len(raw))],
            raw,
            parameters={"binary_data_output": True, "pad": "x" * padding},
        )
        document, data = parted(reply)
        assert data == raw
        assert document["outputs"][0]["shape"] == shape


def test_infer_takes_binary_data_of_no_elements(warm: Caller) -> None:
    """Zero bytes are a tensor of zero size, in both directions."""
    reply = infer_binary(
        warm,
        "m",
        [binary("x", "FP32", [0, 4], 0)],
        parameters={"binary_data_output": True},
    )

    document, data = parted(reply)
    assert document["outputs"][0]["parameters"] == {"binary_data_size": 0}
    assert data == b""


def test_infer_header_length_may_cover_the_whole_body(warm: Caller) -> None:
    """A header length without data behind it is plain JSON."""
    body, headers = infer_body([ROW])

    assert warm.post("/v2/models/m/infer", body, headers=headers).status == 200


# -------------------------------------------------------------------------------------- bad bodies


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"{", "JSON Parse error"),
        ([], "the request has no list of inputs"),
        ({}, "the request has no list of inputs"),
        ({"inputs": {}}, "the request has no list of inputs"),
        ({"inputs": []}, "the inputs are not those of the model: got [], expected ['x']"),
        ({"inputs": [ROW], "id": 5}, "'id' is not a string"),
        ({"inputs": [ROW], "outputs": {}}, "'outputs' is not a list"),
        ({"inputs": [ROW], "outputs": ["y"]}, "has no 'name'"),
        ({"inputs": [ROW], "outputs": [{"name": "z"}]}, "does not have named output: z"),
        (
            {"inputs": [ROW], "outputs": [{"name": "y"}, {"name": "y"}]},
            "output 'y' already exists in request",
        ),
        ({"inputs": [ROW], "parameters": []}, "'parameters' is not an object"),
        (
            {"inputs": [ROW], "parameters": {"binary_data_output": "no"}},
            "'binary_data_output' is not a boolean",
        ),
        (
            {"inputs": [ROW], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
            "'binary_data' is not a boolean",
        ),
        ({"inputs": [ROW, ROW]}, "input 'x' already exists in request"),
        ({"inputs": ["x"]}, "has no 'name'"),
        ({"inputs": [{**ROW, "name": None}]}, "has no 'name'"),
        ({"inputs": [{**ROW, "name": "z"}]}, "does not have named input: z"),
        ({"inputs": [{**ROW, "datatype": "FP64"}]}, "another datatype: got FP64, expected FP32"),
        ({"inputs": [{**ROW, "datatype": "float"}]}, "another datatype: got float"),
        ({"inputs": [{**ROW, "datatype": 7}]}, "'datatype'"),
        ({"inputs": [{**ROW, "shape": 4}]}, "'shape'"),
        ({"inputs": [{**ROW, "shape": [4]}]}, "another shape: got [4], expected [-1, 4]"),
        ({"inputs": [{**ROW, "shape": [1, 5]}]}, "another shape: got [1, 5]"),
        ({"inputs": [{**ROW, "shape": [2, 4]}]}, "does not fill its shape: got 4 elements"),
        ({"inputs": [{**ROW, "shape": [-1, 4]}]}, "shape of input 'x' is not valid"),
        ({"inputs": [{**ROW, "shape": [True, 4]}]}, "shape of input 'x' is not valid"),
        ({"inputs": [{**ROW, "shape": [1.0, 4]}]}, "shape of input 'x' is not valid"),
        ({"inputs": [{**ROW, "shape": ["1", 4]}]}, "shape of input 'x' is not valid"),
        ({"inputs": [{**ROW, "shape": [2**62, 4]}]}, "larger than a request can carry"),
        ({"inputs": [{**ROW, "shape": [2**63, 4]}]}, "shape of input 'x' is not valid"),
        ({"inputs": [{**ROW, "shape": [2**16, 2**48 + 2]}]}, "larger than a request can carry"),
        ({"inputs": [{**ROW, "parameters": 1}]}, "'parameters' is not an object"),
        (
            {"inputs": [{key: ROW[key] for key in ("name", "shape", "datatype")}]},
            "neither 'data' nor 'binary_data_size'",
        ),
        ({"inputs": [{**ROW, "data": [1, 2, 3]}]}, "does not fill its shape: got 3 elements"),
        ({"inputs": [{**ROW, "data": [[1, 2, 3], [4]]}]}, "element 1: Expecting tensor size"),
        ({"inputs": [{**ROW, "data": "1234"}]}, "not of expected type"),
        ({"inputs": [{**ROW, "data": None}]}, "neither 'data' nor 'binary_data_size'"),
        (
            {"inputs": [{**ROW, "parameters": {"binary_data_size": 0}}]},
            "both 'data' and 'binary_data_size'",
        ),
    ],
)
def test_bad_body_is_refused_by_name(warm: Caller, body: Any, message: str) -> None:
    """A request that cannot be a prediction is a 400 that names what is wrong with which tensor."""
    assert message in refusal(warm, body)


def test_missing_input_is_refused_by_name(warm: Caller) -> None:
    """Every input of the model has to be there."""
    only = {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}

    assert "got ['a'], expected ['a', 'b']" in refusal(warm, {"inputs": [only]}, "pair")


@pytest.mark.parametrize("size", [-1, 15, 17, 2**70, True, 16.0, "16", None, [16]])
def test_binary_size_that_does_not_fit_is_refused(warm: Caller, size: Any) -> None:
    """`binary_data_size` is what the shape needs and what the body has."""
    reply = infer_binary(warm, "m", [binary("x", "FP32", [1, 4], size)], ROW_BYTES)

    assert reply.status == 400
    assert "'x'" in reply.error


def test_binary_data_left_over_is_refused(warm: Caller) -> None:
    """Bytes that belong to no input are a mistake of the caller's."""
    inputs = [binary("x", "FP32", [1, 4], 16)]

    reply = infer_binary(warm, "m", inputs, ROW_BYTES + b"abc")

    assert reply.status == 400
    assert "binary data is left over: got 3, expected 0 bytes" in reply.error


def test_binary_shape_without_memory_for_it_is_refused(warm: Caller) -> None:
    """A declared shape is refused before anything of its size is allocated, at zero size too."""
    for shape in ([2**40, 4], [2**60, 4], [0, 2**40]):
        reply = infer_binary(warm, "m", [binary("x", "FP32", shape, 0)])
        assert reply.status == 400
        assert "shape" in reply.error


@pytest.mark.parametrize(
    "length", ["-1", "", "abc", "1e2", "10000", "99999999999999999999", "²", "0x10", "1.0", "+5"]
)
def test_header_length_that_does_not_fit_is_refused(warm: Caller, length: str) -> None:
    """The header's length is a number within the body."""
    body, _ = infer_body([ROW])

    message = refusal(warm, body, **{LENGTH: length})

    assert f"inference header size should be in range (0, {len(body)})" in message


@pytest.mark.parametrize("length", [1, 5, 60])
def test_header_length_that_cuts_the_json_is_refused(warm: Caller, length: int) -> None:
    """JSON that ends too early is a parse error."""
    body, _ = infer_body([ROW])

    assert "JSON Parse error" in refusal(warm, body, **{LENGTH: str(length)})


# ---------------------------------------------------------------------------- addresses, metadata


@pytest.mark.parametrize(
    "path",
    ["/v2/models/m", "/v2/models/m/versions/1", "/v2/models/%6d", "/v2/models/m/versions/%31"],
)
def test_version_or_none_leads_to_the_model(warm: Caller, path: str) -> None:
    """A version or none, percent-encoded or not."""
    reply = warm.post(f"{path}/infer", {"inputs": [ROW]})

    assert (reply.status, reply.json["model_version"]) == (200, "1")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/m/infer/",
        "/v2/models/m/labels/stable/infer",
        "/v2/models//infer",
        "/v2/models/a/b/infer",
        "/v2/models/m/generate",
        "/v2/foo",
        "/V2/models/m/infer",
        "/",
        "",
        "/v3/models/m/infer",
    ],
)
def test_other_addresses_are_not_found(warm: Caller, path: str) -> None:
    """What no route of the protocol looks like is a 404."""
    reply = warm.post(path, {"inputs": [ROW]})

    assert reply.status == 404
    assert reply.error


@pytest.mark.parametrize("number", ["0", "-1", "one", "9223372036854775808", "1.0", "²"])
def test_version_that_is_no_number_is_refused(warm: Caller, number: str) -> None:
    """A version is a positive 64-bit number."""
    reply = warm.post(f"/v2/models/m/versions/{number}/infer", {"inputs": [ROW]})

    assert reply.status == 400
    assert "Failed to convert version" in reply.error


@pytest.mark.parametrize("name", ["%2e%2e", "..", "a%2F..%2Fb", "%2Fetc%2Fpasswd", "%20..", "m%00"])
def test_name_that_could_be_a_path_is_refused(warm: Caller, name: str) -> None:
    """A model's name is never a path, however it is encoded."""
    reply = warm.post(f"/v2/models/{name}/infer", {"inputs": [ROW]})

    assert reply.status == 400
    assert "model name is not valid" in reply.error


@pytest.mark.parametrize("path", ["/v2/models/pair", "/v2/models/pair/versions/1"])
def test_metadata_describes_every_tensor(warm: Caller, path: str) -> None:
    """Name, versions that can be served, platform, and each tensor; -1 where a size is free."""
    assert warm.get(path).json == {
        "name": "pair",
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": "a", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "b", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [
            {"name": "twice", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "next", "datatype": "INT64", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("member", ["id", "outputs", "parameters"])
def test_null_stands_for_a_member_that_is_not_there(warm: Caller, member: str) -> None:
    """Some clients write null for what they do not say."""
    body = {"inputs": [{**ROW, "parameters": None}], member: None}
    assert warm.post("/v2/models/m/infer", body).status == 200


@pytest.mark.parametrize("datatype", ["FP32", "BYTES"])
def test_shape_of_too_many_dimensions_is_refused(warm: Caller, datatype: str) -> None:
    """numpy has 64: more is a 400, in JSON and in binary."""
    item = {"name": "x", "datatype": datatype, "shape": [1] * 65}
    text = {**item, "data": ["a" if datatype == "BYTES" else 1.0]}
    blob = b"\0\0\0\0"
    body, headers = infer_body([{**item, "parameters": {"binary_data_size": 4}}], blob)
    for reply in (
        warm.post(f"/v2/models/any-{datatype}/infer", {"inputs": [text]}),
        warm.post(f"/v2/models/any-{datatype}/infer", body, headers=headers),
    ):
        assert (reply.status, "too many dimensions" in reply.error) == (400, True)
