"""A candidate among the others: its ratios to the original, cost among them, and dominance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hearth.domain.optimization import OBJECTIVES
from hearth.optimizing.cost import Assumptions, Costs
from hearth.optimizing.costing import costs
from hearth.optimizing.judgement import PASSED
from hearth.optimizing.measurement import (
    COST,
    FIRST_RUN,
    LATENCY,
    MEMORY,
    OPEN,
    Duel,
    Figures,
    Ratio,
)
from hearth.optimizing.noise import LEAST
from hearth.optimizing.report import Tried

_ABOVE_ZERO = 1e-9
_SAME = Ratio(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A candidate that was measured.

    Args:
        tried: What is known of it.
        ratios: To the original, of all that is compared; cost among it.
        noise: Within which a ratio is none.
        costs: Told for the original's minutes, so that candidates compare.
    """

    tried: Tried
    ratios: Mapping[str, Ratio]
    noise: Mapping[str, float]
    costs: Costs

    @property
    def passed(self) -> bool:
        judgement = self.tried.judgement
        return judgement is not None and judgement.verdict == PASSED

    def wins(self, objective: str) -> bool:
        ratio = self.ratios.get(objective)
        return ratio is not None and ratio.is_win(noise_of(self.noise, objective))

    def dominates(self, other: Rival, objective: str) -> bool:
        """Return whether it is nowhere worse, and somewhere better by more than noise.

        What is not shown to be better than the original by the objective dominates none that is.
        """
        if other.wins(objective) and not self.wins(objective):
            return False
        nowhere_worse = all(self.value(name) <= other.value(name) for name in OBJECTIVES)
        return nowhere_worse and bool(self.better(other))

    def better(self, other: Rival | None = None) -> list[str]:
        """Return in what it is better than another, or than the original, by more than noise."""
        return [
            name
            for name in OBJECTIVES
            if self.value(name) * (1 + noise_of(self.noise, name))
            < (1.0 if other is None else other.value(name))
        ]

    def value(self, name: str) -> float:
        """Return a ratio; what is not known is not good."""
        ratio = self.ratios.get(name)
        return math.inf if ratio is None else ratio.value


def noise_of(noise: Mapping[str, float], name: str) -> float:
    """Return within what a ratio is none; a cost varies as latency does."""
    usual = noise.get(LATENCY, LEAST) if name == COST else LEAST
    return max(noise.get(name, usual), 1e-6)


def rival(
    tried: Tried,
    duel: Duel,
    original: Figures,
    noise: Mapping[str, float],
    assumptions: Assumptions,
) -> Rival:
    """Return a candidate with its costs.

    Args:
        tried: What is known of it.
        duel: Its figures.
        original: The original's, medians over all duels: what ratios are applied to.
        noise: By what is compared.
        assumptions: Behind the costs.
    """
    made = costs(_figures(duel, original, "value"), assumptions)
    spent = [_least(costs(_figures(duel, original, end), assumptions)) for end in ("low", "high")]
    before, after = _least(costs(original, assumptions)), _least(made)
    ratios = dict(duel.ratios)
    if all((before, after, *spent)):
        ratios[COST] = Ratio(after / before, spent[0] / before, spent[1] / before)
    return Rival(tried, ratios, noise, made)


def _least(found: Costs) -> float:
    """Return dollars at the cheapest memory size; 0 where none fits."""
    return next((at.dollars for at in found.sizes if at.memory_mb == found.cheapest), 0.0)


def _figures(duel: Duel, original: Figures, end: str) -> Figures:
    """Return a candidate's figures as they were in the original's minutes, at an end of ratios."""

    def ratio(name: str) -> float:
        found: float = getattr(duel.ratios.get(name, _SAME), end)
        return found

    latency = duel.ratios.get(LATENCY, _SAME)
    drift = _drift(duel, original) * getattr(latency, end) / max(latency.value, _ABOVE_ZERO)
    return Figures(
        size_bytes=duel.candidate.size_bytes,
        open_ms=original.open_ms * ratio(OPEN),
        first_run_ms=original.first_run_ms * ratio(FIRST_RUN),
        resident_mb=original.resident_mb * ratio(MEMORY),
        latencies=tuple(
            replace(one, p50_ms=one.p50_ms * drift, p99_ms=one.p99_ms * drift)
            for one in duel.candidate.latencies
        ),
        processes=duel.candidate.processes,
    )


def _drift(duel: Duel, original: Figures) -> float:
    if not duel.original.latencies or not original.latencies:
        return 1.0
    return original.latencies[0].p50_ms / max(duel.original.latencies[0].p50_ms, _ABOVE_ZERO)
