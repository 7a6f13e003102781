"""What recipes are called, known without what they need to be applied."""

from __future__ import annotations

from collections.abc import Iterable

from hearth.domain.errors import BadRequest

LOADING = ("saved-graph", "external-data", "threads-1")
# Every recipe, those that promise most in general first.
NAMES = (
    "int8-dynamic-matmul",
    "int8-dynamic",
    "int8-static",
    "int8-static-channel",
    "int8-blocks",
    "int4-blocks",
    "fusion",
    "int8-static-mixed",
    *LOADING,
    "graph",
    "fp16",
    "int8-static-percentile",
    "int8-static-entropy",
    "pruning",
)


def require_known(names: Iterable[str]) -> None:
    """Raise `BadRequest` where a recipe is named that there is not."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise BadRequest("there is no such recipe", got=unknown[:5], expected=", ".join(NAMES))
