"""How near a candidate's answers are to the original's on the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from hearth.domain.errors import GoldenMismatch, HearthError
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION
from hearth.domain.signature import DYNAMIC, TensorSpec
from hearth.optimizing import confidence
from hearth.optimizing.judgement import Fidelity
from hearth.optimizing.predicted import judged, predicted
from hearth.serving.golden import GoldenCase, compare
from hearth.serving.numbers import Array
from hearth.serving.session import Tensors
from hearth.serving.tensors import widened

MOST_ERROR = 1e9
"""Stands for every larger error, and for one that has no bound."""
# So few values of a row are quantities of their own, each with a spread of its own.
_MOST_VALUES = 16
_FLOATS = ("FP16", "FP32", "FP64", "BF16")


class AnswersDiffer(HearthError):
    """A candidate's answers have another form than the original's."""


@dataclass(frozen=True, slots=True)
class Found:
    """Fidelity, and what else the gate asks of the same rows.

    Args:
        fidelity: As reports have it.
        spread_high: Upper end of the one-sided 95% interval of `spread_error`.
    """

    fidelity: Fidelity
    spread_high: float


def fidelity(
    original: Sequence[GoldenCase], candidate: Sequence[GoldenCase], manifest: Manifest
) -> Fidelity:
    """Return how near a candidate's answers are.

    Where the original's answer is no finite number, any other than the same is an error without
    bound.

    Args:
        original: Its answers.
        candidate: The candidate's answers to the same inputs.
        manifest: The original's: what the outputs are, and within what they are equal.

    Raises:
        AnswersDiffer: If they have another form.
    """
    return measure(original, candidate, manifest).fidelity


def measure(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    manifest: Manifest,
    names: Iterable[str] | None = None,
) -> Found:
    """Return the same with the interval's end, of some outputs alone where they are named."""
    specs = [
        spec for spec in manifest.signature.outputs if names is None or spec.name in set(names)
    ]
    pairs = list(_pairs(original, candidate, specs, manifest))
    same = _same(original, candidate, manifest, specs)
    rows = sum(pair.rows for pair in pairs)
    apart = [_Apart(spec, manifest) for spec in specs if spec.datatype in _FLOATS]
    for one in apart:
        for pair in pairs:
            one.add(pair)
    differing = None if same is None else int(len(same) - np.count_nonzero(same))
    low = None if differing is None else _agreement_low(differing, len(same or ()))
    spreads = [one.spread() for one in apart]
    made = Fidelity(
        rows=rows,
        finite=all(one.finite for one in apart),
        equivalent=bool(pairs) and all(_is_equivalent(pair, manifest) for pair in pairs),
        agreement=None if differing is None else 1 - differing / max(len(same or ()), 1),
        agreement_low=low,
        relative_error=max((one.relative() for one in apart), default=0.0),
        spread_error=max((value for value, _ in spreads), default=0.0),
    )
    return Found(made, max((high for _, high in spreads), default=0.0))


def _agreement_low(differing: int, rows: int) -> float:
    return max(0.0, 1 - confidence.most(differing) / rows) if rows else 0.0


@dataclass(frozen=True, slots=True)
class _Pair:
    """Answers of both to one case, of the outputs that matter."""

    rows: int
    original: Tensors
    candidate: Tensors


def _pairs(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    specs: Sequence[TensorSpec],
    manifest: Manifest,
) -> Iterable[_Pair]:
    if len(original) != len(candidate):
        raise AnswersDiffer(
            "the candidate answers another number of cases",
            got=len(candidate),
            expected=len(original),
        )
    for one, other in zip(original, candidate, strict=True):
        wanted = {s.name: one.outputs[s.name] for s in specs if s.name in one.outputs}
        for name, array in wanted.items():
            _require_form(name, other.outputs.get(name), array)
        yield _Pair(
            count(one, manifest), wanted, {name: other.outputs[name] for name in wanted}
        )


def _require_form(name: str, got: Array | None, expected: Array) -> None:
    if got is None or (got.shape, got.dtype) != (expected.shape, expected.dtype):
        raise AnswersDiffer(
            f"the candidate's output {name!r} has another form",
            got="none" if got is None else f"{got.dtype.name} {list(got.shape)}",
            expected=f"{expected.dtype.name} {list(expected.shape)}",
        )


def count(case: GoldenCase, manifest: Manifest) -> int:
    """Return how many rows a case holds; 1 of a model that takes one example at a time."""
    if not manifest.signature.batched:
        return 1
    inputs = [case.inputs.get(spec.name) for spec in manifest.signature.required]
    sizes = [len(array) for array in (*inputs, *case.outputs.values()) if array is not None and array.ndim]
    return sizes[0] if sizes else 1


def _is_equivalent(pair: _Pair, manifest: Manifest) -> bool:
    try:
        compare(0, pair.original, pair.candidate, manifest.golden, manifest.signature)
    except GoldenMismatch:
        return False
    return True


def _same(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    manifest: Manifest,
    specs: Sequence[TensorSpec],
) -> list[bool] | None:
    """Return which rows have the same class, and the same of what is neither class nor float."""
    names, told = {spec.name for spec in specs}, judged(manifest)
    columns: list[list[bool]] = []
    if told and told <= names:
        classes = [predicted(cases, manifest) for cases in (original, candidate)]
        if classes[0] is not None and classes[1] is not None:
            columns.append([a == b for a, b in zip(*classes, strict=True)])
    if manifest.monitoring.task != CLASSIFICATION:
        told = frozenset()
    for spec in specs:
        if spec.datatype not in _FLOATS and spec.name not in told:
            columns.append(_equal(original, candidate, spec.name, manifest))
    return [all(row) for row in zip(*columns, strict=False)] if columns else None


def _equal(
    original: Sequence[GoldenCase],
    candidate: Sequence[GoldenCase],
    name: str,
    manifest: Manifest,
) -> list[bool]:
    found: list[bool] = []
    for one, other in zip(original, candidate, strict=True):
        rows = count(one, manifest)
        equal = np.asarray(one.outputs[name] == other.outputs[name])
        whole = equal.ndim and len(equal) == rows
        table = equal.reshape(rows, -1) if whole else np.full((rows, 1), equal.all())
        found += table.all(axis=1).tolist()
    return found


class _Apart:
    """Sums over the cases of how far a float output is from the original's."""

    def __init__(self, spec: TensorSpec, manifest: Manifest) -> None:
        self._spec, self._manifest = spec, manifest
        self.finite = True
        self._bounded, self._within = True, True
        self._norms = np.zeros(2)  # of the difference, and of the original
        self._shift: Array | None = None
        self._moments: Array = np.zeros((3, 0))  # by column: values, their sum and squares
        self._errors: Array = np.zeros((3, 0))  # rows, their squared errors, and those squared

    def add(self, pair: _Pair) -> None:
        name = self._spec.name
        if name not in pair.original:
            return
        want, have = (self._table(side[name], pair.rows) for side in (pair.original, pair.candidate))
        known = np.isfinite(want)
        self.finite &= bool(np.isfinite(have[known]).all())
        alike = np.array_equal(want[~known], have[~known], equal_nan=True)
        self._bounded &= self.finite and alike
        golden = self._manifest.golden
        close = np.isclose(have, want, rtol=golden.rtol, atol=golden.atol, equal_nan=True)
        self._within &= bool(close.all())
        usable = known & np.isfinite(have)
        with np.errstate(over="ignore", invalid="ignore"):
            self._sum(np.where(usable, want, 0), np.where(usable, have - want, 0), usable)

    def _table(self, array: Array, rows: int) -> Array:
        """Return rows of the same columns; where their number is dynamic, of the last ones."""
        spec = self._spec
        whole = widened(array, spec.type).astype(np.float64)
        inner = spec.shape[1:] if self._manifest.signature.batched else spec.shape
        if spec.ranked and DYNAMIC not in inner:
            counted = whole.ndim and len(whole) == rows and self._manifest.signature.batched
            return whole.reshape(rows if counted else 1, -1)
        fixed = spec.ranked and inner and inner[-1] != DYNAMIC
        return whole.reshape(-1, inner[-1] if fixed else 1)

    def _sum(self, want: Array, error: Array, usable: Array) -> None:
        if self._shift is None:  # what is near the mean costs no digits
            self._shift = want[:1].sum(axis=0)
            self._moments = np.zeros((3, want.shape[1]))
            self._errors = np.zeros((3, want.shape[1] if self._apart(want) else 1))
        squares = error**2
        self._norms += squares.sum(), (want**2).sum()
        moved = np.where(usable, want - self._shift, 0)
        self._moments += usable.sum(axis=0), moved.sum(axis=0), (moved**2).sum(axis=0)
        rows = squares if self._errors.shape[1] == want.shape[1] else squares.mean(axis=1, keepdims=True)
        self._errors += np.full(rows.shape[1], len(rows)), rows.sum(axis=0), (rows**2).sum(axis=0)

    def _apart(self, table: Array) -> bool:
        monitoring = self._manifest.monitoring
        scores = monitoring.task == CLASSIFICATION and monitoring.scores == self._spec.name
        return not scores and table.shape[1] <= _MOST_VALUES

    def relative(self) -> float:
        if not self._bounded:
            return MOST_ERROR
        return _root_of_ratio(*self._norms.tolist())

    def spread(self) -> tuple[float, float]:
        """Return the error over the spread of the worst column, and its upper end."""
        if self._within:
            return 0.0, 0.0
        if not self._bounded:
            return MOST_ERROR, MOST_ERROR
        counts, sums, squares = self._moments
        with np.errstate(all="ignore"):
            variances = np.maximum(squares / counts - (sums / counts) ** 2, 0)
            rows, errors, fourths = self._errors
            means = errors / rows
            deviations = np.sqrt(np.maximum(fourths / rows - means**2, 0) / np.maximum(rows - 1, 1))
        highs = means + confidence.NORMAL * deviations
        if len(means) != len(variances):
            variances = np.array([variances.mean()])
        ends = zip(means.tolist(), highs.tolist(), variances.tolist(), strict=True)
        found = [(_root_of_ratio(m, v), _root_of_ratio(h, v)) for m, h, v in ends]
        return max(value for value, _ in found), max(high for _, high in found)


def _root_of_ratio(square: float, of: float) -> float:
    """Return the root of a ratio of squares; what is divided by nothing has no bound."""
    if square == 0:
        return 0.0
    found = math.sqrt(square / of) if of > 0 and math.isfinite(square) else MOST_ERROR
    return min(found, MOST_ERROR)
