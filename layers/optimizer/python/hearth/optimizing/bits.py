"""How many bits 8-bit weights take, so that a model answers the same on every processor."""

from __future__ import annotations

import platform


def narrow() -> bool:
    """Return whether 8-bit weights are to take 7 bits.

    Without VNNI, x86-64 adds pairs of products of 8 bits in 16, which overflow: silently, and by
    what was multiplied. A version is served by processors that nobody chose, so what was measured
    on one must hold on all of them. ARM adds in 32 bits.

    Source:
        ONNX Runtime, Quantize ONNX models, on unsigned activations with signed weights.
    """
    return platform.machine().lower() in ("x86_64", "amd64")


NOTE = "weights take 7 bits, with which no processor's sums overflow"
