"""tritonclient infers: every datatype in every form, and everything else that `infer` offers."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import numpy as np
import pytest
from support.arrays import EXTREMES, as_bytes, require_same
from support.triton import rows, tensor
from tritonclient.http import InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient as AsyncClient

BINARY_ONLY = ("FP16", "BF16")
EVERY = list(EXTREMES)
WITH_JSON = [name for name in EXTREMES if name not in BINARY_ONLY]
BOTH = pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
ALGORITHMS = pytest.mark.parametrize("algorithm", ["gzip", "deflate"])


@pytest.mark.parametrize("datatype", EVERY)
def test_binary_is_the_default_and_exact(triton: Any, datatype: str) -> None:
    """Where nothing is said of outputs, they come in binary, with every bit that was sent."""
    sent = EXTREMES[datatype]
    result = triton.infer(f"same-{datatype}", [tensor("x", sent, datatype)])
    assert "data" not in result.get_output("y")
    require_same(result.as_numpy("y"), sent)


@pytest.mark.parametrize("datatype", EVERY)
def test_binary_can_be_asked_for_by_output(triton: Any, datatype: str) -> None:
    """An output that is asked for in binary comes in binary, with every bit that was sent."""
    sent = EXTREMES[datatype]
    asked = [InferRequestedOutput("y", binary_data=True)]
    result = triton.infer(f"same-{datatype}", [tensor("x", sent, datatype)], outputs=asked)
    assert "data" not in result.get_output("y")
    require_same(result.as_numpy("y"), sent)


@pytest.mark.parametrize("out", [True, False, None], ids=["binary-out", "json-out", "default-out"])
@pytest.mark.parametrize("datatype", WITH_JSON)
def test_json_in_loses_nothing(triton: Any, datatype: str, out: bool | None) -> None:
    """What is sent in JSON comes back the same in either form."""
    sent = EXTREMES[datatype]
    asked = None if out is None else [InferRequestedOutput("y", binary_data=out)]
    given = [tensor("x", sent, datatype, binary=False)]
    result = triton.infer(f"same-{datatype}", given, outputs=asked)
    assert ("data" in result.get_output("y")) is (out is False)
    require_same(result.as_numpy("y"), sent)


@pytest.mark.parametrize("datatype", WITH_JSON)
def test_json_out_loses_nothing(triton: Any, datatype: str) -> None:
    """What is sent in binary comes back the same in JSON."""
    sent = EXTREMES[datatype]
    asked = [InferRequestedOutput("y", binary_data=False)]
    result = triton.infer(f"same-{datatype}", [tensor("x", sent, datatype)], outputs=asked)
    assert "data" in result.get_output("y")
    require_same(result.as_numpy("y"), sent)


@pytest.mark.parametrize("first", [True, False], ids=["a-binary", "a-json"])
@pytest.mark.parametrize("second", [True, False], ids=["b-binary", "b-json"])
@pytest.mark.parametrize("twice", [True, False], ids=["twice-binary", "twice-json"])
@pytest.mark.parametrize("after", [True, False], ids=["next-binary", "next-json"])
def test_forms_mix_in_one_request(
    triton: Any, first: bool, second: bool, twice: bool, after: bool
) -> None:
    """Each of several inputs and outputs has a form of its own."""
    given = [
        tensor("a", np.array([[1, 2]], np.float32), binary=first),
        tensor("b", np.array([5]), "INT64", binary=second),
    ]
    asked = [
        InferRequestedOutput("next", binary_data=after),
        InferRequestedOutput("twice", binary_data=twice),
    ]
    result = triton.infer("pair", given, outputs=asked)
    assert ("data" in result.get_output("twice")) is not twice
    assert ("data" in result.get_output("next")) is not after
    assert result.as_numpy("twice").tolist() == [[2, 4]]
    assert result.as_numpy("next").tolist() == [6]


def test_inputs_come_in_any_order(triton: Any) -> None:
    """Binary data follows the order of the request, not that of the model."""
    given = [
        tensor("b", np.array([5]), "INT64"),
        tensor("a", np.array([[1, 2]], np.float32)),
    ]
    result = triton.infer("pair", given)
    assert result.as_numpy("twice").tolist() == [[2, 4]]
    assert result.as_numpy("next").tolist() == [6]


def test_only_requested_outputs_come(triton: Any) -> None:
    """An output that is not asked for is not sent."""
    given = [
        tensor("a", np.array([[1, 2]], np.float32)),
        tensor("b", np.array([5]), "INT64"),
    ]
    result = triton.infer("pair", given, outputs=[InferRequestedOutput("next")])
    assert [output["name"] for output in result.get_response()["outputs"]] == ["next"]


@BOTH
def test_tensor_of_zero_size_survives(triton: Any, binary: bool) -> None:
    """No rows in, no rows out, and the shape says so."""
    given = [tensor("x", np.zeros((0, 4), np.float32), binary=binary)]
    asked = [InferRequestedOutput("y", binary_data=binary)]
    assert triton.infer("doubled", given, outputs=asked).as_numpy("y").shape == (0, 4)


@BOTH
def test_strings_of_zero_size_survive(triton: Any, binary: bool) -> None:
    """No strings in, no strings out."""
    given = [tensor("x", np.empty((0,), object), "BYTES", binary=binary)]
    asked = [InferRequestedOutput("y", binary_data=binary)]
    assert triton.infer("same-BYTES", given, outputs=asked).as_numpy("y").shape == (0,)


@BOTH
def test_scalar_has_an_empty_shape(triton: Any, binary: bool) -> None:
    """A tensor without dimensions goes in and comes out."""
    given = [tensor("x", np.array(2.5, np.float32), binary=binary)]
    asked = [InferRequestedOutput("y", binary_data=binary)]
    answer = triton.infer("scalar", given, outputs=asked).as_numpy("y")
    assert answer.shape == ()
    assert answer == 5.0


@BOTH
def test_values_that_are_no_numbers_come_back(triton: Any, binary: bool) -> None:
    """Infinities and NaN that a model computes reach the client in either form."""
    given = [tensor("x", np.array([1, -1, 0], np.float32), binary=binary)]
    asked = [InferRequestedOutput("y", binary_data=binary)]
    answer = triton.infer("divided", given, outputs=asked).as_numpy("y")
    np.testing.assert_array_equal(answer, [np.inf, -np.inf, np.nan])


def test_float16_out_of_float(triton: Any) -> None:
    """An output of a type that JSON has no number for comes in binary."""
    answer = triton.infer("halved", [tensor("x", np.array([0.5, 2], np.float32))]).as_numpy("y")
    assert (answer.dtype, answer.tolist()) == (np.float16, [0.5, 2.0])


@pytest.mark.parametrize(("version", "answer"), [("", 4.0), ("1", 3.0), ("2", 4.0)])
def test_version_is_chosen_by_the_client(triton: Any, version: str, answer: float) -> None:
    """A named version answers, and without one that which `stable` points at."""
    result = triton.infer("versioned", [rows(1.0)], model_version=version)
    assert result.as_numpy("y").tolist() == [[answer] * 4]
    assert result.get_response()["model_version"] == (version or "2")


def test_request_id_comes_back(triton: Any) -> None:
    """The caller's id stands in the answer; without one there is none."""
    assert triton.infer("doubled", [rows(1.0)], request_id="r-1").get_response()["id"] == "r-1"
    assert "id" not in triton.infer("doubled", [rows(1.0)]).get_response()


def test_request_parameters_are_no_hindrance(triton: Any) -> None:
    """Sequence, priority, timeout and a caller's own parameters change nothing of the answer."""
    result = triton.infer(
        "doubled",
        [rows(1.0)],
        sequence_id=3,
        sequence_start=True,
        sequence_end=True,
        priority=1,
        timeout=10**6,
        parameters={"text": "a", "number": 1, "fraction": 1.5, "flag": True},
    )
    assert result.as_numpy("y").tolist() == [[3.0] * 4]


def test_query_and_headers_are_no_hindrance(triton: Any) -> None:
    """A caller's own headers and query parameters change nothing of the answer."""
    result = triton.infer(
        "doubled", [rows(1.0)], headers={"X-Caller": "a"}, query_params={"caller": ["a", "b"]}
    )
    assert result.as_numpy("y").tolist() == [[3.0] * 4]


def test_requests_at_once_get_their_own_answers(triton: Any) -> None:
    """Answers to requests that run side by side are not mixed up."""
    values = [float(value) for value in range(16)]
    running = [triton.async_infer("doubled", [rows(value)]) for value in values]
    answers = [each.get_result().as_numpy("y")[0, 0] for each in running]
    assert answers == [2 * value + 1 for value in values]


def test_asyncio_client_is_answered_alike(url: str) -> None:
    """tritonclient's asyncio client, another HTTP stack, gets the same."""

    async def ask() -> Any:
        async with AsyncClient(url.removeprefix("http://")) as client:
            assert await client.is_server_ready()
            return await client.infer("doubled", [rows(1.0)])

    assert asyncio.run(ask()).as_numpy("y").tolist() == [[3.0] * 4]


def test_a_large_tensor_goes_both_ways(triton: Any) -> None:
    """Two megabytes of random numbers come back to the bit."""
    sent = np.random.default_rng(7).random(500_000, np.float32)
    require_same(triton.infer("same-FP32", [tensor("x", sent)]).as_numpy("y"), sent)


# ---- compression --------------------------------------------------------------------------------


@BOTH
@ALGORITHMS
def test_compressed_request_is_read(triton: Any, algorithm: str, binary: bool) -> None:
    """A request may be compressed; the header's length counts its JSON as it was before."""
    given = [rows(*range(50), binary=binary)]
    result = triton.infer("doubled", given, request_compression_algorithm=algorithm)
    assert result.as_numpy("y")[:, 0].tolist() == [2 * value + 1 for value in range(50)]


@BOTH
@ALGORITHMS
def test_answer_is_compressed_where_it_is_asked_for(
    url: str, capsys: pytest.CaptureFixture[str], algorithm: str, binary: bool
) -> None:
    """A large answer comes compressed as `Accept-Encoding` says, in JSON and in binary."""
    from tritonclient.http import InferenceServerClient

    size = np.array([20_000])
    asked = [InferRequestedOutput("y", binary_data=binary)]
    with InferenceServerClient(url.removeprefix("http://"), verbose=True) as client:
        result = client.infer(
            "zeros",
            [tensor("x", size, "INT64")],
            outputs=asked,
            response_compression_algorithm=algorithm,
        )
    assert result.as_numpy("y").tolist() == [0.0] * 20_000
    # What the client shows of the answer's headers.
    assert re.search(rf"content-encoding\W+{algorithm}", capsys.readouterr().out, re.IGNORECASE)


@ALGORITHMS
def test_both_directions_compress(triton: Any, algorithm: str) -> None:
    """Request and answer of one call may both be compressed."""
    result = triton.infer(
        "doubled",
        [rows(*range(2000))],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert result.as_numpy("y")[:, 0].tolist() == [2 * value + 1 for value in range(2000)]


@ALGORITHMS
def test_small_answer_is_readable_to_who_accepts_compression(triton: Any, algorithm: str) -> None:
    """Whether a small answer is compressed or not, the client reads it."""
    result = triton.infer("doubled", [rows(1.0)], response_compression_algorithm=algorithm)
    assert result.as_numpy("y").tolist() == [[3.0] * 4]


# ---- classification -----------------------------------------------------------------------------

TWO_ROWS = np.array([[0.25, 0.5, 0.125], [3, -1, 2]], np.float32)


@BOTH
def test_classes_come_best_first_with_their_labels(triton: Any, binary: bool) -> None:
    """`class_count` answers "value:index:label" a row, the best first, as BYTES."""
    asked = [InferRequestedOutput("scores", binary_data=binary, class_count=2)]
    result = triton.infer("animals", [tensor("x", TWO_ROWS)], outputs=asked)
    assert result.get_output("scores")["datatype"] == "BYTES"
    answer = result.as_numpy("scores")
    assert answer.shape == (2, 2)
    assert [as_bytes(value) for value in answer.ravel()] == [
        b"0.500000:1:dog",
        b"0.250000:0:cat",
        b"3.000000:0:cat",
        b"2.000000:2:bird",
    ]


def test_classes_without_labels_have_an_index(triton: Any) -> None:
    """A model without class labels answers "value:index"."""
    asked = [InferRequestedOutput("scores", class_count=1)]
    answer = triton.infer("scores", [tensor("x", TWO_ROWS)], outputs=asked).as_numpy("scores")
    assert answer.tolist() == [[b"0.500000:1"], [b"3.000000:0"]]


def test_classes_are_no_more_than_there_are(triton: Any) -> None:
    """More classes asked for than there are: each one once; without a batch the shape is [n]."""
    asked = [InferRequestedOutput("scores", class_count=10)]
    answer = triton.infer("row", [tensor("x", TWO_ROWS[0])], outputs=asked).as_numpy("scores")
    assert answer.tolist() == [b"0.500000:1", b"0.250000:0", b"0.125000:2"]
