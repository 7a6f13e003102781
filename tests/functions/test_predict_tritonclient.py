"""tritonclient's own request bodies go in, and its own parser reads the answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.arrays import EXTREMES
from support.calling import Caller
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult


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


@pytest.mark.parametrize("datatype", list(EXTREMES))
def test_tritonclient_binary_round_trip_is_exact(warm: Caller, datatype: str) -> None:
    """Its default, binary in and out, brings back every value of every type."""
    array = EXTREMES[datatype]

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


@pytest.mark.parametrize("datatype", [name for name in EXTREMES if name not in ("FP16", "BF16")])
def test_tritonclient_json_round_trip_is_exact(warm: Caller, datatype: str) -> None:
    """JSON in and out brings back every value of every type that has a JSON form."""
    array = EXTREMES[datatype]

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
