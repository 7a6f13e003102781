"""One array of each datatype, with the values that get lost where a conversion is careless."""

from __future__ import annotations

import ml_dtypes
import numpy as np

EXTREMES = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 255, 1], np.uint8),
    "UINT16": np.array([0, 65535, 1], np.uint16),
    "UINT32": np.array([0, 2**32 - 1, 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1, 1], np.uint64),
    "INT8": np.array([-128, 127, 0], np.int8),
    "INT16": np.array([-(2**15), 2**15 - 1, 0], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1, 0], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1, 0], np.int64),
    "FP16": np.array([0.1, -65504, np.nan], np.float16),
    "BF16": np.array([0.1, -3e38, np.nan], ml_dtypes.bfloat16),
    "FP32": np.array([0.1, -np.inf, np.nan], np.float32),
    "FP64": np.array([0.1, 1e300, np.nan], np.float64),
    "BYTES": np.array([b"a", "größe".encode(), b""], object),
}


def require_same(got: np.ndarray, sent: np.ndarray) -> None:
    """Require the same values and type; strings may come as text or as its UTF-8 bytes."""
    if sent.dtype == object:
        assert [as_bytes(value) for value in got.ravel()] == sent.ravel().tolist()
        assert got.shape == sent.shape
    elif sent.dtype == ml_dtypes.bfloat16:  # numpy's own comparison does not know its NaN
        assert got.dtype == sent.dtype
        np.testing.assert_array_equal(got.view(np.uint16), sent.view(np.uint16), strict=True)
    else:
        np.testing.assert_array_equal(got, sent, strict=True)


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
