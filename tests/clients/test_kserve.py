"""KServe's InferenceRESTClient, in both of its protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.errors import InvalidInput, UnsupportedProtocol
from kserve.protocol.infer_type import InferResponse, RequestedOutput
from support.arrays import EXTREMES, require_same

# The client knows no BF16 at all, makes null of NaN in JSON and refuses to send FP16 in it.
DATATYPES = [name for name in EXTREMES if name != "BF16"]
WITH_JSON = [name for name in DATATYPES if name != "FP16"]
BINARY_OUT = {"binary_data_output": True}
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """`run(coroutine)`: its result; the loop lives as long as the test."""
    with asyncio.Runner() as runner:
        yield runner.run


def client(run: Run, protocol: str) -> Iterator[InferenceRESTClient]:
    made = InferenceRESTClient(RESTConfig(protocol=protocol))
    yield made
    run(made.close())


@pytest.fixture
def v1(run: Run) -> Iterator[InferenceRESTClient]:
    yield from client(run, "v1")


@pytest.fixture
def v2(run: Run) -> Iterator[InferenceRESTClient]:
    yield from client(run, "v2")


@pytest.fixture
def infer(run: Run, v2: InferenceRESTClient, url: str) -> Callable[..., InferResponse]:
    """`infer(model, array, datatype, binary=..., **request)`: the answer to input `x`."""

    def ask(
        model: str,
        array: np.ndarray,
        datatype: str = "FP32",
        *,
        binary: bool = True,
        **request: Any,
    ) -> InferResponse:
        given = InferInput("x", list(array.shape), datatype)
        given.set_data_from_numpy(array, binary_data=binary)
        return run(v2.infer(url, InferRequest(model, [given], **request), model_name=model))

    return ask


def finite(datatype: str) -> np.ndarray:
    array = EXTREMES[datatype]
    return array if array.dtype.kind != "f" else array[np.isfinite(array)]


# ---- v2 -----------------------------------------------------------------------------------------


def test_v2_server_is_live_and_ready(run: Run, v2: InferenceRESTClient, url: str) -> None:
    """Both health bodies are what this client parses."""
    assert run(v2.is_server_live(url)) is True
    assert run(v2.is_server_ready(url)) is True


@pytest.mark.parametrize(("model", "ready"), [("doubled", True), ("nobody", False)])
def test_v2_model_is_ready(
    run: Run, v2: InferenceRESTClient, url: str, model: str, ready: bool
) -> None:
    """A model that can be asked is ready, one that nobody published is not."""
    assert run(v2.is_model_ready(url, model)) is ready


def test_v2_unloaded_model_is_not_ready(
    run: Run, v2: InferenceRESTClient, url: str, unloaded: str
) -> None:
    """A model that was taken out of service is not ready."""
    assert run(v2.is_model_ready(url, unloaded)) is False


@pytest.mark.parametrize("datatype", DATATYPES)
def test_v2_binary_loses_nothing(infer: Callable[..., InferResponse], datatype: str) -> None:
    """What goes in binary comes back in binary with every bit."""
    sent = EXTREMES[datatype]
    answer = infer(f"same-{datatype}", sent, datatype, parameters=BINARY_OUT)
    require_same(answer.outputs[0].as_numpy(), sent)


@pytest.mark.parametrize("datatype", WITH_JSON)
def test_v2_json_loses_nothing(infer: Callable[..., InferResponse], datatype: str) -> None:
    """What goes in JSON comes back in JSON, which is this client's default for outputs."""
    sent = finite(datatype)
    answer = infer(f"same-{datatype}", sent, datatype, binary=False)
    require_same(answer.outputs[0].as_numpy(), sent)


@pytest.mark.parametrize("binary", [True, False], ids=["binary-in", "json-in"])
@pytest.mark.parametrize("datatype", WITH_JSON)
def test_v2_forms_mix(infer: Callable[..., InferResponse], datatype: str, binary: bool) -> None:
    """The form of an output is the one that was asked for, whatever that of the input is."""
    sent = finite(datatype)
    asked = [RequestedOutput("y", {"binary_data": not binary})]
    answer = infer(f"same-{datatype}", sent, datatype, binary=binary, request_outputs=asked)
    require_same(answer.outputs[0].as_numpy(), sent)


def test_v2_several_inputs_and_outputs(run: Run, v2: InferenceRESTClient, url: str) -> None:
    """One input in JSON, one in binary; every output comes, each under its name."""
    a, b = InferInput("a", [1, 2], "FP32"), InferInput("b", [1], "INT64")
    a.set_data_from_numpy(np.array([[1, 2]], np.float32), binary_data=False)
    b.set_data_from_numpy(np.array([5]), binary_data=True)
    answer = run(v2.infer(url, InferRequest("pair", [a, b]), model_name="pair"))
    outputs = {output.name: output.as_numpy().tolist() for output in answer.outputs}
    assert outputs == {"twice": [[2, 4]], "next": [6]}


def test_v2_answer_carries_the_id(infer: Callable[..., InferResponse]) -> None:
    """The id comes back: the caller's own, or the one that the client made up."""
    row = np.ones((1, 4), np.float32)
    assert infer("doubled", row, request_id="r-1").id == "r-1"
    assert infer("doubled", row).id
    assert infer("doubled", row).model_name == "doubled"


def test_v2_parameters_are_no_hindrance(infer: Callable[..., InferResponse]) -> None:
    """A caller's own parameters change nothing of the answer."""
    row = np.ones((1, 4), np.float32)
    answer = infer("doubled", row, parameters={"text": "a", "number": 1, "flag": True})
    assert answer.outputs[0].as_numpy().tolist() == [[3.0] * 4]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_v2_scalar(infer: Callable[..., InferResponse], binary: bool) -> None:
    """A tensor without dimensions goes in and comes out."""
    answer = infer("scalar", np.array(2.5, np.float32), binary=binary)
    assert answer.outputs[0].as_numpy().shape == ()
    assert answer.outputs[0].as_numpy() == 5.0


@pytest.mark.parametrize("parameters", [None, BINARY_OUT], ids=["json-out", "binary-out"])
def test_v2_zero_size_in_json(
    infer: Callable[..., InferResponse], parameters: dict[str, bool] | None
) -> None:
    """No rows in, no rows out."""
    none = np.zeros((0, 4), np.float32)
    answer = infer("doubled", none, binary=False, parameters=parameters)
    assert answer.outputs[0].as_numpy().shape == (0, 4)


def test_v2_zero_size_in_binary(infer: Callable[..., InferResponse]) -> None:
    """A binary tensor of no bytes, which this client sends as `data: null` of size 0."""
    none = np.zeros((0, 4), np.float32)
    assert infer("doubled", none).outputs[0].as_numpy().shape == (0, 4)


def test_v2_values_that_are_no_numbers_come_in_binary(infer: Callable[..., InferResponse]) -> None:
    """This client's JSON parser refuses NaN and Infinity: who expects them asks for binary."""
    given = np.array([1, -1, 0], np.float32)
    with pytest.raises(InvalidInput, match="Unrecognized request format"):
        infer("divided", given)
    answer = infer("divided", given, parameters=BINARY_OUT)
    np.testing.assert_array_equal(answer.outputs[0].as_numpy(), [np.inf, -np.inf, np.nan])


def test_v2_null_is_no_number(infer: Callable[..., InferResponse]) -> None:
    """This client makes null of NaN in JSON: it is told so, and gets no answer to other values."""
    with pytest.raises(httpx.HTTPStatusError, match="got None, expected FP32"):
        infer("divided", np.array([np.nan], np.float32), binary=False)


@pytest.mark.parametrize(
    ("model", "columns", "status", "says"),
    [("nobody", 4, 404, "nobody"), ("doubled", 3, 400, r"got \[1, 3\], expected \[-1, 4\]")],
)
def test_v2_error_has_its_text(
    infer: Callable[..., InferResponse], model: str, columns: int, status: int, says: str
) -> None:
    """What went wrong stands where this client looks for it."""
    with pytest.raises(httpx.HTTPStatusError, match=says) as refused:
        infer(model, np.ones((1, columns), np.float32))
    assert refused.value.response.status_code == status


def test_v2_request_without_inputs(run: Run, v2: InferenceRESTClient, url: str) -> None:
    """A body that is JSON and no request is a 400."""
    with pytest.raises(httpx.HTTPStatusError, match="no list of inputs") as refused:
        run(v2.infer(url, {"instances": [1]}, model_name="doubled"))
    assert refused.value.response.status_code == 400


# ---- v1 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answered"), [("instances", "predictions"), ("inputs", "outputs")]
)
def test_v1_predict(run: Run, v1: InferenceRESTClient, url: str, asked: str, answered: str) -> None:
    """Rows are answered by rows and columns by columns."""
    answer = run(v1.infer(url, {asked: [1.0, 2.0, 5.0]}, model_name="half_plus_three"))
    assert answer == {answered: [3.5, 4.0, 5.5]}


@pytest.mark.parametrize(
    ("model", "body", "status", "says"),
    [
        ("half", {"instances": [1.0]}, 404, r"Servable not found for request: Latest\(half\)"),
        ("half_plus_three", {"instances": []}, 400, "No values in 'instances' array"),
    ],
)
def test_v1_error_has_its_text(
    run: Run, v1: InferenceRESTClient, url: str, model: str, body: Any, status: int, says: str
) -> None:
    """What went wrong stands where this client looks for it."""
    with pytest.raises(httpx.HTTPStatusError, match=says) as refused:
        run(v1.infer(url, body, model_name=model))
    assert refused.value.response.status_code == status


def test_v1_server_liveness_is_not_to_be_had(run: Run, v1: InferenceRESTClient, url: str) -> None:
    """KServe's v1 liveness is `GET /`, which TensorFlow Serving does not have: a 404, no yes."""
    with pytest.raises(httpx.HTTPStatusError, match="404 Not Found"):
        run(v1.is_server_live(url))


def test_v1_has_no_server_readiness(run: Run, v1: InferenceRESTClient, url: str) -> None:
    """The client itself has no such question in v1: v2's is the one to ask."""
    with pytest.raises(UnsupportedProtocol):
        run(v1.is_server_ready(url))


def test_v1_model_readiness_is_neither_yes_nor_no(
    run: Run, v1: InferenceRESTClient, url: str
) -> None:
    """`GET /v1/models/{m}` is TensorFlow Serving's status, exactly: without `ready` this client says None."""
    assert run(v1.is_model_ready(url, "doubled")) is None


def test_v1_readiness_of_an_unknown_model_is_an_error(
    run: Run, v1: InferenceRESTClient, url: str
) -> None:
    """A model that nobody published is named in TensorFlow Serving's words."""
    with pytest.raises(httpx.HTTPStatusError, match="Could not find any versions of model nobody"):
        run(v1.is_model_ready(url, "nobody"))


def test_v1_explain_is_malformed(run: Run, v1: InferenceRESTClient, url: str) -> None:
    """TensorFlow Serving has no `:explain`: a malformed request, 400."""
    with pytest.raises(httpx.HTTPStatusError, match="Malformed request") as refused:
        run(v1.explain(url, "half_plus_three", {"instances": [1.0]}))
    assert refused.value.response.status_code == 400
