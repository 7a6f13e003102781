"""What came of a case through one protocol, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

PASSED, FAILED, UNSUPPORTED = STATUSES = ("passed", "failed", "unsupported")


@dataclass(frozen=True)
class Verdict:
    """`reason` is what many cases share, `detail` what tells them apart; both empty if passed."""

    status: str
    reason: str = ""
    detail: str = ""

    @property
    def why(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True)
class Result:
    """What came of a case: one verdict a protocol."""

    case: str
    kind: str
    datatypes: tuple[str, ...]
    verdicts: Mapping[str, Verdict]


# What Hearth says of things that it does not do: (its words, the reason's name). Whatever else it
# says is a failure. When one of these is built, its cases turn to passed by themselves.
_LIMITS = (
    (
        r"has a type that neither protocol can carry: got (?P<detail>.+?), expected",
        "Hearth: neither protocol carries the type",
    ),
    (r"is (?P<detail>\w+), which cannot be served yet", "Hearth: the datatype is not served yet"),
    (r"is (?P<detail>\w+), which has no JSON form", "Hearth: the datatype has no JSON form"),
)


def refused(said: str) -> Verdict:
    """Return what Hearth's refusal comes to, from its own words."""
    for pattern, reason in _LIMITS:
        found = re.search(pattern, said)
        if found:
            return Verdict(UNSUPPORTED, reason, found["detail"])
    return Verdict(FAILED, said)


def difference(want: Any, have: Any, rtol: float = 0.0, atol: float = 0.0) -> str:
    """Return in which way an array is not the expected one, "" if it is.

    Args:
        want: The expected array.
        have: The array in question.
        rtol: Relative tolerance of floats; everything else must be equal. NaN equals NaN.
        atol: Absolute tolerance of floats.
    """
    if have.shape != want.shape:
        return f"shape {list(have.shape)} where {list(want.shape)} is expected"
    if have.dtype != want.dtype:
        return f"{have.dtype} where {want.dtype} is expected"
    if want.dtype.kind in "biuO" or not (rtol or atol):
        right = (have == want) | ((have != have) & (want != want))  # noqa: PLR0124 (NaN)
    else:
        right = _close(want, have, rtol, atol)
    return "" if np.all(right) else _first(want, have, ~np.asarray(right, bool))


def _close(want: Any, have: Any, rtol: float, atol: float) -> Any:
    """Return where floats are as close as ONNX's `Runner.assert_similar_outputs` has it."""
    if want.dtype == ml_dtypes.bfloat16:
        rtol = max(rtol, 2**-6)
        want, have = want.astype(np.float32), have.astype(np.float32)
    with np.errstate(all="ignore"):
        return np.isclose(have, want, rtol, atol, equal_nan=True)


def _first(want: Any, have: Any, wrong: Any) -> str:
    at = tuple(int(i) for i in np.argwhere(wrong)[0]) if want.ndim else ()
    what = f"{have[at]} where {want[at]} is expected"
    return f"{what}, at {list(at)}; {int(np.sum(wrong))} of {want.size} values"
