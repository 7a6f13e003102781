"""Whether a version's inputs and outputs moved away from its baseline.

Two things make drift: evidence, which chance alone would give in one of a hundred windows of a
whole model at most, and a distance that matters. With few rows nothing is called stable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hearth.domain.baseline import Watched
from hearth.domain.distribution import NUMERIC, Counts
from hearth.monitoring import cells, distances, evidence, movement
from hearth.monitoring.report import DRIFTED, INSUFFICIENT, STABLE, Drift, FeatureDrift

LEVEL = 0.01
"""The chance of any alarm on a model that did not move. The tests' tails are approximate: the
simulation in tests/bench/results/drift.md holds that what is asked for, 5%, is never reached."""

FLOOR = 0.05
"""The Jensen-Shannon distance that matters: a shift of 0.12 standard deviations, or 0.5% NaN."""

FEWEST_ROWS = 50
LARGEST_UNSEEN = 0.5
"""Where a shift of so many standard deviations could go unseen, nothing is called stable."""

_TESTS = 3  # most that a feature can have
_FOUR_OF_FIVE = 0.8416212335729143  # quantile of the standard normal
_MOST_REASONS = 10


@dataclass(frozen=True, slots=True)
class Family:
    """All that is judged at once: what one of them must show grows with their number."""

    size: int

    def detectable(self, n_eff: float) -> float:
        """Return the shift, in standard deviations, that would be seen 4 times of 5."""
        return self._needed / math.sqrt(n_eff) if n_eff else math.inf

    @property
    def rows(self) -> float:
        """The least effective number of rows with which anything is called stable."""
        return (self._needed / LARGEST_UNSEEN) ** 2

    @property
    def _needed(self) -> float:
        return self._quantile(_TESTS) + _FOUR_OF_FIVE

    def _quantile(self, tests: int) -> float:
        return evidence.normal_quantile(LEVEL / (tests * self.size))

    def line(self, tests: int, n_eff: float) -> float:
        """Return the distance to be exceeded: what matters, and what could be told from chance.

        To the second order, chi-square is the distance squared, times 8 ln 2, times the rows.
        """
        least = self._quantile(max(tests, 1)) / math.sqrt(8 * math.log(2) * n_eff)
        return max(FLOOR, least)


def judge(
    features: Sequence[Watched],
    window: Sequence[Counts],
    outputs: Sequence[Watched] = (),
    window_outputs: Sequence[Counts] = (),
    *,
    provisional: bool = False,
) -> Drift:
    """Return what moved, by feature and output and for the version as a whole.

    Args:
        features: The baseline's; those that are masked, or counted on one side only, are left out.
        window: Counts of each of them in the window.
        outputs: The baseline's.
        window_outputs: Counts of each of them in the window.
        provisional: The baseline is the version's first window.
    """
    sides = ((features, window), (outputs, window_outputs))
    if any(len(counts) not in (0, len(watched)) for watched, counts in sides):
        return _unfit(len(features) + len(outputs), len(window) + len(window_outputs), provisional)
    # A window of no records has no counts at all.
    groups = [[pair for pair in zip(*side, strict=False) if _is_counted(*pair)] for side in sides]
    family = Family(max(sum(map(len, groups)), 1))
    found = [_compared(watched, counts, family) for group in groups for watched, counts in group]
    judged = _adjusted(found, family)
    cut = len(groups[0])
    return Drift(
        verdict=_verdict(judged),
        reasons=(*_reasons(judged), *([movement.PROVISIONAL] if provisional else [])),
        rows=max((item.rows for item in judged), default=0),
        baseline_rows=max((item.baseline_rows for item in judged), default=0),
        provisional=provisional,
        detectable=_detectable(judged, family),
        features=judged[:cut],
        outputs=judged[cut:],
    )


def _unfit(expected: int, got: int, provisional: bool) -> Drift:
    reason = f"the window counts {got} features and outputs, the baseline {expected}"
    return Drift(INSUFFICIENT, (reason,), provisional=provisional)


def _is_counted(watched: Watched, counts: Counts) -> bool:
    return not watched.feature.masked and bool(watched.counts.total and counts.total)


def _compared(watched: Watched, window: Counts, family: Family) -> FeatureDrift:
    """Return a feature's figures and p-value; its verdict is open while it is stable."""
    feature, baseline = watched.feature, watched.counts
    found = FeatureDrift(feature.name, feature.kind, INSUFFICIENT, "", window.total, baseline.total)
    if len(window.bins) != len(baseline.bins):
        reason = f"{feature.name}: the window was counted over other bins than the baseline"
        return replace(found, reason=reason)
    n_eff = effective(baseline.total, window.total)
    tests = p_values(watched, window)
    every = cells.every(baseline), cells.every(window)
    found = replace(
        found,
        p_value=min([1.0, *(len(tests) * p for p in tests.values())]),
        distance=distances.jensen_shannon(*every),
        line=family.line(len(tests), n_eff),
        figures=_figures(watched, window),
        bins=cells.bins(feature, baseline, window),
    )
    if min(found.rows, found.baseline_rows) < FEWEST_ROWS:
        return replace(found, reason=_too_few(found, family))
    strongest = min(tests, key=tests.__getitem__, default="")
    moved = movement.sentence(watched, window, strongest)
    return replace(found, verdict=STABLE, reason=moved)


def effective(m: int, n: int) -> float:
    """Return the size of two samples as far as it decides how well they can be told apart."""
    return m * n / (m + n) if m + n else 0.0


def p_values(watched: Watched, window: Counts) -> dict[str, float]:
    """Return the p-values of the tests that a feature's counts allow, by name.

    Example:
        >>> from hearth.domain.distribution import Feature
        >>> age = Watched(Feature("age", NUMERIC, edges=(0, 10, 20)), Counts(bins=(50, 50)))
        >>> {k: round(p, 3) for k, p in p_values(age, Counts(bins=(20, 70), missing=10)).items()}
        {'share': 0.0, 'special': 0.002}
    """
    baseline = watched.counts
    if watched.feature.kind != NUMERIC:
        known = [(*counts.bins, counts.unseen) for counts in (baseline, window)]
        tests = evidence.words(*known)
    elif watched.feature.bins < 2:
        tests = _out_of_range(baseline, window)
    else:
        tests = evidence.numbers(cells.ordered(baseline), cells.ordered(window))
    b, w = sum(cells.special(baseline)), sum(cells.special(window))
    if b + w:
        tests["special"] = evidence.proportion((b, baseline.total), (w, window.total))
    return tests


def _out_of_range(baseline: Counts, window: Counts) -> dict[str, float]:
    """Return the one test there is of a feature that is constant in the baseline."""
    if not baseline.finite or not window.below + window.above:
        return {}
    sides = [(side.below + side.above, side.finite) for side in (baseline, window)]
    return {"range": evidence.outside(*sides)}


def _figures(watched: Watched, window: Counts) -> dict[str, float]:
    feature, baseline = watched.feature, watched.counts
    every = cells.every(baseline), cells.every(window)
    figures = {
        "psi": distances.population_stability(*every),
        "l_infinity": distances.l_infinity(*every),
        "chi_square": distances.chi_square(*every),
    }
    if feature.kind == NUMERIC and baseline.finite and window.finite:
        order = cells.ordered(baseline), cells.ordered(window)
        figures["ks"] = distances.kolmogorov_smirnov(*order)
        figures["wasserstein"] = distances.wasserstein(feature, baseline, window)
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _too_few(found: FeatureDrift, family: Family) -> str:
    """Return how large a shift would have been seen, and how many rows are needed."""
    name, m, n = found.name, found.baseline_rows, found.rows
    n_eff = effective(m, n)
    needed = max(math.ceil(family.rows * m / (m - family.rows)) if m > family.rows else 0, 0)
    rows, least = f"{n} row{'s' * (n != 1)}", f"{family.detectable(n_eff):.2g}"
    seen = f"{name}: with {rows} against {m}, a shift under {least} standard deviations can go "
    seen += "unseen"
    if needed and m >= FEWEST_ROWS:
        return f"{seen}; {max(needed, FEWEST_ROWS) - n} more rows are needed"
    return f"{seen}; the baseline itself needs more than {max(family.rows, FEWEST_ROWS):.0f} rows"


def _adjusted(found: Sequence[FeatureDrift], family: Family) -> tuple[FeatureDrift, ...]:
    """Return the final verdicts, corrected for their number."""
    adjusted = evidence.holm([item.p_value for item in found])
    pairs = zip(found, adjusted, strict=True)
    return tuple(_final(replace(item, p_adjusted=p), family) for item, p in pairs)


def _final(item: FeatureDrift, family: Family) -> FeatureDrift:
    if item.verdict == INSUFFICIENT:
        return item
    p = item.p_adjusted
    far, real = item.distance > item.line, p < LEVEL
    figures = f"JS distance {item.distance:.2g}, line {item.line:.2g}, p {_p(p)}"
    if far and real:
        return replace(item, verdict=DRIFTED, reason=f"{item.reason} ({figures})")
    # What is seen is seen with any number of rows; what is not is no news where little can be.
    if effective(item.baseline_rows, item.rows) < family.rows:
        return replace(item, verdict=INSUFFICIENT, reason=_too_few(item, family))
    why = "no more than matters" if real else "no more than chance explains"
    return replace(item, reason=f"{item.name} is as in the baseline: {why} ({figures})")


def _p(p: float) -> str:
    return f"{p:.1g}" if p > 1e-300 else "under 1e-300"


def _verdict(judged: Sequence[FeatureDrift]) -> str:
    verdicts = {item.verdict for item in judged}
    if DRIFTED in verdicts:
        return DRIFTED
    return STABLE if verdicts == {STABLE} else INSUFFICIENT


def _reasons(judged: Sequence[FeatureDrift]) -> list[str]:
    """Return why, the strongest first."""
    if not judged:
        return ["nothing was counted in both the baseline and the window"]
    worst = sorted(judged, key=lambda item: (item.p_adjusted, -item.distance))
    drifted = [item.reason for item in worst if item.verdict == DRIFTED]
    unjudged = [item.reason for item in judged if item.verdict == INSUFFICIENT]
    if not drifted and not unjudged:
        return [f"all {len(judged)} features and outputs are as in the baseline"]
    shown = _shortened(drifted, "more drifted")
    return shown + _shortened(unjudged, "more could not be judged", most=1)


def _shortened(reasons: list[str], more: str, most: int = _MOST_REASONS) -> list[str]:
    rest = len(reasons) - most
    return reasons[:most] + ([f"{rest} {more}"] if rest > 0 else [])


def _detectable(judged: Sequence[FeatureDrift], family: Family) -> float:
    """Return it of the feature with the fewest rows."""
    sizes = [effective(item.baseline_rows, item.rows) for item in judged]
    return family.detectable(min(sizes)) if sizes else 0.0
