"""What a model takes and gives."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.domain.datatype import BY_NAME, BY_ONNX, DATATYPES, from_onnx
from hearth.domain.errors import InvalidDocument, SignatureMismatch, UnsupportedModel
from hearth.domain.signature import Signature, TensorSpec

SPEC = TensorSpec("x", "FP32", (-1, 3, 4), ("N", "", ""))


@pytest.mark.parametrize("shape", [(1, 3, 4), (0, 3, 4), (10**6, 3, 4)])
def test_spec_admits_any_size_where_a_dimension_is_dynamic(shape):
    """-1 takes any size, zero among them."""
    assert SPEC.admits(shape)


@pytest.mark.parametrize("shape", [(), (3, 4), (1, 3), (1, 4, 3), (1, 3, 4, 1)])
def test_spec_admits_no_other_rank_or_size(shape):
    """Ranks and fixed dimensions are exact."""
    assert not SPEC.admits(shape)


def test_spec_refuses_a_datatype_that_no_protocol_has():
    """Every datatype is a row of the one table."""
    with pytest.raises(InvalidDocument, match="'x' has an unknown datatype: got COMPLEX64"):
        TensorSpec("x", "COMPLEX64", ())


def test_spec_has_a_dimension_name_for_every_dimension():
    """Names that were not given are empty, one a dimension."""
    assert TensorSpec("x", "FP32", (1, 2)).dims == ("", "")


def test_signature_finds_tensors_by_name():
    """A name that the model does not have is answered with those that it has."""
    signature = Signature((SPEC,), (TensorSpec("y", "INT64", ()),))
    assert signature.input("x") is SPEC
    assert signature.output("y").datatype == "INT64"
    with pytest.raises(SignatureMismatch, match=r"named output: x: expected \['y'\]"):
        signature.output("x")


def test_datatypes_have_distinct_names_in_every_vocabulary():
    """Each protocol's name leads to one row."""
    assert len(BY_NAME) == len(BY_ONNX) == len({d.tf for d in DATATYPES}) == len(DATATYPES)


def test_type_that_no_protocol_carries_is_refused_with_a_remedy():
    """A map or sequence output says how to export without it."""
    assert from_onnx("tensor(float)", "y").name == "FP32"
    with pytest.raises(UnsupportedModel, match="export without ZipMap"):
        from_onnx("seq(map(int64,tensor(float)))", "y")


def specs(*shapes: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(f"t{at}", "FP32", shape or (), ranked=shape is not None)
        for at, shape in enumerate(shapes)
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "batched"),
    [
        ([(-1, 4)], [(-1, 2)], True),
        ([(-1,)], [()], True),
        ([None], [None], True),
        ([(-1, 4), (1,)], [(-1, 2)], True),
        ([(8, 3, 224, 224)], [(8, 1000)], True),
        ([(1, 4)], [(1, 2)], True),
        ([(3, 224, 224)], [(1000,)], False),
        ([(3,)], [(3,)], False),
        ([()], [()], False),
        ([(4, 4)], [(2, 2)], False),
    ],
)
def test_batch_is_dynamic_or_common_to_all(inputs: Any, outputs: Any, batched: bool) -> None:
    """A first dimension counts examples if it is dynamic, or the same in every tensor."""
    assert Signature(specs(*inputs), specs(*outputs)).batched is batched
