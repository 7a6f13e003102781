"""tritonclient's tensors, made in one line."""

from __future__ import annotations

import numpy as np
from tritonclient.http import InferInput


def tensor(
    name: str, array: np.ndarray, datatype: str = "FP32", *, binary: bool = True
) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def rows(*values: float, binary: bool = True) -> InferInput:
    """Return input `x` of a model that takes rows of four: each row one value, four times."""
    return tensor("x", np.array([[value] * 4 for value in values], np.float32), binary=binary)
