"""Arrays against a signature."""

from __future__ import annotations

import numpy as np
import pytest
from hearth.domain.errors import SignatureMismatch
from hearth.domain.signature import Signature, TensorSpec
from hearth.serving.check import conform

SIGNATURE = Signature(
    inputs=(
        TensorSpec("a", "FP32", (-1, 4), ("N", "")),
        TensorSpec("b", "INT64", (-1,), ("N",)),
        TensorSpec("c", "BYTES", (-1, -1)),
    ),
    outputs=(),
)


def tensors(**changed: np.ndarray) -> dict[str, np.ndarray]:
    usual = {
        "a": np.zeros((3, 4), np.float32),
        "b": np.zeros(3, np.int64),
        "c": np.full((5, 0), "", object),
    }
    return {**usual, **changed}


def refusal(given: dict[str, np.ndarray]) -> str:
    with pytest.raises(SignatureMismatch) as caught:
        conform(given, SIGNATURE)
    return str(caught.value)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_conform_takes_any_size_of_a_dynamic_dimension(rows: int) -> None:
    """-1 takes any size, 0 too."""
    conform(tensors(a=np.zeros((rows, 4), np.float32), b=np.zeros(rows, np.int64)), SIGNATURE)


def test_conform_refuses_missing_and_unknown_inputs_by_name() -> None:
    """Every input by its name, and no other: the message lists both sides."""
    given = tensors(d=np.zeros(1))
    del given["a"]

    message = refusal(given)

    assert "got ['b', 'c', 'd']" in message
    assert "expected ['a', 'b', 'c']" in message


def test_conform_refuses_another_datatype() -> None:
    """Arrays are not cast: double is not float."""
    assert "input 'a' has another datatype: got float64, expected FP32" in refusal(
        tensors(a=np.zeros((3, 4)))
    )


@pytest.mark.parametrize("shape", [(3, 5), (4,), (3, 4, 1), ()])
def test_conform_refuses_another_shape(shape: tuple[int, ...]) -> None:
    """Rank and fixed dimensions are as the signature has them."""
    message = refusal(tensors(a=np.zeros(shape, np.float32)))

    assert f"got {list(shape)}, expected [-1, 4]" in message


def test_conform_refuses_inputs_that_disagree_on_a_symbol() -> None:
    """Two dimensions of one name have one size; dimensions without a name are free."""
    message = refusal(tensors(b=np.zeros(2, np.int64)))

    assert "inputs 'a' and 'b' disagree on dimension 'N': got 2, expected 3" in message
