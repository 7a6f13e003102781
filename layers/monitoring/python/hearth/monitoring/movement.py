"""What moved, in a sentence."""

from __future__ import annotations

import math

from hearth.domain.baseline import Watched
from hearth.domain.distribution import NUMERIC, Counts
from hearth.monitoring import cells
from hearth.monitoring.report import Bin

PROVISIONAL = "the baseline is provisional: the version's first traffic, for want of reference data"

_SPREAD = 1.25  # a standard deviation that changed by this factor is worth a word


def sentence(watched: Watched, window: Counts, strongest: str) -> str:
    """Return what moved most, by the test that saw it most clearly.

    Args:
        watched: The feature and its counts in the baseline.
        window: Its counts in the window.
        strongest: `rank`, `chi_square`, `share`, `rare`, `special`, `range`, or "".

    Example:
        >>> from hearth.domain.distribution import Feature
        >>> old = Counts(bins=(5, 5), sum=100, sum_of_squares=1250, minimum=0, maximum=20)
        >>> new = Counts(bins=(2, 8), sum=120, sum_of_squares=1600, minimum=0, maximum=20)
        >>> sentence(Watched(Feature("age", NUMERIC, edges=(0, 10, 20)), old), new, "rank")
        'age moved up by 0.4 standard deviations'
    """
    name = watched.feature.name
    if watched.feature.kind == NUMERIC and strongest in ("rank", "chi_square"):
        moved = _mean(watched, window) if strongest == "rank" else _spread(watched, window)
        if moved:
            return f"{name} {moved}"
    return f"{name}: {_share(watched, window, strongest)}"


def _mean(watched: Watched, window: Counts) -> str:
    unit = cells.deviation(watched.feature, watched.counts)
    by = (window.mean - watched.counts.mean) / unit if unit > 0 else math.nan
    if not math.isfinite(by) or abs(by) < 0.01:
        return ""
    return f"moved {'up' if by > 0 else 'down'} by {abs(by):.2g} standard deviations"


def _spread(watched: Watched, window: Counts) -> str:
    before = cells.deviation(watched.feature, watched.counts)
    factor = cells.deviation(watched.feature, window) / before if before > 0 else math.nan
    if not (factor > _SPREAD or factor < 1 / _SPREAD):
        return ""
    verb = "spread out" if factor > 1 else "drew together"
    return f"{verb}: {factor:.2g} times the standard deviation"


def _share(watched: Watched, window: Counts, strongest: str) -> str:
    """Return the bin whose share changed most, among those that the test is about."""
    bins = cells.bins(watched.feature, watched.counts, window)
    if strongest == "special":
        bins = tuple(item for item in bins if item.label in cells.LABELS.values())
    most = max(bins, key=_change, default=Bin("all", 1.0, 1.0))
    verb = "rose" if most.window > most.baseline else "fell"
    return f"the share of {most.label!r} {verb} from {most.baseline:.2%} to {most.window:.2%}"


def _change(item: Bin) -> float:
    return abs(item.window - item.baseline)
