"""tritonclient's own request bodies go in, and its own parser reads the answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.calling import Caller
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult

VALUES = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 255, 1], np.uint8),
    "UINT16": np.array([0, 65535, 1], np.uint16),
    "UINT32": np.array([0, 2**32 - 1, 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1, 1], np.uint64),
    "INT8": np.array([-128, 127, 0], np.int8),
    "INT16": np.array([-(2**15), 2**15 - 1, 0], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1, 0], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1, 0], np.int64),
    "FP16": np.array([0.1, -65504, np.nan], np.float16),
    "FP32": np.array([0.1, -np.inf, np.nan], np.float32),
    "FP64": np.array([0.1, 1e300, np.nan], np.float64),
    "BYTES": np.array([b"a", "größe".encode(), b""], object),
}


def infer(
    caller: Caller, model: str, inputs: list[InferInput], **options: Any
) -> tuple[InferResult, dict[str, str]]:
    """Return what tritonclient reads from the answer, and the request's headers."""
    body, json_size = InferenceServerClient.generate_request_body(inputs, **options)
    headers = {"inference-header-content-length": str(json_size)} if json_size else {}
    reply = caller.post(f"/v2/models/{model}/infer", body, headers=headers)
    assert reply.status == 200, reply
    length = reply.headers.get("inference-header-content-length")
    result = InferenceServerClient.parse_response_body(
        reply.body, header_length=int(length) if length else None
    )
    return result, headers


def tensor(name: str, array: np.ndarray, datatype: str, *, binary: bool) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


@pytest.mark.parametrize("datatype", list(VALUES))
def test_tritonclient_binary_round_trip_is_exact(warm: Caller, datatype: str) -> None:
    """Its default, binary in and out, brings back every value of every type."""
    array = VALUES[datatype]

    result, headers = infer(
        warm, f"same-{datatype}", [tensor("x", array, datatype, binary=True)], request_id="r-1"
    )

    assert headers
    assert result.get_response()["id"] == "r-1"
    assert "data" not in result.get_output("y")
    got = result.as_numpy("y")
    if datatype == "BYTES":
        assert got.tolist() == array.tolist()
    else:
        assert got.tobytes() == array.tobytes()
        assert got.dtype == array.dtype


@pytest.mark.parametrize("datatype", [name for name in VALUES if name != "FP16"])
def test_tritonclient_json_round_trip_is_exact(warm: Caller, datatype: str) -> None:
    """JSON in and out brings back every value of every type that has a JSON form."""
    array = VALUES[datatype]

    result, headers = infer(
        warm,
        f"same-{datatype}",
        [tensor("x", array, datatype, binary=False)],
        outputs=[InferRequestedOutput("y", binary_data=False)],
    )

    assert not headers
    got = result.as_numpy("y")
    if datatype == "BYTES":
        assert got.tolist() == [value.decode() for value in array]
    else:
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype


def test_tritonclient_mixes_json_and_binary(warm: Caller) -> None:
    """One input in JSON, one in binary; one output in each form."""
    inputs = [
        tensor("a", np.array([[1, 2]], np.float32), "FP32", binary=False),
        tensor("b", np.array([5]), "INT64", binary=True),
    ]
    outputs = [
        InferRequestedOutput("next", binary_data=False),
        InferRequestedOutput("twice", binary_data=True),
    ]

    result, _ = infer(warm, "pair", inputs, outputs=outputs)

    assert result.as_numpy("next").tolist() == [6]
    assert result.as_numpy("twice").tolist() == [[2, 4]]


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_reads_an_answer_of_zero_size(warm: Caller, binary: bool) -> None:
    """A tensor of zero size survives both ways."""
    result, _ = infer(
        warm,
        "m",
        [tensor("x", np.zeros((0, 4), np.float32), "FP32", binary=binary)],
        outputs=[InferRequestedOutput("y", binary_data=binary)],
    )

    assert result.as_numpy("y").shape == (0, 4)


def test_tritonclient_gets_its_error_text(warm: Caller) -> None:
    """What went wrong stands where tritonclient looks for it."""
    body, size = InferenceServerClient.generate_request_body(
        [tensor("x", np.zeros((1, 5), np.float32), "FP32", binary=True)]
    )

    reply = warm.post(
        "/v2/models/m/infer", body, headers={"inference-header-content-length": str(size)}
    )

    assert reply.status == 400
    assert "got [1, 5], expected [-1, 4]" in reply.error
