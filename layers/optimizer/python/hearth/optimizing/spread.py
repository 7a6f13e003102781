"""How far a float output is from the original's, beside how much the original's varies."""

from __future__ import annotations

import math

import numpy as np
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION
from hearth.domain.signature import DYNAMIC, TensorSpec
from hearth.optimizing import confidence
from hearth.optimizing.pairing import Pair
from hearth.serving.numbers import Array
from hearth.serving.tensors import widened

MOST_ERROR = 1e9
"""Stands for every larger error, and for one that has no bound: documents hold finite numbers."""
# So few values of a row are quantities of their own, each with a spread of its own.
_MOST_VALUES = 16


class Spread:
    """Sums over the cases of how far a float output is from the original's."""

    def __init__(self, spec: TensorSpec, manifest: Manifest) -> None:
        self._spec, self._manifest = spec, manifest
        self.finite = True
        self._bounded, self._within = True, True
        self._norms = np.zeros(2)  # of the difference, and of the original
        self._shift: Array | None = None
        self._moments: Array = np.zeros((3, 0))  # by column: values, their sum and squares
        self._errors: Array = np.zeros((3, 0))  # rows, their squared errors, and those squared

    def add(self, pair: Pair) -> None:
        name = self._spec.name
        if name not in pair.original:
            return
        want, have = (
            self._table(side[name], pair.rows) for side in (pair.original, pair.candidate)
        )
        known = np.isfinite(want)
        self.finite &= bool(np.isfinite(have[known]).all())
        alike = np.array_equal(want[~known], have[~known], equal_nan=True)
        self._bounded &= self.finite and alike
        golden = self._manifest.golden
        usable = known & np.isfinite(have)
        with np.errstate(over="ignore", invalid="ignore"):
            close = np.isclose(have, want, rtol=golden.rtol, atol=golden.atol, equal_nan=True)
            self._within &= bool(close.all())
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
        rows = (
            squares
            if self._errors.shape[1] == want.shape[1]
            else squares.mean(axis=1, keepdims=True)
        )
        self._errors += np.full(rows.shape[1], len(rows)), rows.sum(axis=0), (rows**2).sum(axis=0)

    def _apart(self, table: Array) -> bool:
        monitoring = self._manifest.monitoring
        scores = monitoring.task == CLASSIFICATION and monitoring.scores == self._spec.name
        return not scores and table.shape[1] <= _MOST_VALUES

    def relative(self) -> float:
        if not self._bounded:
            return MOST_ERROR
        return _root_of_ratio(*self._norms.tolist())

    def error(self) -> tuple[float, float]:
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
