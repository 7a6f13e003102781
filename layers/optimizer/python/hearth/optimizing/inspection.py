"""What a model is made of, as far as it decides what can make it faster or smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TREES, LINEAR, CONVOLUTIONAL, DEPTHWISE, TRANSFORMER, RECURRENT, DENSE, OTHER = (
    "trees",
    "linear",
    "convolutional",
    "depthwise convolutional",
    "transformer",
    "recurrent",
    "dense",
    "other",
)
FAMILIES = (TREES, LINEAR, CONVOLUTIONAL, DEPTHWISE, TRANSFORMER, RECURRENT, DENSE, OTHER)


@dataclass(frozen=True, slots=True)
class Inspection:
    """One model file.

    Args:
        family: One of `FAMILIES`.
        size: Bytes of the model file and of its external data.
        operators: How many nodes of each type, subgraphs included; `com.microsoft.QAttention` for
            what is not in ONNX's own domain (`ai.onnx.ml.` too).
        weights: Bytes of constant tensors by Open Inference datatype (`FP32`, `INT8`, ...).
        weighted: By operator, the bytes of FP32 weights that such nodes take as constants.
        dynamic: Symbolic dimensions of inputs.
        quantized: Whether it has quantised operators already.
        opset: Of ONNX's own domain, 0 without one.
    """

    family: str
    size: int
    operators: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    weighted: Mapping[str, int] = field(default_factory=dict)
    dynamic: tuple[str, ...] = ()
    quantized: bool = False
    opset: int = 0

    @property
    def nodes(self) -> int:
        return sum(self.operators.values())
