"""The client that is generated from the Open Inference Protocol's own OpenAPI document.

It checks each reply against the document's models before it hands it on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from open_inference.openapi.client import AsyncOpenInferenceClient, OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.errors import (
    BadRequestError,
    NotFoundError,
    ServiceUnavailableError,
)
from open_inference.openapi.types import (
    InferenceRequest,
    InferenceResponse,
    RequestInput,
    RequestOutput,
)


@pytest.fixture
def client(url: str) -> Iterator[OpenInferenceClient]:
    with httpx.Client(timeout=60) as connections:
        yield OpenInferenceClient(base_url=url, httpx_client=connections)


def given(name: str, datatype: str, shape: list[int], data: list[Any]) -> RequestInput:
    return RequestInput(name=name, datatype=datatype, shape=shape, data=data)


@pytest.fixture
def infer(client: OpenInferenceClient) -> Callable[..., InferenceResponse]:
    """`infer(model, *inputs, version=..., **request)`: the answer."""

    def ask(
        model: str, *inputs: RequestInput, version: str | None = None, **members: Any
    ) -> InferenceResponse:
        request = InferenceRequest(inputs=list(inputs), **members)
        if version:
            return client.model_version_infer(model, version, request=request)
        return client.model_infer(model, request=request)

    return ask


def data(answer: InferenceResponse, name: str = "y") -> list[Any]:
    [found] = [output.data for output in answer.outputs if output.name == name]
    return found.__root__


def test_server_is_live_and_ready(client: OpenInferenceClient) -> None:
    """Both health questions are answered with a success."""
    client.check_server_liveness()
    client.check_server_readiness()


def test_model_is_ready_with_and_without_version(client: OpenInferenceClient) -> None:
    """A model is ready as a whole and in each of its versions."""
    client.check_model_readiness("versioned")
    client.check_model_version_readiness("versioned", "1")


def test_readiness_of_what_does_not_exist_is_not_found(client: OpenInferenceClient) -> None:
    """A model or a version that nobody published is a 404."""
    with pytest.raises(NotFoundError):
        client.check_model_readiness("nobody")
    with pytest.raises(NotFoundError):
        client.check_model_version_readiness("versioned", "9")


def test_unloaded_model_is_unavailable(client: OpenInferenceClient, unloaded: str) -> None:
    """A model that was taken out of service is a 503."""
    with pytest.raises(ServiceUnavailableError):
        client.check_model_readiness(unloaded)
    with pytest.raises(ServiceUnavailableError):
        client.check_model_version_readiness(unloaded, "1")


def test_server_metadata_is_valid(client: OpenInferenceClient) -> None:
    """The server's metadata has every member that the document demands."""
    metadata = client.read_server_metadata()
    assert metadata.name == "hearth"
    assert "binary_tensor_data" in metadata.extensions


@pytest.mark.parametrize("version", [None, "1"])
def test_model_metadata_is_valid(client: OpenInferenceClient, version: str | None) -> None:
    """A model's metadata is valid with and without a version."""
    read = client.read_model_version_metadata if version else client.read_model_metadata
    metadata = read(*filter(None, ("pair", version)))
    assert (metadata.name, metadata.versions, metadata.platform) == ("pair", ["1"], "onnx_onnxv1")
    tensors = [(t.name, t.datatype, t.shape) for t in (*metadata.inputs, *metadata.outputs)]
    assert tensors == [
        ("a", "FP32", [-1, 2]),
        ("b", "INT64", [-1]),
        ("twice", "FP32", [-1, 2]),
        ("next", "INT64", [-1]),
    ]


@pytest.mark.parametrize(("version", "answer"), [(None, "2"), ("1", "1"), ("2", "2")])
def test_version_is_chosen_by_the_client(
    infer: Callable[..., InferenceResponse], version: str | None, answer: str
) -> None:
    """A named version answers, and without one that which `stable` points at."""
    got = infer("versioned", given("x", "FP32", [1, 4], [1, 1, 1, 1]), version=version)
    assert (got.model_name, got.model_version) == ("versioned", answer)
    assert data(got) == [float(answer) + 2] * 4


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize(
    ("shape", "values"),
    [([3], [0.5, -1e30, 7]), ([1], [2]), ([0], [])],
    ids=["three", "one", "none"],
)
def test_numbers_come_back(
    infer: Callable[..., InferenceResponse], datatype: str, shape: list[int], values: list[float]
) -> None:
    """Floats come back in the declared shape."""
    [output] = infer(f"same-{datatype}", given("x", datatype, shape, values)).outputs
    assert (output.datatype, output.shape) == (datatype, shape)
    assert output.data.__root__ == pytest.approx(values)


@pytest.mark.parametrize("values", [[1, 2, 3, 4], [[1, 2, 3, 4]]], ids=["flat", "nested"])
def test_data_may_be_flat_or_nested(
    infer: Callable[..., InferenceResponse], values: list[Any]
) -> None:
    """Both ways of writing a tensor mean the same."""
    assert data(infer("doubled", given("x", "FP32", [1, 4], values))) == [3, 5, 7, 9]


def test_text_comes_back(infer: Callable[..., InferenceResponse]) -> None:
    """Strings come back as they were."""
    assert data(infer("same-BYTES", given("x", "BYTES", [2], ["a", "größe"]))) == ["a", "größe"]


def test_scalar_has_an_empty_shape(infer: Callable[..., InferenceResponse]) -> None:
    """A tensor without dimensions has one element in its data."""
    [output] = infer("scalar", given("x", "FP32", [], [2.5])).outputs
    assert (output.shape, output.data.__root__) == ([], [5.0])


def test_values_that_are_no_numbers_come_back(infer: Callable[..., InferenceResponse]) -> None:
    """Infinities and NaN that a model computes reach this client's parser."""
    answer = data(infer("divided", given("x", "FP32", [3], [1, -1, 0])))
    assert answer[:2] == [math.inf, -math.inf]
    assert math.isnan(answer[2])


@pytest.mark.parametrize(
    "datatype",
    ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"],
)
def test_integers_come_back(infer: Callable[..., InferenceResponse], datatype: str) -> None:
    """Integers reach the model though this client writes 7 as 7.0."""
    assert data(infer(f"same-{datatype}", given("x", datatype, [2], [7, 0]))) == [7, 0]


def test_booleans_come_back(infer: Callable[..., InferenceResponse]) -> None:
    """Booleans reach the model though this client writes true as 1.0."""
    assert data(infer("same-BOOL", given("x", "BOOL", [2], [True, False]))) == [True, False]


def test_several_inputs_and_outputs(infer: Callable[..., InferenceResponse]) -> None:
    """Inputs of two types, each output under its name."""
    a, b = given("a", "FP32", [1, 2], [1, 2]), given("b", "INT64", [1], [5])
    answer = infer("pair", a, b)
    assert (data(answer, "twice"), data(answer, "next")) == ([2, 4], [6])


def test_several_inputs_of_one_type(infer: Callable[..., InferenceResponse]) -> None:
    """Inputs may come in any order."""
    a, b = given("a", "FP32", [2], [1, 2]), given("b", "FP32", [2], [10, 20])
    assert data(infer("joined", b, a)) == [11, 22]


def test_digits_are_not_taken_for_text(infer: Callable[..., InferenceResponse]) -> None:
    """This client makes 7.0 of "7": a string that is lost is refused, not guessed."""
    with pytest.raises(BadRequestError, match="not a string"):
        infer("same-BYTES", given("x", "BYTES", [1], ["7"]))


def test_id_comes_back(infer: Callable[..., InferenceResponse]) -> None:
    """The caller's id stands in the answer; parameters are no hindrance."""
    row = given("x", "FP32", [1, 4], [1, 1, 1, 1])
    answer = infer("doubled", row, id="r-1", parameters={"text": "a", "number": 1, "flag": True})
    assert answer.id == "r-1"
    assert infer("doubled", row).id is None


def test_only_requested_outputs_come(infer: Callable[..., InferenceResponse]) -> None:
    """An output that is not asked for is not sent."""
    texts = given("x", "BYTES", [1], ["a"])
    answer = infer("text", texts, outputs=[RequestOutput(name="plain")])
    assert [output.name for output in answer.outputs] == ["plain"]


@pytest.mark.parametrize(
    ("shape", "datatype", "name", "says"),
    [
        ([1, 3], "FP32", "x", "another shape"),
        ([1, 4], "FP64", "x", "another datatype"),
        ([1, 4], "FP32", "z", "does not have named input: z"),
    ],
)
def test_wrong_input_is_a_bad_request(
    infer: Callable[..., InferenceResponse], shape: list[int], datatype: str, name: str, says: str
) -> None:
    """What the model's signature does not take is a 400 that says so."""
    with pytest.raises(BadRequestError, match=says):
        infer("doubled", given(name, datatype, shape, [0.0] * shape[1]))


def test_unknown_model_or_version_is_not_found(
    client: OpenInferenceClient, infer: Callable[..., InferenceResponse]
) -> None:
    """What does not exist is a 404 with an `error` in it, which this client leaves untyped."""
    row = given("x", "FP32", [1, 4], [1, 1, 1, 1])
    for ask in (
        lambda: infer("nobody", row),
        lambda: infer("doubled", row, version="9"),
        lambda: client.read_model_metadata("nobody"),
        lambda: client.read_model_version_metadata("doubled", "9"),
    ):
        with pytest.raises(ApiError) as refused:
            ask()
        assert refused.value.status_code == 404
        assert refused.value.body.keys() == {"error"}


def test_asyncio_client_is_answered_alike(url: str) -> None:
    """The generated client for asyncio gets the same."""
    request = InferenceRequest(inputs=[given("x", "FP32", [1, 4], [1, 1, 1, 1])])

    async def ask() -> InferenceResponse:
        async with httpx.AsyncClient() as connections:
            client = AsyncOpenInferenceClient(base_url=url, httpx_client=connections)
            await client.check_server_readiness()
            return await client.model_infer("doubled", request=request)

    assert data(asyncio.run(ask())) == [3, 3, 3, 3]
