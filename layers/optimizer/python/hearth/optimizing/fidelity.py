"""How near a candidate's answers are to the original's on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from hearth.domain.errors import GoldenMismatch
from hearth.domain.manifest import Manifest
from hearth.domain.signature import TensorSpec
from hearth.optimizing import confidence
from hearth.optimizing.judgement import Fidelity
from hearth.optimizing.pairing import Pair, count, pairs
from hearth.optimizing.predicted import judged, predicted
from hearth.optimizing.spread import Spread
from hearth.serving.golden import GoldenCase, compare

_FLOATS = ("FP16", "FP32", "FP64", "BF16")


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
    wanted = None if names is None else set(names)
    specs = [s for s in manifest.signature.outputs if wanted is None or s.name in wanted]
    both = list(pairs(original, candidate, specs, manifest))
    spreads = [Spread(spec, manifest) for spec in specs if spec.datatype in _FLOATS]
    for spread in spreads:
        for pair in both:
            spread.add(pair)
    agreement, low = _agreement(_same(original, candidate, manifest, specs))
    made = Fidelity(
        rows=sum(pair.rows for pair in both),
        finite=all(spread.finite for spread in spreads),
        equivalent=bool(both) and all(_is_equivalent(pair, manifest) for pair in both),
        agreement=agreement,
        agreement_low=low,
        relative_error=max((spread.relative() for spread in spreads), default=0.0),
        spread_error=max((spread.error()[0] for spread in spreads), default=0.0),
    )
    return Found(made, max((spread.error()[1] for spread in spreads), default=0.0))


def _agreement(same: list[bool] | None) -> tuple[float | None, float | None]:
    """Return the share of rows that agree, and the lower end of its one-sided 95% interval."""
    if not same:
        return None, None
    differing = same.count(False)
    return 1 - differing / len(same), max(0.0, 1 - confidence.most(differing) / len(same))


def _is_equivalent(pair: Pair, manifest: Manifest) -> bool:
    try:
        with np.errstate(over="ignore"):
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
    classes = [predicted(cases, manifest) for cases in (original, candidate)]
    if classes[0] is None or classes[1] is None:
        told = frozenset()
    elif told <= names:
        columns.append([a == b for a, b in zip(classes[0], classes[1], strict=True)])
    rest = [spec.name for spec in specs if spec.datatype not in _FLOATS and spec.name not in told]
    columns += [_equal(original, candidate, name, manifest) for name in rest]
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
        found += np.atleast_1d(table.all(axis=1)).tolist()
    return found
