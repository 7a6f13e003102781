"""What tritonclient is told when a request is wrong: the status, and a text that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.arrays import EXTREMES
from support.triton import rows, tensor
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


def refusal(triton: Any, model: str, given: list[Any], **options: Any) -> tuple[str, str]:
    """Return status and text of the error that a request ends with."""
    with pytest.raises(InferenceServerException) as refused:
        triton.infer(model, given, **options)
    return refused.value.status(), refused.value.message()


def zeros(*shape: int, name: str = "x") -> InferInput:
    return tensor(name, np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("model", "version", "status", "says"),
    [
        ("nobody", "", "404", "nobody"),
        ("no body!", "", "400", "model name is not valid"),
        ("doubled", "9", "404", "version 9 of model doubled"),
        ("doubled", "nine", "400", "version: nine"),
    ],
)
def test_unknown_model_or_version(
    triton: Any, model: str, version: str, status: str, says: str
) -> None:
    """What does not exist is a 404, what never can is a 400; either is named."""
    got, text = refusal(triton, model, [rows(1.0)], model_version=version)
    assert got == status
    assert says in text


def test_name_that_leaves_its_place_in_the_path_is_not_found(triton: Any) -> None:
    """tritonclient leaves slashes of a name bare: such a path has no route."""
    status, _ = refusal(triton, "../etc", [rows(1.0)])
    assert status == "404"


@pytest.mark.parametrize("shape", [(1, 5), (4,), (1, 1, 4)])
def test_wrong_shape(triton: Any, shape: tuple[int, ...]) -> None:
    """A shape that the model does not take is named beside the one that it takes."""
    status, text = refusal(triton, "doubled", [zeros(*shape)])
    assert status == "400"
    assert f"got {list(shape)}, expected [-1, 4]" in text


def test_wrong_datatype(triton: Any) -> None:
    """A datatype that the model does not take is named beside the one that it takes."""
    given = [tensor("x", np.zeros((1, 4), np.int32), "INT32")]
    status, text = refusal(triton, "doubled", given)
    assert status == "400"
    assert "got INT32, expected FP32" in text


def test_missing_input(triton: Any) -> None:
    """An input that was left out is named."""
    status, text = refusal(triton, "pair", [zeros(1, 2, name="a")])
    assert status == "400"
    assert "'b'" in text


def test_unknown_input(triton: Any) -> None:
    """An input that the model does not have is named."""
    status, text = refusal(triton, "doubled", [zeros(1, 4, name="z")])
    assert status == "400"
    assert "does not have named input: z" in text


def test_duplicated_input(triton: Any) -> None:
    """An input that comes twice is refused."""
    status, text = refusal(triton, "doubled", [rows(1.0), rows(2.0)])
    assert status == "400"
    assert "input 'x' already exists in request" in text


def test_unknown_output(triton: Any) -> None:
    """An output that the model does not have is named."""
    asked = [InferRequestedOutput("nothing")]
    status, text = refusal(triton, "doubled", [rows(1.0)], outputs=asked)
    assert status == "400"
    assert "does not have named output: nothing" in text


def test_duplicated_output(triton: Any) -> None:
    """An output that is asked for twice is refused in Triton's words."""
    asked = [InferRequestedOutput("y"), InferRequestedOutput("y", binary_data=False)]
    status, text = refusal(triton, "doubled", [rows(1.0)], outputs=asked)
    assert status == "400"
    assert "output 'y' already exists in request" in text


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_data_that_does_not_fill_its_shape(triton: Any, binary: bool) -> None:
    """Fewer elements than the shape says are refused in either form."""
    given = rows(1.0, binary=binary)
    given.set_shape([2, 4])
    status, text = refusal(triton, "doubled", [given])
    assert status == "400"
    assert "'x'" in text


def test_size_that_overflows(triton: Any) -> None:
    """A shape of more elements than a number holds is refused before anything is allocated."""
    given = rows(1.0)
    given.set_shape([2**62, 4])
    status, text = refusal(triton, "doubled", [given])
    assert status == "400"
    assert "larger than a request can carry" in text


def test_inputs_that_disagree_on_a_dimension(triton: Any) -> None:
    """Two inputs of one symbolic dimension must have it alike."""
    status, text = refusal(triton, "joined", [zeros(3, name="a"), zeros(2, name="b")])
    assert status == "400"
    assert "disagree on dimension 'N'" in text


def test_input_in_shared_memory(triton: Any) -> None:
    """Nothing is shared with a Lambda: an input without data is refused."""
    given = InferInput("x", [1, 4], "FP32")
    given.set_shared_memory("region", 16)
    status, text = refusal(triton, "doubled", [given])
    assert status == "400"
    assert "'x'" in text


def test_float16_is_not_read_from_json(triton: Any) -> None:
    """FP16 that comes in JSON is refused, with a word on the binary format."""
    given = [tensor("x", EXTREMES["FP16"], "FP16", binary=False)]
    status, text = refusal(triton, "same-FP16", given)
    assert status == "400"
    assert "binary data format" in text


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_width_floats_are_not_written_in_json(triton: Any, datatype: str) -> None:
    """FP16 and BF16 that are asked for in JSON are refused, with a word on the binary format."""
    given = [tensor("x", EXTREMES[datatype], datatype)]
    asked = [InferRequestedOutput("y", binary_data=False)]
    status, text = refusal(triton, f"same-{datatype}", given, outputs=asked)
    assert status == "400"
    assert "binary data format" in text


def test_bytes_that_are_no_text(triton: Any) -> None:
    """ONNX Runtime's strings are UTF-8: other bytes are refused, not mangled."""
    given = [tensor("x", np.array([b"\xff\xfe"], object), "BYTES")]
    status, text = refusal(triton, "same-BYTES", given)
    assert status == "400"
    assert "not UTF-8" in text


def test_model_that_fails_on_its_input(triton: Any) -> None:
    """What only the model can refuse is a 500 that says so; the next request is answered."""
    status, text = refusal(triton, "paired", [zeros(3)])
    assert status == "500"
    assert "failed while running the model" in text
    assert triton.infer("paired", [zeros(4)]).as_numpy("y").shape == (2, 2)
