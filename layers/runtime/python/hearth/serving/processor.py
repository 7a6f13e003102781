"""Which processor this is, as far as a model's speed and numbers depend on it."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

# Instruction sets by which ONNX Runtime chooses its kernels and lays out weights.
_X86 = ("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")
_X86_LATER = ("avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
_ARM = ("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2")
_KNOWN = (*_X86, *_X86_LATER, *_ARM)


@cache
def features() -> frozenset[str]:
    """Return the instruction sets that matter; empty where the system does not say (Linux does)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(named, "").split()) & frozenset(_KNOWN)


@cache
def family() -> str:
    """Return what processors with the same kernels have in common: `x86_64 avx avx2 ...`."""
    return " ".join([platform.machine(), *(name for name in _KNOWN if name in features())])
