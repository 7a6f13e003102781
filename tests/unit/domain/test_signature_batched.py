"""Whether a model's first dimension counts examples."""

from __future__ import annotations

from typing import Any

import pytest
from hearth.domain.signature import Signature, TensorSpec


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
