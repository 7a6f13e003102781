"""The classes that answers name, where a version's outputs are judged as a classification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hearth.domain.errors import HearthError
from hearth.domain.manifest import Manifest
from hearth.domain.monitoring import CLASSIFICATION
from hearth.serving.capture import outcomes
from hearth.serving.golden import GoldenCase

# Of a class that is named less often, what becomes of it may be chance.
_FEWEST = 5

Predicted = list[str | None]


def judged(manifest: Manifest) -> frozenset[str]:
    """Return the outputs that labels judge."""
    monitoring = manifest.monitoring
    if not monitoring.task:
        return frozenset()
    return frozenset(name for name in (monitoring.scores, monitoring.label) if name)


def predicted(cases: Sequence[GoldenCase], manifest: Manifest) -> Predicted | None:
    """Return the class of each row; None where the model names none, or not as is said of it."""
    if manifest.monitoring.task != CLASSIFICATION or not judged(manifest):
        return None
    found: Predicted = []
    for case in cases:
        try:
            told = outcomes(case.outputs, manifest, batched=manifest.signature.batched).predicted
        except HearthError:  # no table of scores or labels
            return None
        if told is None:
            return None
        found += told
    return found


def lost(original: Predicted, candidate: Predicted) -> list[tuple[str, int, int]]:
    """Return classes that a candidate gives up: it names fewer than half of the same rows.

    A rare class may be lost without anything that agreement or accuracy would show.

    Returns:
        Of each: its name, how many rows the original names it for, and in how many of them the
        candidate does.

    Example:
        >>> lost(["no"] * 94 + ["yes"] * 6, ["no"] * 98 + ["yes"] * 2)
        [('yes', 6, 2)]
    """
    named = Counter(name for name in original if name is not None)
    kept = Counter(a for a, b in zip(original, candidate, strict=True) if a == b)
    return [
        (name, rows, kept[name])
        for name, rows in sorted(named.items())
        if rows >= _FEWEST and 2 * kept[name] < rows
    ]
