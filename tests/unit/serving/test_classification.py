"""Triton's classification: the largest values, their indices and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hearth.domain.errors import MalformedBody, SignatureMismatch
from hearth.domain.signature import TensorSpec
from hearth.serving.classification import classify, count_of


def top(values: Any, dtype: Any, count: int, *labels: str, datatype: str = "FP32") -> list[Any]:
    spec = TensorSpec("y", datatype, (-1,))
    return list(classify(np.array(values, dtype), spec, count, labels).tolist())


def test_largest_come_first_with_six_decimals() -> None:
    """Floats have the six decimals of C++, whatever their width."""
    for dtype in (np.float16, np.float32, np.float64):
        assert top([0.25, 1, -3], dtype, 3) == ["1.000000:1", "0.250000:0", "-3.000000:2"]


def test_integers_have_no_decimals() -> None:
    """Integers and booleans are written as integers."""
    assert top([1, 2**64 - 1], np.uint64, 2) == ["18446744073709551615:1", "1:0"]
    assert top([True, False], np.bool_, 2) == ["1:0", "0:1"]


def test_labels_stand_behind_the_index_as_far_as_there_are_any() -> None:
    """A class without a label has none."""
    assert top([1, 2, 3], np.float32, 3, "a", "b") == ["3.000000:2", "2.000000:1:b", "1.000000:0:a"]


def test_equal_values_keep_their_order_and_nan_comes_last() -> None:
    """The answer is the same each time."""
    values = [np.nan, 1, 2, 1, np.inf, 2]
    assert [text.partition(":")[2] for text in top(values, np.float32, 6)] == list("425130")


def test_each_item_of_a_batch_is_classified_by_itself() -> None:
    """Shape [batch, ...] gives [batch, n]; a vector and a scalar give [n]."""
    assert top([[1, 2], [4, 3]], np.int8, 1) == [["2:1"], ["4:0"]]
    assert top([[[1, 2], [4, 3]]], np.int8, 9) == [["4:2", "3:3", "2:1", "1:0"]]
    assert top(5, np.int8, 9) == ["5:0"]


@pytest.mark.parametrize(("shape", "want"), [((0,), (0,)), ((0, 3), (0,)), ((2, 0), (0,))])
def test_nothing_has_no_classes(shape: tuple[int, ...], want: tuple[int, ...]) -> None:
    """An output without elements has none to sort."""
    spec = TensorSpec("y", "FP32", shape)
    assert classify(np.empty(shape, np.float32), spec, 2, ()).shape == want


def test_bf16_is_sorted_by_what_its_bits_mean() -> None:
    """BF16 travels as its 16 bits; negative numbers are below positive ones."""
    bits = (np.array([-2, 1, 3], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    assert top(bits, np.uint16, 3, datatype="BF16") == ["3.000000:2", "1.000000:1", "-2.000000:0"]


def test_strings_have_no_order() -> None:
    """Strings are refused in Triton's words."""
    with pytest.raises(SignatureMismatch, match="due to unsupported type 'BYTES'"):
        top(["a"], object, 1, datatype="BYTES")


def test_output_of_more_than_a_million_elements_is_refused() -> None:
    """Sorting is bounded."""
    with pytest.raises(SignatureMismatch, match="classification output tensor too large"):
        top(np.zeros(1_000_001), np.float32, 1)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "1", [1], None])
def test_count_is_a_positive_integer(count: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(MalformedBody, match="'classification' of output 'y'"):
        count_of(count, "y")
