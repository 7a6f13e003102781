"""Golden cases that a publisher gave: what a variant must answer nearly as the original does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hearth.domain.manifest import Manifest
from hearth.optimizing.predicted import judged, predicted
from hearth.serving.golden import GoldenCase
from hearth.serving.numbers import Array
from hearth.serving.tensors import widened

MOST_ERROR = 0.1
"""Root mean square of a case's difference over that of its answer, or over that of all cases'
answers where its own are smaller."""


def broken(
    original: Sequence[GoldenCase], candidate: Sequence[GoldenCase], manifest: Manifest
) -> list[str]:
    """Return what of its promises a candidate does not hold, a sentence a case.

    Classes are the same, and everything else that is no float; floats are within `MOST_ERROR`.
    """
    told = [predicted(cases, manifest) for cases in (original, candidate)]
    named = judged(manifest) if told[0] is not None else frozenset[str]()
    scales = {name: _scale(original, name, manifest) for name in _names(original)}
    found = []
    for at, (one, other) in enumerate(zip(original, candidate, strict=True)):
        pair = (predicted([one], manifest), predicted([other], manifest))
        if named and pair[0] != pair[1]:
            found.append(f"Golden case {at} is of class {_words(pair[0])}, not {_words(pair[1])}.")
            continue
        wrong = [n for n in one.outputs if not _holds(n, one, other, (manifest, named, scales[n]))]
        if wrong:
            found.append(
                f"Golden case {at} is answered otherwise in {', '.join(map(repr, wrong))}: "
                f"numbers may differ by {MOST_ERROR:.0%} of their size, all else by nothing."
            )
    return found


def _names(cases: Sequence[GoldenCase]) -> set[str]:
    return {name for case in cases for name in case.outputs}


def _words(classes: list[str | None] | None) -> str:
    return ", ".join(repr(name) for name in (classes or ())[:4]) or "none"


def _holds(
    name: str,
    one: GoldenCase,
    other: GoldenCase,
    known: tuple[Manifest, frozenset[str], float],
) -> bool:
    manifest, named, scale = known
    want, have = (_numbers(case.outputs[name], name, manifest) for case in (one, other))
    if want.dtype.kind != "f":
        return name in named or bool(np.all(want == have))
    usable = np.isfinite(want) & np.isfinite(have)
    error = _size(np.where(usable, have.astype(np.float64) - want, 0))
    return error <= MOST_ERROR * max(_size(np.where(usable, want, 0)), scale)


def _numbers(array: Array, name: str, manifest: Manifest) -> Array:
    return widened(array, manifest.signature.output(name).type)


def _scale(cases: Sequence[GoldenCase], name: str, manifest: Manifest) -> float:
    arrays = [_numbers(c.outputs[name], name, manifest) for c in cases if name in c.outputs]
    if not arrays or arrays[0].dtype.kind != "f":
        return 0.0
    values = np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float64)
    return _size(values[np.isfinite(values)])


def _size(values: Array) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2))) if values.size else 0.0
